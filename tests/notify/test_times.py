"""When places of a log were written: to the second, for long backlogs less exactly, never later than they were."""

from __future__ import annotations

from stadtkern.model.instant import Instant
from stadtkern.model.subscription import Position
from stadtkern.notify.times import MOST, Times

SECOND = 1_000_000


def test_find_tells_when_a_place_was_written() -> None:
    times = Times()
    for seq in range(1, 11):
        times.note(Position(0, seq), Instant(seq * 10 * SECOND))
    assert times.find(Position(0, 4)) == 40 * SECOND
    assert times.find(Position(0, 11)) == 100 * SECOND
    assert times.find(Position(0, 0)) is None


def test_find_is_at_most_a_second_off_where_places_are_close() -> None:
    times = Times()
    for seq in range(3_000):
        times.note(Position(7, seq), Instant(seq * SECOND // 100))
    for seq in range(3_000):
        found = times.find(Position(7, seq))
        assert found is not None
        assert 0 <= seq * SECOND // 100 - found < SECOND


def test_marks_stay_few_and_hold_the_whole_past() -> None:
    times = Times()
    last = 10 * MOST
    for seq in range(last + 1):
        times.note(Position(0, seq), Instant(seq * SECOND))
    assert len(times._places) <= MOST
    assert times.find(Position(0, 0)) == 0
    found = times.find(Position(0, last // 2))
    assert found is not None
    assert 0 <= last // 2 * SECOND - found < last * SECOND // 100
    assert times.find(Position(0, last)) == last * SECOND


def test_note_passes_over_what_is_read_again() -> None:
    times = Times()
    times.note(Position(1, 5), Instant(50 * SECOND))
    times.note(Position(1, 3), Instant(90 * SECOND))
    assert times.find(Position(1, 5)) == 50 * SECOND
