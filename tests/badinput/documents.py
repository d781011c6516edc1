"""Strategies for NGSI-LD documents: right ones of every kind of attribute, and right ones with one thing broken."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,11}", fullmatch=True).filter(
    lambda name: name.lower() not in _RESERVED and not name.lower().startswith("ngsi")
)
_RESERVED = {
    *("id", "type", "scope", "location", "observationspace", "operationspace", "value", "object", "json", "vocab"),
    *("title", "description", "unitcode", "datasetid", "observedat", "createdat", "modifiedat", "deletedat", "name"),
    *("expiresat", "languagemap", "valuelist", "objectlist", "valuetype", "objecttype", "instanceid", "entity"),
    *("previousvalue", "entitylist", "local", "source", "features", "geometry", "coordinates", "properties", "query"),
}
"""Terms of the core context: they mean something of their own."""
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
_URIS = st.from_regex(r"urn:[a-z]{1,8}:[A-Za-z0-9_.-]{1,20}", fullmatch=True)
_TIMES = st.datetimes().map(lambda moment: f"{max(moment.year, 1800):04}{moment.strftime('-%m-%dT%H:%M:%S')}Z")
_JSON = st.recursive(
    st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES.map("m_{}".format), inner, max_size=3),
    max_leaves=8,
)
_LONGITUDES = st.floats(-180, 180, allow_subnormal=False)
_LATITUDES = st.floats(-90, 90, allow_subnormal=False)
_POSITIONS = st.tuples(_LONGITUDES, _LATITUDES).map(list)
_RINGS = st.lists(_POSITIONS, min_size=3, max_size=6).map(lambda ring: [*ring, ring[0]])


def _geometry(kind: str, coordinates: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind), "coordinates": coordinates})


_GEOMETRIES = st.one_of(
    _geometry("Point", _POSITIONS),
    _geometry("MultiPoint", st.lists(_POSITIONS, min_size=1, max_size=3)),
    _geometry("LineString", st.lists(_POSITIONS, min_size=2, max_size=4)),
    _geometry("MultiLineString", st.lists(st.lists(_POSITIONS, min_size=2, max_size=3), min_size=1, max_size=2)),
    _geometry("Polygon", st.lists(_RINGS, min_size=1, max_size=2)),
    _geometry("MultiPolygon", st.lists(st.lists(_RINGS, min_size=1, max_size=1), min_size=1, max_size=2)),
)
_LANGUAGES = st.sampled_from(["de", "en", "fr", "nds", "de-AT", "@none"])


def _attribute(kind: str, member: str, value: st.SearchStrategy[Any], **optional: Any) -> st.SearchStrategy[Any]:
    required = {"type": st.just(kind), member: value}
    return st.fixed_dictionaries(required, optional={"observedAt": _TIMES, "datasetId": _URIS, **optional})


_ATTRIBUTES = st.one_of(
    _attribute("Property", "value", _JSON, unitCode=st.sampled_from(["CEL", "GQ"])),
    _attribute("Relationship", "object", _URIS),
    _attribute("GeoProperty", "value", _GEOMETRIES),
    _attribute("LanguageProperty", "languageMap", st.dictionaries(_LANGUAGES, _TEXTS, min_size=1, max_size=3)),
    _attribute("VocabProperty", "vocab", _NAMES),
    _attribute("JsonProperty", "json", st.dictionaries(_TEXTS, _JSON, max_size=3)),
    _attribute("ListProperty", "valueList", st.lists(_JSON, max_size=3)),
)
_WITH_SUBS = st.tuples(_ATTRIBUTES, st.dictionaries(_NAMES.map("sub_{}".format), _ATTRIBUTES, max_size=2)).map(
    lambda pair: {**pair[0], **{name: _plain(sub) for name, sub in pair[1].items()}}
)


def _plain(attribute: dict[str, Any]) -> dict[str, Any]:
    """Leave out the dataset: a sub-attribute alone has none."""
    return {name: value for name, value in attribute.items() if name != "datasetId"}


entities = st.fixed_dictionaries(
    {"id": _URIS, "type": _NAMES | st.lists(_NAMES, min_size=1, max_size=3, unique=True)},
    optional={"scope": st.from_regex(r"(/[A-Za-z][A-Za-z0-9_]{0,5}){1,3}", fullmatch=True)},
).flatmap(
    lambda head: st.dictionaries(_NAMES, _WITH_SUBS, max_size=4).map(
        lambda attributes: {**{name: value for name, value in attributes.items() if name not in head}, **head}
    )
)
"""Entities in normalized form that every server has to accept."""

_JUNK = st.sampled_from(
    [
        *(None, True, 0, -1, 1e308, "", " ", "x", "urn:ngsi-ld:null", "@none", "\u202e", "x" * 5_000, 10**300),
        *([], [[]], [None], {}, {"type": "Property"}, {"type": []}, {"@value": 1}, {"@id": "urn:x:1"}),
        *("9999-99-99T00:00:00Z", {"type": "Point", "coordinates": [[[[1]]]]}, {"value": {"value": {}}}),
    ]
)
_JUNK_NAMES = st.sampled_from(
    [
        *("", " ", "@context", "@id", "@type", "@graph", "@value", "id", "type", "value", "object", "datasetId", "a b"),
        *(
            "observedAt",
            "createdAt",
            "expiresAt",
            "scope",
            "languageMap",
            "json",
            "unitCode",
            "x" * 5_000,
            "ü:ü",
            "a:b",
        ),
        *("instanceId", "previousValue", "entity", "https://x.example/a", "__proto__", "\u202e", "ngsildproof"),
    ]
)


@st.composite
def broken_entities(draw: st.DrawFn) -> Any:
    """Entities of which one member anywhere was replaced, removed or added."""
    entity = copy.deepcopy(draw(entities))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(_places(entity))))
        if isinstance(place, list):
            place.append(draw(_JUNK))
            continue
        names = st.sampled_from(sorted(place)) | _JUNK_NAMES if place else _JUNK_NAMES
        name = draw(names)
        if draw(st.booleans()) and name in place:
            del place[name]
        else:
            place[name] = copy.deepcopy(draw(_JUNK))
    return entity


def _places(tree: Any) -> list[Any]:
    """Give all objects and arrays in a tree, itself first."""
    found: list[Any] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict | list):
            found.append(node)
            stack.extend(node.values() if isinstance(node, dict) else node)
    return found
