"""A filling is complete, adds only what is missing, and goes on wherever it was left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stadtkern.broker.broker import Broker
from stadtkern.broker.tenants import Tenants
from stadtkern.broker.write import Result
from stadtkern.demo.fill import Filled, choose_seed, fill
from stadtkern.demo.live import keep_measuring, take_turns
from stadtkern.demo.local_time import DAY_US
from stadtkern.demo.patch import term
from stadtkern.demo.town import Town, build_town
from stadtkern.errors import SetupError
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import DEFAULT_TENANT, EntityId
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.model.json import raw
from stadtkern.model.operation import CreateEntity, DeleteAttribute, DeleteEntity, Operation
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.query.filter import HasType
from stadtkern.query.request import EntityQuery
from tests.demo.stored import expected_times, read_times
from tests.store.stores import open_tenants

_NOON = parse_instant("2026-06-03T12:00:00Z")
_DAYS = 2
_HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def town() -> Town:
    """A small town: all sensors, and few trees."""
    whole = build_town(1)
    trees = [entity for entity in whole.entities if entity.types == [term("Tree")]]
    return Town(1, tuple(entity for entity in whole.entities if entity not in trees[20:]), whole.sensors)


@pytest.fixture
def grant() -> Grant:
    return system_grant("test", DEFAULT_TENANT)


class _Interrupted(Exception):
    """Stands for whatever ends a filling."""


class _Mortal(Broker):
    """A broker that writes a few times and no more."""

    def __init__(self, tenants: Tenants, writes: int) -> None:
        super().__init__(tenants)
        self._left = writes

    async def write(self, grant: Grant, operations: Sequence[Operation], size: int = 1024) -> list[Result]:
        if not self._left:
            raise _Interrupted
        self._left -= 1
        return await super().write(grant, operations, size)


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Broker]:
    async with open_tenants("", folder) as tenants:
        yield Broker(tenants)


async def _fill(folder: Path, grant: Grant, town: Town, until: int = _NOON) -> Filled:
    async with _open(folder) as broker:
        return await fill(broker, grant, town, _DAYS, Instant(until))


async def test_fill_writes_every_step_once(tmp_path: Path, grant: Grant, town: Town) -> None:
    filled = await _fill(tmp_path, grant, town)
    expected = expected_times(town, _NOON - _DAYS * DAY_US, _NOON)
    assert await read_times(tmp_path) == expected
    assert filled == Filled(len(town.entities), sum(map(len, expected.values())))


async def test_fill_adds_nothing_when_repeated(tmp_path: Path, grant: Grant, town: Town) -> None:
    await _fill(tmp_path, grant, town)
    assert await _fill(tmp_path, grant, town, _NOON + 60_000_000) == Filled(0, 0)


async def test_fill_closes_the_gap_after_a_pause(tmp_path: Path, grant: Grant, town: Town) -> None:
    await _fill(tmp_path, grant, town)
    later = _NOON + 5 * DAY_US + 7 * 60_000_000
    await _fill(tmp_path, grant, town, later)
    assert await read_times(tmp_path) == expected_times(town, _NOON - _DAYS * DAY_US, later)


async def test_fill_makes_the_current_state_from_the_last_values(tmp_path: Path, grant: Grant, town: Town) -> None:
    await _fill(tmp_path, grant, town)
    async with _open(tmp_path) as broker:
        for sensor in town.sensors[::20]:
            entity = await broker.retrieve_entity(grant, sensor.id)
            last = Instant(_NOON - _NOON % sensor.step)
            for name, expected in sensor.measure(last).items():
                (instance,) = entity.attributes[name]
                assert (instance.value, instance.observed_at) == (expected.value, last)


@pytest.mark.parametrize("writes", [1, 3, 40])
async def test_fill_is_completed_without_doubles_after_an_interruption(
    tmp_path: Path, grant: Grant, town: Town, writes: int
) -> None:
    async with open_tenants("", tmp_path) as tenants:
        with pytest.raises(_Interrupted):
            await fill(_Mortal(tenants, writes), grant, town, _DAYS, Instant(_NOON))
    filled = await _fill(tmp_path, grant, town)
    assert filled.values > 0
    assert await read_times(tmp_path) == expected_times(town, _NOON - _DAYS * DAY_US, _NOON)


async def test_fill_restores_what_a_visitor_deleted(tmp_path: Path, grant: Grant, town: Town) -> None:
    gone, partly, *_ = (sensor for sensor in town.sensors if sensor.kind == "air")
    await _fill(tmp_path, grant, town)
    async with _open(tmp_path) as broker:
        await broker.write(grant, [DeleteEntity(gone.id), DeleteAttribute(partly.id, term("no2"), delete_all=True)])
    await _fill(tmp_path, grant, town, _NOON + 3 * _HOUR_US)
    times = await read_times(tmp_path)
    for key, expected in expected_times(town, _NOON - _DAYS * DAY_US, _NOON + 3 * _HOUR_US).items():
        assert sorted(set(times[key])) == times[key], f"{key} has a value twice"
        assert times[key] == expected


async def test_fill_goes_on_from_live_values(tmp_path: Path, grant: Grant, town: Town) -> None:
    await _fill(tmp_path, grant, town)
    moment = Instant(_NOON + 7 * 60_000_000 + 345_678)
    async with _open(tmp_path) as broker:
        measuring = asyncio.create_task(keep_measuring(broker, grant, town, 0.01, lambda: moment))
        await asyncio.sleep(0.3)
        measuring.cancel()
    live = {key: found[-1] for key, found in (await read_times(tmp_path)).items() if found[-1] > _NOON}
    assert set(live.values()) == {_NOON + 7 * 60_000_000}
    assert {id_.split(":")[2] for id_, _ in live} == {sensor.id.split(":")[2] for sensor in town.sensors}
    later = _NOON + 3 * _HOUR_US
    await _fill(tmp_path, grant, town, later)
    times = await read_times(tmp_path)
    for key, expected in expected_times(town, _NOON - _DAYS * DAY_US, later).items():
        assert sorted(set(times[key])) == sorted({*expected, *([live[key]] if key in live else [])})


async def test_keep_measuring_leaves_deleted_sensors_alone(tmp_path: Path, grant: Grant, town: Town) -> None:
    await _fill(tmp_path, grant, town)
    weather = [sensor.id for sensor in town.sensors if sensor.kind == "weather"]
    async with _open(tmp_path) as broker:
        await broker.write(grant, [DeleteEntity(id_) for id_ in weather])
        measuring = asyncio.create_task(keep_measuring(broker, grant, town, 0.01, lambda: Instant(_NOON + 1_000_000)))
        await asyncio.sleep(0.2)
        assert not measuring.done()
        measuring.cancel()
        found = await broker.query_entities(grant, EntityQuery(filter=HasType(term("WeatherObserved"))))
    assert found.entities == []


def test_take_turns_lets_every_sensor_measure(town: Town) -> None:
    turns = take_turns(town)
    seen = [sensor.id for _ in range(80) for sensor in next(turns)]
    assert set(seen) == {sensor.id for sensor in town.sensors}


async def test_choose_seed_keeps_the_seed_of_the_folder(tmp_path: Path, grant: Grant) -> None:
    async with _open(tmp_path) as broker:
        assert await choose_seed(broker, grant, None) == 1
        assert await choose_seed(broker, grant, 42) == 42
        await broker.write(grant, [CreateEntity(one.id or EntityId(""), one) for one in build_town(42).entities[:1]])
        assert await choose_seed(broker, grant, None) == 42
        assert await choose_seed(broker, grant, 42) == 42
        with pytest.raises(SetupError, match="the town of seed 42, not of seed 1"):
            await choose_seed(broker, grant, 1)


async def test_choose_seed_refuses_a_folder_with_other_data(tmp_path: Path, grant: Grant) -> None:
    id_ = EntityId("urn:ngsi-ld:Tree:mine")
    patch = EntityPatch(
        id=id_, types=[term("Tree")], attributes={term("height"): [InstancePatch(kind="Property", value=raw(3))]}
    )
    async with _open(tmp_path) as broker:
        await broker.write(grant, [CreateEntity(id_, patch)])
        with pytest.raises(SetupError, match="--data"):
            await choose_seed(broker, grant, None)
