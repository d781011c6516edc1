"""Times as files write them: wall clocks with a doubled and a missing hour, 24:00, ends of intervals, many digits.

What a wall clock cannot tell, the mapping says; what was decided that way is counted, so that the import can report it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stadtkern.errors import BadRequestData
from stadtkern.ingest.expression.values import Moment
from stadtkern.ingest.fault import Fault

Ambiguous = Literal["first", "second", "in-order", "both-summed", "skip", "error"]
"""What a time in the doubled hour of autumn means: the first of the two, the second, the first when it comes for the
first time and the second when it comes again, both in one value (which stands at the first), or nothing.
"""
Missing = Literal["shift", "skip", "error"]
"""What a time in the missing hour of spring means: it is read as if the clock had not been put forward, or nothing."""

SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Skip(Exception):
    """The mapping says that a record with this time is left out. ``oddity`` names the reason for the report."""

    def __init__(self, oddity: str) -> None:
        super().__init__(oddity)
        self.oddity = oddity


class LocalTime(NamedTuple):
    """A time as it was written. micros: microseconds since 1970-01-01T00:00 of the same clock. offset: to UTC, where
    the text says it.
    """

    micros: int
    offset: int | None


class Resolved(NamedTuple):
    """A time that is known. oddity: what was decided by a rule of the mapping; doubled: it stands for two hours."""

    moment: Moment
    oddity: str | None = None
    doubled: bool = False


# Patterns made of constant parts and escaped texts, for short inputs, cannot run away: ``re`` is right here.
_ISO = re.compile(
    r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})"
    r"(?:[T ](?P<H>\d{2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,18}))?)?)? ?(?P<z>Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,18})",
    "z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}


class TimeReader:
    """Reads texts of one format. Raises: BadRequestData (the format).

    format: None for ISO 8601, with ``T`` or a blank in the middle, down to a date alone; or directives as in ``%d.%m.%Y
    %H:%M``: Y, y (2000 to 2099), m, d, H, M, S, f (any number of digits) and z.
    """

    def __init__(self, format: str | None) -> None:
        pattern = _ISO if format is None else re.compile(_translate(format), re.ASCII)
        self._iso = format is None
        self._match = pattern.fullmatch
        self._shown = "ISO 8601" if format is None else repr(format)

    def read(self, text: str) -> LocalTime:
        """Read one time; ``24:00`` is the midnight that ends the day. Raises: Fault."""
        if self._iso and len(text) == 16 and text[4] == text[7] == "-" and text[13] == ":":
            # most files: 2026-03-01 12:00
            read = _read_minutes(text)
            if read is not None:
                return read
        match = self._match(text) if len(text) <= 64 else None
        if match is None:
            raise Fault(f"{text[:64]!r} is not a time as in {self._shown}")
        part = match.groupdict()
        day = _day_number(part.get("Y"), part.get("y"), part.get("m"), part.get("d"), text)
        hour, minute, second = int(part.get("H") or 0), int(part.get("M") or 0), int(part.get("S") or 0)
        micros = int((part.get("f") or "0")[:6].ljust(6, "0"))
        midnight = hour == 24 and not (minute or second or micros)
        if not (midnight or hour < 24) or minute > 59 or second > 59:
            raise Fault(f"{text[:64]!r} is not a time that exists")
        time = ((hour * 60 + minute) * 60 + second) * SECOND_US + micros
        return LocalTime(day * DAY_US + time, _offset(part.get("z")))


def _read_minutes(text: str) -> LocalTime | None:
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        return None
    seconds = ((wall.toordinal() - _EPOCH_DAY) * 24 + wall.hour) * 3600 + wall.minute * 60
    return LocalTime(seconds * SECOND_US, None)


def _translate(format: str) -> str:
    parts: list[str] = []
    place = 0
    while place < len(format):
        if format[place] != "%":
            parts.append(re.escape(format[place]))
            place += 1
            continue
        directive = format[place + 1 : place + 2]
        if directive not in _DIRECTIVES or (directive != "%" and f"(?P<{directive}>" in "".join(parts)):
            raise BadRequestData(f"The time format {format[:80]!r} has an unknown or doubled directive %{directive}")
        parts.append(_DIRECTIVES[directive])
        place += 2
    pattern = "".join(parts)
    if not all(f"(?P<{name}>" in pattern for name in "md") or not ("(?P<Y>" in pattern or "(?P<y>" in pattern):
        raise BadRequestData(f"The time format {format[:80]!r} lacks year, month or day")
    return pattern


@lru_cache(maxsize=4096)
def _day_number(year: str | None, short: str | None, month: str | None, day: str | None, text: str) -> int:
    try:
        number = int(year) if year is not None else 2000 + int(short or 0)
        return date(number, int(month or 1), int(day or 1)).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise Fault(f"{text[:64]!r} is not a date that exists") from error


def _offset(zone: str | None) -> int | None:
    """Give the microseconds that a zone is ahead of UTC."""
    if zone is None:
        return None
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    micros = (int(digits[:2]) * 60 + int(digits[2:])) * 60 * SECOND_US
    return -micros if zone[0] == "-" else micros


def find_zone(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name. Raises: BadRequestData."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadRequestData(
            f"The time zone {name[:60]!r} is unknown", hint="an IANA name such as Europe/Berlin, or UTC"
        ) from error


class Clock:
    """Turns local times into moments, by the rules of a mapping. Times that carry an offset need no rule.

    interval_us: where the times name the *end* of an interval, its length; which hour of a doubled one is meant is then
    seen from its start. again: tells, for the rule ``in-order``, whether this doubled time was seen before.
    """

    def __init__(
        self,
        zone: ZoneInfo | None,
        *,
        ambiguous: Ambiguous = "error",
        missing: Missing = "error",
        interval_us: int = 0,
    ) -> None:
        self._zone = zone
        self._ambiguous: Ambiguous = ambiguous
        self._missing: Missing = missing
        self._interval = interval_us
        self._offsets = lru_cache(maxsize=20_000)(self._find_offsets)

    def resolve(self, local: LocalTime, text: str, again: Callable[[int], bool] | None = None) -> Resolved:
        """Give the moment that a local time stands for. Raises: Fault, Skip."""
        if local.offset is not None:
            return Resolved(Moment(local.micros - local.offset))
        if self._zone is None:
            raise Fault(f"the time {text[:64]!r} has no zone, and the mapping names none")
        start = local.micros - self._interval
        # offsets change at full quarters of an hour in all zones in use
        first, second = self._offsets(start // (900 * SECOND_US))
        if first == second:
            return Resolved(Moment(local.micros - first))
        if first < second:
            return self._resolve_missing(local, text, first)
        return self._resolve_doubled(local, text, first, second, again)

    def _resolve_missing(self, local: LocalTime, text: str, before: int) -> Resolved:
        oddity = f"missing hour of spring, rule {self._missing!r}"
        if self._missing == "shift":
            return Resolved(Moment(local.micros - before), oddity)
        if self._missing == "skip":
            raise Skip(oddity)
        raise Fault(f"the time {text[:64]!r} does not exist: the clock was put forward (rule 'missing' of the mapping)")

    def _resolve_doubled(
        self, local: LocalTime, text: str, first: int, second: int, again: Callable[[int], bool] | None
    ) -> Resolved:
        rule = self._ambiguous
        oddity = f"doubled hour of autumn, rule {rule!r}"
        if rule == "error":
            raise Fault(
                f"the time {text[:64]!r} stands for two: the clock was put back (rule 'ambiguous' of the mapping)"
            )
        if rule == "skip":
            raise Skip(oddity)
        later = rule == "second" or (rule == "in-order" and again is not None and again(local.micros))
        return Resolved(Moment(local.micros - (second if later else first)), oddity, rule == "both-summed")

    def _find_offsets(self, quarter: int) -> tuple[int, int]:
        """Give the offsets to UTC of a wall clock's quarter of an hour, as seen from before and from after a change."""
        try:
            wall = (_EPOCH + timedelta(seconds=quarter * 900)).replace(tzinfo=self._zone)
            early, late = wall.utcoffset(), wall.replace(fold=1).utcoffset()
        except OverflowError as error:
            raise Fault("the time lies outside the years 1 to 9999") from error
        return _micros(early), _micros(late)


def _micros(offset: timedelta | None) -> int:
    return 0 if offset is None else offset // timedelta(microseconds=1)
