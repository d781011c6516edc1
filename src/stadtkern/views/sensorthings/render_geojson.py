"""Sets as GeoJSON (RFC 7946), for maps: entities at the place that they have or that they are related to."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, structs

from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Expanded, Query, Selected
from stadtkern.views.sensorthings.addresses import entity_address
from stadtkern.views.sensorthings.filling import Budget, fill
from stadtkern.views.sensorthings.render_json import ID, SELF, record_members, wrap
from stadtkern.views.sensorthings.way import follow, is_null, plain_text

MEDIA_TYPE: Final = "application/geo+json"
_WAYS: Final[dict[TypeName, tuple[tuple[str, ...], ...]]] = {
    "Thing": (("Locations", "location"),),
    "Location": (("location",),),
    "HistoricalLocation": (("Locations", "location"),),
    "Datastream": (("observedArea",), ("Thing", "Locations", "location")),
    "MultiDatastream": (("observedArea",), ("Thing", "Locations", "location")),
    "Observation": (("FeatureOfInterest", "feature"),),
    "FeatureOfInterest": (("feature",),),
}
"""Where an entity's geometry is looked for: relations, then a property; the first that is there counts."""
_GEOMETRIES: Final = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)


def with_geometry(type: TypeName, query: Query) -> Query:
    """Ask for the geometries, too. Raises: BadRequestData (such entities have no place)."""
    if type not in _WAYS:
        raise BadRequestData(
            f"{TYPES[type].set} have no place: GeoJSON is for {', '.join(TYPES[one].set for one in _WAYS)}",
            pointer="$resultFormat:0",
        )
    if query.distinct:
        raise BadRequestData("What is selected as distinct has no place", pointer="$resultFormat:0")
    for way in _WAYS[type]:
        query = _with_way(query, way)
    return query


def _with_way(query: Query, way: tuple[str, ...]) -> Query:
    first, *rest = way
    if not rest:
        if query.select is None or Selected(first) in query.select:
            return query
        return structs.replace(query, select=(*query.select, Selected(first)))
    present = next((one for one in query.expand if one.relation == first), None)
    inner = _with_way(Query(select=(Selected("id"),)) if present is None else present.query, tuple(rest))
    others = tuple(one for one in query.expand if one is not present)
    return structs.replace(query, expand=(*others, Expanded(relation=first, query=inner)))


def render_features(page: Page, query: Query, root: str, address: str, most: int) -> tuple[bytes, str | None]:
    """Render a page as a FeatureCollection, with the address of what follows. query: as the client gave it."""

    def render(record: Record, budget: Budget) -> bytes:
        return render_feature(record, query, root, budget)

    part = fill(page, query, address, most, render)
    return wrap(page, part, b'"type":"FeatureCollection",', "features"), part.next


def render_feature(record: Record, query: Query, root: str, budget: Budget) -> bytes:
    """Render an entity as a Feature; its properties are the members it has in JSON. Raises: TooManyResults."""
    members: dict[str, Any] = {SELF: entity_address(root, record.type, record.id), ID: record.id}
    members.update(record_members(record, query, root, budget))
    for *relations, name in _WAYS[record.type]:
        if not relations:
            members.pop(name, None)
    feature = {"type": "Feature", "id": record.id, "geometry": geometry_of(record), "properties": members}
    return msgspec.json.encode(feature)


def geometry_of(record: Record) -> Raw | None:
    """Find the geometry of an entity that was read as ``with_geometry`` asks for."""
    for way in _WAYS[record.type]:
        found = _geometry(record, way)
        if found is not None:
            return found
    return None


def _geometry(record: Record, way: tuple[str, ...]) -> Raw | None:
    first, *rest = way
    if not rest:
        return _plain_geometry(record.values.get(first))
    found = record.related.get(first)
    for one in found.records if isinstance(found, Page) else [found]:
        geometry = None if one is None else _geometry(one, tuple(rest))
        if geometry is not None:
            return geometry
    return None


def _plain_geometry(value: Raw | None) -> Raw | None:
    """Take the geometry out of a location: it may be a geometry, a Feature, or something that no map knows."""
    if value is None or is_null(value):
        return None
    kind = follow(value, ("type",))
    name = None if kind is None else plain_text(kind)
    if name == "Feature":
        return _plain_geometry(follow(value, ("geometry",)))
    return value if name in _GEOMETRIES else None
