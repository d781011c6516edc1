"""Grants that hide attributes or rows: what their holder reads and writes, on either engine."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from stadtkern.broker.broker import Broker
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import Forbidden, Problem, ResourceNotFound
from stadtkern.model.change import Outcome
from stadtkern.model.entity import Entity, EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import (
    AppendAttributes,
    BatchUpdateEntity,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    DeleteHistory,
    DeleteHistoryAttribute,
    DeleteHistoryInstance,
    MergeEntity,
    Operation,
    PartialUpdateAttribute,
    PatchHistoryInstance,
    PurgeAttributes,
    RecordHistory,
    ReplaceAttribute,
    ReplaceEntity,
    UpdateAttributes,
    UpsertEntity,
)
from stadtkern.policy.grant import Grant, make_grant
from stadtkern.query.filter import AnyOf, Exists, Is, Path, text
from stadtkern.query.request import EntityQuery
from tests.store.consistency import assert_consistent
from tests.store.histories import MANY, by, observed, record, static
from tests.store.stores import GRANT, ROOM, TEMPERATURE, read, succeed

ID = EntityId("urn:room:1")
OTHER = EntityId("urn:room:2")
NEW = EntityId("urn:room:new")
SECRET = Iri("https://example.org/secret")
OWNER = Iri("https://example.org/owner")
MASKED = make_grant(GRANT.tenant, "guest", "write", hidden=frozenset({SECRET}))
OWN = make_grant(GRANT.tenant, "guest", "write", row_filter=AnyOf(Path((OWNER,)), Is("==", text("me"))))


@pytest.fixture
def broker(tenants: Tenants) -> Broker:
    return Broker(tenants)


def patch(**attributes: InstancePatch) -> EntityPatch:
    named = {Iri(f"https://example.org/{name}"): [one] for name, one in attributes.items()}
    return EntityPatch(types=[ROOM], attributes=named)


async def one(tenant: OpenTenant, grant: Grant, operation: Operation) -> Outcome | Problem:
    [result] = await tenant.writer.write(grant, [operation])
    return result


async def found(tenant: OpenTenant, id_: EntityId = ID) -> Entity:
    entity = await read(tenant, id_)
    assert entity is not None
    return entity


# Hidden attributes

WITH_SECRET = patch(
    temperature=observed(1, 20, subs={SECRET: [static("s")], OWNER: [static("o")]}),
    name=static("n", subs={SECRET: [static("s")]}),
    secret=static("x"),
)
WRITES: list[Operation] = [
    ReplaceEntity(ID, patch(temperature=static(1), name=static("m"))),
    UpsertEntity(ID, patch(temperature=observed(2, 1), name=static("m"))),
    UpsertEntity(ID, patch(temperature=observed(2, 1), name=static("m")), repeated="leave"),
    UpsertEntity(ID, patch(name=static("m")), "update"),
    AppendAttributes(ID, patch(temperature=observed(3, 1))),
    UpdateAttributes(ID, patch(temperature=observed(0, 1), name=static("m"))),
    BatchUpdateEntity(ID, patch(name=static("m"))),
    MergeEntity(ID, patch(temperature=static(1), name=static("m"))),
    PartialUpdateAttribute(ID, TEMPERATURE, [InstancePatch(value=raw(7))]),
    ReplaceAttribute(ID, TEMPERATURE, [static(7)]),
    PurgeAttributes(ID, keep=frozenset({TEMPERATURE, Iri("https://example.org/name")})),
    PurgeAttributes(ID, drop=frozenset({SECRET})),
    record(observed(1, 21), id=ID),
]


@pytest.mark.parametrize("operation", WRITES, ids=lambda one: type(one).__name__)
async def test_write_keeps_what_its_writer_does_not_see(tenant: OpenTenant, operation: Operation) -> None:
    await succeed(tenant, CreateEntity(ID, WITH_SECRET))
    assert isinstance(await one(tenant, MASKED, operation), Outcome)
    entity = await found(tenant)
    assert [unraw(i.value) for i in entity.attributes[SECRET]] == ["x"]
    for group in (entity.attributes[TEMPERATURE], entity.attributes[Iri("https://example.org/name")]):
        assert [unraw(i.value) for i in group[0].subs[SECRET]] == ["s"]
    await assert_consistent(tenant.database)


async def test_hidden_names_are_left_alone_and_said_to_be(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, CreateEntity(ID, WITH_SECRET), CreateEntity(OTHER, patch(name=static("n"))))
    for operation in (ReplaceEntity, UpsertEntity, AppendAttributes, UpdateAttributes, BatchUpdateEntity, MergeEntity):
        said = [await one(tenant, MASKED, operation(id_, patch(secret=static("y")))) for id_ in (ID, OTHER)]
        for result in said:
            assert isinstance(result, Outcome)
            assert [(note.attribute, note.forbidden) for note in result.not_updated] == [(SECRET, True)]
    assert [unraw(i.value) for i in (await found(tenant)).attributes[SECRET]] == ["x"]
    assert SECRET not in (await found(tenant, OTHER)).attributes


async def test_hidden_attribute_cannot_be_named_alone(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, CreateEntity(ID, WITH_SECRET), CreateEntity(OTHER, patch(name=static("n"))))
    for id_ in (ID, OTHER):
        for operation in (
            PartialUpdateAttribute(id_, SECRET, [InstancePatch(value=raw(7))]),
            ReplaceAttribute(id_, SECRET, [static(7)]),
            DeleteAttribute(id_, SECRET, delete_all=True),
            DeleteHistoryAttribute(id_, SECRET),
        ):
            result = await one(tenant, MASKED, operation)
            assert isinstance(result, ResourceNotFound)
            assert result.detail == f"Entity {id_} has no attribute {SECRET}"
    made = [CreateEntity(NEW, WITH_SECRET), UpsertEntity(NEW, WITH_SECRET), RecordHistory(NEW, WITH_SECRET)]
    for operation in made:
        assert isinstance(await one(tenant, MASKED, operation), Forbidden)
    assert await read(tenant, NEW) is None


async def test_deleting_takes_what_is_hidden_along(tenant: OpenTenant, broker: Broker) -> None:
    """An entity cannot half exist: whoever may delete it deletes all of it."""
    await succeed(tenant, CreateEntity(ID, WITH_SECRET), CreateEntity(OTHER, WITH_SECRET))
    assert isinstance(await one(tenant, MASKED, DeleteEntity(ID)), Outcome)
    assert isinstance(await one(tenant, MASKED, DeleteHistory(OTHER)), Outcome)
    assert (await read(tenant, ID), await read(tenant, OTHER)) == (None, None)
    await assert_consistent(tenant.database)


async def test_hidden_sub_attributes_are_not_read(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, CreateEntity(ID, WITH_SECRET))
    await succeed(tenant, AppendAttributes(ID, patch(temperature=observed(2, 21))))
    entities = [
        await broker.retrieve_entity(MASKED, ID),
        *(await broker.query_entities(MASKED, EntityQuery())).entities,
        *(await broker.query_entities(MASKED, EntityQuery(filter=Exists(Path((TEMPERATURE, OWNER)))))).entities,
    ]
    assert len(entities) == 2
    histories = [
        await broker.retrieve_history(MASKED, ID, by(time), attributes=None, most=MANY)
        for time in ("observedAt", "createdAt")
    ]
    assert SECRET.encode() not in msgspec.json.encode([entities, [page.histories for page in histories]])
    [series] = histories[0].histories[0].attributes[TEMPERATURE]
    assert [list(one.subs) for one in series.instances] == [[OWNER], []]
    hidden = EntityQuery(filter=Exists(Path((TEMPERATURE, SECRET))))
    assert not (await broker.query_entities(MASKED, hidden)).entities


async def test_correction_of_history_keeps_hidden_sub_attributes(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, CreateEntity(ID, WITH_SECRET), AppendAttributes(ID, patch(temperature=observed(5, 22))))
    seen = observed(1, 20, subs={OWNER: [static("o")]})
    [again, other] = await tenant.writer.write(MASKED, [record(seen, id=ID), record(observed(1, 99), id=ID)])
    assert isinstance(again, Outcome)
    assert isinstance(other, Outcome)
    assert (again.known, other.corrected) == (1, 1)
    page = await broker.retrieve_history(GRANT, ID, by("observedAt"), attributes=None, most=MANY)
    first, *_ = page.histories[0].attributes[TEMPERATURE][0].instances
    assert (unraw(first.value), list(first.subs)) == (99, [SECRET])
    named = InstancePatch(subs={SECRET: [static("y")]})
    assert isinstance(
        await one(tenant, MASKED, PatchHistoryInstance(ID, TEMPERATURE, first.instance_id or 0, named)), Forbidden
    )
    await assert_consistent(tenant.database)


# Hidden rows

MINE = patch(owner=static("me"), temperature=observed(1, 20))
THEIRS = patch(owner=static("you"), temperature=observed(1, 20))
ON_ONE: list[Operation] = [
    ReplaceEntity(OTHER, MINE),
    MergeEntity(OTHER, MINE),
    AppendAttributes(OTHER, MINE),
    UpdateAttributes(OTHER, MINE),
    BatchUpdateEntity(OTHER, MINE),
    PartialUpdateAttribute(OTHER, OWNER, [static("me")]),
    ReplaceAttribute(OTHER, OWNER, [static("me")]),
    DeleteAttribute(OTHER, OWNER),
    PurgeAttributes(OTHER, drop=frozenset({OWNER})),
    DeleteEntity(OTHER),
    RecordHistory(OTHER, MINE, create=False),
    DeleteHistory(OTHER),
    DeleteHistoryAttribute(OTHER, TEMPERATURE),
    DeleteHistoryInstance(OTHER, TEMPERATURE, 1),
    PatchHistoryInstance(OTHER, TEMPERATURE, 1, InstancePatch(value=raw(1))),
]


@pytest.mark.parametrize("over", [False, True], ids=["theirs", "expired"])
async def test_rows_outside_the_filter_do_not_exist_for_writes(tenant: OpenTenant, over: bool) -> None:
    """Those that are in it by an attribute that is over are outside as well."""
    owner = static("me", expires_at=Instant(1)) if over else static("you")
    await succeed(tenant, CreateEntity(OTHER, patch(owner=owner, temperature=observed(1, 20))))
    before = await found(tenant, OTHER)
    for operation in ON_ONE:
        result = await one(tenant, OWN, operation)
        assert isinstance(result, ResourceNotFound), operation
        assert result.detail == f"Entity {OTHER} does not exist"
    for operation in (CreateEntity(OTHER, MINE), UpsertEntity(OTHER, MINE), RecordHistory(OTHER, MINE)):
        result = await one(tenant, OWN, operation)
        assert isinstance(result, Forbidden), operation
        assert "taken" in result.detail
    assert await found(tenant, OTHER) == before


async def test_row_filter_of_single_reads_does_not_see_what_is_over(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, CreateEntity(ID, patch(owner=static("me", expires_at=Instant(1)))))
    assert not (await broker.query_entities(OWN, EntityQuery())).entities
    assert await broker.load_linked(OWN, [ID]) == {}
    with pytest.raises(ResourceNotFound):
        await broker.retrieve_entity(OWN, ID)
    with pytest.raises(ResourceNotFound):
        await broker.retrieve_rendered(OWN, ID, "form", msgspec.json.encode)


async def test_bytes_are_not_remembered_where_the_filter_looks_at_what_expires_unseen(
    tenant: OpenTenant, broker: Broker
) -> None:
    hiding = make_grant(GRANT.tenant, "guest", "read", row_filter=OWN.row_filter, hidden=frozenset({OWNER}))
    soon = Instant(now() + 400_000)
    await succeed(tenant, CreateEntity(ID, patch(owner=static("me", expires_at=soon), name=static("n"))))
    while now() < soon:
        try:
            await broker.retrieve_rendered(hiding, ID, "form", msgspec.json.encode)
        except ResourceNotFound:
            assert now() >= soon
    with pytest.raises(ResourceNotFound):
        await broker.retrieve_rendered(hiding, ID, "form", msgspec.json.encode)


async def test_entities_may_not_leave_what_the_writer_may_see(tenant: OpenTenant) -> None:
    await succeed(tenant, CreateEntity(ID, MINE))
    for operation in (
        ReplaceEntity(ID, THEIRS),
        MergeEntity(ID, THEIRS),
        AppendAttributes(ID, THEIRS),
        AppendAttributes(ID, patch(owner=static("me", expires_at=Instant(1)))),
        DeleteAttribute(ID, OWNER),
        PurgeAttributes(ID, drop=frozenset({OWNER})),
        DeleteHistoryAttribute(ID, OWNER),
        CreateEntity(NEW, THEIRS),
        UpsertEntity(NEW, THEIRS),
        RecordHistory(NEW, THEIRS),
    ):
        assert isinstance(await one(tenant, OWN, operation), Forbidden), operation
    assert [unraw(i.value) for i in (await found(tenant)).attributes[OWNER]] == ["me"]
    results = await tenant.writer.write(OWN, [CreateEntity(NEW, MINE), MergeEntity(NEW, MINE), DeleteEntity(NEW)])
    assert [type(result) for result in results] == [Outcome] * 3
    await assert_consistent(tenant.database)


@pytest.mark.parametrize("together", [True, False])
async def test_nobody_gets_to_see_a_past_by_taking_its_id(tenant: OpenTenant, together: bool) -> None:
    """together: both in one transaction."""
    gone: list[Operation] = [CreateEntity(OTHER, THEIRS), DeleteEntity(OTHER)]
    mine: list[Operation] = [CreateEntity(OTHER, MINE), UpsertEntity(OTHER, MINE), RecordHistory(OTHER, MINE)]
    if together:
        _, results = await asyncio.gather(tenant.writer.write(GRANT, gone), tenant.writer.write(OWN, mine))
    else:
        await succeed(tenant, *gone)
        results = await tenant.writer.write(OWN, mine)
    assert [type(result) for result in results] == [Forbidden] * 3
    await succeed(tenant, CreateEntity(OTHER, THEIRS), DeleteHistory(OTHER))
    assert isinstance(await one(tenant, OWN, CreateEntity(OTHER, MINE)), Outcome)
