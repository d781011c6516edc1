from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.apply import apply
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.entity import InstancePatch
from stadtkern.model.ids import Iri
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import (
    AppendAttributes,
    BatchUpdateEntity,
    PartialUpdateAttribute,
    ReplaceAttribute,
    UpdateAttributes,
)
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
    text,
    values,
    verbs,
)


def test_append_adds_and_overwrites() -> None:
    change = apply(AppendAttributes(ID, fragment({SPEED: prop(2), NAME: prop("x")})), car({SPEED: prop(1)}), T1)
    entity = after(change)
    assert (values(entity, SPEED), values(entity, NAME)) == ({"": 2}, {"": "x"})
    assert (entity.created_at, entity.modified_at) == (T0, T1)
    assert (instance(entity, SPEED).created_at, instance(entity, SPEED).modified_at) == (T0, T1)
    assert instance(entity, NAME).created_at == T1
    assert verbs(change) == [(SPEED, "", "updated"), (NAME, "", "created")]
    assert change.outcome.updated == [SPEED, NAME]


def test_append_replaces_the_whole_instance_type_included() -> None:
    before = car({SPEED: prop(1, unit_code="KMH", subs={SOURCE: [prop("gps")]})})
    speed = instance(after(apply(AppendAttributes(ID, fragment({SPEED: rel("urn:a:b")})), before, T1)), SPEED)
    assert (speed.kind, speed.unit_code, speed.subs) == ("Relationship", None, {})


def test_append_adds_an_instance_when_the_dataset_is_new() -> None:
    before = car({SPEED: prop(1, dataset_id="urn:x:1")})
    with_gps = after(apply(AppendAttributes(ID, fragment({SPEED: prop(2, dataset_id=GPS)})), before, T1))
    assert values(with_gps, SPEED) == {"urn:x:1": 1, GPS: 2}
    with_default = after(apply(AppendAttributes(ID, fragment({SPEED: prop(3)})), with_gps, T1))
    assert list(values(with_default, SPEED).items()) == [("", 3), ("urn:x:1", 1), (GPS, 2)]


def test_append_leaves_existing_attributes_alone_when_it_may_not_overwrite() -> None:
    before = car({SPEED: prop(1)})
    change = apply(AppendAttributes(ID, fragment({SPEED: prop(2), NAME: prop("x")}), overwrite=False), before, T1)
    assert values(after(change), SPEED) == {"": 1}
    assert change.outcome.updated == [NAME]
    assert [n.attribute for n in change.outcome.not_updated] == [SPEED]


def test_append_changes_nothing_when_all_exists_and_it_may_not_overwrite() -> None:
    before = car({SPEED: prop(1)})
    change = apply(AppendAttributes(ID, fragment({SPEED: prop(2)}), overwrite=False), before, T1)
    assert change.after is before
    assert not change.outcome.changed


@pytest.mark.parametrize(("overwrite", "scope"), [(True, ["/b", "/a"]), (False, ["/a", "/b"])])
def test_append_replaces_the_scope_or_extends_it(overwrite: bool, scope: list[str]) -> None:
    change = apply(AppendAttributes(ID, fragment(scope=["/b", "/a"]), overwrite=overwrite), car(scope=["/a"]), T1)
    assert after(change).scope == scope
    assert verbs(change) == [("scope", "", "updated")]
    assert change.outcome.updated == ["scope"]


@pytest.mark.parametrize("operation", [AppendAttributes, UpdateAttributes, BatchUpdateEntity])
def test_types_are_added_and_never_removed(operation: Any) -> None:
    change = apply(operation(ID, fragment(types=[VAN])), car(), T1)
    assert (after(change).types, after(change).modified_at) == ([CAR, VAN], T1)
    assert apply(operation(ID, fragment(types=[CAR])), car(), T1).outcome.changed is False


def test_append_fails_on_null() -> None:
    with pytest.raises(BadRequestData):
        apply(AppendAttributes(ID, fragment({SPEED: null()})), car({SPEED: prop(1)}), T1)


@pytest.mark.parametrize("operation", [AppendAttributes, UpdateAttributes, BatchUpdateEntity])
def test_append_and_update_fail_when_there_is_no_entity(operation: Any) -> None:
    with pytest.raises(ResourceNotFound, match=ID):
        apply(operation(ID, fragment({SPEED: prop(1)})), None, T1)


