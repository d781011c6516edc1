"""The same input written again, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import Forbidden, Problem
from stadtkern.model.actor import Actor, ApiKey
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.operation import RecordHistory, Repeated, UpsertEntity
from stadtkern.policy.authorize import authorize
from tests.store.stores import ROOM, TEMPERATURE, count, room, succeed, times, values

ID = EntityId("urn:room:1")
NAME = Iri("https://example.org/name")
HOUR = 3_600_000_000


def record(values: dict[int, Any], repeated: Repeated = "leave", **members: Any) -> RecordHistory:
    patches = [
        InstancePatch(kind="Property", value=raw(value), observed_at=Instant(hour * HOUR), **members)
        for hour, value in values.items()
    ]
    return RecordHistory(ID, EntityPatch(types=[ROOM], attributes={TEMPERATURE: patches}), repeated=repeated)


def upsert(name: str, scope: list[str] | None = None) -> UpsertEntity:
    patch = InstancePatch(kind="Property", value=raw(name))
    return UpsertEntity(ID, EntityPatch(types=[ROOM], scope=scope, attributes={NAME: [patch]}), "update", "leave")


async def test_record_leaves_out_what_is_there(tenant: OpenTenant) -> None:
    (first,) = await succeed(tenant, record({1: 20, 2: 21.5}))
    (second,) = await succeed(tenant, record({1: 20, 2: 21.5, 3: 22}))
    (third,) = await succeed(tenant, record({1: 20, 2: 21.5, 3: 22}))
    assert (first.known, second.known, third.known) == (0, 2, 3)
    assert (third.changed, await times(tenant, ID)) == (False, [HOUR, 2 * HOUR, 3 * HOUR])


async def test_record_leaves_out_what_came_before_in_the_same_request(tenant: OpenTenant) -> None:
    _, second, third = await succeed(tenant, room(ID), record({1: 20, 2: 21}), record({1: 20, 2: 21, 3: 22}))
    assert (second.known, third.known, await times(tenant, ID)) == (0, 2, [HOUR, 2 * HOUR, 3 * HOUR])


async def test_record_tells_units_and_kinds_of_values_apart(tenant: OpenTenant) -> None:
    await succeed(tenant, record({1: 1}, unit_code="CEL"))
    outcomes = await succeed(
        tenant, record({1: 1}), record({1: True}), record({1: "1"}), record({1: 1}, unit_code="CEL")
    )
    assert [outcome.known for outcome in outcomes] == [0, 0, 0, 1]
    assert await times(tenant, ID) == [HOUR] * 4


async def test_record_replaces_another_value_at_the_same_time(tenant: OpenTenant) -> None:
    await succeed(tenant, record({1: 20, 2: 21}))
    (outcome,) = await succeed(tenant, record({1: 20, 2: 99, 3: 22}, "replace"))
    assert (outcome.known, outcome.corrected) == (1, 1)
    assert (await times(tenant, ID), await values(tenant, ID)) == ([HOUR, 2 * HOUR, 3 * HOUR], {"": 22})
    await succeed(tenant, record({3: 23}, "replace"))
    assert await values(tenant, ID) == {"": 23}


async def test_record_keeps_both_values_at_one_time_unless_told_to_replace(tenant: OpenTenant) -> None:
    await succeed(tenant, record({1: 20}), record({1: 21}))
    assert await times(tenant, ID) == [HOUR, HOUR]


async def test_record_by_a_source_adds_but_does_not_replace(tenant: OpenTenant) -> None:
    key = ApiKey("k", "default", "sensor", "source", "", Instant(0), types=(ROOM,))  # type: ignore[arg-type]
    grant = authorize(Actor("key", key), "write", tenant.name)
    first, again, other = await tenant.writer.write(
        grant, [record({1: 20}, "replace"), record({1: 20, 2: 21}, "replace"), record({1: 30}, "replace")]
    )
    assert not isinstance(first, Problem)
    assert not isinstance(again, Problem)
    assert again.known == 1
    assert isinstance(other, Forbidden)


async def test_upsert_leaves_equal_attributes_alone(tenant: OpenTenant) -> None:
    (made,) = await succeed(tenant, upsert("Aula", ["/school"]))
    changes = await count(tenant, "change")
    (again,) = await succeed(tenant, upsert("Aula", ["/school"]))
    assert (made.created, again.changed, again.known) == (True, False, 1)
    assert (await count(tenant, "change"), await count(tenant, "observation")) == (changes, 0)
    (other,) = await succeed(tenant, upsert("Hall", ["/school"]))
    assert (other.changed, await values(tenant, ID, NAME)) == (True, {"": "Hall"})


@pytest.mark.parametrize(("repeated", "changed"), [("write", True), ("leave", False)])
async def test_replacement_by_the_same_entity_changes_nothing_when_repeated(
    tenant: OpenTenant, repeated: Repeated, changed: bool
) -> None:
    entity = room(ID).entity
    await succeed(tenant, UpsertEntity(ID, entity))
    (outcome,) = await succeed(tenant, UpsertEntity(ID, entity, repeated=repeated))
    assert outcome.changed is changed


async def test_replacement_drops_what_it_does_not_name(tenant: OpenTenant) -> None:
    await succeed(tenant, room(ID), upsert("Aula"))
    await succeed(tenant, UpsertEntity(ID, room(ID).entity, repeated="leave"))
    assert (await values(tenant, ID, NAME), await values(tenant, ID)) == ({}, {"": 20})
