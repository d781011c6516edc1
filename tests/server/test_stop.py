"""SIGTERM: what was accepted is finished and answered, nothing new is taken, nobody holds the server up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from tests.server_process import ServerProcess

_WRITERS = 24


async def test_stop_answers_all_accepted_writes_and_all_answered_ones_are_durable(server: ServerProcess) -> None:
    async with aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        answered: list[str] = []
        broken: list[str] = []
        busy = asyncio.Event()
        writing = [asyncio.create_task(_write(session, one, answered, broken, busy)) for one in range(_WRITERS)]
        await asyncio.wait_for(busy.wait(), 30)
        server.terminate()
        await asyncio.gather(*writing)
    assert await asyncio.to_thread(server.wait) == 0
    # a request that met the end half-way was sent again by nobody: each writer may have lost its last one at most
    assert len(broken) <= _WRITERS
    server.restart()
    async with aiohttp.ClientSession(server.url) as session:
        for id in answered:
            async with session.get(f"/ngsi-ld/v1/entities/{id}") as answer:
                assert answer.status == 200, id


async def _write(
    session: aiohttp.ClientSession, worker: int, answered: list[str], broken: list[str], busy: asyncio.Event
) -> None:
    """Create one entity after the other until the server refuses the connection."""
    for number in range(100_000):
        id = f"urn:x:{worker}-{number}"
        try:
            async with session.post("/ngsi-ld/v1/entities", json={"id": id, "type": "T"}) as answer:
                assert answer.status == 201
                answered.append(id)
            if number == 4:
                busy.set()
        except aiohttp.ClientConnectorError:
            return
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            broken.append(id)


async def test_stop_refuses_new_connections_while_a_request_is_in_flight(server: ServerProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = b'{"id": "urn:x:1", "type": "T"}'
    head = "POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
    await writer.drain()
    await asyncio.sleep(0.2)
    server.terminate()
    deadline = time.monotonic() + 5
    while _connects(server.port):
        assert time.monotonic() < deadline, "the server goes on taking connections"
        await asyncio.sleep(0.02)
    assert server.code() is None, "the server ended with a request in flight"
    writer.write(body[10:])
    assert b" 201 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert await asyncio.to_thread(server.wait) == 0


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_stop_waits_for_no_idle_connection(server: ServerProcess) -> None:
    async with aiohttp.ClientSession(server.url) as session:
        async with session.get("/livez") as answer:
            assert answer.status == 200
        started = time.monotonic()
        assert await asyncio.to_thread(server.stop) == 0
        assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "sent", [b"", b"GET /livez HT", b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nContent-Length: 9\r\n\r\n"]
)
async def test_stop_waits_a_bounded_time_for_a_client_that_never_finishes(tmp_path: Path, sent: bytes) -> None:
    with ServerProcess(tmp_path, anonymous="write", shutdown_timeout_s="1") as server:
        server.start()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0.2)
        started = time.monotonic()
        assert await asyncio.to_thread(server.stop) == 0
        assert time.monotonic() - started < 20
        writer.close()