def test_update_replaces_whole_attributes_and_adds_new_ones() -> None:
    before = car({SPEED: [prop(1, unit_code="KMH"), prop(9, dataset_id=GPS)]})
    change = apply(UpdateAttributes(ID, fragment({SPEED: prop(2), NAME: prop("x")})), before, T1)
    assert values(after(change), SPEED) == {"": 2, GPS: 9}
    assert instance(after(change), SPEED).unit_code is None
    assert change.outcome.updated == [SPEED, NAME]


def test_update_deletes_one_instance_by_null() -> None:
    before = car({SPEED: [prop(1), prop(2, dataset_id=GPS)]})
    change = apply(UpdateAttributes(ID, fragment({SPEED: null(dataset_id=GPS)})), before, T1)
    assert values(after(change), SPEED) == {"": 1}
    assert verbs(change) == [(SPEED, GPS, "deleted")]


def test_update_reports_null_for_a_missing_attribute() -> None:
    change = apply(UpdateAttributes(ID, fragment({SPEED: null()})), car(), T1)
    assert [n.attribute for n in change.outcome.not_updated] == [SPEED]
    assert not change.outcome.changed


def test_update_replaces_a_scope_only_where_there_is_one() -> None:
    assert after(apply(UpdateAttributes(ID, fragment(scope=["/b"])), car(scope=["/a"]), T1)).scope == ["/b"]
    change = apply(UpdateAttributes(ID, fragment(scope=["/b"])), car(), T1)
    assert after(change).scope == []
    assert [n.attribute for n in change.outcome.not_updated] == ["scope"]


def test_update_sets_and_removes_the_expiry_time() -> None:
    timed = after(apply(UpdateAttributes(ID, fragment(expires_at=T1 + 9)), car(), T1))
    assert timed.expires_at == T1 + 9
    assert after(apply(UpdateAttributes(ID, fragment(expires_removed=True)), timed, T1)).expires_at is None


def test_update_with_the_same_value_is_a_new_observation() -> None:
    change = apply(UpdateAttributes(ID, fragment({SPEED: prop(1)})), car({SPEED: prop(1)}), T1)
    assert instance(after(change), SPEED).modified_at == T1
    assert verbs(change) == [(SPEED, "", "updated")]


def test_batch_update_reports_what_it_may_not_overwrite() -> None:
    change = apply(BatchUpdateEntity(ID, fragment({SPEED: prop(2)}), overwrite=False), car({SPEED: prop(1)}), T1)
    assert [n.attribute for n in change.outcome.not_updated] == [SPEED]


def test_partial_update_replaces_named_members_only() -> None:
    before = car({SPEED: prop(1, unit_code="KMH", observed_at=T0, subs={SOURCE: [prop("gps")], NAME: [prop("n")]})})
    patch = InstancePatch(value=text("2.50"), subs={SOURCE: [rel("urn:a:b")]})
    change = apply(PartialUpdateAttribute(ID, SPEED, [patch]), before, T1)
    speed = instance(after(change), SPEED)
    assert (speed.value, speed.unit_code, speed.observed_at) == (text("2.50"), "KMH", T0)
    assert (speed.created_at, speed.modified_at) == (T0, T1)
    assert (speed.subs[SOURCE][0].kind, unraw(speed.subs[NAME][0].value)) == ("Relationship", "n")
    assert (speed.subs[SOURCE][0].created_at, speed.subs[NAME][0].modified_at) == (T0, T0)
    assert verbs(change) == [(SPEED, "", "updated")]
    assert (change.items[0].previous, change.items[0].new) == (before.attributes[SPEED][0], speed)


def test_partial_update_replaces_an_object_value_whole() -> None:
    before = car({SPEED: prop({"a": 1, "b": 2})})
    change = apply(PartialUpdateAttribute(ID, SPEED, [InstancePatch(value=raw({"a": 3}))]), before, T1)
    assert values(after(change), SPEED) == {"": {"a": 3}}


