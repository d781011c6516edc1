"""Points and geometries: made, checked and brought to degrees."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import re2

from stadtkern.errors import BadRequestData
from stadtkern.ingest.expression.values import is_number, kind_of, show
from stadtkern.ingest.fault import Fault

_SYSTEM = re2.compile(r"EPSG:\d{4,6}")


def make_point(longitude: Any, latitude: Any, altitude: Any = None) -> dict[str, Any]:
    """Make a GeoJSON point: longitude first, in degrees (or east and north, to be reprojected). Raises: Fault."""
    position = [longitude, latitude] if altitude is None else [longitude, latitude, altitude]
    for number in position:
        if not is_number(number):
            raise Fault(f"a coordinate is {kind_of(number)} ({show(number)}), not a number")
    return {"type": "Point", "coordinates": position}


def reproject(system: str) -> Callable[[Any], Any]:
    """Give a function that brings geometries from a reference system to degrees (WGS 84), rounded to 9 digits.

    Raises: BadRequestData (the system is unknown).
    """
    transform = _transformer(system)

    def work(geometry: Any) -> Any:
        if type(geometry) is not dict or "coordinates" not in geometry:
            raise Fault(f"{kind_of(geometry)} is not a geometry")
        tree = cast("dict[str, Any]", geometry)
        return {**tree, "coordinates": _move(tree["coordinates"], transform, 0)}

    return work


@lru_cache(maxsize=16)
def _transformer(system: str) -> Callable[[float, float], tuple[float, float]]:
    # half a second of imports that most mappings never need
    from pyproj import Transformer
    from pyproj.exceptions import CRSError

    if _SYSTEM.fullmatch(system) is None:
        raise BadRequestData(f"{system[:40]!r} is not a reference system such as EPSG:25832")
    try:
        made = Transformer.from_crs(system, "EPSG:4326", always_xy=True)
    except CRSError as error:
        raise BadRequestData(f"The reference system {system} is unknown") from error
    return lambda x, y: made.transform(x, y)


def _move(tree: Any, transform: Callable[[float, float], tuple[float, float]], depth: int) -> Any:
    if type(tree) is not list or depth > 4 or not tree:
        raise Fault("the coordinates of a geometry are not nested as GeoJSON says")
    parts = cast("list[Any]", tree)
    if not is_number(parts[0]):
        return [_move(part, transform, depth + 1) for part in parts]
    if len(parts) < 2 or not is_number(parts[1]):
        raise Fault("a position is not two or three numbers")
    longitude, latitude = transform(parts[0], parts[1])
    return [round(longitude, 9), round(latitude, 9), *parts[2:]]
