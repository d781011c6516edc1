"""Every kind of value under every kind of test: SQL and the evaluator agree on the whole table, on both engines."""

from __future__ import annotations

import json
from itertools import combinations_with_replacement, product
from typing import Any

import pytest
from msgspec import Raw

from stadtkern.model.entity import AttributeKind, Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.query.filter import (
    AnyOf,
    Between,
    ElementTest,
    Exists,
    Fails,
    Filter,
    Geo,
    Is,
    IsNull,
    Lacks,
    Matches,
    Not,
    OneOf,
    Path,
    ScopeMatches,
    Sure,
    boolean,
    instant,
    number,
    text,
)
from stadtkern.query.geometry import distance_to
from tests.store.filter_rows import Engine, check, engine, postgres, sqlite

__all__ = ["engine", "postgres", "sqlite"]  # fixtures

A, SUB = Iri("https://example.org/a"), Iri("https://example.org/sub")
SCALARS = (
    *('""', '"x"', '"red"', '"Ärger"', '"10"', '"q\\"\\\\%_"', '"2026-03-01T12:00:00Z"', '"2026-03-01T14:00:00+02:00"'),
    *('"2026-03-02T11:59:59.999999-23:59"', '"2026-02-30T00:00:00Z"', '"2026-03-01"', '"\U0001f333"'),
    *("0", "-0.0", "1", "1.0", "1.10", "-3", "1e2", "0.1", "1e-400", "5e-324", "9007199254740993", "1e308"),
    *("123456789012345678901234567890", "0.30000000000000004", "true", "false", "null", "[]", "{}", " [ ] "),
    *(
        '{"@type": "DateTime", "@value": "2026-03-01T12:00:00Z"}',
        '{"@value": 1}',
        '{"@value": null}',
        '{"@value": [1]}',
    ),
)
PAIRS = ('["x", "red"]', '["x", 1]', "[1, true, null]", "[[1]]", '[{"@value": 1}, {"k": 1}]', '["red", {}]', "[null]")
OBJECTS = (
    *('{"k": 1}', '{"k": {"k": "x"}}', '{"k": ["x", 1]}', '{"k": null}', '{"*": "x"}', '[{"k": 1}]', '{"0": "x"}'),
    *('{"$.k": "x"}', '{"q\\"uote": "x"}', '{"ä": "x"}', '{"k": {"@value": 1}}', '{"a.b": "x"}'),
)
LANGUAGES = (
    '{"en": "red"}',
    '{"*": "x", "en": "red"}',
    '{"en": "x", "de": ["red", "rot"]}',
    "{}",
    '{"*": "x"}',
    '{"en": []}',
    '{"k": "x"}',
)
URIS = ('"urn:a"', '["urn:a", "x"]', "[]", '"red"')
KINDS: dict[AttributeKind, tuple[str, ...]] = {
    "Property": (*SCALARS, *PAIRS, *OBJECTS),
    "JsonProperty": OBJECTS[:3],
    "ListProperty": PAIRS,
    "VocabProperty": URIS,
    "LanguageProperty": LANGUAGES,
    "Relationship": URIS,
    "ListRelationship": URIS[1:3],
}
LITERALS = (
    *(number(value) for value in (0.0, 1.0, 1.1, 100.0, -3.0, 0.1, 9007199254740992.0, 1.2345678901234568e29, 5e-324)),
    *(text(value) for value in ("", "x", "red", "Ärger", "10", 'q"\\%_', "urn:a", "2026-03-01T12:00:00Z")),
    *(instant(value) for value in (1_772_366_400_000_000, 1_772_366_400_000_001, 0, 1_772_452_800_000_000)),
    *(boolean(value) for value in (True, False)),
)
TESTS: list[ElementTest] = [
    *(Is(op, literal) for op, literal in product(("==", "<", "<=", ">", ">="), LITERALS)),  # type: ignore[arg-type]
    *(
        Between(low, high)
        for low, high in combinations_with_replacement(LITERALS[:4] + LITERALS[9:12] + LITERALS[17:19], 2)
    ),
    *(OneOf(one) for one in (LITERALS[:2], LITERALS[9:11], (LITERALS[1], LITERALS[10]), LITERALS[-2:])),
    *(Matches(pattern) for pattern in ("^r", "e", "^$", "urn")),
    IsNull(),
]


def world() -> list[Entity]:
    """One entity for each kind and value; every third value is observed."""
    made: list[Entity] = []
    for kind, values in KINDS.items():
        for value in values:
            at = Instant(7) if len(made) % 3 == 0 else None
            one = Instance(kind=kind, value=Raw(value), observed_at=at)
            two = Instance(kind="Property", value=Raw("0"), subs={SUB: [one]})
            attributes = {A: [one], SUB: [two]}
            made.append(Entity(id=EntityId(f"urn:e:{len(made)}"), types=[Iri("urn:T")], attributes=attributes))
    none = Entity(id=EntityId("urn:e:none"), types=[Iri("urn:T")])
    several = [
        Instance(kind="Property", value=Raw("1")),
        Instance(kind="Property", value=Raw('"x"'), dataset_id="urn:d"),
    ]
    return [*made, none, Entity(id=EntityId("urn:e:two"), types=[Iri("urn:T")], attributes={A: several})]


@pytest.fixture(scope="module")
def filled() -> list[Entity]:
    return world()


