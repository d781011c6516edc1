"""Entities for the tests of the NGSI-LD view: from request bodies, and at random."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from stadtkern.jsonld.context import Context
from stadtkern.model.entity import Entity, EntityPatch, Instance, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.model.json import raw
from stadtkern.views.ngsild import parse

CREATED = parse_instant("2026-01-01T00:00:00Z")
MODIFIED = parse_instant("2026-01-02T00:00:00.500Z")
NOW = parse_instant("2026-03-01T00:00:00Z")


def read_entity(tree: Any, context: Context) -> Entity:
    """Make the entity that a create request with this body would make."""
    return created(parse.parse_entity(msgspec.json.encode(tree), context))


def created(patch: EntityPatch, at: tuple[Instant, Instant] = (CREATED, MODIFIED)) -> Entity:
    assert patch.id is not None
    return Entity(
        id=patch.id,
        types=patch.types,
        scope=patch.scope or [],
        attributes={name: [_instance(one, at) for one in patches] for name, patches in patch.attributes.items()},
        created_at=at[0],
        modified_at=at[1],
        expires_at=patch.expires_at,
    )


def _instance(patch: InstancePatch, at: tuple[Instant, Instant]) -> Instance:
    assert patch.kind is not None
    assert isinstance(patch.value, Raw)
    return Instance(
        kind=patch.kind,
        value=patch.value,
        dataset_id=patch.dataset_id,
        observed_at=patch.observed_at,
        unit_code=patch.unit_code,
        object_type=patch.object_type,
        value_type=patch.value_type,
        expires_at=patch.expires_at,
        created_at=at[0],
        modified_at=at[1],
        extra=patch.extra,
        subs={name: [_instance(one, at) for one in patches] for name, patches in patch.subs.items()},
    )


def comparable(entity: Entity) -> Any:
    """Give an entity as plain values, so that two can be compared (``Raw`` compares by identity)."""
    return msgspec.json.decode(msgspec.json.encode(entity))


IRIS = st.sampled_from(
    [Iri(f"https://example.org/{name}") for name in "abc"]
    + [Iri("https://uri.etsi.org/ngsi-ld/default-context/d"), Iri("https://other.example/e#f"), Iri("description")]
)
URIS = st.sampled_from(["urn:ngsi-ld:Road:1", "urn:ngsi-ld:Road:2", "https://example.org/x"])
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
GEOMETRIES = st.builds(
    lambda x, y: {"type": "Point", "coordinates": [x, y]}, st.integers(-180, 180), st.integers(-90, 90)
)
KEYS = st.sampled_from(
    ["x", "y", "type", "value", "object", "observedAt", "id", "@value", "unitCode", "json", "entity"]
)
PLAIN = st.booleans() | st.integers(-999, 999) | TEXTS | st.floats(-9, 9)
VALUES = st.recursive(
    PLAIN | st.sampled_from(["Property", "Point"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | GEOMETRIES,
    max_leaves=6,
)
"""JSON values, many of which look like attributes."""
MAPS = st.dictionaries(st.sampled_from(["de", "en-GB", "@none"]), TEXTS | st.lists(TEXTS, max_size=2), max_size=3)
TIMES = st.none() | st.integers(0, 2_000_000_000_000_000).map(Instant)


def _instances(subs: Any) -> Any:
    """Give instances of all kinds, with or without metadata and sub-attributes."""
    common = {"observed_at": TIMES, "subs": st.dictionaries(IRIS, subs, max_size=2)}

    def kind(name: str, value: st.SearchStrategy[Any], **more: Any) -> st.SearchStrategy[Instance]:
        return st.builds(Instance, kind=st.just(name), value=value.map(raw), **common, **more)

    unit = {"unit_code": st.sampled_from([None, "C62"])}
    types = st.just(UNSET) | st.lists(IRIS, min_size=1, max_size=2, unique=True).map(raw) | IRIS.map(raw)
    return st.one_of(
        kind("Property", VALUES, value_type=st.none() | IRIS, **unit),
        kind("GeoProperty", GEOMETRIES),
        kind("Relationship", URIS | st.lists(URIS, min_size=1, max_size=2), object_type=types),
        kind("LanguageProperty", MAPS),
        kind("VocabProperty", IRIS | st.lists(IRIS, min_size=1, max_size=2)),
        kind("JsonProperty", st.dictionaries(KEYS, st.none() | VALUES, max_size=3)),
        kind("ListProperty", st.lists(st.none() | VALUES, max_size=3), **unit),
        kind("ListRelationship", st.lists(URIS, max_size=2)),
    )


def _with_datasets(instances: list[Instance]) -> list[Instance]:
    return [
        msgspec.structs.replace(instance, dataset_id=f"urn:d:{at}" if at else "")
        for at, instance in enumerate(instances)
    ]


def attributes() -> Any:
    """Give attributes: lists of instances with different dataset ids, nested at most twice."""
    leaf = _instances(st.nothing()).map(lambda one: [one])
    inner = st.lists(_instances(leaf), min_size=1, max_size=2).map(_with_datasets)
    return st.lists(_instances(inner), min_size=1, max_size=2).map(_with_datasets)


ENTITIES = st.builds(
    Entity,
    id=st.sampled_from([EntityId("urn:ngsi-ld:Building:1"), EntityId("https://example.org/Gebäude/ü")]),
    types=st.lists(IRIS, min_size=1, max_size=2, unique=True),
    scope=st.lists(st.sampled_from(["/Madrid/Centro", "/Nördlich_1"]), max_size=2, unique=True),
    attributes=st.dictionaries(IRIS, attributes(), max_size=3),
)
"""Entities with attributes of all kinds."""
