"""All small indexes together. They can be added to and taken from at any time, and may give more than what fits."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from stadtkern.model.entity import Entity
from stadtkern.model.ids import Iri
from stadtkern.notify.index.key import Changed, Ids, Scopes
from stadtkern.notify.index.need import (
    HasChanged,
    HasId,
    HasNumber,
    HasPattern,
    HasPlace,
    HasScope,
    HasStart,
    HasValue,
    Need,
)
from stadtkern.notify.index.place import Places
from stadtkern.notify.index.value import Paths

T = TypeVar("T", bound=Hashable)
N_contra = TypeVar("N_contra", contravariant=True)
T_contra = TypeVar("T_contra", contravariant=True)

SMALL = 16
"""Up to so many entries of one key are asked rather than ordered by something else."""


class Index(Protocol[N_contra, T_contra]):
    """What all kinds of index can do."""

    def add(self, need: N_contra, entry: T_contra, /) -> None: ...
    def remove(self, need: N_contra, entry: T_contra, /) -> None: ...
    def crowd(self, need: N_contra, /) -> int:
        """Tell how many entries come whenever one with this need does."""
        ...


class Shelf(Generic[T]):
    """Entries in the order of one of their needs each, those without one as a plain heap."""

    def __init__(self) -> None:
        self._ids = Ids[T]()
        self._scopes = Scopes[T]()
        self._paths = Paths[T]()
        self._places = Places[T]()
        self._changed = Changed[T]()
        self._others: dict[T, None] = {}

    def choose(self, needs: Iterable[Need]) -> Need | None:
        """Choose the need to order an entry by: the first one that few share, else the one that the fewest share."""
        best: Need | None = None
        least = math.inf
        for need in sorted(needs, key=_rank):
            crowd = self._index(need).crowd(need)
            if crowd <= SMALL:
                return need
            if crowd < least:
                best, least = need, crowd
        return best

    def add(self, need: Need | None, entry: T) -> None:
        """Take an entry in."""
        if need is None:
            self._others[entry] = None
        else:
            self._index(need).add(need, entry)

    def remove(self, need: Need | None, entry: T) -> None:
        """Take an entry out. need: what it was added by."""
        if need is None:
            self._others.pop(entry, None)
        else:
            self._index(need).remove(need, entry)

    def find(self, entity: Entity, changed: Iterable[Iri]) -> Iterator[T]:
        """Give the entries whose need is filled, and some more; some of them more than once."""
        yield from self._ids.find(entity.id)
        yield from self._scopes.find(entity.scope)
        yield from self._paths.find(entity)
        yield from self._places.find(entity)
        yield from self._changed.find(changed)
        yield from self._others

    def _index(self, need: Need) -> Index[Any, T]:
        match need:
            case HasId():
                return self._ids
            case HasScope():
                return self._scopes
            case HasValue() | HasStart() | HasPattern() | HasNumber():
                return self._paths
            case HasPlace():
                return self._places
            case HasChanged():
                return self._changed


_RANKS: dict[type[Need], int] = {
    HasId: 0,
    HasStart: 1,
    HasPlace: 2,
    HasValue: 3,
    HasScope: 4,
    HasChanged: 5,
    HasPattern: 6,
    HasNumber: 7,
}


def _rank(need: Need) -> int:
    """Tell how little a kind of need lets through, as a rule."""
    return _RANKS[type(need)]
