"""The town's clock against the time zone data of the system."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.demo.local_time import local_time

_FIRST = 946_684_800  # 2000-01-01
_LAST = 2_240_524_800  # 2041-01-01


@given(st.integers(_FIRST, _LAST))
def test_local_time_equals_the_time_zone_database(seconds: int) -> None:
    _compare(seconds)


@pytest.mark.parametrize("year", range(2000, 2041))
@pytest.mark.parametrize("month", [3, 10])
def test_local_time_changes_at_the_right_moment(year: int, month: int) -> None:
    for day in range(24, 32):
        for hour in (0, 1, 2):
            moment = int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())
            _compare(moment - 1)
            _compare(moment)


def _compare(seconds: int) -> None:
    try:
        zone = ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        pytest.skip("no time zone data are installed")
    expected = datetime.fromtimestamp(seconds, zone)
    local = local_time(seconds * 1_000_000)
    assert (local.weekday, local.day_of_year) == (expected.weekday(), expected.timetuple().tm_yday)
    assert local.hour == pytest.approx(expected.hour + expected.minute / 60 + expected.second / 3600)
    assert local.is_weekend == (expected.strftime("%a") in {"Sat", "Sun"})
