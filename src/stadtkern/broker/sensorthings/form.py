"""The entities of SensorThings as NGSI-LD attributes: pure functions from values to patches.

Spec: OGC 18-088 8.2; docs/adr/0015.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import uuid4

import msgspec
from msgspec import Raw

from stadtkern.broker.sensorthings.body import is_null
from stadtkern.errors import BadRequestData
from stadtkern.model.entity import AttributeKind, EntityPatch, InstancePatch
from stadtkern.model.geometry import check_geometry
from stadtkern.model.ids import EntityId, Iri, is_uri
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_terms import (
    DEFINITION,
    DESCRIPTION,
    ENCODING_TYPE,
    LOCATION,
    LOCATIONS,
    METADATA,
    NAME,
    PROPERTIES,
    RAW_LOCATION,
    TYPE_IRIS,
)
from stadtkern.model.sensorthings_units import UNITS

_DEFAULT: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
_decode = msgspec.json.decode
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_]+")
_MAX_NAME: Final = 200
_GEOJSON: Final = frozenset({"application/geo+json", "application/vnd.geo+json"})
_ATTRIBUTES: Final[Mapping[str, Iri]] = {
    "name": NAME,
    "description": DESCRIPTION,
    "encodingType": ENCODING_TYPE,
    "metadata": METADATA,
    "definition": DEFINITION,
    "properties": PROPERTIES,
}
_PLACES: Final = frozenset({"location", "feature"})
"""Properties that say where something is."""


def new_id(type: TypeName) -> EntityId:
    """Make the URI of a new entity."""
    return EntityId(f"urn:ngsi-ld:{type}:{uuid4()}")


def entity_patch(type: TypeName, values: Mapping[str, Raw]) -> EntityPatch:
    """Give the attributes that the properties of a new entity are. Raises: BadRequestData."""
    given = {name: value for name, value in values.items() if not is_null(value)}
    types = [*_named_types(values.get("properties")), TYPE_IRIS[type]] if type == "Thing" else [TYPE_IRIS[type]]
    return EntityPatch(types=types, attributes=_attributes(given, values.get("encodingType")))


def update_patch(values: Mapping[str, Raw], encoding: Raw | None) -> EntityPatch:
    """Give what changes by an update: a property that is null goes.

    encoding: the encodingType that a location will have. Raises: BadRequestData.
    """
    given = {name: value for name, value in values.items() if not is_null(value)}
    attributes = _attributes(given, encoding)
    for name in values.keys() - given.keys():
        attributes[_ATTRIBUTES[name]] = [InstancePatch(deleted=True)]
    if not _PLACES.isdisjoint(given):
        for name in (LOCATION, RAW_LOCATION):
            attributes.setdefault(name, [InstancePatch(deleted=True)])
    return EntityPatch(attributes=attributes)


def _attributes(given: Mapping[str, Raw], encoding: Raw | None) -> dict[Iri, list[InstancePatch]]:
    attributes: dict[Iri, list[InstancePatch]] = {}
    for name, value in given.items():
        if name in _PLACES:
            attributes.update(_place(value, encoding, name))
        else:
            kind: AttributeKind = "Property" if bytes(value).lstrip()[:1] == b'"' else "JsonProperty"
            attributes[_ATTRIBUTES[name]] = [InstancePatch(kind=kind, value=value)]
    return attributes


def _place(value: Raw, encoding: Raw | None, name: str) -> dict[Iri, list[InstancePatch]]:
    """Keep a place as a geometry where it is one, else as it came with the geometry that is in it."""
    geometry = geometry_of(value, encoding, f"/{name}")
    found: dict[Iri, list[InstancePatch]] = {}
    if geometry is not None:
        found[LOCATION] = [InstancePatch(kind="GeoProperty", value=geometry)]
    if geometry is not value:
        found[RAW_LOCATION] = [InstancePatch(kind="JsonProperty", value=value)]
    return found


def geometry_of(value: Raw, encoding: Raw | None, pointer: str = "/location") -> Raw | None:
    """Give the GeoJSON geometry that a location is, or that is in it (a Feature's); None where none can be read.

    Raises: BadRequestData (it says to be GeoJSON and has a geometry that is none).
    """
    if encoding is None or is_null(encoding) or _decode(encoding) not in _GEOJSON:
        return None
    tree = _decode(value)
    if not isinstance(tree, dict):
        raise BadRequestData("The place says to be GeoJSON and is no object", pointer=pointer)
    members = cast("dict[str, Any]", tree)
    if members.get("type") == "Feature":
        inner = members.get("geometry")
        if not isinstance(inner, dict) or cast("dict[str, Any]", inner).get("type") == "GeometryCollection":
            return None
        check_geometry(inner, f"{pointer}/geometry")
        return _decode(value, type=dict[str, Raw])["geometry"]
    if members.get("type") in {"GeometryCollection", "FeatureCollection"}:
        return None
    check_geometry(tree, pointer)
    return value


def _named_types(properties: Raw | None) -> list[Iri]:
    """Give the NGSI-LD types that a Thing names in ``properties.ngsiType``. Raises: BadRequestData."""
    if properties is None or is_null(properties):
        return []
    named: Any = _decode(properties).get("ngsiType")
    if named is None:
        return []
    names = cast("list[Any]", named) if isinstance(named, list) else [named]
    if not all(isinstance(one, str) and one and len(one) <= _MAX_NAME for one in names):
        raise BadRequestData("ngsiType is a type name or a list of them", pointer="/properties/ngsiType")
    return [Iri(one) if is_uri(one) else Iri(f"{_DEFAULT}{safe_name(one)}") for one in names]


def safe_name(text: str) -> str:
    """Make a name of a text: letters, digits and underscores."""
    return _UNSAFE.sub("_", text).strip("_")[:_MAX_NAME] or "property"


def attribute_of(definition: str) -> Iri:
    """Name the attribute whose values are of an ObservedProperty: its definition, where that can be a name."""
    reserved = definition == LOCATIONS or len(definition) > _MAX_NAME
    if is_uri(definition) and not reserved:
        return Iri(definition)
    return Iri(f"{_DEFAULT}{safe_name(definition)}")


def attribute_of_several(definitions: list[str]) -> Iri:
    """Name the attribute of a MultiDatastream: the short names of what it observes, joined."""
    short = [safe_name(re.split(r"[/#]", one.rstrip("/#"))[-1]) for one in definitions]
    return Iri(f"{_DEFAULT}{'_'.join(short)[:_MAX_NAME]}")


_BY_DEFINITION: Final = {str(unit["definition"]): code for code, unit in UNITS.items()}
_BY_UCUM: Final = {definition.partition("#")[2]: code for definition, code in _BY_DEFINITION.items()}
_BY_NAME: Final = {(str(unit["name"]).casefold(), unit["symbol"]): code for code, unit in UNITS.items()}


def unit_code(unit: Raw) -> str | None:
    """Give the UN/CEFACT code of a unitOfMeasurement, where it says clearly which unit it is."""
    tree: dict[str, Any] = _decode(unit)
    definition, name, symbol = tree.get("definition"), tree.get("name"), tree.get("symbol")
    if isinstance(definition, str):
        found = _BY_DEFINITION.get(definition) or _BY_UCUM.get(definition)
        if found is not None:
            return found
    if isinstance(name, str) and isinstance(symbol, str):
        return _BY_NAME.get((name.casefold(), symbol))
    return None


def result_kind(value: Raw) -> AttributeKind:
    """Say as what a result is kept: objects, lists and null stay opaque to readers of NGSI-LD."""
    return "JsonProperty" if bytes(value).lstrip()[:1] in (b"{", b"[", b"n") else "Property"
