"""A write by somebody who does not see everything: nothing hidden is written, lost, or given away by the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stadtkern.broker.apply import apply, apply_masked, strip_hidden
from stadtkern.errors import Forbidden, Problem
from stadtkern.model.change import Change, NotUpdated
from stadtkern.model.entity import Attributes, Entity, InstancePatch
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    CreateEntity,
    DeleteEntity,
    DocumentOperation,
    PartialUpdateAttribute,
    RecordHistory,
    ReplaceEntity,
    UpdateAttributes,
    UpsertEntity,
)
from stadtkern.policy.mask import patch_with_hidden, without_hidden
from tests.unit.apply.builders import CAR, ID, NAME, SOURCE, SPEED, T1, after, car, fragment, null, prop
from tests.unit.apply.generate import some_steps

HIDDEN = frozenset({SOURCE})
seeds = st.integers(0, 2**32 - 1)
Step = tuple[DocumentOperation, Entity | None, Instant, Change | Problem]


def attempt(operation: DocumentOperation, before: Entity | None, now: Instant) -> Change | Problem:
    """What the write path makes of an operation of somebody who does not see SOURCE."""
    try:
        left, notes = strip_hidden(operation, HIDDEN, before)
        assert not isinstance(left, RecordHistory)
        change = apply_masked(left, HIDDEN, before, now, lambda shown: apply(left, shown, now))  # type: ignore[arg-type]
    except Problem as problem:
        return problem
    outcome = replace(change.outcome, not_updated=[*change.outcome.not_updated, *notes])
    return Change(change.before, change.after, change.items, outcome)


def steps(seed: int) -> Iterator[Step]:
    """Random operations of somebody who sees everything and of somebody who does not, in turn."""
    entity: Entity | None = None
    now = Instant(1)
    for number, (operation, pause) in enumerate(some_steps(seed, 16)):
        now = Instant(now + pause)
        if number % 2:
            result = attempt(operation, entity, now)
            yield operation, entity, now, result
        else:
            try:
                result = apply(operation, entity, now)
            except Problem as problem:
                result = problem
        entity = result.after if isinstance(result, Change) else entity


def seen(entity: Entity | None) -> Entity | None:
    return None if entity is None else replace(entity, attributes=without_hidden(entity.attributes, HIDDEN))


def hidden_of(attributes: Attributes, kept: Attributes, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """All that is hidden, by where it is, as far as the instance around it is kept."""
    found: dict[tuple[str, ...], Any] = {}
    for name, group in attributes.items():
        if name in HIDDEN:
            found[*path, name] = group
            continue
        left = {one.dataset_id: one for one in kept.get(name, [])}
        for one in group:
            if one.dataset_id in left:
                found |= hidden_of(one.subs, left[one.dataset_id].subs, (*path, name, one.dataset_id))
    return found


@given(seeds)
def test_answer_does_not_depend_on_what_is_hidden(seed: int) -> None:
    for operation, before, now, result in steps(seed):
        other = attempt(operation, seen(before), now)
        if isinstance(result, Problem):
            assert isinstance(other, Problem)
            assert (type(other), other.detail) == (type(result), result.detail)
        else:
            assert isinstance(other, Change)
            assert other.outcome == result.outcome
            assert seen(other.after) == seen(result.after)


@given(seeds)
def test_what_is_hidden_survives_and_is_never_written(seed: int) -> None:
    for operation, before, now, result in steps(seed):
        over = before is not None and before.expires_at is not None and before.expires_at <= now
        if isinstance(result, Problem) or before is None or over or isinstance(operation, DeleteEntity):
            continue
        left = after(result).attributes
        assert hidden_of(left, left) == hidden_of(before.attributes, left)
        assert not any(item.attribute in HIDDEN for item in result.items)


@given(seeds)
def test_items_hold_whole_instances(seed: int) -> None:
    """They are what goes to history and to the change log."""
    for _, before, _, result in steps(seed):
        if isinstance(result, Problem):
            continue
        old = {} if before is None else before.attributes
        new = {} if result.after is None else result.after.attributes
        for item in result.items:
            if item.attribute != "scope":
                assert item.previous is None or item.previous in old[item.attribute]
                assert item.new is None or item.new in new[item.attribute]


def test_these_operations_meet_what_is_hidden() -> None:
    """Guards the properties above: they would say little if nothing hidden were there, or if all were refused."""
    done = [one for seed in range(60) for one in steps(seed)]
    assert sum(before is not None and seen(before) != before for _, before, _, _ in done) > 100
    assert sum(isinstance(result, Change) and bool(result.outcome.not_updated) for *_, result in done) > 20


def test_replacing_keeps_hidden_attributes_and_sub_attributes() -> None:
    before = car({SPEED: prop(1, subs={SOURCE: [prop("radar")]}), SOURCE: prop("x"), NAME: prop("n")})
    result = attempt(ReplaceEntity(ID, fragment({SPEED: prop(2)})), before, T1)
    assert isinstance(result, Change)
    left = after(result)
    assert left.attributes.keys() == {SPEED, SOURCE}
    assert left.attributes[SPEED][0].subs == before.attributes[SPEED][0].subs


@pytest.mark.parametrize("patch", [prop(7), null()])
@pytest.mark.parametrize("there", [True, False])
def test_writing_a_hidden_name_is_refused_the_same_whether_it_is_there_or_not(
    patch: InstancePatch, there: bool
) -> None:
    before = car({SPEED: prop(1), **({SOURCE: prop("x")} if there else {})})
    result = attempt(UpdateAttributes(ID, fragment({SPEED: prop(2), SOURCE: patch})), before, T1)
    assert isinstance(result, Change)
    reason = "These credentials may not write this attribute"
    assert result.outcome.not_updated == [NotUpdated(SOURCE, reason, forbidden=True)]
    assert result.outcome.updated == [SPEED]
    assert after(result).attributes.get(SOURCE) == before.attributes.get(SOURCE)


def test_what_has_no_answer_for_a_part_is_refused_as_a_whole() -> None:
    entity = fragment({SOURCE: prop(1)}, types=[CAR])
    deep = [prop(1, subs={NAME: [prop(1, subs={SOURCE: [prop(1)]})]})]
    for operation, before in [
        (CreateEntity(ID, entity), None),
        (UpsertEntity(ID, entity), None),
        (RecordHistory(ID, entity), car()),
        (PartialUpdateAttribute(ID, SPEED, deep), car({SPEED: prop(1)})),
    ]:
        with pytest.raises(Forbidden, match=str(SOURCE)):
            strip_hidden(operation, HIDDEN, before)
    _, notes = strip_hidden(UpdateAttributes(ID, fragment({SPEED: deep})), HIDDEN, car())
    assert notes == [NotUpdated(SPEED, f"These credentials may not write the sub-attribute {SOURCE}", forbidden=True)]


def test_correction_keeps_hidden_sub_attributes() -> None:
    inner = {SOURCE: [prop("radar", unit_code="KMH")], SPEED: [prop(1)]}
    old = car({SPEED: prop(1, subs={NAME: [prop("n", subs=inner)], SOURCE: [prop("x")]})}).attributes[SPEED][0]
    patch = patch_with_hidden(prop(2, subs={NAME: [prop("m")]}), old, HIDDEN)
    assert patch.subs[SOURCE] == [prop("x")]
    assert patch.subs[NAME] == [prop("m", subs={SOURCE: inner[SOURCE]})]
    assert Iri("scope") not in patch.subs
