"""An index by place: boxes in grids."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from stadtkern.model.entity import Entity
from stadtkern.model.ids import Iri
from stadtkern.notify.index.bucket import Buckets
from stadtkern.notify.index.need import HasPlace
from stadtkern.query.box import WORLD, Box, index_box
from stadtkern.query.targets import GEOMETRY_KINDS

T = TypeVar("T", bound=Hashable)
_DEEPEST = 20
"""Smallest cells: 360 degrees halved so often, 38 m at the equator."""
_MOST_CELLS = 64


Cell = tuple[int, int, int]
"""Level, column, row."""


class _Grid(Generic[T]):
    """Boxes in the cells of as many grids as there are sizes of boxes: each lies in four cells at most."""

    def __init__(self) -> None:
        self._cells = Buckets[T]()
        self._levels = Buckets[T]()

    def add(self, box: Box, entry: T) -> None:
        level = _level(box)
        self._levels.add(level, entry)
        for cell in _cells(box, level):
            self._cells.add(cell, entry)

    def remove(self, box: Box, entry: T) -> None:
        level = _level(box)
        self._levels.remove(level, entry)
        for cell in _cells(box, level):
            self._cells.remove(cell, entry)

    def crowd(self, box: Box) -> int:
        return max(self._cells.count(cell) for cell in _cells(box, _level(box)))

    def find(self, box: Box) -> Iterator[T]:
        for key in list(self._levels):
            level = int(str(key))
            if _count(box, level) > _MOST_CELLS:
                yield from self._levels.find(level)
            else:
                for cell in _cells(box, level):
                    yield from self._cells.find(cell)


def _level(box: Box) -> int:
    """Give the finest grid whose cells are as large as the box."""
    size = max(box.east - box.west, box.north - box.south)
    return _DEEPEST if size <= 0 else max(0, min(_DEEPEST, math.floor(math.log2(360.0 / size))))


def _span(box: Box, level: int) -> tuple[range, range]:
    size = 360.0 / (1 << level)
    columns = range(math.floor(box.west / size), math.floor(box.east / size) + 1)
    return columns, range(math.floor(box.south / size), math.floor(box.north / size) + 1)


def _count(box: Box, level: int) -> int:
    columns, rows = _span(box, level)
    return len(columns) * len(rows)


def _cells(box: Box, level: int) -> Iterator[Cell]:
    columns, rows = _span(box, level)
    return ((level, column, row) for column in columns for row in rows)


class Places(Generic[T]):
    """Boxes by attribute."""

    def __init__(self) -> None:
        self._by_name: dict[Iri, _Grid[T]] = {}

    def add(self, need: HasPlace, entry: T) -> None:
        self._by_name.setdefault(need.attribute, _Grid[T]()).add(need.box, entry)

    def remove(self, need: HasPlace, entry: T) -> None:
        self._by_name[need.attribute].remove(need.box, entry)

    def crowd(self, need: HasPlace) -> int:
        grid = self._by_name.get(need.attribute)
        return 0 if grid is None else grid.crowd(need.box)

    def find(self, entity: Entity) -> Iterator[T]:
        for name, grid in self._by_name.items():
            for instance in entity.attributes.get(name, ()):
                if instance.kind in GEOMETRY_KINDS:
                    yield from grid.find(_box(instance.value))


def _box(text: msgspec.Raw) -> Box:
    geometry: Any = msgspec.json.decode(text)
    try:
        return index_box(geometry)
    except (KeyError, TypeError, ValueError, IndexError):
        return WORLD  # the filter decides what is no geometry
