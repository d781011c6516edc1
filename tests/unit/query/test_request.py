"""The temporal parameters. Spec: CIM 009 4.11, 4.5.19."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData
from stadtkern.model.instant import parse_instant
from stadtkern.query.request import Aggregation, Duration, TemporalQuery, parse_duration, parse_temporal_query

EARLY, LATE = "2017-12-13T14:20:00Z", "2017-12-13T14:40:00Z"
SHIFTED = "2017-12-13T15:20:00+01:00"
AT, END = parse_instant(EARLY), parse_instant(LATE)
HOUR = 3_600_000_000


@pytest.mark.clause("CIM009 4.11")
@pytest.mark.parametrize(
    ("parameters", "window"),
    [
        ({}, (None, None)),
        ({"timerel": "before", "time_at": EARLY}, (None, AT)),
        ({"timerel": "after", "time_at": EARLY}, (AT, None)),
        ({"timerel": "after", "time_at": SHIFTED}, (AT, None)),
        ({"timerel": "after", "time_at": SHIFTED.replace("+", " ")}, (AT, None)),
        ({"timerel": "between", "time_at": EARLY, "end_time_at": LATE}, (AT, END)),
        ({"timerel": "between", "time_at": EARLY, "end_time_at": EARLY}, (AT, AT)),
    ],
)
def test_parse_temporal_query_gives_the_window(
    parameters: dict[str, Any], window: tuple[int | None, int | None]
) -> None:
    assert parse_temporal_query(**parameters).window() == window


def test_parse_temporal_query_reads_the_rest() -> None:
    found = parse_temporal_query(
        timerel="after",
        time_at=EARLY,
        timeproperty="deletedAt",
        last_n="5",
        aggr_methods="avg,totalCount,avg",
        aggr_period_duration="PT1H",
    )
    assert found == TemporalQuery(
        time_relation="after",
        time_at=AT,
        time_property="deletedAt",
        last_n=5,
        aggregation=Aggregation(("avg", "totalCount"), Duration(0, HOUR)),
    )
    assert parse_temporal_query(first_n=3, aggr_methods=["sum"]).aggregation == Aggregation(("sum",))
    assert parse_temporal_query(first_n=3.0).first_n == 3


@pytest.mark.clause("CIM009 4.11", "CIM009 5.2.21")
@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"timerel": "during", "time_at": EARLY}, "timerel:0"),
        ({"timerel": "after"}, "timeAt:0"),
        ({"timerel": "after", "time_at": "2020-08-01"}, "timeAt:0"),
        ({"timerel": "between", "time_at": EARLY}, "endTimeAt:0"),
        ({"timerel": "between", "time_at": EARLY, "end_time_at": "x"}, "endTimeAt:0"),
        ({"timerel": "between", "time_at": LATE, "end_time_at": EARLY}, "endTimeAt:0"),
        ({"timerel": "after", "time_at": EARLY, "end_time_at": LATE}, "endTimeAt:0"),
        ({"time_at": EARLY}, "timerel:0"),
        ({"end_time_at": EARLY}, "timerel:0"),
        ({"timeproperty": "speed"}, "timeproperty:0"),
        ({"last_n": "0"}, "lastN:0"),
        ({"last_n": "-1"}, "lastN:0"),
        ({"last_n": "1.5"}, "lastN:0"),
        ({"last_n": 1.5}, "lastN:0"),
        ({"last_n": True}, "lastN:0"),
        ({"last_n": "²"}, "lastN:0"),
        ({"last_n": "9" * 5000}, "lastN:0"),
        ({"last_n": "2", "first_n": "2"}, "firstN:0"),
        ({"aggr_methods": "median"}, "aggrMethods:0"),
        ({"aggr_methods": ""}, "aggrMethods:0"),
        ({"aggr_methods": []}, "aggrMethods:0"),
        ({"aggr_methods": "avg", "aggr_period_duration": "1h"}, "aggrPeriodDuration:0"),
        ({"aggr_period_duration": "PT1H"}, "aggrMethods:0"),
    ],
)
def test_parse_temporal_query_refuses_what_makes_no_sense(parameters: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_temporal_query(**parameters)
    assert caught.value.pointer == pointer


@pytest.mark.clause("CIM009 4.5.19")
@pytest.mark.parametrize(
    ("text", "months", "micros"),
    [
        ("PT0S", 0, 0),
        ("P0D", 0, 0),
        ("PT1H", 0, HOUR),
        ("P1D", 0, 24 * HOUR),
        ("P2W", 0, 14 * 24 * HOUR),
        ("P1M", 1, 0),
        ("PT1M", 0, HOUR // 60),
        ("P1Y2M", 14, 0),
        ("P3Y6M4DT12H30M5S", 42, (4 * 24 + 12) * HOUR + 30 * HOUR // 60 + 5_000_000),
        ("PT0.5S", 0, 500_000),
        ("PT1,000001S", 0, 1_000_001),
    ],
)
def test_parse_duration_reads_iso_8601(text: str, months: int, micros: int) -> None:
    duration = parse_duration(text)
    assert duration == Duration(months, micros)
    assert duration.is_whole_range is (months == micros == 0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P1DT", "1D", "P1H", "PT1D", "P1W2D", "P-1D", "P1.5D", "PT1S "),
        *("P0003-06-04T12:30:05", "P999999999Y", "P" + "1" * 90 + "D"),
    ],
)
def test_parse_duration_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadRequestData):
        parse_duration(text)


@given(st.text(alphabet="P0123T.,YMDHSW", max_size=15))
def test_parse_duration_never_fails_otherwise(text: str) -> None:
    try:
        found: Duration | BadRequestData = parse_duration(text)
    except BadRequestData as problem:
        found = problem
    assert found.pointer == "duration:0" if isinstance(found, BadRequestData) else found.micros >= 0
