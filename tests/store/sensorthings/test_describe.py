"""Series with a description, and what is written all or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stadtkern.broker.broker import Broker
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.broker.write import TOGETHER
from stadtkern.errors import AlreadyExists, Conflict, Forbidden, PayloadTooLarge, ResourceNotFound
from stadtkern.model.change import Outcome
from stadtkern.model.entity import EntityPatch
from stadtkern.model.ids import EntityId
from stadtkern.model.json import raw
from stadtkern.model.operation import (
    CreateEntity,
    DeleteHistoryAttribute,
    DescribeSeries,
    Operation,
    RecordHistory,
    ReplaceEntity,
)
from stadtkern.model.stream import Description
from stadtkern.model.subscription import Position
from stadtkern.policy.grant import make_grant
from stadtkern.store.changelog import read_changes
from tests.store.consistency import assert_consistent
from tests.store.histories import ID, observed, retrieve
from tests.store.stores import GRANT, ROOM, TEMPERATURE, count, read, room, succeed, values, write

SENSOR = EntityId("urn:sensor:1")
PLACE = EntityId("urn:place:1")


def describe(dataset_id: str = "", *, create: bool = False, **said: Any) -> DescribeSeries:
    return DescribeSeries(ID, TEMPERATURE, dataset_id, Description(**said), create)


def make(id_: str) -> CreateEntity:
    return CreateEntity(EntityId(id_), EntityPatch(types=[ROOM]))


def measure(value: int, minute: int, **members: Any) -> RecordHistory:
    entity = EntityPatch(attributes={TEMPERATURE: [observed(minute, value)]})
    return RecordHistory(ID, entity, create=False, **members)


async def series(tenant: OpenTenant) -> list[tuple[Any, ...]]:
    rows = await tenant.database.fetch(
        "SELECT observed, name, measurement, unit, sensor, multi FROM series WHERE attribute = $1 ORDER BY n"
        if tenant.database.engine == "postgres"
        else "SELECT observed, name, measurement, unit, sensor, multi FROM series WHERE attribute = ? ORDER BY n",
        TEMPERATURE,
    )
    return [tuple(row) for row in rows]


async def n_of(tenant: OpenTenant, id_: str) -> int:
    rows = await tenant.database.fetch("SELECT id, n FROM entity")
    return {row[0]: row[1] for row in rows}[id_]


async def test_described_series_waits_for_its_first_value(tenant: OpenTenant) -> None:
    await succeed(tenant, make(ID), make(SENSOR), describe(name="Air", unit="CEL", sensor=SENSOR))
    assert await series(tenant) == [(1, "Air", None, "CEL", await n_of(tenant, SENSOR), 0)]
    assert await values(tenant, ID) == {}
    await succeed(tenant, measure(20, 1))
    entity = await read(tenant, ID)
    assert entity is not None
    assert entity.attributes[TEMPERATURE][0].unit_code is None
    await assert_consistent(tenant.database)


async def test_description_raises_the_version_and_is_told_to_the_change_log(tenant: OpenTenant) -> None:
    await succeed(tenant, make(ID))
    [before] = await tenant.database.fetch("SELECT version, modified_at FROM entity")
    await succeed(tenant, describe(name="Air"))
    [after] = await tenant.database.fetch("SELECT version, modified_at FROM entity")
    assert (after[0], after[1] > before[1]) == (before[0] + 1, True)
    rows = await read_changes(tenant.database, GRANT, Position(0, 0), 10)
    assert [(item.attribute, item.verb) for item in rows[-1].items] == [(TEMPERATURE, "described")]


async def test_correction_of_the_unit_holds_for_what_was_measured(tenant: OpenTenant, tenants: Tenants) -> None:
    await succeed(tenant, make(ID), describe(unit="CEL"))
    patches = [observed(minute, minute, unit_code="CEL") for minute in (1, 2)]
    await succeed(tenant, RecordHistory(ID, EntityPatch(attributes={TEMPERATURE: patches})))
    await succeed(tenant, describe(unit="KEL"))
    history = (await retrieve(Broker(tenants))).histories[0]
    assert [one.unit_code for one in history.attributes[TEMPERATURE][0].instances] == ["KEL", "KEL"]
    await assert_consistent(tenant.database)


async def test_description_stays_when_values_go_and_goes_when_asked(tenant: OpenTenant) -> None:
    await succeed(tenant, make(ID), describe(name="Air", measurement={"x": raw(1)}), measure(20, 1))
    await succeed(tenant, ReplaceEntity(ID, EntityPatch(types=[ROOM])))
    await succeed(tenant, DeleteHistoryAttribute(ID, TEMPERATURE))
    assert await series(tenant) == [(1, "Air", '{"x":1}', None, None, 0)]
    await succeed(tenant, measure(21, 2))
    await succeed(tenant, DeleteHistoryAttribute(ID, TEMPERATURE, described=True))
    assert (await series(tenant), await values(tenant, ID)) == ([], {})
    await succeed(tenant, describe(name="Again"), DeleteHistoryAttribute(ID, TEMPERATURE, described=True))
    assert await series(tenant) == []
    assert isinstance((await write(tenant, DeleteHistoryAttribute(ID, TEMPERATURE, described=True)))[0], Exception)
    await assert_consistent(tenant.database)


async def test_description_is_refused_where_it_cannot_be_true(tenant: OpenTenant) -> None:
    await succeed(tenant, make(ID))
    gone, twice, missing = await write(
        tenant, describe(sensor=SENSOR), describe(create=True), DescribeSeries(PLACE, TEMPERATURE, "", Description())
    )
    assert isinstance(gone, ResourceNotFound)
    assert isinstance(missing, ResourceNotFound)
    assert isinstance(twice, Outcome)
    assert isinstance((await write(tenant, describe(create=True)))[0], Conflict)
    masked = make_grant(GRANT.tenant, "guest", "write", hidden=frozenset({TEMPERATURE}))
    assert isinstance((await tenant.writer.write(masked, [describe()]))[0], Forbidden)
    source = make_grant(GRANT.tenant, "source", "record")
    assert isinstance((await tenant.writer.write(source, [describe()]))[0], Forbidden)


async def test_outcomes_tell_numbers_to_those_who_ask(tenant: OpenTenant) -> None:
    operations: list[Operation] = [make(ID), describe(name="Air"), measure(20, 2), measure(19, 1)]
    results = await tenant.writer.write(GRANT, operations, numbered=True)
    outcomes = [one for one in results if isinstance(one, Outcome)]
    stored = await tenant.database.fetch("SELECT id, time, series FROM observation ORDER BY num DESC")
    assert [one.n for one in outcomes] == [await n_of(tenant, ID)] * 4
    assert [one.series for one in outcomes] == [0, *[stored[0][2]] * 3]
    assert [one.observations for one in outcomes] == [[], [], [stored[0][0]], [stored[1][0]]]
    assert [one.n for one in await succeed(tenant, measure(1, 7))] == [0]


async def test_values_need_the_series_they_are_for(tenant: OpenTenant) -> None:
    await succeed(tenant, make(ID), describe(name="Air"))
    [[n]] = await tenant.database.fetch("SELECT n FROM series")
    stored, deleted, late = await write(
        tenant,
        measure(1, 1, series=n),
        DeleteHistoryAttribute(ID, TEMPERATURE, described=True),
        measure(2, 2, series=n),
    )
    assert isinstance(stored, Outcome)
    assert isinstance(deleted, Outcome)
    assert isinstance(late, ResourceNotFound)
    assert (await series(tenant), await count(tenant, "observation")) == ([], 0)


async def test_together_binds_what_the_same_group_makes(tenant: OpenTenant) -> None:
    outcomes = await tenant.writer.write_together(
        GRANT,
        [make(SENSOR), make(PLACE), make(ID), describe(name="Air", sensor=SENSOR), measure(20, 1, feature=PLACE)],
    )
    assert [one.n for one in outcomes[:3]] == [await n_of(tenant, id_) for id_ in (SENSOR, PLACE, ID)]
    assert (await series(tenant))[0][4] == outcomes[0].n
    [[feature, observation]] = await tenant.database.fetch("SELECT feature, id FROM observation")
    assert (feature, [observation]) == (outcomes[1].n, outcomes[4].observations)
    await assert_consistent(tenant.database)


@pytest.mark.parametrize(
    "last", [make(SENSOR), describe(sensor=EntityId("urn:nobody:1")), measure(1, 1, feature=PLACE)]
)
async def test_together_leaves_nothing_when_one_is_refused(tenant: OpenTenant, last: Operation) -> None:
    await succeed(tenant, room("urn:r:9"))
    before = [await count(tenant, table) for table in ("entity", "series", "change", "observation", "catalogue")]
    with pytest.raises((AlreadyExists, ResourceNotFound)):
        await tenant.writer.write_together(
            GRANT, [make(SENSOR), make(ID), describe(name="Air", sensor=SENSOR), measure(20, 1), last]
        )
    after = [await count(tenant, table) for table in ("entity", "series", "change", "observation", "catalogue")]
    assert after == before
    assert await read(tenant, ID) is None
    await succeed(tenant, make(ID))
    await assert_consistent(tenant.database)


async def test_together_is_bounded_and_takes_its_turn_among_others(tenant: OpenTenant) -> None:
    with pytest.raises(PayloadTooLarge):
        await tenant.writer.write_together(GRANT, [make(f"urn:r:{n}") for n in range(TOGETHER + 1)])

    async def single(n: int) -> None:
        await succeed(tenant, room(f"urn:s:{n}", n))

    group = [make(f"urn:r:{n}") for n in range(300)]
    results = await asyncio.gather(
        *(single(n) for n in range(20)),
        tenant.writer.write_together(GRANT, group),
        tenant.writer.write_together(GRANT, [make("urn:s:1:x"), make("urn:r:1")]),
        *(single(n) for n in range(20, 40)),
        return_exceptions=True,
    )
    assert [type(one) for one in results if isinstance(one, Exception)] == [AlreadyExists]
    assert await count(tenant, "entity") == 340
    assert tenant.writer.waiting == (0, 0)
    await assert_consistent(tenant.database)
