"""What a demonstration has stored, read beneath the broker."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from stadtkern.demo.town import Town
from stadtkern.model.ids import DEFAULT_TENANT
from tests.store.stores import open_tenants

Times = dict[tuple[str, str], list[int]]
"""The times of all measurements, by entity and attribute, in order."""
_SQL = """
    SELECT e.id, s.attribute, o.time
      FROM observation o JOIN series s ON s.n = o.series JOIN entity e ON e.n = o.entity
     WHERE o.observed = 1
"""


async def read_times(data: Path) -> Times:
    """Read all measurements of a folder that no process has open."""
    async with open_tenants("", data) as tenants:
        return await _read((await tenants.get(DEFAULT_TENANT)).database)


async def _read(database: object) -> Times:
    times: Times = defaultdict(list)
    for id_, attribute, time in await database.fetch(_SQL):  # type: ignore[attr-defined]
        times[id_, attribute].append(time)
    return {key: sorted(found) for key, found in times.items()}


def expected_times(town: Town, start: int, until: int) -> Times:
    """Give the times that a whole history has: every step after the start up to the end."""
    return {
        (sensor.id, attribute): list(range(start - start % sensor.step + sensor.step, until + 1, sensor.step))
        for sensor in town.sensors
        for attribute, _ in sensor.attributes
    }