def questions(path: Path, test: ElementTest) -> list[Filter]:
    """All ways to ask one test, plain and negated."""
    asked: list[Filter] = [AnyOf(path, test), AnyOf(path, Lacks(test)), AnyOf(path, Fails(test))]
    return [*asked, *(Not(one) for one in asked), Not(Sure(asked[0]))]


@pytest.mark.parametrize("test", TESTS, ids=repr)
def test_compile_filter_agrees_on_every_value(engine: Engine, filled: list[Entity], test: ElementTest) -> None:
    for question in questions(Path((A,)), test):
        check(engine, filled, question)


@pytest.mark.parametrize("test", [TESTS[1], TESTS[10], OneOf(LITERALS[9:12]), Matches("x"), IsNull()], ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        *(
            Path((A,), value=keys)
            for keys in [("k",), ("k", "k"), ("en",), ("*",), ("0",), ("$.k",), ('q"uote',), ("ä",)]
        ),
        Path((A,), value=("a.b",)),
        Path((SUB, SUB)),
        Path((SUB, SUB), value=("k",)),
        Path((SUB, SUB), "observedAt"),
        Path((A,), "observedAt"),
        Path((A,), "datasetId"),
        Path((), "type"),
        Path((), "scope"),
        Path((), "id"),
    ],
    ids=repr,
)
def test_compile_filter_agrees_on_every_path(
    engine: Engine, filled: list[Entity], path: Path, test: ElementTest
) -> None:
    for question in [*questions(path, test), Exists(path), Not(Exists(path))]:
        check(engine, filled, question)


SCOPES = ("/A", "/A/B", "/A/B/C", "/A0", "/A/", "/B/B", "/A/x_", "/A/xy", "/A/B0", "/x*/[y]", "/x%/?", "/B", "/+/B")


def test_compile_filter_agrees_on_every_scope(engine: Engine) -> None:
    entities = [Entity(id=EntityId(f"urn:e:{scope}"), types=[Iri("urn:T")], scope=[scope]) for scope in SCOPES]
    names = ("A", "B", "+", "x_", "x*", "[y]", "x%", "?")
    for depth, below in product((0, 1, 2, 3), (False, True)):
        for levels in product(names if depth < 3 else names[:3], repeat=depth):
            question = ScopeMatches(levels, below)
            check(engine, entities, question)
            check(engine, entities, Not(question))


def shape(kind: str, coordinates: Any) -> dict[str, Any]:
    return {"type": kind, "coordinates": coordinates}


SHAPES = [
    shape("Point", [13.4, 52.5]),
    shape("Point", [13.4, 52.6]),
    shape("Point", [14.9, 52.5]),
    shape("Point", [179.99, 10.0]),
    shape("Point", [-179.99, 10.0]),
    shape("Point", [10.0, 89.95]),
    shape("Point", [-170.0, 89.95]),
    shape("Point", [5.0, 60.2]),
    shape("MultiPoint", [[13.4, 52.5], [5.0, 45.0]]),
    shape("LineString", [[0.0, 60.0], [10.0, 60.0]]),
    shape("LineString", [[13.4, 52.4], [13.41, 52.7]]),
    shape("Polygon", [[[13, 52], [14, 52], [14, 53], [13, 53], [13, 52]]]),
    shape("Polygon", [[[13, 52], [14, 53], [14, 52], [13, 53], [13, 52]]]),
    shape("MultiPolygon", [[[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[13, 52], [14, 52], [14, 53], [13, 52]]]]),
    shape("Polygon", [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]),
    shape("Polygon", [[[-180, -80], [180, -80], [180, 80], [-180, 80], [-180, -80]]]),
    shape("LineString", [[-90.0, 10.0], [90.0, -10.0]]),
    shape("LineString", [[-170.0, 0.0], [170.0, 0.0]]),
    shape("LineString", [[0.0, -90.0], [0.0, 90.0]]),
]


@pytest.fixture(scope="module")
def placed() -> list[Entity]:
    places = [
        Instance(kind="GeoProperty", value=Raw(json.dumps(one)), observed_at=Instant(3) if index % 2 else None)
        for index, one in enumerate(SHAPES)
    ]
    return [
        Entity(id=EntityId(f"urn:e:{index}"), types=[Iri("urn:T")], attributes={A: [place]})
        for index, place in enumerate(places)
    ]


@pytest.mark.parametrize("reference", SHAPES, ids=lambda one: one["type"])
def test_compile_filter_keeps_every_place_within_a_distance(
    engine: Engine, placed: list[Entity], reference: dict[str, Any]
) -> None:
    measure = distance_to(json.dumps(reference))
    for target in SHAPES:
        metres = measure(target)
        assert metres is not None
        just_enough = metres * (1 + 1e-9) + 1e-6
        check(engine, placed, Geo(A, "near", json.dumps(reference), max_distance=just_enough))
        check(engine, placed, Geo(A, "near", json.dumps(reference), min_distance=just_enough))
        check(engine, placed, Not(Geo(A, "near", json.dumps(reference), max_distance=just_enough)))


@pytest.mark.parametrize("reference", SHAPES, ids=lambda one: one["type"])
@pytest.mark.parametrize("relation", ["within", "contains", "intersects", "equals", "disjoint", "overlaps"])
def test_compile_filter_keeps_every_place_in_a_relation(
    engine: Engine, placed: list[Entity], reference: dict[str, Any], relation: Any
) -> None:
    geo = Geo(A, relation, json.dumps(reference))
    check(engine, placed, geo)
    check(engine, placed, Not(geo))
    check(engine, placed, Geo(A, relation, json.dumps(reference), dataset_id="urn:other"))