def test_partial_update_removes_members_set_to_null() -> None:
    before = car({SPEED: prop(1, unit_code="KMH", observed_at=T0, extra={"ngsildproof": raw(1)})})
    patch = InstancePatch(removed=frozenset({"unitCode", "observedAt", "ngsildproof"}))
    speed = instance(after(apply(PartialUpdateAttribute(ID, SPEED, [patch]), before, T1)), SPEED)
    assert (speed.unit_code, speed.observed_at, speed.extra, unraw(speed.value)) == (None, None, {}, 1)


def test_partial_update_deletes_a_sub_attribute_by_null() -> None:
    before = car({SPEED: prop(1, subs={SOURCE: [prop("gps"), prop("x", dataset_id=GPS)]})})
    patch = InstancePatch(subs={SOURCE: [null()]})
    speed = instance(after(apply(PartialUpdateAttribute(ID, SPEED, [patch]), before, T1)), SPEED)
    assert [unraw(i.value) for i in speed.subs[SOURCE]] == ["x"]
    last = InstancePatch(subs={SOURCE: [null(), null(dataset_id=GPS)]})
    assert instance(after(apply(PartialUpdateAttribute(ID, SPEED, [last]), before, T1)), SPEED).subs == {}


def test_partial_update_deletes_the_instance_by_null() -> None:
    before = car({SPEED: [prop(1), prop(2, dataset_id=GPS)]})
    change = apply(PartialUpdateAttribute(ID, SPEED, [null()]), before, T1)
    assert values(after(change), SPEED) == {GPS: 2}
    assert change.outcome.updated == [SPEED]


@pytest.mark.parametrize(
    ("attribute", "patch"),
    [
        (SPEED, InstancePatch(kind="Relationship", value=raw("urn:a:b"))),
        (SPEED, InstancePatch()),
        (SPEED, InstancePatch(kind="Property")),
        (Iri("scope"), prop("/a")),
        (Iri("type"), prop("/a")),
    ],
    ids=["other type", "empty", "only a type", "scope", "type"],
)
def test_partial_update_fails_on_bad_content(attribute: Iri, patch: InstancePatch) -> None:
    with pytest.raises(BadRequestData):
        apply(PartialUpdateAttribute(ID, attribute, [patch]), car({SPEED: prop(1)}, scope=["/a"]), T1)


@pytest.mark.parametrize("operation", [PartialUpdateAttribute, ReplaceAttribute])
@pytest.mark.parametrize(
    ("attribute", "dataset_id", "said"),
    [(NAME, "", "has no attribute"), (SPEED, "", "no default instance"), (SPEED, "urn:x:2", "urn:x:2")],
)
def test_attribute_operations_fail_when_the_instance_is_missing(
    operation: Any, attribute: Iri, dataset_id: str, said: str
) -> None:
    before = car({SPEED: prop(1, dataset_id=GPS)})
    with pytest.raises(ResourceNotFound, match=said):
        apply(operation(ID, attribute, [prop(2, dataset_id=dataset_id)]), before, T1)


@pytest.mark.parametrize("operation", [PartialUpdateAttribute, ReplaceAttribute])
def test_attribute_operations_fail_without_a_fragment(operation: Any) -> None:
    with pytest.raises(BadRequestData, match="empty"):
        apply(operation(ID, SPEED, []), car({SPEED: prop(1)}), T1)


def test_replace_attribute_changes_the_type_and_keeps_the_creation_time() -> None:
    before = car({SPEED: [prop(1, unit_code="KMH"), prop(2, dataset_id=GPS)]})
    change = apply(ReplaceAttribute(ID, SPEED, [rel("urn:a:b")]), before, T1)
    speed = instance(after(change), SPEED)
    assert (speed.kind, speed.unit_code, speed.created_at, speed.modified_at) == ("Relationship", None, T0, T1)
    assert values(after(change), SPEED)[GPS] == 2


@pytest.mark.parametrize(("attribute", "patch"), [(SPEED, null()), (Iri("scope"), prop("/a"))])
def test_replace_attribute_fails_on_null_and_scope(attribute: Iri, patch: InstancePatch) -> None:
    with pytest.raises(BadRequestData):
        apply(ReplaceAttribute(ID, attribute, [patch]), car({SPEED: prop(1)}, scope=["/a"]), T1)
