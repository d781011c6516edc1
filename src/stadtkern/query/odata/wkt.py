"""Well-Known Text to GeoJSON. Shapely is imported at the first use: most requests never need it."""

from __future__ import annotations

import re
from typing import Any

MAX_POINTS = 2_000
"""Most positions in one geometry."""
_MAX_BRACKETS = 6
_FAR = 1_000.0
"""Degrees: no coordinate lies farther out; maps ask a little beyond ±180."""
_KINDS = frozenset(
    {"POINT", "MULTIPOINT", "LINESTRING", "MULTILINESTRING", "POLYGON", "MULTIPOLYGON", "GEOMETRYCOLLECTION"}
)
_WORD = re.compile(r"(?<![0-9.])[A-Za-z]++")
_START = re.compile(r"(?:SRID=([0-9]{1,6})\s*;\s*)?([A-Z]+)", re.IGNORECASE)


def read_wkt(text: str) -> str:
    """Make GeoJSON text of Well-Known Text in any case, longitude first, EPSG:4326. Heights are dropped.

    Raises: ValueError with a sentence.
    """
    found = _START.match(text)
    kind = found.group(2).upper() if found else ""
    if found is None or kind.removesuffix("Z") not in _KINDS:
        raise ValueError(f"{text[:20]!r} does not begin with one of {', '.join(sorted(_KINDS))}")
    if found.group(1) not in {None, "4326"}:
        raise ValueError(f"its reference system is {found.group(1)}; only 4326 is read")
    geometry = text[found.start(2) :]
    _check_size(geometry)
    _check_words(geometry)
    return _convert(geometry)


def _check_size(text: str) -> None:
    """Bound what the library is given: positions, and brackets within brackets."""
    if text.count(",") >= MAX_POINTS:
        raise ValueError(f"it has more than {MAX_POINTS} positions")
    depth = 0
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth > _MAX_BRACKETS:
            raise ValueError(f"its brackets are nested deeper than {_MAX_BRACKETS} levels")


def _check_words(text: str) -> None:
    """Refuse what GeoJSON cannot say: curves, numbers that are none, and parts without a place."""
    for word in _WORD.findall(text.upper()):
        if word == "EMPTY":
            raise ValueError("it is empty, or a part of it")
        if word.rstrip("ZM") and word.removesuffix("Z") not in _KINDS:
            raise ValueError(f"{word[:20]!r} cannot stand in it")


def _convert(text: str) -> str:
    import numpy
    import shapely

    library: Any = shapely
    try:
        with numpy.errstate(all="ignore"):  # numbers that are too large are found below
            shape = library.force_2d(library.from_wkt(text))
        if not (numpy.abs(library.get_coordinates(shape)) <= _FAR).all():
            raise ValueError("its coordinates are not degrees")
        return str(library.to_geojson(shape))
    except library.errors.ShapelyError as error:
        raise ValueError(str(error)[:200]) from error
