"""The geoquery language: ``georel``, ``geometry``, ``coordinates``, ``geoproperty``. Spec: CIM 009 4.10."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import msgspec
import re2

from stadtkern.errors import BadRequestData
from stadtkern.model.ids import Iri
from stadtkern.query.filter import Geo, GeoRelation

GeometryType = Literal["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]
GEOMETRY_DEPTH: dict[str, int] = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""Levels of arrays around the positions, by geometry type (RFC 7946 3.1)."""

MAX_POSITIONS = 10_000
"""Most positions in a reference geometry."""
MAX_COORDINATES_TEXT = 1_000_000
"""Longest text of coordinates, in characters: what arrives in a body; a URL is shorter anyway."""

_LEAST: dict[str, int] = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
_RELATIONS = frozenset({"within", "contains", "intersects", "equals", "disjoint", "overlaps"})
_NEAR = re2.compile(r"near;(maxDistance|minDistance)(?:==|:)(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def parse_geo_query(
    georel: str, geometry: str, coordinates: str | Sequence[Any], geoproperty: Iri, *, dataset_id: str | None = None
) -> Geo:
    """Parse a geoquery.

    coordinates: JSON text or the parsed array, longitude first, degrees. geoproperty: the expanded name.
    Raises: BadRequestData. Spec: CIM 009 4.10.
    """
    relation, least, most = _parse_georel(georel)
    return Geo(
        attribute=geoproperty,
        relation=relation,
        geometry=parse_geometry(geometry, coordinates),
        min_distance=least,
        max_distance=most,
        dataset_id=dataset_id,
    )


def _parse_georel(georel: str) -> tuple[GeoRelation, float | None, float | None]:
    """Give relation, least and greatest distance in metres."""
    if georel in _RELATIONS:
        return cast("GeoRelation", georel), None, None
    found = _NEAR.fullmatch(georel) if len(georel) <= 100 else None
    if found is None:
        raise BadRequestData(
            f"The georel {georel[:40]!r} is not known",
            hint=f"near;maxDistance==2000, near;minDistance==2000 or one of {', '.join(sorted(_RELATIONS))}",
            pointer="georel:0",
        )
    metres = float(found.group(2))
    if not 0 < metres < math.inf:
        raise BadRequestData("The distance in georel must be a number of metres above zero", pointer="georel:17")
    return ("near", metres, None) if found.group(1) == "minDistance" else ("near", None, metres)


def parse_geometry(
    geometry: str,
    coordinates: str | Sequence[Any],
    coordinates_parameter: str = "coordinates",
    geometry_parameter: str = "geometry",
) -> str:
    """Check a geometry and write it as GeoJSON text.

    Positions must lie within longitude ±180 and latitude ±90; altitudes are dropped, since predicates are flat.
    Raises: BadRequestData. Spec: CIM 009 4.10; RFC 7946 3.1.
    """
    depth = GEOMETRY_DEPTH.get(geometry)
    if depth is None:
        raise BadRequestData(
            f"The {geometry_parameter} {geometry[:40]!r} is not known",
            hint=f"one of {', '.join(GEOMETRY_DEPTH)}",
            pointer=f"{geometry_parameter}:0",
        )
    tree = _parse_coordinates(coordinates, coordinates_parameter) if isinstance(coordinates, str) else coordinates
    reader = _PositionReader(geometry, coordinates_parameter)
    return msgspec.json.encode({"type": geometry, "coordinates": reader.read(tree, depth)}).decode()


def _parse_coordinates(text: str, parameter: str) -> Any:
    if len(text) > MAX_COORDINATES_TEXT:
        raise BadRequestData(f"The {parameter} parameter is {len(text)} characters long", pointer=f"{parameter}:0")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError, RecursionError) as error:
        raise BadRequestData(
            f"The {parameter} parameter is not a JSON array: {error}", pointer=f"{parameter}:0"
        ) from error


class _PositionReader:
    """Reads nested arrays of positions of a known depth, counting them."""

    __slots__ = ("count", "geometry", "parameter")

    def __init__(self, geometry: str, parameter: str) -> None:
        self.geometry = geometry
        self.parameter = parameter
        self.count = 0

    def error(self, what: str) -> BadRequestData:
        return BadRequestData(
            f"The {self.parameter} of the {self.geometry} are wrong: {what}", pointer=f"{self.parameter}:0"
        )

    def read(self, tree: Any, depth: int) -> list[Any]:
        if not isinstance(tree, list | tuple) or not tree:
            raise self.error("expected an array that is not empty")
        nodes = cast("Sequence[Any]", tree)
        if depth == 0:
            return self.read_position(nodes)
        read = [self.read(node, depth - 1) for node in nodes]
        if depth == 1:
            self.check_row(read)
        return read

    def read_position(self, position: Sequence[Any]) -> list[float]:
        self.count += 1
        if self.count > MAX_POSITIONS:
            raise self.error(f"more than {MAX_POSITIONS} positions")
        numbers = [value for value in position if isinstance(value, int | float) and not isinstance(value, bool)]
        if not 2 <= len(position) <= 3 or len(numbers) != len(position):
            raise self.error("a position has two or three numbers, longitude first")
        if not (-180 <= numbers[0] <= 180 and -90 <= numbers[1] <= 90):
            raise self.error(f"{str(position)[:60]} lies outside longitude ±180 and latitude ±90")
        return [float(numbers[0]), float(numbers[1])]

    def check_row(self, row: list[Any]) -> None:
        least = _LEAST.get(self.geometry, 1)
        if len(row) < least:
            raise self.error(f"expected at least {least} positions in a row")
        if self.geometry.endswith("Polygon") and row[0] != row[-1]:
            raise self.error("the first and the last position of a ring must be the same")
