from __future__ import annotations

import pytest

from stadtkern.broker.apply import apply
from stadtkern.errors import ResourceNotFound
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.operation import (
    AppendAttributes,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    PurgeAttributes,
    UpsertEntity,
)
from tests.unit.apply.builders import CAR, GPS, ID, NAME, SPEED, T1, after, car, fragment, instance, prop, values, verbs


def test_an_expired_entity_is_created_anew() -> None:
    before = car({SPEED: prop(1), NAME: prop("x")}, scope=["/a"], expires_at=T1)
    change = apply(CreateEntity(ID, fragment({SPEED: prop(2)}, types=[CAR])), before, T1)
    assert change.outcome.created
    assert (after(change).created_at, after(change).expires_at) == (T1, None)
    assert verbs(change) == [(SPEED, "", "updated"), (NAME, "", "deleted"), ("scope", "", "deleted")]
    assert change.items[0].previous == instance(before, SPEED)
    assert instance(after(change), SPEED).created_at == T1


def test_the_scope_of_an_expired_entity_is_told_as_what_was_before() -> None:
    change = apply(CreateEntity(ID, fragment(types=[CAR], scope=["/b"])), car(scope=["/a"], expires_at=T1), T1)
    [item] = change.items
    assert item.previous is not None
    assert item.new is not None
    assert (item.verb, item.previous.value, item.new.value) == ("updated", raw(["/a"]), raw(["/b"]))


def test_an_expired_entity_is_not_found() -> None:
    before = car(expires_at=T1)
    for operation in (DeleteEntity(ID), AppendAttributes(ID, fragment({SPEED: prop(1)}))):
        with pytest.raises(ResourceNotFound):
            apply(operation, before, T1)
    assert apply(DeleteEntity(ID), before, Instant(T1 - 1)).after is None


def test_an_expired_attribute_can_be_appended_without_overwriting() -> None:
    before = car({SPEED: prop(1, expires_at=T1), NAME: prop("x")})
    change = apply(AppendAttributes(ID, fragment({SPEED: prop(2)}), overwrite=False), before, T1)
    assert values(after(change), SPEED) == {"": 2}
    assert change.outcome.not_updated == []
    assert verbs(change) == [(SPEED, "", "updated")]


def test_an_expired_attribute_is_not_found() -> None:
    before = car({SPEED: [prop(1, expires_at=T1), prop(2, dataset_id=GPS)]})
    with pytest.raises(ResourceNotFound):
        apply(DeleteAttribute(ID, SPEED), before, T1)


def test_any_write_takes_expired_attributes_away() -> None:
    before = car({SPEED: [prop(1, expires_at=T1), prop(2, dataset_id=GPS)], NAME: prop("x", expires_at=T1)})
    change = apply(PurgeAttributes(ID, drop=frozenset()), before, T1)
    assert change.outcome.changed
    assert list(after(change).attributes) == [SPEED]
    assert sorted(verbs(change)) == [(NAME, "", "deleted"), (SPEED, "", "deleted")]
    assert change.before is before


def test_the_sweeper_deletes_what_is_still_expired() -> None:
    before = car({SPEED: prop(1)}, expires_at=T1)
    change = apply(DeleteEntity(ID, only_if_expired_at=T1), before, T1)
    assert (change.after, verbs(change)) == (None, [(SPEED, "", "deleted")])


@pytest.mark.parametrize("expires_at", [None, T1 + 1])
def test_the_sweeper_leaves_alone_what_was_prolonged(expires_at: Instant | None) -> None:
    before = car(expires_at=expires_at)
    change = apply(DeleteEntity(ID, only_if_expired_at=T1), before, T1)
    assert change.after is before
    assert not change.outcome.changed


def test_the_sweeper_leaves_alone_what_is_gone() -> None:
    assert not apply(DeleteEntity(ID, only_if_expired_at=T1), None, T1).outcome.changed


def test_upsert_of_an_expired_entity_creates_it() -> None:
    change = apply(UpsertEntity(ID, fragment(types=[CAR]), "update"), car({SPEED: prop(1)}, expires_at=T1), T1)
    assert change.outcome.created
    assert after(change).attributes == {}
