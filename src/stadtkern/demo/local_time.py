"""Central European time, by its rule: the town's day follows its own clock, with or without time zone data."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LocalTime(NamedTuple):
    """A moment on the town's clock.

    day: days since 1970-01-01. hour: 0 to 24, with its fraction. weekday: 0 is Monday. day_of_year: from 1.
    """

    day: int
    hour: float
    weekday: int
    day_of_year: int

    @property
    def is_weekend(self) -> bool:
        """Whether it is Saturday or Sunday."""
        return self.weekday >= 5


def local_time(instant: int) -> LocalTime:
    """Read the town's clock."""
    start, end = _summer(_year(instant // DAY_US))
    offset = 2 if start <= instant < end else 1
    day, rest = divmod(instant + offset * HOUR_US, DAY_US)
    return LocalTime(day, rest / HOUR_US, (day + 3) % 7, _day_of_year(day))


@lru_cache(maxsize=4096)
def _year(day: int) -> int:
    return (_EPOCH + timedelta(days=day)).year


@lru_cache(maxsize=4096)
def _day_of_year(day: int) -> int:
    return (_EPOCH + timedelta(days=day)).timetuple().tm_yday


@lru_cache(maxsize=64)
def _summer(year: int) -> tuple[int, int]:
    """Give start and end of summer time: 01:00 UTC on the last Sundays of March and October."""
    return _last_sunday(year, 3), _last_sunday(year, 10)


def _last_sunday(year: int, month: int) -> int:
    last = date(year, month, 31)
    sunday = last - timedelta(days=(last.weekday() + 1) % 7)
    return (sunday - _EPOCH.date()).days * DAY_US + HOUR_US
