"""New values while the server runs: the sensors take turns, a few of each kind every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import cycle, islice

from stadtkern import telemetry
from stadtkern.broker.broker import Broker
from stadtkern.demo.town import Sensor, Town
from stadtkern.errors import Problem
from stadtkern.model.entity import EntityPatch
from stadtkern.model.instant import Instant, now
from stadtkern.model.operation import RecordHistory
from stadtkern.policy.grant import Grant

INTERVAL_S = 5.0
SECOND_US = 1_000_000
_AT_ONCE = {"parking": 2, "containers": 3}
"""Sensors of a kind that measure at one time; of the others one."""


async def keep_measuring(
    broker: Broker, grant: Grant, town: Town, interval_s: float = INTERVAL_S, clock: Callable[[], Instant] = now
) -> None:
    """Measure for ever; end it by cancelling."""
    turns = take_turns(town)
    while True:
        await asyncio.sleep(interval_s)
        moment = Instant(clock() // SECOND_US * SECOND_US)
        # a sensor that a visitor deleted stays away
        operations = [
            RecordHistory(sensor.id, EntityPatch(types=sensor.types, attributes=attributes), create=False)
            for sensor in next(turns)
            if (attributes := {name: [one] for name, one in sensor.measure(moment).items()})
        ]
        try:
            await broker.write(grant, operations)
        except Problem as problem:  # the store is busy or full: the next values may fare better
            telemetry.emit(telemetry.MaintenanceFailed("demonstration", problem))


def take_turns(town: Town) -> Iterator[list[Sensor]]:
    """Give the sensors that measure together, time after time, so that each has its turn."""
    kinds: dict[str, list[Sensor]] = {}
    for sensor in town.sensors:
        kinds.setdefault(sensor.kind, []).append(sensor)
    queues = [(cycle(sensors), _AT_ONCE.get(kind, 1)) for kind, sensors in kinds.items()]
    while True:
        yield [sensor for queue, count in queues for sensor in islice(queue, count)]
