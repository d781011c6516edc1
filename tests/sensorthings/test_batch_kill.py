"""A change set that the server did not survive is there as a whole, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stadtkern.model.ids import DEFAULT_TENANT
from tests.sensorthings.batch_bodies import PROPERTY, SENSOR, datastream, link, location, thing
from tests.sensorthings.batches import OUTER, change_set, http, multipart, replies, statuses
from tests.server_process import ServerProcess
from tests.store.consistency import assert_consistent
from tests.store.stores import open_tenants

STATIONS = 120
VALUES = 12
SETS = {"Things": STATIONS, "Locations": STATIONS, "Datastreams": STATIONS, "Observations": STATIONS * VALUES}


def _large() -> bytes:
    """Write a change set with several thousand operations."""
    parts = [http("POST Sensors", SENSOR, name="s"), http("POST ObservedProperties", PROPERTY, name="p")]
    values = [{"result": one, "phenomenonTime": f"2026-03-01T{one:02d}:00:00Z"} for one in range(VALUES)]
    for one in range(STATIONS):
        stream = datastream(Sensor=link("$s"), ObservedProperty=link("$p"), Observations=values)
        parts.append(http("POST Things", thing(Locations=[location(one / 10)]), name=f"t{one}"))
        parts.append(http(f"POST $t{one}/Datastreams", stream))
    return multipart(change_set(*parts)).encode()


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
async def test_a_change_set_survives_a_kill_as_a_whole_or_not_at_all(
    database_url: str, tmp_path: Path, share: float
) -> None:
    body = _large()
    with ServerProcess(tmp_path, database_url=database_url, anonymous="write") as server:
        server.start()
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await _send(server, body)
        duration = loop.time() - began
        sending = asyncio.create_task(_send(server, body))
        # while it is read, planned, applied or committed
        await asyncio.sleep(duration * share)
        server.kill()
        acknowledged = await sending
        server.restart()
        counts = await _counts(server)
        rounds = counts["Things"] // STATIONS
        assert rounds in ({2} if acknowledged else {1, 2})
        assert counts == {name: rounds * count for name, count in SETS.items()}
        assert server.stop() == 0
    async with open_tenants(database_url, server.data) as tenants:
        await assert_consistent((await tenants.get(DEFAULT_TENANT)).database)


async def _send(server: ServerProcess, body: bytes) -> bool:
    """Send a batch; tell whether it was acknowledged."""
    headers = {"content-type": f"multipart/mixed; boundary={OUTER}"}
    try:
        async with (
            aiohttp.ClientSession(server.url) as session,
            session.post("/sta/v1.1/$batch", data=body, headers=headers) as answer,
        ):
            found = replies(answer.headers["content-type"], await answer.read())
    except (aiohttp.ClientError, ConnectionError):
        return False
    assert statuses(found) == [[201] * (2 + 2 * STATIONS)]
    return True


async def _counts(server: ServerProcess) -> dict[str, int]:
    counts: dict[str, int] = {}
    async with aiohttp.ClientSession(server.url) as session:
        for name in SETS:
            async with session.get(f"/sta/v1.1/{name}?$top=0&$count=true") as answer:
                found: Any = await answer.json()
                counts[name] = found["@iot.count"]
    return counts
