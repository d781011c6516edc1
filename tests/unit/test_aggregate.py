"""Sums over periods against plain recounts."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.broker import aggregate
from stadtkern.broker.aggregate import Accumulator
from stadtkern.errors import TooManyResults
from stadtkern.model.entity import AttributeKind, Instance
from stadtkern.model.instant import Instant, parse_instant, render_instant
from stadtkern.model.json import raw, unraw
from stadtkern.query.request import AGGREGATION_METHODS, Aggregation, AggregationMethod, Duration, parse_duration
from stadtkern.store.temporal import Sample, sample_of

SECOND = 1_000_000
ORIGIN = parse_instant("2026-01-31T12:00:00Z")
numbers = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 3)),
)
samples = st.lists(st.tuples(st.integers(0, 40), numbers), min_size=1, max_size=60)


def make_sample(second: int, value: Any, kind: AttributeKind = "Property") -> Sample:
    instance = Instance(kind=kind, value=raw(value), observed_at=Instant(ORIGIN + second * SECOND))
    return sample_of(instance, "observedAt")


def add_up(
    values: list[tuple[int, Any]], period: str, *methods: AggregationMethod, kind: AttributeKind = "Property"
) -> dict[str, list[tuple[Any, str, str]]]:
    sums = Accumulator(Aggregation(methods, parse_duration(period)), ORIGIN, Instant(ORIGIN + 100 * SECOND))
    sums.add([make_sample(second, value, kind) for second, value in values])
    return {
        method: [(unraw(row.value), render_instant(row.start), render_instant(row.end)) for row in rows]
        for method, rows in sums.rows().items()
    }


def results(values: list[Any], *methods: AggregationMethod, kind: AttributeKind = "Property") -> dict[str, list[Any]]:
    """Give what the methods make of values in one period."""
    found = add_up([(0, value) for value in values], "PT0S", *methods, kind=kind)
    return {method: [row[0] for row in rows] for method, rows in found.items()}


@given(samples, st.integers(1, 12), st.integers(1, 9))
def test_add_equals_a_recount_of_each_period(values: list[tuple[int, float]], length: int, slices: int) -> None:
    aggregation = Aggregation(AGGREGATION_METHODS, Duration(micros=length * SECOND))
    sums = Accumulator(aggregation, ORIGIN, ORIGIN)
    for start in range(slices):
        # in any order, and in several goes
        sums.add([make_sample(*value) for value in values[start::slices]])
    buckets: dict[int, list[float]] = {}
    for second, number in values:
        buckets.setdefault(second // length, []).append(float(number))
    for method, rows in sums.rows().items():
        assert [(row.start - ORIGIN) // SECOND for row in rows] == [index * length for index in sorted(buckets)]
        assert all(row.end - row.start == length * SECOND for row in rows)
        for row, index in zip(rows, sorted(buckets), strict=True):
            assert unraw(row.value) == pytest.approx(_recount(method, buckets[index]), rel=1e-9, abs=1e-6)


def _recount(method: AggregationMethod, values: list[float]) -> float:
    recounts: dict[AggregationMethod, float] = {
        "totalCount": len(values),
        "distinctCount": len(set(values)),
        "sum": math.fsum(values),
        "avg": statistics.fmean(values),
        "min": min(values),
        "max": max(values),
        "stddev": statistics.pstdev(values),
        "sumsq": math.fsum(value * value for value in values),
    }
    return recounts[method]


def test_stddev_is_exact_for_large_close_numbers() -> None:
    values = [1e9 + number for number in (1, 2, 3, 4)]
    assert results(values, "stddev")["stddev"][0] == pytest.approx(math.sqrt(1.25), rel=1e-6)


@pytest.mark.clause("CIM009 4.5.19")
def test_texts_have_extremes_and_counts_only() -> None:
    found = results(["b", "a", "b", "ä"], *AGGREGATION_METHODS)
    counted = {"totalCount": [4], "distinctCount": [3], "min": ["a"], "max": ["ä"]}
    assert found == {**counted, "sum": [], "avg": [], "stddev": [], "sumsq": []}


@pytest.mark.clause("CIM009 4.5.19")
def test_booleans_count_as_numbers() -> None:
    found = results([True, False, True, True], "sum", "avg", "min", "max")
    assert found == {"sum": [3], "avg": [0.75], "min": [0], "max": [1]}


@pytest.mark.clause("CIM009 4.5.19")
@pytest.mark.parametrize("kind", ["Property", "ListProperty"])
def test_lists_count_by_their_length(kind: AttributeKind) -> None:
    assert results([[1, 2], [], [3]], "sum", "max", "avg", kind=kind) == {"sum": [3], "max": [2], "avg": [1]}


@pytest.mark.parametrize("value", ["urn:x:1", {"de": "a"}, {"type": "Point", "coordinates": [1, 2]}, None, 5])
@pytest.mark.parametrize("kind", ["Relationship", "LanguageProperty", "GeoProperty", "JsonProperty", "VocabProperty"])
def test_other_kinds_can_only_be_counted(kind: AttributeKind, value: Any) -> None:
    found = results([value, value], "totalCount", "distinctCount", "min", "sum", kind=kind)
    assert found == {"totalCount": [2], "distinctCount": [1], "min": [], "sum": []}


def test_numbers_decide_about_extremes_where_texts_are_among_them() -> None:
    assert results(["zzz", 3, 1], "min", "max", "totalCount") == {"min": [1], "max": [3], "totalCount": [3]}


def test_distinct_values_are_told_apart_by_kind_and_not_by_notation() -> None:
    assert results([1, 1.0, True, "1", "x" * 100, "x" * 100, "x" * 101], "distinctCount") == {"distinctCount": [5]}


def test_numbers_beyond_doubles_have_no_sum() -> None:
    found = results([1e308, 1e308], "sum", "sumsq", "max")
    assert found == {"sum": [], "sumsq": [], "max": [1e308]}


@pytest.mark.clause("CIM009 4.5.19")
def test_calendar_months_keep_the_day_or_take_the_last_one() -> None:
    day = 86_400
    rows = add_up([(0, 1), (28 * day, 2), (59 * day, 4)], "P1M", "sum")["sum"]
    assert rows == [
        (1, "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"),
        (2, "2026-02-28T12:00:00Z", "2026-03-31T12:00:00Z"),
        (4, "2026-03-31T12:00:00Z", "2026-04-30T12:00:00Z"),
    ]


@given(st.integers(0, 3000), st.integers(1, 30))
def test_calendar_months_agree_with_the_calendar(day: int, months: int) -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(days=day)
    [(_, start, end)] = add_up([(day * 86_400, 1)], f"P{months}M", "sum")["sum"]
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert first <= moment < last
    assert (last.year - first.year) * 12 + last.month - first.month == months
    assert all(one.day == 31 or (one + timedelta(days=1)).day == 1 for one in (first, last))


def test_the_whole_range_is_one_period() -> None:
    rows = add_up([(5, 1), (90, 2)], "PT0S", "avg")["avg"]
    assert rows == [(1.5, "2026-01-31T12:00:00Z", "2026-01-31T12:01:40Z")]


@pytest.mark.parametrize("period", ["P1M", "P5000Y", "P10000Y", "P3000000D"])
def test_periods_end_with_the_last_year_that_can_be_written(period: str) -> None:
    late = (parse_instant("9999-12-31T23:00:00Z") - ORIGIN) // SECOND
    rows = add_up([(late, 1)], period, "sum")["sum"]
    assert rows[0][2] == "9999-12-31T23:59:59.999999Z"


def test_rows_can_be_limited_from_either_end() -> None:
    sums = Accumulator(Aggregation(("sum",), parse_duration("PT1S")), ORIGIN, ORIGIN)
    sums.add([make_sample(second, second) for second in range(5)])
    assert [unraw(row.value) for row in sums.rows(last=2)["sum"]] == [3, 4]
    assert [unraw(row.value) for row in sums.rows(first=2)["sum"]] == [0, 1]


@pytest.mark.parametrize("period", ["PT1S", "P1M"])
def test_add_refuses_too_many_periods(monkeypatch: pytest.MonkeyPatch, period: str) -> None:
    monkeypatch.setattr(aggregate, "MAX_PERIODS", 3)
    month = 31 * 86_400
    with pytest.raises(TooManyResults):
        add_up([(second * month, 1) for second in range(6)], period, "sum")
