"""GeoJSON geometries: shape and ranges; crossing lines are accepted.

Spec: CIM 009 4.7 (GeoProperties), RFC 7946 section 3.1.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from stadtkern.errors import BadRequestData

MAX_POSITIONS = 100_000
"""Most positions in one geometry; the outline of a federal state stays below."""

_DEPTH: Final = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
"""How many arrays lie around the positions."""
GEOMETRY_TYPES: Final = frozenset(_DEPTH)


def check_geometry(tree: Any, pointer: str) -> None:
    """Check a parsed geometry: longitude and latitude in degrees, rings closed. Raises: BadRequestData."""
    geometry = cast("dict[str, Any]", tree) if isinstance(tree, dict) else None
    if geometry is None:
        raise BadRequestData("The value of a GeoProperty is not a GeoJSON geometry", pointer=pointer)
    name = geometry.get("type")
    if not isinstance(name, str) or name not in GEOMETRY_TYPES:
        raise BadRequestData(
            f"{str(name)[:40]!r} is not a supported geometry type",
            hint=f"one of {', '.join(sorted(GEOMETRY_TYPES))}",
            pointer=f"{pointer}/type",
        )
    positions = _check_nest(geometry.get("coordinates"), _DEPTH[name], name, f"{pointer}/coordinates")
    if positions > MAX_POSITIONS:
        raise BadRequestData(f"The geometry has more than {MAX_POSITIONS} positions", pointer=pointer)


def _check_nest(tree: Any, depth: int, name: str, pointer: str) -> int:
    """Check arrays of arrays of positions; give the number of positions."""
    parts = _array(tree)
    if parts is None:
        raise BadRequestData(f"The coordinates of a {name} are not nested as RFC 7946 says", pointer=pointer)
    if depth == 0:
        _check_position(parts, pointer, None)
        return 1
    if not parts and (depth > 1 or name == "MultiPoint"):
        raise BadRequestData(f"A {name} has an empty array in its coordinates", pointer=pointer)
    if depth == 1:
        return _check_line(parts, name, pointer)
    return sum(_check_nest(part, depth - 1, name, f"{pointer}/{at}") for at, part in enumerate(parts))


def _check_line(positions: list[Any], name: str, pointer: str) -> int:
    for at, element in enumerate(positions):
        position = _array(element)
        if position is None:
            raise BadRequestData(f"The coordinates of a {name} are not nested as RFC 7946 says", pointer=pointer)
        _check_position(position, pointer, at)
    if name in ("Polygon", "MultiPolygon"):
        if len(positions) < 4:
            raise BadRequestData("A ring of a polygon has fewer than four positions", pointer=pointer)
        if positions[0] != positions[-1]:
            raise BadRequestData("A ring of a polygon is not closed", hint="repeat its first position", pointer=pointer)
    elif name != "MultiPoint" and len(positions) < 2:
        raise BadRequestData("A line has fewer than two positions", pointer=pointer)
    return len(positions)


def _check_position(position: list[Any], pointer: str, at: int | None) -> None:
    """Check one position. ``at``: its place in the array at ``pointer``, if it stands in one."""
    if not 2 <= len(position) <= 4 or not all(type(number) in (int, float) for number in position):
        raise BadRequestData("A position is not two or three numbers", pointer=_pointer_to(pointer, at))
    longitude, latitude = position[0], position[1]
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        shown = msgspec.json.encode(position[:2]).decode()[:60]
        raise BadRequestData(
            f"The position {shown} is not on Earth",
            hint="longitude first, then latitude, in degrees (WGS 84)",
            pointer=_pointer_to(pointer, at),
        )


def _pointer_to(pointer: str, at: int | None) -> str:
    return pointer if at is None else f"{pointer}/{at}"


def _array(tree: Any) -> list[Any] | None:
    return cast("list[Any]", tree) if isinstance(tree, list) else None
