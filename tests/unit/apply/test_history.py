from __future__ import annotations

import pytest

from stadtkern.broker.apply import becomes_current, drop_current, patch_recorded, record_history, record_instance
from stadtkern.broker.apply.history import MAX_LEAD_US
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.entity import InstancePatch, replace
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import DeleteHistoryAttribute, RecordHistory
from tests.unit.apply.builders import (
    CAR,
    GPS,
    ID,
    NAME,
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


def at(time: int, value: int, **members: str) -> InstancePatch:
    return prop(value, observed_at=Instant(time), **members)


def test_record_creates_the_entity_with_its_latest_instance() -> None:
    operation = RecordHistory(ID, fragment({SPEED: [at(3, 30), at(1, 10), at(2, 20)]}, types=[CAR], scope=["/a"]))
    change = record_history(operation, None, T1)
    assert change.before is None
    assert change.outcome.created
    assert (after(change).types, after(change).scope) == ([CAR], ["/a"])
    assert values(after(change), SPEED) == {"": 30}
    assert [(i.verb, unraw(i.new.value)) for i in change.items if i.new and i.attribute == SPEED] == [
        ("recorded", 10),
        ("recorded", 20),
        ("created", 30),
    ]


def test_record_does_not_change_the_current_value_when_late() -> None:
    before = car({SPEED: prop(1, observed_at=Instant(50))})
    change = record_history(RecordHistory(ID, fragment({SPEED: at(49, 2)})), before, T1)
    assert values(after(change), SPEED) == {"": 1}
    assert verbs(change) == [(SPEED, "", "recorded")]


def test_record_becomes_current_when_not_older() -> None:
    before = car({SPEED: prop(1, observed_at=Instant(50))})
    change = record_history(RecordHistory(ID, fragment({SPEED: at(50, 2)}, types=[VAN])), before, T1)
    assert values(after(change), SPEED) == {"": 2}
    assert instance(after(change), SPEED).created_at == T0
    assert (after(change).types, verbs(change)) == ([CAR, VAN], [(SPEED, "", "updated")])
    assert change.items[0].previous == instance(before, SPEED)


def test_record_keeps_datasets_apart() -> None:
    entity = fragment({SPEED: [at(1, 1), at(2, 2, dataset_id=GPS)]}, types=[CAR])
    assert values(after(record_history(RecordHistory(ID, entity), None, T1)), SPEED) == {"": 1, GPS: 2}


def test_record_from_a_far_future_never_becomes_current() -> None:
    change = record_history(RecordHistory(ID, fragment({SPEED: at(T1 + MAX_LEAD_US + 1, 1)}, types=[CAR])), None, T1)
    assert after(change).attributes == {}
    assert verbs(change) == [(SPEED, "", "recorded")]


def test_record_fails_when_the_entity_is_missing_and_may_not_be_created() -> None:
    with pytest.raises(ResourceNotFound):
        record_history(RecordHistory(ID, fragment({SPEED: at(1, 1)}, types=[CAR]), create=False), None, T1)


def test_record_adds_to_a_past_without_bringing_the_entity_back() -> None:
    operation = RecordHistory(ID, fragment({SPEED: [at(2, 2), at(1, 1)]}), create=False)
    change = record_history(operation, None, T1, has_past=True)
    assert (change.after, verbs(change)) == (None, [(SPEED, "", "recorded")] * 2)
    expired = record_history(operation, car({SPEED: prop(1)}, expires_at=T1), T1)
    assert (expired.after, verbs(expired)) == (None, [(SPEED, "", "deleted"), *[(SPEED, "", "recorded")] * 2])


def test_record_fails_without_a_type_and_on_null() -> None:
    for entity in (fragment({SPEED: at(1, 1)}), fragment({SPEED: null()}, types=[CAR])):
        with pytest.raises(BadRequestData):
            record_history(RecordHistory(ID, entity), None, T1)


def test_record_takes_away_what_has_expired() -> None:
    before = car({SPEED: [prop(1), prop(2, dataset_id=GPS)]}, expires_at=T1)
    entity = fragment({SPEED: at(T1 + MAX_LEAD_US + 1, 3)}, types=[VAN])
    change = record_history(RecordHistory(ID, entity), before, T1)
    assert (after(change).types, after(change).attributes, change.outcome.created) == ([VAN], {}, True)
    assert verbs(change) == [(SPEED, "", "deleted"), (SPEED, GPS, "deleted"), (SPEED, "", "recorded")]
    change = record_history(RecordHistory(ID, fragment({SPEED: at(T1, 3)}, types=[VAN])), before, T1)
    assert verbs(change) == [(SPEED, "", "updated"), (SPEED, GPS, "deleted")]
    assert change.items[0].previous == instance(before, SPEED)


def test_becomes_current_compares_own_times() -> None:
    old, new = record_instance(SPEED, at(1, 1), T1), record_instance(SPEED, at(2, 1), T1)
    assert becomes_current(None, old, T1)
    assert becomes_current(old, new, T1)
    assert not becomes_current(new, old, T1)


def test_patching_a_recorded_instance_keeps_its_identity() -> None:
    current = replace(record_instance(SPEED, at(1, 1, dataset_id=GPS), T0), instance_id=7)
    patched = patch_recorded(SPEED, current, InstancePatch(value=raw(2)), T1)
    assert (patched.instance_id, unraw(patched.value), patched.observed_at, patched.dataset_id) == (7, 2, 1, GPS)
    assert (patched.created_at, patched.modified_at) == (T0, T1)


@pytest.mark.parametrize("patch", [InstancePatch(), null(), rel("urn:a:b"), prop(1, dataset_id="urn:x:9")])
def test_patching_a_recorded_instance_fails_on_bad_content(patch: InstancePatch) -> None:
    with pytest.raises(BadRequestData):
        patch_recorded(SPEED, record_instance(SPEED, at(1, 1, dataset_id=GPS), T0), patch, T1)


def test_dropping_from_history_takes_the_current_instance_too() -> None:
    before = car({SPEED: [prop(1), prop(2, dataset_id=GPS)]})
    one = drop_current(DeleteHistoryAttribute(ID, SPEED), before, T1)
    assert values(after(one), SPEED) == {GPS: 2}
    assert after(drop_current(DeleteHistoryAttribute(ID, SPEED, delete_all=True), before, T1)).attributes == {}
    assert drop_current(DeleteHistoryAttribute(ID, NAME), before, T1).after is before
