"""The ground that the town stands on: an old town and six districts around it, which tile it without gap or overlap."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass

from stadtkern.demo.chance import source

Position = tuple[float, float]
"""Longitude and latitude, degrees, CRS84."""

CENTRE: Position = (10.43, 51.08)
"""In the Hainich, a forest in the middle of Germany: there is no town here."""
_SPOKES = 24
_INNER_M = 750.0
_OUTER_M = 3_200.0
_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class District:
    """A part of the town. ring: its border, counter-clockwise, closed. people: how many live there."""

    slug: str
    german: str
    english: str
    people: int
    green: float
    """How many trees it has, compared with others."""
    ring: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class _Sector:
    """An outer district: from one spoke to another."""

    slug: str
    german: str
    english: str
    people: int
    green: float
    spokes: tuple[int, int]


_SECTORS = (
    _Sector("oststadt", "Oststadt", "East Town", 14_200, 1.0, (-2, 2)),
    _Sector("am-hain", "Am Hain", "Grove Side", 9_800, 1.9, (2, 6)),
    _Sector("nordstadt", "Nordstadt", "North Town", 16_400, 0.9, (6, 10)),
    _Sector("muehlenviertel", "Mühlenviertel", "Mill Quarter", 11_300, 1.2, (10, 14)),
    _Sector("suedvorstadt", "Südvorstadt", "South Suburb", 15_700, 1.1, (14, 18)),
    _Sector("hafen", "Am Hafen", "Harbour", 6_900, 0.6, (18, 22)),
)


@dataclass(frozen=True, slots=True)
class Ground:
    """The town's outline and its districts, the old town first."""

    outline: tuple[Position, ...]
    districts: tuple[District, ...]


def lay_out(seed: int) -> Ground:
    """Draw the town."""
    chance = source(seed, "ground")
    inner = [_spoke(number, _INNER_M * chance.uniform(0.85, 1.15)) for number in range(_SPOKES)]
    outer = [_spoke(number, _OUTER_M * chance.uniform(0.8, 1.2)) for number in range(_SPOKES)]
    old_town = District("altstadt", "Altstadt", "Old Town", 8_100, 0.7, _close(inner))
    return Ground(_close(outer), (old_town, *(_district(sector, inner, outer) for sector in _SECTORS)))


def _district(sector: _Sector, inner: list[Position], outer: list[Position]) -> District:
    first, last = sector.spokes
    spokes = [number % _SPOKES for number in range(first, last + 1)]
    ring = [*(outer[number] for number in spokes), *(inner[number] for number in reversed(spokes))]
    return District(sector.slug, sector.german, sector.english, sector.people, sector.green, _close(ring))


def _spoke(number: int, metres: float) -> Position:
    angle = 2 * math.pi * number / _SPOKES
    return shift(CENTRE, metres * math.cos(angle), metres * math.sin(angle))


def shift(start: Position, east_m: float, north_m: float) -> Position:
    """Give the position so many metres further east and north, rounded to about 10 cm."""
    longitude = start[0] + east_m / (_METRES_PER_DEGREE * math.cos(math.radians(start[1])))
    return round(longitude, 6), round(start[1] + north_m / _METRES_PER_DEGREE, 6)


def _close(ring: list[Position]) -> tuple[Position, ...]:
    return (*ring, ring[0])


def is_inside(position: Position, ring: tuple[Position, ...]) -> bool:
    """Tell whether a position lies within a closed ring, by counting the borders east of it."""
    x, y = position
    inside = False
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def draw_position(chance: random.Random, district: District) -> Position:
    """Draw a position within a district."""
    west, east = min(x for x, _ in district.ring), max(x for x, _ in district.ring)
    south, north = min(y for _, y in district.ring), max(y for _, y in district.ring)
    while True:
        position = round(chance.uniform(west, east), 6), round(chance.uniform(south, north), 6)
        if is_inside(position, district.ring):
            return position
