"""Aggregated values over periods of time. Spec: CIM 009 4.5.19.

Numbers take part with their value, booleans as 0 and 1, texts compare by code point, arrays count by their length;
other values can only be counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from stadtkern.errors import TooManyResults
from stadtkern.model.entity import Instance
from stadtkern.model.history import AggregateRow
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw, unraw
from stadtkern.query.request import Aggregation, AggregationMethod, Duration

MAX_PERIODS = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Accumulator:
    """Takes the instances of one series in order of time and keeps sums by period."""

    def __init__(self, aggregation: Aggregation, origin: Instant, end: Instant) -> None:
        self._methods = aggregation.methods
        self._periods = _Periods(aggregation.period, origin, end)
        self._buckets: dict[int, _Bucket] = {}
        self._distinct = "distinctCount" in aggregation.methods

    def add(self, instance: Instance, time: Instant) -> None:
        """Take one instance. Raises: TooManyResults."""
        index = self._periods.index(time)
        bucket = self._buckets.get(index)
        if bucket is None:
            if len(self._buckets) >= MAX_PERIODS:
                raise TooManyResults(
                    f"The answer would have more than {MAX_PERIODS} periods", hint="ask for longer ones"
                )
            bucket = self._buckets[index] = _Bucket()
        bucket.add(unraw(instance.value), self._distinct)

    def rows(self) -> dict[str, list[AggregateRow]]:
        """Give each method's values by period; periods without a value for it are left out."""
        found: dict[str, list[AggregateRow]] = {}
        for method in self._methods:
            rows: list[AggregateRow] = []
            for index, bucket in sorted(self._buckets.items()):
                value = bucket.result(method)
                if value is not None:
                    rows.append(AggregateRow(raw(value), *self._periods.bounds(index)))
            found[method] = rows
        return found


class _Bucket:
    """Sums of one period. Welford's method keeps the deviation exact for long series of close numbers."""

    __slots__ = ("count", "distinct", "high", "low", "mean", "numbers", "square", "sum", "sumsq")

    def __init__(self) -> None:
        self.count = self.numbers = 0
        self.sum = self.sumsq = self.mean = self.square = 0.0
        self.low: Any = None
        self.high: Any = None
        self.distinct: set[str] = set()

    def add(self, value: Any, distinct: bool) -> None:
        self.count += 1
        if distinct:
            self.distinct.add(repr(value))
        if isinstance(value, list):
            value = len(cast("list[Any]", value))
        if isinstance(value, bool | int | float):
            self._add_number(float(value))
        elif isinstance(value, str) and not isinstance(self.low, float):
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)

    def _add_number(self, number: float) -> None:
        self.numbers += 1
        self.sum += number
        self.sumsq += number * number
        before = number - self.mean
        self.mean += before / self.numbers
        self.square += before * (number - self.mean)
        self.low = number if not isinstance(self.low, float) else min(self.low, number)
        self.high = number if not isinstance(self.high, float) else max(self.high, number)

    def result(self, method: AggregationMethod) -> Any:
        match method:
            case "totalCount":
                return self.count
            case "distinctCount":
                return len(self.distinct)
            case "min":
                return self.low
            case "max":
                return self.high
            case _:
                return self._moment(method) if self.numbers else None

    def _moment(self, method: AggregationMethod) -> float | None:
        results = {
            "sum": self.sum,
            "avg": self.sum / self.numbers,
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
            self._starts.append(self._start(len(self._starts)))
            if len(self._starts) > MAX_PERIODS:
                raise TooManyResults(
                    f"The answer would have more than {MAX_PERIODS} periods", hint="ask for longer ones"
                )
        return next(i for i in self._backward() if self._starts[i] <= time)

    def _backward(self) -> Iterator[int]:
        yield from range(len(self._starts) - 1, -1, -1)

    def bounds(self, index: int) -> tuple[Instant, Instant]:
        if self._period.is_whole_range:
            return self._origin, self._end
        if not self._period.months:
            start = self._origin + index * self._period.micros
            return Instant(start), Instant(start + self._period.micros)
        return Instant(self._start(index)), Instant(self._start(index + 1))

    def _start(self, index: int) -> int:
        """Add ``index`` periods with months to the origin; a day that a month lacks becomes its last one."""
        origin = _EPOCH + self._origin * _MICROSECOND
        months = origin.year * 12 + origin.month - 1 + index * self._period.months
        year, month = divmod(months, 12)
        day = min(origin.day, _days(year, month + 1))
        moment = origin.replace(year=year, month=month + 1, day=day)
        return (moment - _EPOCH) // _MICROSECOND + index * self._period.micros


def _days(year: int, month: int) -> int:
    if month == 12:
        return 31
    return (datetime(year, month + 1, 1, tzinfo=UTC) - timedelta(days=1)).day
