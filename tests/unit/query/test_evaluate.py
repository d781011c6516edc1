"""The semantics of filters, row by row as in ``docs/filters.md``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from stadtkern.model.entity import AttributeKind, Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.query.evaluate import compile_matcher, decide, matches
from stadtkern.query.filter import (
    EVERYTHING,
    NOTHING,
    UNKNOWN,
    And,
    AnyOf,
    Exists,
    Fails,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Is,
    IsNull,
    Lacks,
    Not,
    Or,
    Path,
    ScopeMatches,
    Sure,
    number,
)
from stadtkern.query.geoquery import parse_geo_query
from stadtkern.query.q import parse_q


def expand(name: str) -> Iri:
    return Iri("urn:t:" + name)


def instance(value: Any, kind: AttributeKind = "Property", **more: Any) -> Instance:
    return Instance(kind=kind, value=Raw(json.dumps(value)), **more)


def entity(*instances: Instance, name: str = "a", **more: Any) -> Entity:
    attributes = {expand(name): list(instances)} if instances else {}
    return Entity(id=EntityId("urn:e:1"), types=[expand("T")], attributes=attributes, **more)


EMPTY = entity()
TRUE, FALSE = EVERYTHING, NOTHING


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (TRUE, TRUE, True, True),
        (TRUE, FALSE, False, True),
        (TRUE, UNKNOWN, None, True),
        (FALSE, FALSE, False, False),
        (FALSE, UNKNOWN, False, None),
        (UNKNOWN, UNKNOWN, None, None),
    ],
)
def test_decide_follows_kleene(one: Any, other: Any, both: bool | None, either: bool | None) -> None:
    assert decide(And((one, other)), EMPTY) is decide(And((other, one)), EMPTY) is both
    assert decide(Or((one, other)), EMPTY) is decide(Or((other, one)), EMPTY) is either


@pytest.mark.parametrize(
    ("part", "negated", "sure"), [(TRUE, False, True), (FALSE, True, False), (UNKNOWN, None, False)]
)
def test_decide_negates_and_makes_sure(part: Any, negated: bool | None, sure: bool) -> None:
    assert decide(Not(part), EMPTY) is negated
    assert decide(Sure(part), EMPTY) is sure
    assert decide(Not(Sure(part)), EMPTY) is not sure


def test_matches_only_what_is_true() -> None:
    assert [matches(one, EMPTY) for one in (TRUE, FALSE, UNKNOWN, Not(UNKNOWN))] == [True, False, False, False]


@pytest.mark.parametrize(
    ("value", "q", "expected"),
    [
        (5, "a==5", True),
        (5, "a==5.0", True),
        (5, "a>4;a<6;a>=5;a<=5", True),
        (5, "a>5", False),
        (5, 'a=="5"', None),
        ("5", "a==5", None),
        ("5", "a>4", None),
        (True, "a==1", None),
        (1, "a==true", None),
        (True, "a==true", True),
        (False, "a==true", False),
        (None, "a==5", None),
        ({"k": 5}, "a==5", None),
        ("b", 'a>"a"', True),
        ("Z", 'a<"a"', True),
        ("ä", 'a>"z"', True),
        (9007199254740993, "a==9007199254740992", True),
        ({"@type": "DateTime", "@value": "2020-01-01T00:00:00Z"}, "a==2020-01-01T00:00:00Z", True),
        ({"@value": 5}, "a==5", True),
        ("2020-01-01T01:00:00+01:00", "a==2020-01-01T00:00:00Z", True),
        ("2020-01-01T01:00:00+01:00", 'a=="2020-01-01T00:00:00Z"', False),
        ("2020-01-02T00:00:00Z", "a>2020-01-01T00:00:00Z", True),
        ("2020-13-02T00:00:00Z", "a>2020-01-01T00:00:00Z", None),
        (5, "a>2020-01-01T00:00:00Z", None),
        ("2020-01-02", "a>=2020-01-02", True),
        ("12:30:00Z", "a<13:00:00Z", True),
        (15, "a==10..20", True),
        (20, "a==10..20", True),
        (21, "a==10..20", False),
        ("x", "a==10..20", None),
        ("red", 'a=="black","red"', True),
        ("blue", 'a=="black","red"', False),
        (5, 'a=="black",6', None),
        ("Eiffel Tower", 'a~="^Eiffel"', True),
        ("Eiffel Tower", 'a~="ffel"', True),
        ("Pisa", 'a~="^Eiffel"', False),
        (5, 'a~="5"', None),
    ],
)
def test_decide_compares_by_declared_kind(value: Any, q: str, expected: bool | None) -> None:
    assert decide(parse_q(q, expand), entity(instance(value))) is expected


@pytest.mark.clause("CIM009 4.9")
@pytest.mark.parametrize(
    ("value", "q", "expected"),
    [
        ("black", 'a!="red"', True),
        ("red", 'a!="red"', False),
        (["blue", "black"], 'a!="red"', True),
        (["blue", "red"], 'a!="red"', False),
        ([], 'a!="red"', True),
        (5, 'a!="red"', True),
        (None, "a!=5", True),
        (9, "a!=10..20", True),
        (15, "a!=10..20", False),
        ("hot", "a!=10..20", True),
        ("blue", 'a!="black","red"', True),
        ("red", 'a!="black","red"', False),
        ("Pisa", 'a!~="^Eiffel"', True),
        ("Eiffel", 'a!~="^Eiffel"', False),
        (5, 'a!~="^Eiffel"', None),
        (["Pisa", "Eiffel"], 'a!~="^Eiffel"', False),
        (["Pisa", 5], 'a!~="^Eiffel"', None),
        ([], 'a!~="x"', None),
        (["blue", "red"], 'a=="red"', True),
        (["blue", 5], 'a=="red"', None),
        ([["red"]], 'a=="red"', None),
        ([], 'a=="red"', None),
    ],
)
def test_decide_negates_comparisons_as_the_standard_says(value: Any, q: str, expected: bool | None) -> None:
    assert decide(parse_q(q, expand), entity(instance(value))) is expected


@pytest.mark.parametrize(
    "q", ["a==1", "a!=1", 'a~="x"', 'a!~="x"', "a[k]==1", "a[k]!=1", "a.b!=1", "a.observedAt>2020-01-01T00:00:00Z"]
)
def test_decide_is_unknown_where_the_path_leads_nowhere(q: str) -> None:
    assert decide(parse_q(q, expand), EMPTY) is None
    assert decide(Not(parse_q(q, expand)), EMPTY) is None


@pytest.mark.clause("CIM009 4.5.5", "CIM009 4.9")
@pytest.mark.parametrize(
    ("q", "expected"),
    [("a==1", True), ("a==2", True), ("a==3", False), ("a!=1", True), ("a!=3", True), ("a>1", True), ("!a", False)],
)
def test_decide_takes_any_instance(q: str, expected: bool) -> None:
    two = entity(instance(1), instance(2, dataset_id="urn:d"))
    assert decide(parse_q(q, expand), two) is expected


@pytest.mark.clause("CIM009 4.9")
@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('a[en]=="red"', True),
        ('a[en]=="rouge"', False),
        ('a[de]=="rot"', None),
        ('a[*]=="rouge"', True),
        ('a=="rouge"', True),
        ('a[*]!="red"', False),
        ('a[*]!="rot"', True),
        ('a[en]!="rot"', True),
        ('a[fr]=="chat"', True),
        ("a[de]", False),
        ("a[en]", True),
        ("a[*]", True),
        ('a~="^r"', True),
    ],
)
def test_decide_looks_into_language_maps(q: str, expected: bool | None) -> None:
    color = instance({"en": "red", "fr": ["chat", "rouge"]}, "LanguageProperty")
    assert decide(parse_q(q, expand), entity(color)) is expected


@pytest.mark.clause("CIM009 4.9")
@pytest.mark.parametrize("kind", ["Relationship", "ListRelationship"])
@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('a=="urn:x:2"', True),
        ("a==urn:x:2", True),
        ('a!="urn:x:2"', False),
        ('a!="urn:x:3"', True),
        ('a>"urn:a"', None),
        ('a~="urn"', None),
        ('a!~="urn"', None),
        ('a=="urn:a".."urn:z"', None),
        ("a!=5", True),
    ],
)
def test_decide_asks_relationships_for_equality_only(kind: AttributeKind, q: str, expected: bool | None) -> None:
    related = entity(instance(["urn:x:1", "urn:x:2"], kind))
    assert decide(parse_q(q, expand), related) is expected


@pytest.mark.parametrize(
    ("kind", "value", "q"),
    [
        ("VocabProperty", "urn:t:commercial", "a==urn:t:commercial"),
        ("ListProperty", [1, 2], "a==2"),
        ("JsonProperty", {"value": "x"}, 'a[value]=="x"'),
        ("GeoProperty", {"type": "Point", "coordinates": [1, 2]}, 'a[type]=="Point"'),
        ("Property", {"b": {"c": [1, 2]}}, "a[b.c]==2"),
    ],
)
def test_decide_reads_every_kind_of_attribute(kind: AttributeKind, value: Any, q: str) -> None:
    assert decide(parse_q(q, expand), entity(instance(value, kind))) is True


def test_decide_expands_the_value_and_not_the_entity() -> None:
    gender = entity(instance("urn:t:Male", "VocabProperty"))
    assert matches(parse_q("a==Male", expand, expand_values=frozenset({"a"})), gender)
    assert not matches(parse_q("a==Male", expand), gender)


@pytest.mark.parametrize(
    ("value", "q", "exists"),
    [
        ({"k": None}, "a[k]", True),
        ({"k": 1}, "a[x]", False),
        ([{"k": 1}], "a[k]", False),
        ("text", "a[length]", False),
        ([], "a", True),
        (None, "a", True),
    ],
)
def test_exists_is_about_the_path_and_not_the_value(value: Any, q: str, exists: bool) -> None:
    assert decide(parse_q(q, expand), entity(instance(value))) is exists
    assert decide(parse_q("!" + q, expand), entity(instance(value))) is not exists


def test_null_and_missing_are_two_things() -> None:
    null = AnyOf(Path((expand("a"),)), IsNull())
    assert decide(null, entity(instance(None, "JsonProperty"))) is True
    assert decide(null, entity(instance(1))) is False
    assert decide(null, EMPTY) is None
    assert decide(Exists(Path((expand("a"),))), EMPTY) is False


def test_lacks_and_fails_are_two_ways_to_negate() -> None:
    path, five = Path((expand("a"),)), Is("==", number(5))
    mixed = entity(instance([4, "x"]))
    assert decide(AnyOf(path, Lacks(five)), mixed) is True
    assert decide(AnyOf(path, Fails(five)), mixed) is None
    assert decide(Not(AnyOf(path, five)), mixed) is None


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("a.b==1", True),
        ("a.b.c>1", True),
        ("a.b.c.d", False),
        ('a.unitCode=="CEL"', True),
        ('a.datasetId=="urn:d"', True),
        ('a.valueType=="x"', None),
        ("a.observedAt==2020-01-01T00:00:00Z", True),
        ("a.observedAt==2020-01-01T02:00:00+02:00", True),
        ('a.observedAt<"2020-01-01T00:00:00.000001Z"', True),
        ("a.b.observedAt", False),
        ("createdAt>=2020-01-01", True),
        ("modifiedAt<2020-01-01", False),
        ("expiresAt", False),
        ('id=="urn:e:1"', True),
        ("type==T", True),
        ("type!=T", False),
        ('scope=="/A"', None),
        ('a.objectType=="City"', True),
    ],
)
def test_decide_reads_sub_attributes_and_core_members(q: str, expected: bool | None) -> None:
    at = parse_instant("2020-01-01T00:00:00Z")
    deep = instance(1, subs={expand("c"): [instance(2)]})
    whole = entity(
        instance(
            0,
            unit_code="CEL",
            dataset_id="urn:d",
            observed_at=at,
            object_type=Raw(b'["urn:t:City"]'),
            subs={expand("b"): [deep]},
        ),
        created_at=at,
        modified_at=at,
    )
    assert decide(parse_q(q, expand), whole) is expected


def test_decide_reads_id_type_and_scope() -> None:
    park = Entity(id=EntityId("urn:e:1"), types=[expand("T"), expand("U")], scope=["/A/B"])
    for filter_, expected in [
        (IdIn((EntityId("urn:e:1"),)), True),
        (IdIn(()), False),
        (IdMatches("e:\\d$"), True),
        (IdMatches("^e"), False),
        (HasType(expand("U")), True),
        (HasType(expand("V")), False),
        (ScopeMatches(("A", "+")), True),
        (ScopeMatches(("A",)), False),
    ]:
        assert decide(filter_, park) is expected
        assert decide(Not(filter_), park) is not expected


CITY = Entity(
    id=EntityId("urn:c:1"),
    types=[expand("City")],
    attributes={expand("name"): [instance("Pisa")], expand("in"): [instance("urn:c:2", "Relationship")]},
)
COUNTRY = Entity(id=EntityId("urn:c:2"), types=[expand("Country")], attributes={expand("name"): [instance("Italia")]})
LINKED = {one.id: one for one in (CITY, COUNTRY)}


@pytest.mark.clause("CIM009 4.9")
@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('a{name}=="Pisa"', True),
        ('a{City:name}=="Pisa"', True),
        ('a{Country,City:name}=="Pisa"', True),
        ('a{Country:name}=="Pisa"', None),
        ('a{name}=="Roma"', False),
        ('a{name}!="Roma"', True),
        ("a{height}>1", None),
        ("a{height}", False),
        ("!a{height}", True),
        ('a{in{name}}=="Italia"', True),
        ('b{name}=="x"', None),
    ],
)
def test_decide_follows_relationships(q: str, expected: bool | None) -> None:
    tower = entity(instance("urn:c:1", "Relationship"))
    assert decide(parse_q(q, expand), tower, linked=LINKED.get) is expected


def test_decide_is_unknown_for_linked_entities_that_cannot_be_seen() -> None:
    tower = entity(instance(["urn:c:9", 5], "Relationship"))
    assert decide(parse_q('a{name}=="Pisa"', expand), tower, linked=LINKED.get) is None
    assert decide(parse_q('a{name}=="Pisa"', expand), tower) is None
    assert not matches(parse_q("a{name}", expand), entity(instance("urn:c:1")), linked=LINKED.get)


HOLED = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]]
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
ARCTIC = {"type": "LineString", "coordinates": [[1, 85], [0, 85.6]]}
SQUARE = {"type": "Polygon", "coordinates": [[[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]]}


@pytest.mark.clause("CIM009 4.10")
@pytest.mark.parametrize(
    ("target", "georel", "geometry", "coordinates", "expected"),
    [
        ({"type": "Point", "coordinates": [2, 2]}, "within", "Polygon", HOLED, True),
        ({"type": "Point", "coordinates": [5, 5]}, "within", "Polygon", HOLED, False),
        ({"type": "Point", "coordinates": [5, 5, 100]}, "disjoint", "Polygon", HOLED, True),
        (SQUARE, "contains", "Point", [2, 2], True),
        (SQUARE, "contains", "Point", [3, 2], False),
        (SQUARE, "intersects", "Point", [3, 2], True),
        (SQUARE, "overlaps", "Polygon", [[[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]], True),
        (SQUARE, "equals", "Polygon", [[[3, 1], [3, 3], [1, 3], [1, 1], [3, 1]]], True),
        (BOW_TIE, "contains", "Point", [0.2, 1], True),
        (BOW_TIE, "contains", "Point", [1, 0.2], False),
        ({"type": "Point", "coordinates": [8, 40.01]}, "near;maxDistance==2000", "Point", [8, 40], True),
        ({"type": "Point", "coordinates": [8, 40.01]}, "near;minDistance==2000", "Point", [8, 40], False),
        ({"type": "Point", "coordinates": [2, 2]}, "near;maxDistance==1", "Polygon", HOLED, True),
        ({"type": "Point", "coordinates": [5, 5]}, "near;maxDistance==1", "Polygon", HOLED, False),
        (
            {"type": "LineString", "coordinates": [[1, 85], [0, 85.6]]},
            "near;maxDistance==20000",
            "Point",
            [0, 85],
            True,
        ),
        (
            {"type": "LineString", "coordinates": [[1, 85], [0, 85.6]]},
            "near;maxDistance==5000",
            "Point",
            [0, 85],
            False,
        ),
        ({"type": "Point"}, "within", "Polygon", HOLED, None),
        ({"type": "Blob", "coordinates": [1, 2]}, "near;maxDistance==1", "Point", [8, 40], None),
        (None, "within", "Polygon", HOLED, None),
    ],
)
def test_decide_relates_geometries(
    target: Any, georel: str, geometry: str, coordinates: list[Any], expected: bool | None
) -> None:
    geo = parse_geo_query(georel, geometry, coordinates, expand("a"))
    assert decide(geo, entity(instance(target, "GeoProperty"))) is expected


def test_decide_takes_any_geometry_or_that_of_one_dataset() -> None:
    two = entity(
        instance({"type": "Point", "coordinates": [2, 2]}, "GeoProperty"),
        instance({"type": "Point", "coordinates": [50, 50]}, "GeoProperty", dataset_id="urn:d"),
    )
    square = json.dumps({"type": "Polygon", "coordinates": HOLED})
    assert [
        decide(Geo(expand("a"), "within", square, dataset_id=one), two) for one in (None, "", "urn:d", "urn:x")
    ] == [
        True,
        True,
        False,
        None,
    ]
    assert decide(Geo(expand("a"), "within", square), entity(instance([2, 2]))) is None


def test_compile_matcher_takes_many_instances_of_one_attribute() -> None:
    history = entity(*(instance(value, observed_at=Instant(value)) for value in range(100)))
    assert compile_matcher(parse_q("a==99", expand))(history)
    assert not compile_matcher(parse_q("a==100", expand))(history)
    assert compile_matcher(parse_q("a!=5", expand))(history)


def test_compile_matcher_gives_the_same_matcher_for_equal_filters() -> None:
    assert compile_matcher(parse_q("a==1", expand)) is compile_matcher(parse_q("a==1.0", expand))
    assert compile_matcher(parse_q("a==1", expand)) is not compile_matcher(parse_q("a==true", expand))
