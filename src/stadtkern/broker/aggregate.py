"""Aggregated values over periods of time. Spec: CIM 009 4.5.19.

Of Properties numbers take part with their value, booleans as 0 and 1, texts compare by code point; lists (also those of
ListProperties) take part with their length. Everything else can only be counted. Where a period has numbers and texts,
the numbers decide about its minimum and maximum.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import mul
from typing import Any, cast

import msgspec

from stadtkern.errors import TooManyResults
from stadtkern.model.history import AggregateRow
from stadtkern.model.instant import EARLIEST, LATEST, Instant
from stadtkern.model.json import raw
from stadtkern.query.request import Aggregation, AggregationMethod, Duration
from stadtkern.store.observation import KINDS

MAX_PERIODS = 100_000
"""Most periods of one series."""
_LONG_TEXT = 32
"""Of longer values only a hash is remembered to tell distinct ones apart."""
_PROPERTY, _LIST = KINDS.index("Property"), KINDS.index("ListProperty")
Samples = Iterable[Sequence[Any]]
"""Instances in the form of ``store.temporal.Sample``: place (two columns), time, kind, number, JSON text."""


class Accumulator:
    """Takes the instances of one series, in any order, and keeps sums by period."""

    def __init__(self, aggregation: Aggregation, origin: Instant, end: Instant) -> None:
        """origin: where the first period begins. end: where the only one ends, if it spans the whole range."""
        self._methods = aggregation.methods
        self._periods = _Periods(aggregation.period, origin, end)
        self._buckets: dict[int, _Bucket] = {}
        self._distinct = "distinctCount" in aggregation.methods

    def __len__(self) -> int:
        """Count the periods that have instances."""
        return len(self._buckets)

    def add(self, samples: Samples) -> None:
        """Take some instances. Raises: TooManyResults."""
        numbers: dict[int, list[float]] = {}
        index = self._periods.index
        for _, _, at, kind, number, text in samples:
            place = index(at)
            if number is None or self._distinct:
                self._bucket(place).add_value(kind, number, text, self._distinct)
            if number is not None:
                numbers.setdefault(place, []).append(number)
        for place, values in numbers.items():
            self._bucket(place).add_numbers(values)

    def rows(self, *, first: int | None = None, last: int | None = None) -> dict[AggregationMethod, list[AggregateRow]]:
        """Give each method's values by period; periods without a value for it are left out.

        first, last: only so many periods, the earliest or the latest ones.
        """
        wanted = sorted(self._buckets)[-last if last else 0 : first]
        found: dict[AggregationMethod, list[AggregateRow]] = {}
        for method in self._methods:
            rows: list[AggregateRow] = []
            for index in wanted:
                value = self._buckets[index].result(method)
                if value is not None:
                    rows.append(AggregateRow(raw(value), *self._periods.bounds(index)))
            found[method] = rows
        return found

    def _bucket(self, place: int) -> _Bucket:
        bucket = self._buckets.get(place)
        if bucket is None:
            if len(self._buckets) >= MAX_PERIODS:
                raise _too_many()
            bucket = self._buckets[place] = _Bucket()
        return bucket


class _Bucket:
    """Sums of one period. Deviations are kept from the mean: squares of close, large numbers would cancel out."""

    __slots__ = ("count", "distinct", "first", "high", "last", "low", "mean", "numbers", "square", "sum", "sumsq")

    def __init__(self) -> None:
        self.count = self.numbers = 0
        self.sum = self.sumsq = self.mean = self.square = 0.0
        self.low, self.high = math.inf, -math.inf
        self.first: str | None = None
        self.last: str | None = None
        self.distinct: set[Any] = set()

    def add_value(self, kind: int, number: float | None, text: str | None, distinct: bool) -> None:
        """Take one value that is no plain number, or note which number it is where distinct ones are counted."""
        if number is not None:
            self.distinct.add(number)
            return
        self.count += 1
        if distinct and text is not None:
            self.distinct.add(text if len(text) <= _LONG_TEXT else hashlib.blake2b(text.encode()).digest()[:16])
        if text is None or (kind != _PROPERTY and kind != _LIST):
            return
        value = msgspec.json.decode(text)
        if isinstance(value, bool):
            self._fold([float(value)])
        elif isinstance(value, list):
            self._fold([float(len(cast("list[Any]", value)))])
        elif isinstance(value, str):
            self.first = value if self.first is None else min(self.first, value)
            self.last = value if self.last is None else max(self.last, value)

    def add_numbers(self, values: list[float]) -> None:
        """Take numbers."""
        self.count += len(values)
        self._fold(values)

    def _fold(self, values: list[float]) -> None:
        """Add numbers to what is known (Chan, Golub and LeVeque's way to join two samples)."""
        count = len(values)
        total = sum(values)
        mean = total / count
        apart = mean - self.mean
        joined = self.numbers + count
        deviations = [value - mean for value in values]
        self.square += sum(map(mul, deviations, deviations)) + apart * apart * self.numbers * count / joined
        self.mean += apart * count / joined
        self.numbers = joined
        self.sum += total
        self.sumsq += sum(map(mul, values, values))
        self.low = min(self.low, min(values))
        self.high = max(self.high, max(values))

    def result(self, method: AggregationMethod) -> Any:
        """Give one method's result; None where it has none."""
        match method:
            case "totalCount":
                return self.count
            case "distinctCount":
                return len(self.distinct)
            case "min" if not self.numbers:
                return self.first
            case "max" if not self.numbers:
                return self.last
            case _:
                return self._moment(method) if self.numbers else None

    def _moment(self, method: AggregationMethod) -> float | None:
        results = {
            "min": self.low,
            "max": self.high,
            "sum": self.sum,
            "avg": self.mean,
            "sumsq": self.sumsq,
            "stddev": math.sqrt(max(self.square / self.numbers, 0.0)),
        }
        value = results[method]
        return value if math.isfinite(value) else None


class _Periods:
    """Numbers the periods from the origin on: fixed lengths, or calendar months in UTC."""

    def __init__(self, period: Duration, origin: Instant, end: Instant) -> None:
        self._period = period
        self._origin = origin
        self._end = end
        self._starts: list[int] = [origin]

    def index(self, time: int) -> int:
        if self._period.is_whole_range:
            return 0
        if not self._period.months:
            return (time - self._origin) // self._period.micros
        while self._starts[-1] <= time:
            if len(self._starts) > MAX_PERIODS:
                raise _too_many()
            self._starts.append(self._start(len(self._starts)))
        return bisect_right(self._starts, time) - 1

    def bounds(self, index: int) -> tuple[Instant, Instant]:
        """Give start and end of a period, as far as a date-time can tell them."""
        if self._period.is_whole_range:
            return _tellable(self._origin), _tellable(self._end)
        if not self._period.months:
            start = self._origin + index * self._period.micros
            return _tellable(start), _tellable(start + self._period.micros)
        return _tellable(self._start(index)), _tellable(self._start(index + 1))

    def _start(self, index: int) -> int:
        """Add ``index`` periods to the origin; a day that a month lacks becomes its last one."""
        days, rest = divmod(self._origin, _DAY)
        year, month, day = _civil(days)
        months = year * 12 + month - 1 + index * self._period.months
        year, month = divmod(months, 12)
        first = _day_number(year, month + 1)
        length = _day_number(year + (month + 1) // 12, (month + 1) % 12 + 1) - first
        return (first + min(day, length) - 1) * _DAY + rest + index * self._period.micros


_DAY = 86_400_000_000
_ERA_DAYS = 146_097
"""Days of 400 years: the Gregorian calendar repeats itself after them, also beyond the years that datetime knows."""


def _day_number(year: int, month: int) -> int:
    """Count the days from 1970-01-01 to the first day of a month."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5
    return era * _ERA_DAYS + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    """Give year, month and day of a day counted from 1970-01-01."""
    era, day_of_era = divmod(days + 719_468, _ERA_DAYS)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def _tellable(instant: int) -> Instant:
    return Instant(min(max(instant, EARLIEST), LATEST))


def _too_many() -> TooManyResults:
    return TooManyResults(f"The answer would have more than {MAX_PERIODS} periods", hint="ask for longer ones")
