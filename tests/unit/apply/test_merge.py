from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.apply import apply
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.change import Change
from stadtkern.model.entity import Entity, InstancePatch
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import MergeEntity
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

NULL = "urn:ngsi-ld:null"


def merge(before: Entity, attributes: dict[Any, Any], **options: Any) -> Change:
    return apply(MergeEntity(ID, fragment(attributes), **options), before, T1)


def kind_of(kind: Any, value: Any, **members: Any) -> InstancePatch:
    return InstancePatch(kind=kind, value=raw(value), **members)


def test_merge_keeps_members_that_are_not_named() -> None:
    before = car({SPEED: prop(1, unit_code="KMH", observed_at=T0), NAME: prop("x")})
    change = merge(before, {SPEED: InstancePatch(value=raw(2))})
    speed = instance(after(change), SPEED)
    assert (unraw(speed.value), speed.unit_code, speed.observed_at, speed.created_at) == (2, "KMH", T0, T0)
    assert values(after(change), NAME) == {"": "x"}
    assert verbs(change) == [(SPEED, "", "updated")]


@pytest.mark.parametrize(
    ("kind", "old", "patch", "new"),
    [
        ("Property", {"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}),
        ("Property", {"a": 1, "b": 2}, {"b": NULL}, {"a": 1}),
        ("Property", {"a": 1}, {"b": {"c": NULL, "d": 1}}, {"a": 1, "b": {"d": 1}}),
        ("Property", {"a": 1}, [1], [1]),
        ("Property", 5, {"a": 1, "b": NULL}, {"a": 1}),
        ("JsonProperty", {"a": 1, "b": 2}, {"b": None}, {"a": 1, "b": None}),
        ("LanguageProperty", {"en": "hi", "es": "hola"}, {"en": "hey"}, {"en": "hey", "es": "hola"}),
        ("LanguageProperty", {"en": "hi", "es": "hola"}, {"en": NULL}, {"es": "hola"}),
        ("GeoProperty", {"type": "Point", "bbox": [1]}, {"type": "Polygon"}, {"type": "Polygon"}),
        ("Relationship", ["urn:a:1"], "urn:a:2", "urn:a:2"),
        ("ListProperty", [1, 2], [3], [3]),
    ],
)
def test_merge_goes_into_object_values(kind: Any, old: Any, patch: Any, new: Any) -> None:
    change = merge(car({SPEED: kind_of(kind, old)}), {SPEED: kind_of(kind, patch)})
    assert values(after(change), SPEED) == {"": new}


def test_merge_keeps_number_literals() -> None:
    before = car({SPEED: InstancePatch(kind="Property", value=text('{"a": 1.10, "b": 1e2}'))})
    change = merge(before, {SPEED: InstancePatch(value=text('{"b": 2.00}'))})
    assert bytes(instance(after(change), SPEED).value) == b'{"a":1.10,"b":2.00}'


def test_merge_goes_into_sub_attributes() -> None:
    deep = prop("gps", unit_code="C62", subs={NAME: [prop("n")]})
    before = car({SPEED: prop(1, subs={SOURCE: [deep, prop("b", dataset_id=GPS)]})})
    change = merge(before, {SPEED: InstancePatch(subs={SOURCE: [InstancePatch(value=raw("x"))], VAN: [prop(1)]})})
    subs = instance(after(change), SPEED).subs
    merged = subs[SOURCE][0]
    assert (unraw(merged.value), merged.unit_code, list(merged.subs)) == ("x", "C62", [NAME])
    assert (merged.created_at, merged.modified_at, subs[VAN][0].created_at) == (T0, T1, T1)
    assert unraw(subs[SOURCE][1].value) == "b"


def test_merge_deletes_by_null() -> None:
    before = car({SPEED: [prop(1), prop(2, dataset_id=GPS)], NAME: prop("x", subs={SOURCE: [prop(1)]})})
    change = merge(before, {SPEED: null(dataset_id=GPS), NAME: InstancePatch(subs={SOURCE: [null()]})})
    assert values(after(change), SPEED) == {"": 1}
    assert instance(after(change), NAME).subs == {}
    assert verbs(change) == [(SPEED, GPS, "deleted"), (NAME, "", "updated")]


def test_merge_ignores_null_for_what_is_not_there() -> None:
    before = car({SPEED: prop(1)})
    change = merge(before, {NAME: null(), SPEED: null(dataset_id=GPS)})
    assert change.after is before
    assert change.outcome.not_updated == []


def test_merge_adds_attributes_and_instances_without_their_nulls() -> None:
    added = {NAME: prop({"a": NULL, "b": 1}), SPEED: prop(2, dataset_id=GPS)}
    change = merge(car({SPEED: prop(1)}), added)
    assert values(after(change), NAME) == {"": {"b": 1}}
    assert values(after(change), SPEED) == {"": 1, GPS: 2}


def test_merge_unites_types_and_replaces_the_scope() -> None:
    operation = MergeEntity(ID, fragment(types=[VAN], scope=["/b"]))
    entity = after(apply(operation, car(scope=["/a"]), T1))
    assert (entity.types, entity.scope) == ([CAR, VAN], ["/b"])


def test_merge_removes_the_scope_by_null() -> None:
    change = apply(MergeEntity(ID, fragment(scope=[])), car(scope=["/a"]), T1)
    assert after(change).scope == []
    assert verbs(change) == [("scope", "", "deleted")]


def test_merge_fails_when_the_attribute_type_differs() -> None:
    with pytest.raises(BadRequestData, match="Relationship"):
        merge(car({SPEED: prop(1)}), {SPEED: rel("urn:a:b")})


def test_merge_fails_when_a_new_attribute_is_not_whole() -> None:
    with pytest.raises(BadRequestData, match="type and a value"):
        merge(car(), {SPEED: InstancePatch(unit_code="KMH")})


def test_merge_fails_when_there_is_no_entity() -> None:
    with pytest.raises(ResourceNotFound):
        apply(MergeEntity(ID, fragment()), None, T1)


def test_merge_sets_the_common_observation_time_where_there_is_one_and_no_other_is_given() -> None:
    before = car({SPEED: prop(1, observed_at=T0), NAME: prop("x"), SOURCE: prop("y", observed_at=T0)})
    patches = {SPEED: prop(2), NAME: prop("z"), SOURCE: prop("v", observed_at=T1)}
    entity = after(merge(before, patches, observed_at=Instant(9)))
    assert instance(entity, SPEED).observed_at == 9
    assert instance(entity, NAME).observed_at is None
    assert instance(entity, SOURCE).observed_at == T1


@pytest.mark.parametrize(
    ("kind", "old", "bare", "lang", "new"),
    [
        ("Relationship", "urn:a:1", "urn:a:2", None, "urn:a:2"),
        ("Relationship", "urn:a:1", ["urn:a:2", "urn:a:3"], None, ["urn:a:2", "urn:a:3"]),
        ("LanguageProperty", {"en": "hi"}, "bonjour", "fr", {"en": "hi", "fr": "bonjour"}),
        ("LanguageProperty", {"en": "hi"}, "hey", None, {"en": "hi", "@none": "hey"}),
        ("Property", {"a": 1}, {"b": 2}, None, {"a": 1, "b": 2}),
    ],
)
def test_merge_reads_a_bare_value_as_the_kind_that_exists(
    kind: Any, old: Any, bare: Any, lang: str | None, new: Any
) -> None:
    before = car({SPEED: kind_of(kind, old, unit_code="KMH")})
    entity = after(merge(before, {SPEED: prop(bare, simplified=True)}, lang=lang))
    speed = instance(entity, SPEED)
    assert (speed.kind, unraw(speed.value), speed.unit_code) == (kind, new, "KMH")


@pytest.mark.parametrize(("kind", "old", "bare"), [("Relationship", "urn:a:1", 5), ("GeoProperty", {}, 5)])
def test_merge_fails_when_a_bare_value_does_not_fit(kind: Any, old: Any, bare: Any) -> None:
    with pytest.raises(BadRequestData, match=kind):
        merge(car({SPEED: kind_of(kind, old)}), {SPEED: prop(bare, simplified=True)})
