"""What clients see in bad weather: 503 and 429 with a time to try again, and nothing to be restarted afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from stadtkern.settings import Settings
from tests.asgi_client import client as run_client
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess

ENTITIES = "/ngsi-ld/v1/entities"


def room(name: str) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Room:{name}", "type": "Room", "temperature": {"type": "Property", "value": 20}}


async def test_server_answers_503_while_the_database_is_away_and_works_when_it_is_back(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    del postgres_server  # skips where there is none; this test stops one of its own
    with PostgresServer() as database:
        url = database.database_url(database.create_database())
        with ServerProcess(tmp_path, database_url=url, anonymous="write") as server:
            server.start()
            async with aiohttp.ClientSession(server.url) as session:
                assert await _post(session, "before") == 201
                await asyncio.to_thread(database.pause)
                for name in ("during1", "during2", "during3"):
                    async with session.post(ENTITIES, json=room(name)) as answer:
                        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                        assert (await answer.json())["title"] == "Unavailable"
                    assert await _get(session, f"{ENTITIES}/urn:ngsi-ld:Room:before") == 503
                assert await _get(session, "/readyz") == 503
                assert await _get(session, "/livez") == 200
                await asyncio.to_thread(database.resume)
                assert await _get(session, f"{ENTITIES}/urn:ngsi-ld:Room:before") == 200
                assert await _get(session, f"{ENTITIES}/urn:ngsi-ld:Room:during1") == 404
                assert await _post(session, "after") == 201
                assert await _get(session, "/readyz") == 200
            assert server.stop() == 0


async def _post(session: aiohttp.ClientSession, name: str) -> int:
    async with session.post(ENTITIES, json=room(name)) as answer:
        return answer.status


async def _get(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as answer:
        return answer.status


async def test_server_answers_429_when_more_waits_than_it_holds(tmp_path: Path) -> None:
    async with run_client(Settings(data=tmp_path, anonymous="write", write_queue=1000)) as client:
        answers = await asyncio.gather(*(client.ask("POST", ENTITIES, body=room(str(i))) for i in range(50)))
        refused = [answer for answer in answers if answer.status == 429]
        assert {answer.status for answer in answers} == {201, 429}
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        names = [str(i) for i, answer in enumerate(answers) if answer.status == 429]
        again = [await client.ask("POST", ENTITIES, body=room(name)) for name in names]
        assert {answer.status for answer in again} == {201}
