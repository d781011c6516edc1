"""Entries by key: what the small indexes are made of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Buckets(Generic[T]):
    """Entries by key; empty keys are forgotten."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        self._by_key: dict[Hashable, dict[T, None]] = {}

    def add(self, key: Hashable, entry: T) -> None:
        self._by_key.setdefault(key, {})[entry] = None

    def remove(self, key: Hashable, entry: T) -> bool:
        """Take an entry out; tells whether the key is free now."""
        bucket = self._by_key.get(key)
        if bucket is None:
            return False
        bucket.pop(entry, None)
        if not bucket:
            del self._by_key[key]
        return not bucket

    def find(self, key: Hashable) -> Iterable[T]:
        return self._by_key.get(key, ())

    def count(self, key: Hashable) -> int:
        return len(self._by_key.get(key, ()))

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._by_key)
