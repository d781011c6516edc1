"""History: what becomes current, what stays past, and how edits of the past elect the present anew."""

from __future__ import annotations

import pytest

from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw
from stadtkern.model.operation import (
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    DeleteHistory,
    DeleteHistoryAttribute,
    DeleteHistoryInstance,
    Operation,
    PartialUpdateAttribute,
    PatchHistoryInstance,
    RecordHistory,
)
from tests.store.consistency import assert_consistent
from tests.store.stores import ROOM, TEMPERATURE, count, read, room, succeed, times, values, write

R = EntityId("urn:r:1")
DAY = Instant(24 * 3600 * 1_000_000)


def patch(value: int, at: int | None = None, **members: object) -> InstancePatch:
    observed = None if at is None else Instant(at)
    return InstancePatch(kind="Property", value=raw(value), observed_at=observed, **members)  # type: ignore[arg-type]


def record(*entries: tuple[int, int | None]) -> RecordHistory:
    """Record values at times."""
    patches = [patch(value, at) for value, at in entries]
    return RecordHistory(R, EntityPatch(types=[ROOM], attributes={TEMPERATURE: patches}))


def measured(value: int, at: int) -> PartialUpdateAttribute:
    return PartialUpdateAttribute(R, TEMPERATURE, [InstancePatch(value=raw(value), observed_at=Instant(at))])


async def ids(tenant: OpenTenant) -> dict[int, int]:
    """Ids of the observed instances by their value."""
    rows = await tenant.database.fetch("SELECT id, num FROM observation WHERE observed = 1")
    return {int(row[1]): row[0] for row in rows}


async def edit(tenant: OpenTenant, value: int, at: int | None) -> Operation:
    """Delete the instance with a value, or move it to another time."""
    instance = (await ids(tenant))[value]
    if at is None:
        return DeleteHistoryInstance(R, TEMPERATURE, instance)
    return PatchHistoryInstance(R, TEMPERATURE, instance, InstancePatch(observed_at=Instant(at)))


async def test_record_makes_only_the_latest_current(tenant: OpenTenant) -> None:
    await succeed(tenant, record((1, 10), (3, 30), (2, 20)))
    assert await values(tenant, R) == {"": 3}
    await succeed(tenant, record((0, 5)))
    assert await values(tenant, R) == {"": 3}
    assert await times(tenant, R) == [5, 10, 20, 30]


async def test_record_of_a_far_future_is_kept_but_not_current(tenant: OpenTenant) -> None:
    await succeed(tenant, record((1, 10), (2, now() + 2 * DAY)))
    assert await values(tenant, R) == {"": 1}


async def test_set_becomes_current_whatever_its_time(tenant: OpenTenant) -> None:
    await succeed(tenant, record((3, 30)), measured(1, 10))
    assert await values(tenant, R) == {"": 1}
    assert await times(tenant, R) == [10, 30]
    await assert_consistent(tenant.database)


async def test_superseded_static_instance_goes_to_history(tenant: OpenTenant) -> None:
    await succeed(tenant, room(R, 1))
    assert await count(tenant, "observation") == 0
    await succeed(tenant, PartialUpdateAttribute(R, TEMPERATURE, [InstancePatch(value=raw(2))]))
    rows = await tenant.database.fetch("SELECT num, observed FROM observation")
    assert [tuple(row) for row in rows] == [(1.0, 0)]
    assert await count(tenant, "series_chunk") == 0  # summaries are of observations


@pytest.mark.parametrize(
    ("value", "at", "expected"),
    [(3, None, 2), (1, None, 3), (3, 15, 2), (3, 5, 2), (1, 40, 1), (2, 25, 3), (3, 30, 3)],
)
async def test_edit_elects_the_latest_anew(tenant: OpenTenant, value: int, at: int | None, expected: int) -> None:
    await succeed(tenant, record((1, 10), (2, 20), (3, 30)))
    await succeed(tenant, await edit(tenant, value, at))
    assert await values(tenant, R) == {"": expected}
    await assert_consistent(tenant.database)


async def test_edit_takes_the_attribute_away_with_its_last_instance(tenant: OpenTenant) -> None:
    await succeed(tenant, record((1, 10)))
    await succeed(tenant, await edit(tenant, 1, None))
    assert await values(tenant, R) == {}
    assert await read(tenant, R) is not None


async def test_edit_leaves_a_static_instance_current(tenant: OpenTenant) -> None:
    await succeed(tenant, room(R, 9), record((1, 10), (2, 20)))
    await succeed(tenant, await edit(tenant, 2, None))
    assert await values(tenant, R) == {"": 9}


@pytest.mark.parametrize(("value", "at"), [(1, None), (2, None), (1, 50)])
async def test_edit_does_not_bring_a_deleted_attribute_back(tenant: OpenTenant, value: int, at: int | None) -> None:
    await succeed(tenant, record((1, 10), (2, 20), (3, 30)), DeleteAttribute(R, TEMPERATURE))
    await succeed(tenant, await edit(tenant, value, at))
    assert await values(tenant, R) == {}
    await assert_consistent(tenant.database)


async def test_edit_does_not_go_back_behind_a_deletion(tenant: OpenTenant) -> None:
    await succeed(tenant, record((1, 10), (2, 20)), DeleteAttribute(R, TEMPERATURE), record((3, 30)))
    await succeed(tenant, await edit(tenant, 3, None))
    assert await values(tenant, R) == {}


