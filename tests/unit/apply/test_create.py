from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.apply import apply
from stadtkern.errors import AlreadyExists, BadRequestData, ResourceNotFound
from stadtkern.model.entity import InstancePatch
from stadtkern.model.ids import EntityId
from stadtkern.model.json import raw
from stadtkern.model.operation import CreateEntity, ReplaceEntity, UpsertEntity
from tests.unit.apply.builders import (
    CAR,
    GPS,
    ID,
    NAME,
    SOURCE,
    SPEED,
    T0,
    T1,
    VAN,
    after,
    car,
    fragment,
    instance,
    null,
    prop,
    rel,
    values,
    verbs,
)


def test_create_gives_the_entity_with_both_times_set_to_now() -> None:
    change = apply(CreateEntity(ID, fragment({SPEED: prop(5, unit_code="KMH")}, types=[CAR])), None, T0)
    entity = after(change)
    assert (entity.id, entity.types, entity.created_at, entity.modified_at) == (ID, [CAR], T0, T0)
    speed = instance(entity, SPEED)
    assert (speed.unit_code, speed.created_at, speed.modified_at) == ("KMH", T0, T0)
    assert change.outcome.created
    assert verbs(change) == [(SPEED, "", "created")]


def test_create_ignores_times_of_the_client() -> None:
    entity = car({SPEED: prop(5, created_at=1, modified_at=2)})
    assert (instance(entity, SPEED).created_at, instance(entity, SPEED).modified_at) == (T0, T0)


def test_create_fails_when_the_entity_exists() -> None:
    with pytest.raises(AlreadyExists, match=ID):
        apply(CreateEntity(ID, fragment(types=[CAR])), car(), T1)


def test_create_puts_the_default_instance_first() -> None:
    entity = car({SPEED: [prop(1, dataset_id=GPS), prop(2)]})
    assert list(values(entity, SPEED)) == ["", GPS]


def test_create_drops_repeated_types() -> None:
    assert car(types=[CAR, VAN, CAR]).types == [CAR, VAN]


def test_create_with_scope_tells_so() -> None:
    change = apply(CreateEntity(ID, fragment(types=[CAR], scope=["/a"])), None, T0)
    assert after(change).scope == ["/a"]
    assert verbs(change) == [("scope", "", "created")]


@pytest.mark.parametrize(
    "entity",
    [
        fragment({SPEED: prop(1)}),
        fragment({SPEED: null()}, types=[CAR]),
        fragment({SPEED: prop(1, subs={SOURCE: [null()]})}, types=[CAR]),
        fragment({SPEED: prop(1, removed=frozenset({"observedAt"}))}, types=[CAR]),
        fragment({SPEED: InstancePatch(value=raw(1))}, types=[CAR]),
        fragment({SPEED: InstancePatch(kind="Property")}, types=[CAR]),
        fragment({SPEED: [prop(1), prop(2)]}, types=[CAR]),
        fragment({SPEED: [prop(1, dataset_id=GPS), prop(2, dataset_id=GPS)]}, types=[CAR]),
        fragment({SPEED: prop(1, subs={SOURCE: [prop(1), prop(2)]})}, types=[CAR]),
        fragment(types=[CAR], id=EntityId("urn:other:1")),
    ],
    ids=[
        "no type",
        "null",
        "null inside",
        "removed",
        "no kind",
        "no value",
        "twice",
        "dataset twice",
        "sub twice",
        "id",
    ],
)
@pytest.mark.parametrize("operation", [CreateEntity, UpsertEntity])
def test_create_fails_on_bad_content(operation: Any, entity: Any) -> None:
    with pytest.raises(BadRequestData):
        apply(operation(ID, entity), None, T0)


def test_replace_drops_what_is_not_named_and_keeps_creation_times() -> None:
    before = car({SPEED: prop(1, subs={SOURCE: [prop("gps")]}), NAME: prop("x")}, scope=["/a"])
    new = fragment({SPEED: rel("urn:x:1", subs={SOURCE: [prop("new")]})}, types=[VAN])
    change = apply(ReplaceEntity(ID, new), before, T1)
    entity = after(change)
    assert (entity.types, entity.scope, list(entity.attributes)) == ([VAN], [], [SPEED])
    assert (entity.created_at, entity.modified_at) == (T0, T1)
    speed = instance(entity, SPEED)
    assert (speed.kind, speed.created_at, speed.modified_at) == ("Relationship", T0, T1)
    assert speed.subs[SOURCE][0].created_at == T0
    assert verbs(change) == [(SPEED, "", "updated"), (NAME, "", "deleted"), ("scope", "", "deleted")]


def test_replace_drops_the_expiry_time() -> None:
    before = car(expires_at=T1 + 5)
    assert after(apply(ReplaceEntity(ID, fragment(types=[CAR])), before, T1)).expires_at is None


def test_replace_keeps_the_types_when_none_are_given() -> None:
    assert after(apply(ReplaceEntity(ID, fragment({NAME: prop(1)})), car(), T1)).types == [CAR]


def test_replace_fails_when_there_is_no_entity() -> None:
    with pytest.raises(ResourceNotFound):
        apply(ReplaceEntity(ID, fragment(types=[CAR])), None, T0)


def test_replace_fails_on_null() -> None:
    with pytest.raises(BadRequestData):
        apply(ReplaceEntity(ID, fragment({SPEED: null()}, types=[CAR])), car(), T1)


def test_upsert_creates_when_there_is_no_entity() -> None:
    assert apply(UpsertEntity(ID, fragment(types=[CAR]), "update"), None, T0).outcome.created


def test_upsert_replaces_by_default() -> None:
    change = apply(UpsertEntity(ID, fragment({NAME: prop("x")}, types=[VAN])), car({SPEED: prop(1)}), T1)
    assert (after(change).types, list(after(change).attributes)) == ([VAN], [NAME])
    assert not change.outcome.created


def test_upsert_by_update_keeps_other_attributes_and_types() -> None:
    entity = fragment({NAME: prop("x")}, types=[VAN])
    change = apply(UpsertEntity(ID, entity, "update"), car({SPEED: prop(1)}), T1)
    assert (after(change).types, list(after(change).attributes)) == ([CAR, VAN], [SPEED, NAME])
