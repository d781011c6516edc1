"""Indexes by what belongs to an entity or an event as a whole: id, scopes, names of what changed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from stadtkern.model.ids import EntityId, Iri
from stadtkern.notify.index.bucket import Buckets
from stadtkern.notify.index.need import HasChanged, HasId, HasScope

T = TypeVar("T", bound=Hashable)


class Ids(Generic[T]):
    """Entries by the id of the entity."""

    def __init__(self) -> None:
        self._buckets = Buckets[T]()

    def add(self, need: HasId, entry: T) -> None:
        for id_ in need.ids:
            self._buckets.add(id_, entry)

    def remove(self, need: HasId, entry: T) -> None:
        for id_ in need.ids:
            self._buckets.remove(id_, entry)

    def crowd(self, need: HasId) -> int:
        return max(map(self._buckets.count, need.ids), default=0)

    def find(self, id_: EntityId) -> Iterable[T]:
        return self._buckets.find(id_)


class Changed(Generic[T]):
    """Entries by the attributes that something happened to."""

    def __init__(self) -> None:
        self._buckets = Buckets[T]()

    def add(self, need: HasChanged, entry: T) -> None:
        for name in need.names:
            self._buckets.add(name, entry)

    def remove(self, need: HasChanged, entry: T) -> None:
        for name in need.names:
            self._buckets.remove(name, entry)

    def crowd(self, need: HasChanged) -> int:
        return max(map(self._buckets.count, need.names), default=0)

    def find(self, changed: Iterable[Iri]) -> Iterator[T]:
        for name in changed:
            yield from self._buckets.find(name)


class Scopes(Generic[T]):
    """Entries by scopes and what they begin with."""

    def __init__(self) -> None:
        self._buckets = Buckets[T]()

    def add(self, need: HasScope, entry: T) -> None:
        self._buckets.add(need, entry)

    def remove(self, need: HasScope, entry: T) -> None:
        self._buckets.remove(need, entry)

    def crowd(self, need: HasScope) -> int:
        return self._buckets.count(need)

    def find(self, scopes: Iterable[str]) -> Iterator[T]:
        for scope in scopes:
            levels = tuple(scope.lstrip("/").split("/"))
            yield from self._buckets.find(HasScope(levels, below=False))
            for depth in range(len(levels) + 1):
                yield from self._buckets.find(HasScope(levels[:depth], below=True))
