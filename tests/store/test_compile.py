"""SQL and the evaluator agree: the same entities, as rows and as values, under the same filters, on both engines."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from stadtkern.model.entity import Attributes, Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.query.filter import (
    UNKNOWN,
    And,
    AnyOf,
    Between,
    Exists,
    Fails,
    Filter,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Is,
    IsNull,
    Lacks,
    Linked,
    Literal,
    Matches,
    Not,
    OneOf,
    Or,
    Path,
    ScopeMatches,
    Sure,
    boolean,
    instant,
    number,
    text,
)
from tests.store.filter_rows import NOW, Engine, check, engine, postgres, sqlite

__all__ = ["engine", "postgres", "sqlite"]  # fixtures

# --- entities -------------------------------------------------------------------------------------------------------

A, B, REL, PLACE, SUB = (Iri(f"https://example.org/{name}") for name in ("a", "b", "rel", "place", "sub"))
TYPES = (Iri("https://example.org/T"), Iri("https://example.org/U"))
IDS = tuple(EntityId(f"urn:ngsi-ld:Thing:{index}") for index in range(5))
TEXTS = (
    "",
    "x",
    "red",
    "Ärger",
    "10",
    'q"\\%_',
    "2026-03-01T12:00:00Z",
    "2026-03-01T14:00:00+02:00",
    "2026-02-30T00:00:00Z",
)
KEYS = ("k", "en", "*", "0", "$.k", "a.b", 'q"uote', "ä")
SCALARS = (
    *(json.dumps(one) for one in TEXTS),
    *("1", "1.0", "1.10", "-3", "1e2", "0.1", "1e-400", "9007199254740993", "123456789012345678901234567890"),
    *("true", "false", "null", '{"@type": "DateTime", "@value": "2026-03-01T12:00:00Z"}', '{"@value": 1}'),
)
INSTANTS = (0, 500, 1_772_366_400_000_000, 1_772_366_400_000_001)
NUMBERS = (0.0, 1.0, 1.1, 0.1, 100.0, -3.0, 9007199254740992.0, 1.2345678901234568e29, 5e-324)

scalar_texts = st.sampled_from(SCALARS) | st.floats(allow_nan=False, allow_infinity=False).map(json.dumps)


def arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")


def objects(keys: st.SearchStrategy[str], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.dictionaries(keys, inner, max_size=2)
    return pairs.map(lambda items: "{" + ", ".join(f"{json.dumps(k)}: {v}" for k, v in items.items()) + "}")


keys = st.sampled_from(KEYS)
json_texts = st.recursive(scalar_texts, lambda inner: arrays(inner) | objects(keys, inner), max_leaves=4)
uri_texts = st.sampled_from([*IDS, "urn:other", "red"]).map(json.dumps)
language_values = st.sampled_from(['"red"', '"rot"', '["red", "x"]', "[]"])
positions = st.tuples(st.integers(-4, 4).map(lambda x: x / 4), st.integers(-4, 4).map(lambda x: 50 + x / 4)).map(list)
points = positions.map(lambda one: {"type": "Point", "coordinates": one})
lines = st.lists(positions, min_size=2, max_size=3, unique_by=tuple).map(
    lambda row: {"type": "LineString", "coordinates": row}
)
rings = st.lists(positions, min_size=3, max_size=5, unique_by=tuple).map(
    lambda row: {"type": "Polygon", "coordinates": [[*row, row[0]]]}
)
shapes = points | lines | rings


@st.composite
def instances(draw: st.DrawFn, depth: int, dataset: str) -> Instance:
    kind = draw(
        st.sampled_from(
            [
                "Property",
                "Relationship",
                "LanguageProperty",
                "VocabProperty",
                "JsonProperty",
                "ListProperty",
                "ListRelationship",
                "GeoProperty",
            ]
        )
    )
    value = {
        "Relationship": uri_texts | arrays(uri_texts),
        "LanguageProperty": objects(st.sampled_from(["en", "de", "*"]), language_values),
        "VocabProperty": uri_texts,
        "ListProperty": arrays(scalar_texts),
        "ListRelationship": arrays(uri_texts),
        "GeoProperty": shapes.map(json.dumps),
    }.get(kind, json_texts)
    subs: Attributes = {}
    if depth and draw(st.booleans()):
        subs = {SUB: [draw(instances(depth - 1, ""))]}
    return Instance(
        kind=kind,
        value=Raw(draw(value)),
        dataset_id=dataset,
        observed_at=draw(st.none() | st.sampled_from(INSTANTS).map(Instant)),
        unit_code=draw(st.sampled_from([None, None, "CEL"])),
        object_type=draw(st.sampled_from([UNSET, UNSET, Raw(b'"urn:T"'), Raw(b'["urn:T", "red"]')])),
        expires_at=draw(st.sampled_from([None, None, None, Instant(NOW), Instant(NOW + 1)])),
        created_at=Instant(draw(st.sampled_from(INSTANTS))),
        subs=subs,
    )


@st.composite
def entities(draw: st.DrawFn, id_: EntityId) -> Entity:
    attributes: Attributes = {}
    for name in draw(st.sets(st.sampled_from([A, B, REL, PLACE]), min_size=1, max_size=4)):
        datasets = draw(st.sampled_from([[""], [""], ["urn:d"], ["", "urn:d"]]))
        attributes[name] = [draw(instances(1, dataset)) for dataset in datasets]
    return Entity(
        id=id_,
        types=draw(st.lists(st.sampled_from(TYPES), min_size=1, unique=True)),
        scope=draw(
            st.lists(
                st.sampled_from(["/A", "/A/B", "/A/B/C", "/A0", "/B/B", "/A/x_", "/A/xy"]), unique=True, max_size=2
            )
        ),
        attributes=attributes,
        created_at=Instant(draw(st.sampled_from(INSTANTS))),
        modified_at=Instant(draw(st.sampled_from(INSTANTS))),
        expires_at=draw(st.sampled_from([None, Instant(NOW + 5)])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> list[Entity]:
    return [draw(entities(id_)) for id_ in IDS[: draw(st.integers(1, len(IDS)))]]


# --- filters --------------------------------------------------------------------------------------------------------

literals: st.SearchStrategy[Literal] = st.one_of(
    st.sampled_from(NUMBERS).map(number),
    st.sampled_from([*TEXTS, *IDS[:2]]).map(text),
    st.sampled_from(INSTANTS).map(instant),
    st.booleans().map(boolean),
)
element_tests = st.one_of(
    st.builds(Is, st.sampled_from(["==", "<", "<=", ">", ">="]), literals),
    st.builds(Between, literals, literals),
    st.builds(OneOf, st.lists(literals, min_size=1, max_size=3).map(tuple)),
    st.builds(OneOf, st.lists(st.sampled_from(TEXTS).map(text), min_size=1, max_size=3).map(tuple)),
    st.builds(Matches, st.sampled_from(["^r", "e", ".", "^$"])),
    st.just(IsNull()),
)
tests = element_tests | st.builds(Lacks, element_tests) | st.builds(Fails, element_tests)
members = st.sampled_from(
    ["createdAt", "modifiedAt", "observedAt", "unitCode", "datasetId", "objectType", "expiresAt", "id"]
)
names = st.sampled_from([(A,), (B,), (A, SUB), (B, SUB, SUB), (PLACE,), (Iri("urn:missing"),)])
key_paths = st.sampled_from([("k",), ("en",), ("*",), ("k", "k"), ("0",), ("$.k",), ('q"uote',), ("ä",)])
entity_members = st.sampled_from(["id", "type", "scope", "createdAt", "modifiedAt", "expiresAt", "observedAt"])
paths = st.one_of(
    st.builds(Path, names),
    st.builds(Path, names, st.none(), key_paths),
    st.builds(Path, names, members),
    st.builds(Path, st.just(()), entity_members),
)
geo_filters = st.builds(
    Geo,
    st.just(PLACE),
    st.sampled_from(["within", "contains", "intersects", "equals", "disjoint", "overlaps"]),
    shapes.map(json.dumps),
    dataset_id=st.sampled_from([None, "", "urn:d"]),
) | st.builds(
    Geo,
    st.just(PLACE),
    st.just("near"),
    shapes.map(json.dumps),
    min_distance=st.sampled_from([None, 100.0, 20_000.0]),
    max_distance=st.sampled_from([None, 10.0, 18_000.0, 200_000.0]),
    metric=st.sampled_from(["geodesic", "planar"]),
)
scope_filters = st.builds(
    ScopeMatches, st.lists(st.sampled_from(["A", "B", "+", "x_"]), max_size=3).map(tuple), st.booleans()
)
leaf_filters: st.SearchStrategy[Filter] = st.one_of(
    st.builds(AnyOf, paths, tests),
    st.builds(AnyOf, paths, tests),
    st.builds(Exists, paths),
    geo_filters,
    scope_filters,
    st.builds(IdIn, st.lists(st.sampled_from(IDS), max_size=2).map(tuple)),
    st.builds(IdMatches, st.sampled_from(["^urn:ngsi-ld:Thing:1$", "2", "^urn:ngsi-ld:Thing:[23]", "^x"])),
    st.builds(HasType, st.sampled_from(TYPES)),
    st.just(UNKNOWN),
)


def compound(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.builds(And, several),
        st.builds(Or, several),
        st.builds(Not, inner),
        st.builds(Sure, inner),
        st.builds(
            Linked,
            st.sampled_from([Path((A,)), Path((REL,)), Path((A, SUB))]),
            inner,
            st.sampled_from([(), (), TYPES[:1]]),
        ),
    )


filters = st.recursive(leaf_filters, compound, max_leaves=5)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(world=worlds(), wanted=st.lists(filters, min_size=6, max_size=6))
def test_compile_filter_selects_what_the_evaluator_matches(
    engine: Engine, world: list[Entity], wanted: list[Filter]
) -> None:
    for filter_ in wanted:
        check(engine, world, filter_)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(world=worlds(), wanted=st.lists(st.builds(AnyOf, paths, tests), min_size=8, max_size=8))
def test_compile_filter_agrees_under_not_with_the_evaluator(
    engine: Engine, world: list[Entity], wanted: list[Filter]
) -> None:
    for filter_ in wanted:
        check(engine, world, filter_)
        check(engine, world, Not(filter_))
