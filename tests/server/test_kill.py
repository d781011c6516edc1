"""What was acknowledged is there after the server was killed: whole, and exactly once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from stadtkern.model.ids import DEFAULT_TENANT
from stadtkern.model.instant import parse_instant
from tests.server_process import ServerProcess
from tests.store.consistency import assert_consistent
from tests.store.stores import open_tenants

CLIENTS = 32
ENOUGH = 300
"""Acknowledged writes after which the server is killed."""
DEFAULT_CONTEXT = "https://uri.etsi.org/ngsi-ld/default-context/"


class Acknowledged:
    """What the server has confirmed: entities that were created, and measurements by entity."""

    def __init__(self) -> None:
        self.created: set[str] = set()
        self.measured: dict[str, list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self.created) + sum(map(len, self.measured.values()))


async def test_kill_loses_nothing_acknowledged_while_32_clients_write(
    server: ServerProcess, database_url: str, tmp_path: Path
) -> None:
    known = Acknowledged()
    await _write_until_killed(server, known)
    server.restart()
    await _write_until_killed(server, known, more=ENOUGH)
    server.restart()
    await _check_over_http(server, known)
    assert server.stop() == 0
    async with open_tenants(database_url, server.data) as tenants:
        tenant = await tenants.get(DEFAULT_TENANT)
        await assert_consistent(tenant.database)
        rows = await tenant.database.fetch(
            "SELECT e.id, o.time FROM observation o JOIN entity e ON e.n = o.entity WHERE o.observed = 1"
        )
        stored: dict[str, list[int]] = defaultdict(list)
        for id_, time in rows:
            stored[id_].append(time)
        for id_, instants in known.measured.items():
            found = sorted(stored[id_])
            assert len(found) == len(set(found)), f"{id_} has a measurement twice"
            assert set(map(_instant, instants)) <= set(found)


async def _write_until_killed(server: ServerProcess, known: Acknowledged, more: int = 0) -> None:
    goal = ENOUGH + more
    offset = len(known)
    async with aiohttp.ClientSession(server.url) as session, asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(_client(session, known, number, offset, lambda: _kill_when(server, known, goal)))
    assert len(known) >= goal


def _kill_when(server: ServerProcess, known: Acknowledged, goal: int) -> None:
    if len(known) >= goal and server.code() is None:
        server.kill()


async def _client(
    session: aiohttp.ClientSession, known: Acknowledged, number: int, offset: int, after_each: Callable[[], None]
) -> None:
    """Create entities and measure at them until the connection breaks."""
    turn = offset
    while True:
        turn += 1
        id_ = f"urn:ngsi-ld:Meter:{number}"
        try:
            if turn % 4 == 0 or id_ not in known.created:
                id_ = id_ if id_ not in known.created else f"{id_}:{turn}"
                async with session.post("/ngsi-ld/v1/entities", json=_meter(id_, turn)) as answer:
                    assert answer.status in {201, 409}, await answer.text()
                known.created.add(id_)
            else:
                url = f"/ngsi-ld/v1/entities/{id_}/attrs/level"
                async with session.patch(url, json=_level(turn)) as answer:
                    assert answer.status == 204, await answer.text()
                known.measured[id_].append(turn)
        except (aiohttp.ClientError, ConnectionError):
            return
        after_each()


def _meter(id_: str, turn: int) -> dict[str, Any]:
    plain = {f"plain{i}": {"type": "Property", "value": turn} for i in range(5)}
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.6, 51.9]}}
    start = {"type": "Property", "value": 0, "observedAt": "2026-01-01T00:00:00Z"}
    return {"id": id_, "type": "Meter", **plain, "location": place, "level": start}


def _level(turn: int) -> dict[str, Any]:
    return {"type": "Property", "value": turn, "observedAt": _time(turn)}


def _time(turn: int) -> str:
    return f"2026-02-01T{turn // 3600:02d}:{turn // 60 % 60:02d}:{turn % 60:02d}Z"


def _instant(turn: int) -> int:
    return parse_instant(_time(turn))


async def _check_over_http(server: ServerProcess, known: Acknowledged) -> None:
    """Every entity is whole, and shows its last acknowledged measurement or the one that was under way."""
    async with aiohttp.ClientSession(server.url) as session:
        for id_ in known.created:
            async with session.get(f"/ngsi-ld/v1/entities/{id_}") as answer:
                assert answer.status == 200
                entity = await answer.json()
            plain = {entity[f"plain{i}"]["value"] for i in range(5)}
            assert len(plain) == 1
            assert entity["location"]["value"]["coordinates"] == [7.6, 51.9]
            assert entity["level"]["value"] >= max(known.measured.get(id_, [0]))
