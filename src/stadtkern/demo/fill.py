"""Fill a store with the town: what stands there, and what its sensors measured up to now.

Only what is missing is written, so a filling that was interrupted is completed by the next one, and one after a pause
adds what was measured in between. Each operation holds all attributes of a sensor for one stretch of time and is stored
as a whole or not at all: the last time of a sensor tells where to go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

from stadtkern.broker.broker import Broker
from stadtkern.broker.write import Result
from stadtkern.demo.local_time import DAY_US
from stadtkern.demo.patch import term
from stadtkern.demo.town import CITY, Sensor, Town
from stadtkern.errors import AlreadyExists, Problem, ResourceNotFound, SetupError
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import unraw
from stadtkern.model.operation import CreateEntity, RecordHistory, Repeated
from stadtkern.policy.grant import Grant
from stadtkern.query.request import EntityQuery

DEFAULT_SEED = 1
LONGEST_GAP_DAYS = 366
"""After a longer pause, what was measured before is left out."""
_STRETCH = 168
"""Moments of one operation: a week of hours."""
_CREATED_AT_ONCE = 500
_RECORDED_AT_ONCE = 16


@dataclass(slots=True)
class Filled:
    """What a filling wrote. values: measurements."""

    entities: int = 0
    values: int = 0


async def choose_seed(broker: Broker, grant: Grant, wanted: int | None) -> int:
    """Give the seed of the town that is in the store; for an empty store the wanted one.

    Raises: SetupError (another seed is wanted; there are other data).
    """
    try:
        city = await broker.retrieve_entity(grant, CITY)
    except ResourceNotFound:
        if (await broker.query_entities(grant, EntityQuery(limit=1))).entities:
            raise SetupError(
                "The data folder holds data that are not of a demonstration; choose another one with --data"
            ) from None
        return DEFAULT_SEED if wanted is None else wanted
    instances = city.attributes.get(term("seed"))
    stored = unraw(instances[0].value) if instances else wanted
    if wanted is not None and wanted != stored:
        raise SetupError(
            f"The data folder holds the town of seed {stored}, not of seed {wanted}; choose another one with --data"
        )
    return cast("int", DEFAULT_SEED if stored is None else stored)


async def fill(broker: Broker, grant: Grant, town: Town, days: int, until: Instant) -> Filled:
    """Write what is missing. days: how long a history is where there is none. until: the last moment.

    Raises: Unavailable and other Problems of writing.
    """
    filled = Filled()
    # the town's own entity says whose store it is, so it comes before everything else
    new = await _create(broker, grant, town.entities[:1], filled)
    await _create(broker, grant, town.entities[1:], filled)
    begin = Instant(until - days * DAY_US)
    for sensor in town.sensors:
        start = begin if new else await _last_time(broker, grant, sensor, begin, until)
        await _record(broker, grant, _operations(sensor, start, until, "write" if new else "leave"), filled)
    return filled


async def _create(broker: Broker, grant: Grant, entities: Sequence[EntityPatch], filled: Filled) -> bool:
    """Create those that do not exist; tell whether all of them are new."""
    count = 0
    for start in range(0, len(entities), _CREATED_AT_ONCE):
        some = entities[start : start + _CREATED_AT_ONCE]
        results = await broker.write(grant, [CreateEntity(entity.id or CITY, entity) for entity in some])
        _check(results, AlreadyExists)
        count += sum(not isinstance(result, Problem) for result in results)
    filled.entities += count
    return count == len(entities)


async def _last_time(broker: Broker, grant: Grant, sensor: Sensor, begin: Instant, until: Instant) -> Instant:
    """Tell up to when all attributes of a sensor are there; ``begin`` where one of them is not."""
    try:
        entity = await broker.retrieve_entity(grant, sensor.id)
    except ResourceNotFound:
        return begin
    times: list[Instant] = []
    for name, _ in sensor.attributes:
        instances = entity.attributes.get(name)
        observed_at = instances[0].observed_at if instances else None
        times.append(begin if observed_at is None else observed_at)
    return Instant(max(min(times), until - LONGEST_GAP_DAYS * DAY_US))


def _operations(sensor: Sensor, start: Instant, until: Instant, repeated: Repeated) -> Iterator[RecordHistory]:
    """Measure at every step after the start up to the end."""
    first = start - start % sensor.step + sensor.step
    moments = iter(range(first, until + 1, sensor.step))
    while stretch := list(islice(moments, _STRETCH)):
        attributes: dict[Iri, list[InstancePatch]] = {name: [] for name, _ in sensor.attributes}
        for moment in stretch:
            for name, instance in sensor.measure(Instant(moment)).items():
                attributes[name].append(instance)
        yield RecordHistory(sensor.id, EntityPatch(types=sensor.types, attributes=attributes), repeated=repeated)


async def _record(broker: Broker, grant: Grant, operations: Iterator[RecordHistory], filled: Filled) -> None:
    while some := list(islice(operations, _RECORDED_AT_ONCE)):
        _check(await broker.write(grant, some))
        filled.values += sum(_size(operation) for operation in some)
        await asyncio.sleep(0)  # requests have their turn between two stretches


def _size(operation: RecordHistory) -> int:
    return sum(map(len, operation.entity.attributes.values()))


def _check(results: list[Result], *expected: type[Problem]) -> None:
    for result in results:
        if isinstance(result, Problem) and not isinstance(result, expected):
            raise result
