"""Boxes for spatial indexes, from GeoJSON alone: cheap enough for every write."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast


class Box(NamedTuple):
    """Degrees; west <= east."""

    west: float
    south: float
    east: float
    north: float


WORLD = Box(-180.0, -90.0, 180.0, 90.0)
_WIDE = 1.0
"""Radians: edges over so many degrees of longitude may follow a great circle anywhere."""

_HALF_ROUND = 179.0
"""Degrees of longitude; a little below 180, where there is no one great circle any more."""


def index_box(geometry: dict[str, Any]) -> Box:
    """Give the box to keep in a spatial index for a checked GeoJSON geometry.

    It holds the great circles of the edges, which reach nearer to a pole than their ends: distances follow them.
    """
    positions: list[Sequence[float]] = []
    span = 0.0
    for row in _rows(geometry["coordinates"]):
        positions.extend(row)
        if geometry["type"] != "MultiPoint":
            span = max([span, *(abs(one[0] - other[0]) for one, other in pairwise(row))])
    longitudes, latitudes = [float(one[0]) for one in positions], [float(one[1]) for one in positions]
    return bulge(Box(min(longitudes), min(latitudes), max(longitudes), max(latitudes)), span)


def _rows(coordinates: Any) -> Iterator[Sequence[Sequence[float]]]:
    """Give the rows of positions; a single position is a row of one."""
    stack: list[Any] = [coordinates]
    while stack:
        node = stack.pop()
        if not node:
            continue
        if isinstance(node[0], int | float):
            yield [cast("Sequence[float]", node)]
        elif node[0] and isinstance(node[0][0], int | float):
            yield cast("Sequence[Sequence[float]]", node)
        else:
            stack.extend(node)


def bulge(box: Box, span: float) -> Box:
    """Widen a box by what great circles over ``span`` degrees of longitude can stand out.

    Over about half the Earth and more they may even lead the other way round, so the box is the world.
    """
    if span >= _HALF_ROUND:
        return WORLD
    angle = math.radians(span)
    if angle > _WIDE:
        return Box(box.west, -90.0, box.east, 90.0)
    out = math.degrees(angle * angle / 12)
    return Box(box.west, max(-90.0, box.south - out), box.east, min(90.0, box.north + out))
