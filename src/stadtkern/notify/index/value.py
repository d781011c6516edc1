"""An index by values: texts, beginnings of texts, and bounds of numbers at paths."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from stadtkern.model.entity import Entity
from stadtkern.notify.index.bucket import Buckets
from stadtkern.notify.index.need import AtPath, HasNumber, HasPattern, HasStart, HasValue
from stadtkern.notify.index.pattern import Patterns
from stadtkern.query.filter import Path
from stadtkern.query.targets import compile_targets, elements

T = TypeVar("T", bound=Hashable)


class _Bounds(Generic[T]):
    """Bounds of numbers in order. least: they are what a number must reach, else what it must not pass."""

    def __init__(self, *, least: bool) -> None:
        self._least = least
        self._buckets = Buckets[T]()
        self._order: list[float] = []

    def __bool__(self) -> bool:
        return bool(self._order)

    def add(self, bound: float, entry: T) -> None:
        if bound not in self._buckets:
            insort(self._order, bound)
        self._buckets.add(bound, entry)

    def remove(self, bound: float, entry: T) -> None:
        if self._buckets.remove(bound, entry):
            del self._order[bisect_left(self._order, bound)]

    def find(self, numbers: list[float]) -> Iterator[T]:
        order = self._order
        if not order or not numbers:
            return
        reached = (
            order[: bisect_right(order, max(numbers))] if self._least else order[bisect_left(order, min(numbers)) :]
        )
        for bound in reached:
            yield from self._buckets.find(bound)


class _Values(Generic[T]):
    """What stands at one path."""

    def __init__(self, path: Path) -> None:
        self._targets = compile_targets(path)
        self._equal = Buckets[T]()
        self._starts = Buckets[T]()
        self._lengths: Counter[int] = Counter()
        self._patterns = Patterns[T]()
        self._least, self._most = _Bounds[T](least=True), _Bounds[T](least=False)

    def __bool__(self) -> bool:
        return any((self._equal, self._starts, self._patterns, self._least, self._most))

    def add(self, need: AtPath, entry: T) -> None:
        match need:
            case HasValue():
                for value in need.values:
                    self._equal.add(value, entry)
            case HasStart():
                self._lengths[len(need.start)] += 1
                self._starts.add(need.start, entry)
            case HasPattern():
                self._patterns.add(need.pattern, entry)
            case HasNumber():
                (self._least if need.least else self._most).add(need.bound, entry)

    def remove(self, need: AtPath, entry: T) -> None:
        match need:
            case HasValue():
                for value in need.values:
                    self._equal.remove(value, entry)
            case HasStart():
                self._lengths[len(need.start)] -= 1
                self._lengths += Counter()  # forget lengths that no start has any more
                self._starts.remove(need.start, entry)
            case HasPattern():
                self._patterns.remove(need.pattern, entry)
            case HasNumber():
                (self._least if need.least else self._most).remove(need.bound, entry)

    def crowd(self, need: AtPath) -> int:
        match need:
            case HasValue():
                return max(map(self._equal.count, need.values), default=0)
            case HasStart():
                return self._starts.count(need.start)
            case HasPattern():
                return self._patterns.crowd(need.pattern)
            case HasNumber():
                return 0  # how many bounds a number passes cannot be told beforehand

    def find(self, entity: Entity) -> Iterator[T]:
        numbers: list[float] = []
        for target in self._targets(entity):
            for element in elements(target):
                if isinstance(element, str):
                    yield from self._equal.find(element)
                    for length in self._lengths:
                        yield from self._starts.find(element[:length])
                    yield from self._patterns.find(element)
                elif isinstance(element, int | float) and not isinstance(element, bool):
                    numbers.append(float(element))
                    yield from self._equal.find(numbers[-1])
        yield from self._least.find(numbers)
        yield from self._most.find(numbers)


class Paths(Generic[T]):
    """What stands at paths, by the attribute that they begin with; "" for members of the entity itself."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[Path, _Values[T]]] = {}

    def add(self, need: AtPath, entry: T) -> None:
        paths = self._by_name.setdefault(_first(need.path), {})
        values = paths.get(need.path)
        if values is None:
            values = paths[need.path] = _Values[T](need.path)
        values.add(need, entry)

    def remove(self, need: AtPath, entry: T) -> None:
        name = _first(need.path)
        values = self._by_name[name][need.path]
        values.remove(need, entry)
        if not values:
            del self._by_name[name][need.path]

    def crowd(self, need: AtPath) -> int:
        values = self._by_name.get(_first(need.path), {}).get(need.path)
        return 0 if values is None else values.crowd(need)

    def find(self, entity: Entity) -> Iterator[T]:
        if not self._by_name:
            return
        for name in ("", *entity.attributes):
            paths = self._by_name.get(name)
            if paths is not None:
                for values in paths.values():
                    yield from values.find(entity)


def _first(path: Path) -> str:
    return path.names[0] if path.names else ""
