"""What holds for every operation on every entity."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.broker.apply import apply
from stadtkern.errors import Problem
from stadtkern.model.change import Change
from stadtkern.model.entity import Entity, EntityPatch, Instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import DocumentOperation, MergeEntity
from tests.unit.apply.builders import ID, T1
from tests.unit.apply.generate import some_steps

SCOPE = Iri("scope")
seeds = st.integers(0, 2**32 - 1)


def dump(value: Any) -> bytes:
    return msgspec.json.encode(value)


def attempt(operation: DocumentOperation, before: Entity | None, now: Instant) -> Change | Problem:
    try:
        return apply(operation, before, now)
    except Problem as problem:
        return problem


def run(steps: list[tuple[DocumentOperation, int]]) -> list[tuple[Entity | None, Instant, Change]]:
    """Apply a history of operations, in time; give the changes that were made."""
    entity: Entity | None = None
    now = Instant(1)
    done: list[tuple[Entity | None, Instant, Change]] = []
    for operation, pause in steps:
        now = Instant(now + pause)
        result = attempt(operation, entity, now)
        if isinstance(result, Change):
            done.append((entity, now, result))
            entity = result.after
    return done


def by_key(entity: Entity | None) -> dict[tuple[str, str], Instance]:
    if entity is None:
        return {}
    return {(name, i.dataset_id): i for name, group in entity.attributes.items() for i in group}


@given(seeds)
def test_entities_stay_well_formed(seed: int) -> None:
    for _, now, change in run(some_steps(seed)):
        entity = change.after
        if entity is None:
            continue
        assert entity.types
        assert len(set(entity.types)) == len(entity.types)
        assert entity.created_at <= entity.modified_at <= now
        for group in entity.attributes.values():
            ids = [i.dataset_id for i in group]
            assert ids
            assert len(set(ids)) == len(ids)
            assert "" not in ids[1:]
            assert all(i.created_at <= i.modified_at <= now for i in group)


@given(seeds)
def test_items_are_the_difference_between_before_and_after(seed: int) -> None:
    for before, now, change in run(some_steps(seed)):
        assert change.before is before
        old, new = by_key(before), by_key(change.after)
        items = {(i.attribute, i.dataset_id): i for i in change.items if i.attribute != SCOPE}
        assert len([i for i in change.items if i.attribute != SCOPE]) == len(items)
        for key in old.keys() | new.keys() | items.keys():
            item = items.get(key)
            if item is None:
                assert old.get(key) is new.get(key)
                continue
            assert (item.previous, item.new) == (old.get(key), new.get(key))
            expected = "deleted" if key not in new else "updated" if key in old else "created"
            assert item.verb == expected
            assert item.new is None or item.new.modified_at == now


@given(seeds)
def test_scope_items_tell_when_the_scope_changed(seed: int) -> None:
    for before, _, change in run(some_steps(seed)):
        old = before.scope if before else []
        new = change.after.scope if change.after else []
        told = [i.verb for i in change.items if i.attribute == SCOPE]
        assert len(told) <= 1
        assert told or old == new


@given(seeds)
def test_apply_never_changes_what_it_is_given(seed: int) -> None:
    entity: Entity | None = None
    for operation, _ in some_steps(seed):
        seen, said = dump(entity), repr(operation)
        result = attempt(operation, entity, T1)
        assert dump(entity) == seen
        assert repr(operation) == said
        entity = result.after if isinstance(result, Change) else entity


def test_many_operations_succeed() -> None:
    """Guards the other tests: they would say little if the random operations failed."""
    assert sum(len(run(some_steps(seed, 60))) for seed in range(100)) >= 100 * 15


@given(seeds)
def test_merging_nothing_changes_nothing(seed: int) -> None:
    for _, now, change in run(some_steps(seed)):
        entity = change.after
        if entity is not None and not (entity.expires_at is not None and entity.expires_at <= now):
            merged = apply(MergeEntity(ID, EntityPatch()), entity, now)
            assert merged.after is not None
            expired = {key for key, i in by_key(entity).items() if i.expires_at is not None and i.expires_at <= now}
            kept = {key: i for key, i in by_key(entity).items() if key not in expired}
            assert by_key(merged.after) == kept
            assert (merged.after.types, merged.after.scope) == (entity.types, entity.scope)
