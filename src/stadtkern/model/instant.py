"""Points in time: microseconds since 1970-01-01T00:00:00Z as a plain int, everywhere inside."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import NewType

from stadtkern.errors import BadRequestData

Instant = NewType("Instant", int)
"""Microseconds since the Unix epoch, UTC."""

EARLIEST = Instant(-62_135_596_800_000_000)
"""The first instant of the year 1."""
LATEST = Instant(253_402_300_799_999_999)
"""The last instant of the year 9999: beyond it a date-time cannot be written."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE_TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,18}))?)?(Z|[+-]\d{2}:?\d{2})", re.ASCII
)


def now() -> Instant:
    """Read the clock."""
    return Instant(time.time_ns() // 1000)


def parse_instant(text: str) -> Instant:
    """Parse an ISO 8601 date-time with a zone; digits beyond microseconds are cut off.

    A comma before the fraction and offsets with or without colon are accepted.
    Raises: BadRequestData. Spec: CIM 009 4.6.3 (DateTime).
    """
    match = _DATE_TIME.fullmatch(text) if len(text) <= 64 else None
    if match is None:
        raise BadRequestData(f"{text[:64]!r} is not a date-time with a time zone, such as 2026-03-01T12:00:00Z")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=_parse_zone(zone)
        )
    except ValueError as error:
        raise BadRequestData(f"{text!r} is not a date-time that exists: {error}") from error
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    instant = Instant((moment - _EPOCH) // _MICROSECOND + micros)
    if not EARLIEST <= instant <= LATEST:
        raise BadRequestData(f"{text!r} is not within the years 1 to 9999 in UTC")
    return instant


def _parse_zone(zone: str) -> timezone:
    if zone == "Z":
        return UTC
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if minutes > 59:
        raise ValueError(f"no time zone is {zone} from UTC")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if zone[0] == "-" else offset)


def render_instant(instant: int) -> str:
    """Write an instant as the standard does: UTC with Z, and a fraction only where there is one (never ``.000``)."""
    moment = _EPOCH + timedelta(microseconds=instant)
    micros = moment.microsecond
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year >= 1000 else moment.isoformat()[:19]
    if not micros:
        return f"{text}Z"
    return f"{text}.{micros // 1000:03d}Z" if micros % 1000 == 0 else f"{text}.{micros:06d}Z"
