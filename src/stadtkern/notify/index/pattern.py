"""An index by patterns: a text keeps what fits it, so that only its first event costs as much as there are patterns."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from stadtkern.notify.index.bucket import Buckets
from stadtkern.query.pattern import compile_pattern
from stadtkern.query.scanner import Pattern

T = TypeVar("T", bound=Hashable)
_MOST_TEXTS = 10_000
"""Texts for which the patterns that fit are remembered."""
_LONGEST = 200
"""Characters; for longer texts nothing is remembered."""


class Patterns(Generic[T]):
    """Entries by pattern."""

    __slots__ = ("_buckets", "_compiled", "_fitting")

    def __init__(self) -> None:
        self._buckets = Buckets[T]()
        self._compiled: dict[str, Pattern] = {}
        self._fitting: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._compiled)

    def add(self, pattern: str, entry: T) -> None:
        if pattern not in self._compiled:
            self._compiled[pattern] = compile_pattern(pattern)
            self._fitting.clear()
        self._buckets.add(pattern, entry)

    def remove(self, pattern: str, entry: T) -> None:
        if self._buckets.remove(pattern, entry):
            del self._compiled[pattern]
            self._fitting.clear()

    def crowd(self, pattern: str) -> int:
        return self._buckets.count(pattern)

    def find(self, text: str) -> Iterator[T]:
        for pattern in self._fits(text) if self._compiled else ():
            yield from self._buckets.find(pattern)

    def _fits(self, text: str) -> list[str]:
        fitting = self._fitting.get(text)
        if fitting is None:
            fitting = [one for one, compiled in self._compiled.items() if compiled.search(text) is not None]
            if len(text) <= _LONGEST:
                if len(self._fitting) >= _MOST_TEXTS:
                    self._fitting.clear()
                self._fitting[text] = fitting
        return fitting