async def test_edit_of_a_deleted_entity_leaves_it_deleted(tenant: OpenTenant) -> None:
    await succeed(tenant, record((1, 10), (2, 20)), DeleteEntity(R))
    await succeed(tenant, await edit(tenant, 2, None), await edit(tenant, 1, 15))
    assert await read(tenant, R) is None
    assert await times(tenant, R) == [15]
    await assert_consistent(tenant.database)


async def test_edit_follows_other_operations_in_one_batch(tenant: OpenTenant) -> None:
    await succeed(tenant, record((1, 10), (2, 20)))
    await succeed(tenant, measured(3, 30), await edit(tenant, 2, None), measured(4, 40), await edit(tenant, 1, None))
    assert await values(tenant, R) == {"": 4}
    assert await times(tenant, R) == [30, 40]
    await assert_consistent(tenant.database)


async def test_edit_that_is_refused_leaves_the_batch_as_it_was(tenant: OpenTenant) -> None:
    await succeed(tenant, record((1, 10)))
    instance = (await ids(tenant))[1]
    operations: list[Operation] = [
        measured(2, 20),
        DeleteHistoryInstance(R, TEMPERATURE, 10**9),
        DeleteHistoryInstance(R, ROOM, instance),
        DeleteHistoryInstance(EntityId("urn:r:2"), TEMPERATURE, instance),
        PatchHistoryInstance(R, TEMPERATURE, instance, InstancePatch()),
        DeleteHistoryAttribute(R, ROOM),
        measured(3, 30),
    ]
    results = await write(tenant, *operations)
    kinds = [type(result) for result in results[1:-1]]
    assert kinds == [ResourceNotFound, ResourceNotFound, ResourceNotFound, BadRequestData, ResourceNotFound]
    assert await times(tenant, R) == [10, 20, 30]
    await assert_consistent(tenant.database)


async def test_instances_are_found_by_id_across_many_blocks(tenant: OpenTenant) -> None:
    for start in range(0, 1200, 400):
        await succeed(tenant, record(*((value, 1_000_000 - value) for value in range(start, start + 400))))
    known = await ids(tenant)
    assert len(known) == 1200
    for value in range(0, 1200, 37):
        change = InstancePatch(value=raw(value + 10_000))
        await succeed(tenant, PatchHistoryInstance(R, TEMPERATURE, known[value], change))
    changed = await ids(tenant)
    assert {value for value in changed if value >= 10_000} == {value + 10_000 for value in range(0, 1200, 37)}
    await assert_consistent(tenant.database)


async def test_ids_grow_in_the_order_of_writing(tenant: OpenTenant) -> None:
    await succeed(tenant, record(*((value, value) for value in range(900))))
    known = await ids(tenant)
    assert [known[value] for value in range(900)] == sorted(known.values())


async def test_delete_history_of_an_attribute_takes_past_and_present(tenant: OpenTenant) -> None:
    other = patch(7, 70, dataset_id="urn:d:1")
    await succeed(tenant, record((1, 10), (2, 20)))
    await succeed(tenant, RecordHistory(R, EntityPatch(attributes={TEMPERATURE: [other]})))
    await succeed(tenant, DeleteHistoryAttribute(R, TEMPERATURE))
    assert await values(tenant, R) == {"urn:d:1": 7}
    assert await times(tenant, R) == [70]
    await succeed(tenant, DeleteHistoryAttribute(R, TEMPERATURE, delete_all=True))
    assert await values(tenant, R) == {}
    assert await times(tenant, R) == []
    await assert_consistent(tenant.database)


async def test_delete_history_leaves_nothing_but_the_number(tenant: OpenTenant) -> None:
    place = InstancePatch(kind="GeoProperty", value=raw({"type": "Point", "coordinates": [7.6, 51.9]}))
    link = InstancePatch(kind="Relationship", value=raw("urn:x:1"))
    fragment = EntityPatch(types=[ROOM], scope=["/a"], attributes={TEMPERATURE: [place], ROOM: [link]})
    await succeed(tenant, CreateEntity(R, fragment), record((1, 10)), DeleteHistory(R))
    await assert_consistent(tenant.database)
    for table in (
        "doc",
        "geo",
        "link",
        "entity_type",
        "entity_scope",
        "series",
        "observation",
        "series_chunk",
        "id_block",
    ):
        assert await count(tenant, table) == 0, table
    assert await count(tenant, "entity") == 1
    assert isinstance((await write(tenant, DeleteHistory(R)))[0], ResourceNotFound)
    await succeed(tenant, room(R, 5))
    assert await values(tenant, R) == {"": 5}
    await assert_consistent(tenant.database)


async def test_numbers_are_never_used_again(tenant: OpenTenant) -> None:
    await succeed(tenant, room("urn:r:1"), room("urn:r:2"), DeleteHistory(EntityId("urn:r:2")), room("urn:r:3"))
    rows = await tenant.database.fetch("SELECT n FROM entity ORDER BY n")
    assert [row[0] for row in rows] == [1, 2, 3]


async def test_expiry_in_the_past_is_gone_for_readers(tenant: OpenTenant) -> None:
    fragment = EntityPatch(types=[ROOM], attributes={TEMPERATURE: [patch(1, expires_at=Instant(1))]})
    await succeed(tenant, CreateEntity(R, fragment))
    assert await values(tenant, R) == {}
