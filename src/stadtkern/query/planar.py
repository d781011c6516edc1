"""Geometry on the plane of degrees for SQLite, which has none: the relations, distances and lengths of PostGIS.

Geometries come as text: stored ones as GeoJSON, constants as what ``encode_constant`` made of them, so that these are
read and prepared once. What is no geometry, or too broken to be compared, gives None.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, Final

import msgspec

from stadtkern.query.box import Box
from stadtkern.query.geometry import load_shape

_SWAPPED: Final = {"st_within": "contains", "st_contains": "within"}
_METHODS: Final = {
    "geo.intersects": "intersects",
    "st_equals": "equals",
    "st_disjoint": "disjoint",
    "st_touches": "touches",
    "st_within": "within",
    "st_overlaps": "overlaps",
    "st_crosses": "crosses",
    "st_intersects": "intersects",
    "st_contains": "contains",
}


@lru_cache(maxsize=1)
def _shapely() -> Any:
    import shapely

    return shapely


@lru_cache(maxsize=256)
def encode_constant(geometry: str) -> str | None:
    """Give a GeoJSON text as hexadecimal WKB with SRID 4326: valid and flat; None where it is no geometry."""
    shape = load_shape(msgspec.json.decode(geometry))
    if shape is None:
        return None
    shapely = _shapely()
    return str(shapely.to_wkb(shapely.set_srid(shape, 4326), hex=True, include_srid=True))


@lru_cache(maxsize=256)
def constant_bounds(geometry: str) -> Box | None:
    """Give the box of a GeoJSON text; None where it is no geometry."""
    shape = load_shape(msgspec.json.decode(geometry))
    return None if shape is None else Box(*(float(side) for side in shape.bounds))


def relate(name: str, one: str | None, other: str | None, pattern: str | None) -> int | None:
    """Tell, as 0 or 1, whether a relation holds; pattern: of ``st_relate``, a DE-9IM matrix."""
    first, second = _shape(one), _shape(other)
    if first is None or second is None:
        return None
    try:
        if name == "st_relate":
            return int(first.relate_pattern(second, pattern))
        if other is not None and not other.startswith("{"):
            # the prepared one has to be asked
            first, second, method = second, first, _SWAPPED.get(name, _METHODS[name])
        else:
            method = _METHODS[name]
        return int(getattr(first, method)(second))
    except Exception as error:
        return _unless_broken(error)


def distance(one: str | None, other: str | None) -> float | None:
    """Give the least distance in degrees."""
    first, second = _shape(one), _shape(other)
    return None if first is None or second is None else float(first.distance(second))


def length(geometry: str | None) -> float | None:
    """Give the length of lines in degrees; points and areas have none (0)."""
    shape = _shape(geometry)
    if shape is None:
        return None
    shapely = _shapely()
    parts = shapely.get_parts(shapely.get_parts([shape])) if shape.geom_type == "GeometryCollection" else [shape]
    return float(sum(part.length for part in parts if part.geom_type in {"LineString", "MultiLineString"}))


def _unless_broken(error: Exception) -> None:
    if not isinstance(error, _shapely().errors.ShapelyError):
        raise error


def _shape(text: str | None) -> Any:
    if text is None:
        return None
    # what is prepared must not be used by two threads at a time
    return load_shape(msgspec.json.decode(text)) if text.startswith("{") else _constant(text, threading.get_ident())


@lru_cache(maxsize=256)
def _constant(text: str, thread: int) -> Any:
    del thread
    shapely = _shapely()
    shape = shapely.from_wkb(text)
    shapely.prepare(shape)
    return shape
