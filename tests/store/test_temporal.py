"""History as readers see it after all kinds of writes, on both engines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stadtkern.broker.broker import Broker
from stadtkern.broker.history_answer import HistoryPage
from stadtkern.broker.maintenance import sweep_expired
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import BadRequestData, Forbidden, Problem, ResourceNotFound
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import EARLIEST, LATEST, Instant, now, render_instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import (
    AppendAttributes,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    DeleteHistory,
    DeleteHistoryAttribute,
    DeleteHistoryInstance,
    PatchHistoryInstance,
    RecordHistory,
    ReplaceEntity,
)
from stadtkern.policy.grant import make_grant
from stadtkern.query.filter import AnyOf, Exists, HasType, IdIn, Is, Path, number
from stadtkern.query.request import TemporalQuery
from stadtkern.store import revise
from tests.store.consistency import assert_consistent
from tests.store.histories import (
    EARLY,
    GPS,
    HUMIDITY,
    ID,
    MANY,
    NAME,
    at,
    by,
    create,
    instance_ids,
    observed,
    query,
    record,
    retrieve,
    shown,
    static,
)
from tests.store.stores import ROOM, TEMPERATURE, count, read, succeed, values, write

SCOPE = Iri("scope")


@pytest.fixture
async def broker(tenants: Tenants) -> Broker:
    """The whole broker over the stores of a test."""
    return Broker(tenants)


# What is current, and what takes the place of what


async def test_record_late_leaves_the_present_alone(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(10, 1)), record(observed(5, 2)), record(observed(20, 3), observed(15, 4)))
    assert await values(tenant, ID) == {"": 3}
    assert shown((await retrieve(broker)).histories[0]) == [2, 1, 4, 3]


async def test_record_replaces_what_has_the_same_time(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1), observed(2, 2), observed(3, 3)))
    before = await instance_ids(broker)
    await succeed(tenant, record(observed(1, 10), observed(3, 30), observed(3, 31), observed(4, 4)))
    assert shown((await retrieve(broker)).histories[0]) == [10, 2, 31, 4]
    assert (await instance_ids(broker))[:3] == before
    assert await values(tenant, ID) == {"": 4}
    await succeed(tenant, record(observed(4, 40)))
    assert await values(tenant, ID) == {"": 40}
    await assert_consistent(tenant.database)


async def test_record_keeps_datasets_and_both_of_one_time_when_told_to(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1), observed(1, 2), observed(1, 3, dataset_id=GPS), repeated="write"))
    history = (await retrieve(broker)).histories[0]
    assert (shown(history), shown(history, dataset_id=GPS)) == ([1, 2], [3])
    assert await values(tenant, ID) == {"": 2, GPS: 3}


async def test_record_of_many_is_kept_in_their_order_across_blocks_of_ids(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(*(observed(1, value) for value in range(700)), repeated="write"))
    history = (await retrieve(broker)).histories[0]
    assert shown(history) == list(range(700))
    assert await values(tenant, ID) == {"": 699}


@pytest.mark.clause("CIM009 5.6.14")
async def test_edits_elect_the_latest_instance_again(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1), observed(2, 2), observed(3, 3)))
    first, second, third = await instance_ids(broker)
    await succeed(tenant, DeleteHistoryInstance(ID, TEMPERATURE, third))
    assert await values(tenant, ID) == {"": 2}
    await succeed(tenant, PatchHistoryInstance(ID, TEMPERATURE, first, InstancePatch(observed_at=at(9))))
    assert await values(tenant, ID) == {"": 1}
    await succeed(tenant, PatchHistoryInstance(ID, TEMPERATURE, first, InstancePatch(value=raw(100))))
    assert await values(tenant, ID) == {"": 100}
    for instance in (first, second):
        await succeed(tenant, DeleteHistoryInstance(ID, TEMPERATURE, instance))
    entity = await read(tenant, ID)
    assert entity is not None
    assert entity.attributes == {}
    await assert_consistent(tenant.database)


async def test_edits_bring_back_nothing_that_was_deleted(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1), observed(2, 2)))
    first, second = await instance_ids(broker)
    await succeed(tenant, DeleteAttribute(ID, TEMPERATURE))
    await succeed(tenant, PatchHistoryInstance(ID, TEMPERATURE, first, InstancePatch(value=raw(5))))
    await succeed(tenant, DeleteHistoryInstance(ID, TEMPERATURE, second))
    assert await values(tenant, ID) == {}
    assert shown((await retrieve(broker)).histories[0]) == [5]


# Deletions


@pytest.mark.clause("CIM009 5.6.5")
@pytest.mark.parametrize(
    ("kind", "value", "null"),
    [
        ("Property", 5, "urn:ngsi-ld:null"),
        ("Relationship", "urn:x:1", "urn:ngsi-ld:null"),
        ("LanguageProperty", {"de": "a"}, {"@none": "urn:ngsi-ld:null"}),
    ],
)
@pytest.mark.parametrize("time", [None, at(1)])
async def test_delete_of_an_attribute_leaves_a_tombstone(
    tenant: OpenTenant, broker: Broker, kind: Any, value: Any, null: Any, time: Instant | None
) -> None:
    patch = InstancePatch(kind=kind, value=raw(value), observed_at=time)
    await succeed(tenant, record(patch), DeleteAttribute(ID, TEMPERATURE))
    [history] = (await retrieve(broker, by("deletedAt"))).histories
    assert shown(history) == [null]
    [tombstone] = history.attributes[TEMPERATURE][0].instances
    assert tombstone.deleted_at is not None
    assert tombstone.kind == kind
    assert shown((await retrieve(broker)).histories[0]) == ([] if time is None else [value])


async def test_patch_of_a_tombstone_is_refused(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1)), DeleteAttribute(ID, TEMPERATURE))
    [history] = (await retrieve(broker, by("deletedAt"))).histories
    tombstone = history.attributes[TEMPERATURE][0].instances[0].instance_id or 0
    patch = PatchHistoryInstance(ID, TEMPERATURE, tombstone, InstancePatch(value=raw(1)))
    assert isinstance((await write(tenant, patch))[0], BadRequestData)


async def test_deleted_entities_are_still_found_by_what_they_were(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1), scope=["/a"]), record(observed(1, 2), id="urn:room:2"))
    await succeed(tenant, DeleteEntity(ID))
    assert (await query(broker, HasType(ROOM)))[0] == [ID, "urn:room:2"]
    assert (await query(broker, IdIn(frozenset({ID}))))[0] == [ID]
    found, page = await query(broker, HasType(ROOM), time=by("deletedAt", timerel="after", time_at=EARLY))
    assert found == [ID]
    [history] = page.histories
    assert history.deleted_at is not None
    assert (history.types, shown(history)) == ([ROOM], ["urn:ngsi-ld:null"])
    await succeed(tenant, create())
    assert (await query(broker, HasType(ROOM)))[0] == [ID, "urn:room:2"]


async def test_expired_entities_have_only_a_past(tenant: OpenTenant, broker: Broker) -> None:
    entity = EntityPatch(types=[ROOM], attributes={NAME: [static("a")]}, expires_at=Instant(now() + 1_000_000))
    await succeed(tenant, CreateEntity(ID, entity), record(observed(1, 1)))
    while await read(tenant, ID) is not None:
        await asyncio.sleep(0.01)
    [history] = (await retrieve(broker, by("modifiedAt"))).histories
    assert (shown(history), shown(history, NAME)) == ([1], ["a"])
    await succeed(tenant, record(observed(2, 2)))
    assert await values(tenant, ID, NAME) == {}
    assert await values(tenant, ID) == {"": 2}


@pytest.mark.clause("CIM009 5.6.16")
async def test_delete_history_leaves_nothing_but_a_note(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, create(["/a"], name=static("a")), record(observed(1, 1)), DeleteHistory(ID))
    with pytest.raises(ResourceNotFound):
        await retrieve(broker)
    assert (await query(broker, HasType(ROOM)))[0] == []
    for table in ("doc", "series", "observation", "series_chunk", "id_block", "entity_type", "entity_scope"):
        assert await count(tenant, table) == 0
    changes = await tenant.database.fetch("SELECT kind, items FROM change ORDER BY seq")
    assert changes[-1][0] == "erased"
    assert '"before"' in changes[-1][1]
    for operation in (DeleteHistory(ID), DeleteHistoryAttribute(ID, TEMPERATURE)):
        assert isinstance((await write(tenant, operation))[0], ResourceNotFound)
    await succeed(tenant, record(observed(1, 1)))
    await assert_consistent(tenant.database)


@pytest.mark.clause("CIM009 5.6.13")
@pytest.mark.parametrize("patch", [static(1), observed(1, 1)])
async def test_delete_of_an_attribute_from_history_can_be_done_once(
    tenant: OpenTenant, broker: Broker, patch: InstancePatch
) -> None:
    await succeed(tenant, create(name=static("a")), record(patch))
    await succeed(tenant, DeleteHistoryAttribute(ID, TEMPERATURE))
    assert (await values(tenant, ID), await count(tenant, "series")) == ({}, 0)
    assert isinstance((await write(tenant, DeleteHistoryAttribute(ID, TEMPERATURE)))[0], ResourceNotFound)
    assert (await retrieve(broker, by("deletedAt"))).histories[0].attributes == {}
    await assert_consistent(tenant.database)


async def test_delete_from_history_keeps_other_datasets(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1), observed(1, 2, dataset_id=GPS)))
    await succeed(tenant, DeleteHistoryAttribute(ID, TEMPERATURE))
    assert shown((await retrieve(broker)).histories[0], dataset_id=GPS) == [2]
    assert await values(tenant, ID) == {GPS: 2}
    await succeed(tenant, DeleteHistoryAttribute(ID, TEMPERATURE, delete_all=True))
    assert (await retrieve(broker)).histories[0].attributes == {}


# Attributes without a time of their own, and scopes


async def test_superseded_values_are_found_by_when_they_were_written(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, create(name=static("a")))
    assert await count(tenant, "series") == 0
    for value in ("b", "c"):
        await succeed(tenant, AppendAttributes(ID, EntityPatch(attributes={NAME: [static(value)]})))
    for time_property in ("modifiedAt", "createdAt"):
        [history] = (await retrieve(broker, by(time_property))).histories
        assert shown(history, NAME) == ["a", "b", "c"]
        assert shown((await retrieve(broker, by(time_property, last_n=2))).histories[0], NAME) == ["c", "b"]
        assert shown((await retrieve(broker, by(time_property, first_n=2))).histories[0], NAME) == ["a", "b"]
    assert (await retrieve(broker)).histories[0].attributes == {}
    modified = [one.modified_at for one in history.attributes[NAME][0].instances]
    since = render_instant(modified[-1])
    [history] = (await retrieve(broker, by("modifiedAt", timerel="after", time_at=since))).histories
    assert shown(history, NAME) == ["c"]
    page = await retrieve(broker, by("modifiedAt", aggr_methods="totalCount,max"))
    sums = page.histories[0].attributes[NAME][0].aggregates
    assert {name: [unraw(row.value) for row in rows] for name, rows in sums.items()} == {
        "totalCount": [3],
        "max": ["c"],
    }


async def test_query_by_time_of_writing_finds_entities_without_history(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, create(name=static("a")), create(id="urn:room:2"))
    assert (await query(broker, time=by("modifiedAt", timerel="after", time_at=EARLY)))[0] == [ID]
    assert (await query(broker, time=by("modifiedAt", timerel="before", time_at=EARLY)))[0] == []
    assert (await query(broker))[0] == []


def scopes(page: HistoryPage) -> list[tuple[list[str], bool]]:
    return [(one.scope, one.deleted_at is not None) for one in page.histories[0].scopes]


@pytest.mark.clause("CIM009 4.18")
async def test_scopes_have_history_once_they_change(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, create(["/a"], name=static("a")))
    await succeed(tenant, AppendAttributes(ID, EntityPatch(scope=["/a"])))
    assert (await count(tenant, "series"), scopes(await retrieve(broker, by("modifiedAt")))) == (0, [])
    await succeed(tenant, AppendAttributes(ID, EntityPatch(scope=["/b", "/c"])))
    page = await retrieve(broker, by("modifiedAt"))
    assert scopes(page) == [(["/a"], False), (["/b", "/c"], False)]
    first, second = (one.modified_at for one in page.histories[0].scopes)
    assert first < second
    await succeed(tenant, DeleteAttribute(ID, SCOPE))
    assert scopes(await retrieve(broker, by("modifiedAt"))) == [(["/a"], False), (["/b", "/c"], False)]
    assert scopes(await retrieve(broker, by("deletedAt"))) == [([], True)]
    assert scopes(await retrieve(broker)) == []
    await succeed(tenant, AppendAttributes(ID, EntityPatch(scope=["/d"])), DeleteEntity(ID))
    assert scopes(await retrieve(broker, by("modifiedAt")))[-1] == (["/d"], False)
    assert scopes(await retrieve(broker, by("deletedAt"))) == [([], True), ([], True)]
    await assert_consistent(tenant.database)


async def test_scopes_keep_each_value_of_one_batch(tenant: OpenTenant, broker: Broker) -> None:
    patches = [EntityPatch(types=[ROOM], scope=[name]) for name in ("/a", "/b", "/c")]
    await succeed(tenant, CreateEntity(ID, patches[0]), *(ReplaceEntity(ID, one) for one in patches[1:]))
    assert [one for one, _ in scopes(await retrieve(broker, by("createdAt")))] == [["/a"], ["/b"], ["/c"]]
    assert [one for one, _ in scopes(await retrieve(broker, by("createdAt", last_n=2)))] == [["/c"], ["/b"]]


async def test_scope_can_be_deleted_from_history(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, create(["/a"]), AppendAttributes(ID, EntityPatch(scope=["/b"])))
    await succeed(tenant, DeleteHistoryAttribute(ID, SCOPE))
    entity = await read(tenant, ID)
    assert entity is not None
    assert (entity.scope, await count(tenant, "series")) == ([], 0)
    assert isinstance((await write(tenant, DeleteHistoryAttribute(ID, SCOPE)))[0], ResourceNotFound)
    await assert_consistent(tenant.database)


@pytest.mark.clause("CIM009 5.6.12")
async def test_past_of_a_deleted_entity_is_added_to_and_stays_the_past(tenant: OpenTenant, broker: Broker) -> None:
    """What can be retrieved can be added to; nothing of it comes back to the present."""
    add = EntityPatch(attributes={TEMPERATURE: [observed(2, 2)], HUMIDITY: [observed(9, 9)]})
    assert isinstance((await write(tenant, RecordHistory(ID, add, create=False)))[0], ResourceNotFound)
    await succeed(tenant, record(observed(1, 1), observed(3, 3), scope=["/a"]), DeleteEntity(ID))
    deleted_at = (await retrieve(broker)).histories[0].deleted_at
    [outcome] = await succeed(tenant, RecordHistory(ID, add, create=False, repeated="replace"))
    assert (outcome.created, outcome.updated) == (False, [TEMPERATURE, HUMIDITY])
    [again] = await succeed(tenant, RecordHistory(ID, add, create=False, repeated="replace"))
    assert (again.known, again.changed) == (2, False)
    assert await read(tenant, ID) is None
    page = await retrieve(broker)
    assert shown(page.histories[0]) == [1, 2, 3]
    assert shown(page.histories[0], HUMIDITY) == [9]
    assert (page.histories[0].types, page.histories[0].deleted_at) == ([ROOM], deleted_at)
    assert (await query(broker, HasType(ROOM)))[0] == [ID]
    await assert_consistent(tenant.database)


# Who may see and edit what


async def test_row_filter_is_judged_by_the_present_alone(tenant: OpenTenant, broker: Broker) -> None:
    """What an entity once was gives no right to its history."""
    await succeed(tenant, create(name=static(1)), record(observed(1, 1)))
    await succeed(tenant, AppendAttributes(ID, EntityPatch(attributes={NAME: [static(0)]})))
    public = AnyOf(Path((NAME,)), Is("==", number(1)))
    grant = make_grant(tenant.name, "guest", "read", row_filter=public)
    with pytest.raises(ResourceNotFound):
        await broker.retrieve_history(grant, ID, TemporalQuery(), attributes=None, most=MANY)
    time = by("modifiedAt", timerel="after", time_at=EARLY)
    assert (await query(broker, grant=grant, time=time))[0] == []
    await succeed(tenant, AppendAttributes(ID, EntityPatch(attributes={NAME: [static(1)]})))
    assert (await query(broker, grant=grant, time=time))[0] == [ID]
    await succeed(tenant, DeleteEntity(ID))
    assert (await query(broker, grant=grant, time=time))[0] == []


async def test_hidden_attributes_have_no_history_and_cannot_be_asked_for(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, create(name=static(1)), record(observed(1, 1)))
    [instance] = await instance_ids(broker)
    grant = make_grant(tenant.name, "guest", "write", hidden=frozenset({TEMPERATURE, NAME}))
    page = await broker.retrieve_history(grant, ID, by("modifiedAt"), attributes=None, most=MANY)
    assert page.histories[0].attributes == {}
    assert (await query(broker, Exists(Path((TEMPERATURE,)))))[0] == [ID]
    assert (await query(broker, Exists(Path((TEMPERATURE,))), grant=grant))[0] == []
    edits = [
        DeleteHistoryInstance(ID, TEMPERATURE, instance),
        DeleteHistoryAttribute(ID, TEMPERATURE),
        DeleteHistoryAttribute(ID, NAME),
    ]
    results = await tenant.writer.write(grant, edits)
    assert [type(result) for result in results] == [ResourceNotFound] * 3
    assert await values(tenant, ID) == {"": 1}


async def test_edit_that_would_leave_the_rows_of_a_grant_leaves_nothing_behind(
    tenant: OpenTenant, broker: Broker
) -> None:
    await succeed(tenant, record(observed(1, 0), observed(2, 1)))
    ids = await instance_ids(broker)
    grant = make_grant(tenant.name, "guest", "write", row_filter=AnyOf(Path((TEMPERATURE,)), Is("==", number(1))))
    edits = [
        DeleteHistoryInstance(ID, TEMPERATURE, ids[1]),
        PatchHistoryInstance(ID, TEMPERATURE, ids[1], InstancePatch(value=raw(7))),
        DeleteHistoryAttribute(ID, TEMPERATURE),
        DeleteHistoryInstance(ID, TEMPERATURE, ids[0]),
    ]
    *refused, done = await tenant.writer.write(grant, edits)
    assert [type(result) for result in refused] == [Forbidden] * 3
    assert not isinstance(done, Problem)
    assert (await values(tenant, ID), await instance_ids(broker)) == ({"": 1}, [ids[1]])
    await succeed(tenant, DeleteEntity(ID))
    [result] = await tenant.writer.write(grant, [DeleteHistory(ID)])
    assert isinstance(result, ResourceNotFound)
    await assert_consistent(tenant.database)


@pytest.mark.parametrize("attribute", [TEMPERATURE, NAME])
@pytest.mark.parametrize("instance", [1, 255, 1 << 40, (1 << 53) - 1])
async def test_edit_of_an_unknown_instance_is_refused(tenant: OpenTenant, attribute: Iri, instance: int) -> None:
    await succeed(tenant, record(observed(1, 1)), record(observed(1, 1), id="urn:room:2"))
    results = await write(
        tenant,
        DeleteHistoryInstance(EntityId("urn:room:2"), attribute, instance),
        PatchHistoryInstance(EntityId("urn:room:2"), attribute, instance, InstancePatch(value=raw(1))),
    )
    assert [type(result) for result in results] == [ResourceNotFound] * 2


# The ends of time


async def test_record_keeps_the_first_and_the_last_instant_there_is(tenant: OpenTenant, broker: Broker) -> None:
    ends = [InstancePatch(kind="Property", value=raw(1), observed_at=time) for time in (EARLIEST, LATEST)]
    await succeed(tenant, record(*ends))
    assert (await values(tenant, ID), len(await instance_ids(broker))) == ({"": 1}, 2)
    [history] = (await retrieve(broker, by("observedAt", aggr_methods="sum", aggr_period_duration="P9000Y"))).histories
    rows = history.attributes[TEMPERATURE][0].aggregates["sum"]
    assert [(unraw(row.value), render_instant(row.end)) for row in rows] == [
        (1, "9001-01-01T00:00:00Z"),
        (1, "9999-12-31T23:59:59.999999Z"),
    ]
    for instance in await instance_ids(broker):
        await succeed(tenant, DeleteHistoryInstance(ID, TEMPERATURE, instance))
    await assert_consistent(tenant.database)


async def test_delete_history_of_a_long_series_in_slices(
    tenant: OpenTenant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revise, "SLICE", 3)
    instances = [observed(minute // 5, minute) for minute in range(20)]
    await succeed(tenant, record(*instances, repeated="write"), record(*instances, id="urn:room:2", repeated="write"))
    await succeed(tenant, DeleteHistoryAttribute(ID, TEMPERATURE), record(observed(1, 1)), DeleteHistory(ID))
    assert await count(tenant, "observation") == 20
    assert shown((await retrieve(broker, id="urn:room:2")).histories[0]) == list(range(20))
    await assert_consistent(tenant.database)


async def test_history_keeps_what_has_expired_before_and_after_it_is_swept_up(
    tenant: OpenTenant, broker: Broker
) -> None:
    over = EntityPatch(types=[ROOM], expires_at=Instant(1), attributes={TEMPERATURE: [static(7)]})
    brief = EntityPatch(types=[ROOM], attributes={TEMPERATURE: [static(8, expires_at=Instant(1))]})
    await succeed(tenant, CreateEntity(ID, over), CreateEntity(EntityId("urn:room:2"), brief))
    for _ in range(2):
        assert await read(tenant, ID) is None
        written = by("modifiedAt", timerel="after", time_at=EARLY)
        ids, page = await query(broker, AnyOf(Path((TEMPERATURE,)), Is(">", number(6))), time=written)
        assert ids == [ID, "urn:room:2"]
        assert [shown(history) for history in page.histories] == [[7], [8]]
        await sweep_expired(tenant)
