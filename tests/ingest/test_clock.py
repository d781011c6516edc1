"""Local times: doubled and missing hours, 24:00, ends of intervals, digits beyond microseconds."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData
from stadtkern.ingest.clock import Clock, Skip, TimeReader, find_zone
from stadtkern.ingest.fault import Fault
from stadtkern.model.instant import parse_instant, render_instant

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000_000


def resolve(text: str, clock: Clock, format: str | None = None) -> str:
    return render_instant(clock.resolve(TimeReader(format).read(text), text).moment)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-15 12:00", "2026-01-15T11:00:00Z"),
        ("2026-07-15T12:00:30", "2026-07-15T10:00:30Z"),
        ("2026-07-15", "2026-07-14T22:00:00Z"),
        ("2026-07-15 24:00", "2026-07-15T22:00:00Z"),
        ("2026-12-31 24:00", "2026-12-31T23:00:00Z"),
        ("2026-07-15T12:00:00.775023999", "2026-07-15T10:00:00.775023Z"),
        ("2026-07-15T12:00:00,5", "2026-07-15T10:00:00.500Z"),
        ("2026-07-15T12:00:00Z", "2026-07-15T12:00:00Z"),
        ("2026-07-15T12:00:00-0330", "2026-07-15T15:30:00Z"),
        ("2026-10-25 01:59", "2026-10-24T23:59:00Z"),
        ("2026-10-25 03:00", "2026-10-25T02:00:00Z"),
        ("2026-03-29 01:59", "2026-03-29T00:59:00Z"),
        ("2026-03-29 03:00", "2026-03-29T01:00:00Z"),
    ],
)
def test_local_time_becomes_its_instant(text: str, instant: str) -> None:
    assert resolve(text, Clock(BERLIN)) == instant


@pytest.mark.parametrize(
    ("format", "text"),
    [("%d.%m.%Y %H:%M", "1.3.2026 9:05"), ("%Y%m%d%H%M", "202603010905"), ("%H:%M %d/%m/%y", "09:05 01/03/26")],
)
def test_format_says_how_times_are_written(format: str, text: str) -> None:
    assert resolve(text, Clock(BERLIN), format) == "2026-03-01T08:05:00Z"


@pytest.mark.parametrize(
    "text", ["2026-02-29 00:00", "2026-01-01 24:01", "2026-01-01 12:60", "0000-01-01", "2026-1-1", "x" * 99, ""]
)
def test_time_that_does_not_exist_is_a_fault(text: str) -> None:
    with pytest.raises(Fault):
        resolve(text, Clock(BERLIN))


def test_doubled_hour_follows_the_rule() -> None:
    text = "2026-10-25 02:30"
    assert resolve(text, Clock(BERLIN, ambiguous="first")) == "2026-10-25T00:30:00Z"
    assert resolve(text, Clock(BERLIN, ambiguous="second")) == "2026-10-25T01:30:00Z"
    both = Clock(BERLIN, ambiguous="both-summed").resolve(TimeReader(None).read(text), text)
    assert (render_instant(both.moment), both.doubled) == ("2026-10-25T00:30:00Z", True)
    with pytest.raises(Skip):
        resolve(text, Clock(BERLIN, ambiguous="skip"))
    with pytest.raises(Fault, match="stands for two"):
        resolve(text, Clock(BERLIN))


def test_doubled_hour_in_order_is_summer_time_first() -> None:
    seen: set[int] = set()

    def again(micros: int) -> bool:
        known = micros in seen
        seen.add(micros)
        return known

    clock, reader = Clock(BERLIN, ambiguous="in-order"), TimeReader(None)
    texts = ["2026-10-25 02:00", "2026-10-25 02:30", "2026-10-25 02:00", "2026-10-25 02:30"]
    found = [render_instant(clock.resolve(reader.read(text), text, again).moment) for text in texts]
    assert [text[11:16] for text in found] == ["00:00", "00:30", "01:00", "01:30"]


def test_missing_hour_follows_the_rule() -> None:
    text = "2026-03-29 02:30"
    assert resolve(text, Clock(BERLIN, missing="shift")) == "2026-03-29T01:30:00Z"
    with pytest.raises(Skip):
        resolve(text, Clock(BERLIN, missing="skip"))
    with pytest.raises(Fault, match="does not exist"):
        resolve(text, Clock(BERLIN))


def test_ends_of_hours_are_read_from_their_starts() -> None:
    clock = Clock(BERLIN, interval_us=HOUR)
    # the hour that ends at 02:00 is no doubled one, nor is the hour that ends when the clock is put forward
    assert resolve("2026-10-25 02:00", clock) == "2026-10-25T00:00:00Z"
    assert resolve("2026-03-29 02:00", clock) == "2026-03-29T01:00:00Z"
    with pytest.raises(Fault, match="stands for two"):
        resolve("2026-10-25 03:00", clock)
    with pytest.raises(Fault, match="does not exist"):
        resolve("2026-03-29 03:00", clock)


@pytest.mark.parametrize("format", ["%Y-%m", "%H:%M", "%Y %Y-%m-%d", "%Q", "100%"])
def test_format_that_tells_no_date_is_refused(format: str) -> None:
    with pytest.raises(BadRequestData):
        TimeReader(format)


@pytest.mark.parametrize("zone", ["Europe/Munster", "../etc/passwd", "", "/etc/localtime"])
def test_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadRequestData, match="unknown"):
        find_zone(zone)


_ZONES = sorted(available_timezones() - {"localtime"})


@given(
    zone=st.sampled_from(_ZONES),
    instant=st.integers(parse_instant("1990-01-01T00:00:00Z") // HOUR, parse_instant("2037-01-01T00:00:00Z") // HOUR),
)
def test_wall_clock_leads_back_to_the_instant_in_every_zone(zone: str, instant: int) -> None:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(instant * 3600, UTC).astimezone(ZoneInfo(zone))
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    rule = "second" if moment.fold else "first"
    found = Clock(ZoneInfo(zone), ambiguous=rule).resolve(TimeReader(None).read(text), text)
    assert found.moment == instant * HOUR
