"""When the places of a change log were written, to tell how long something waits without asking the store."""

from __future__ import annotations

from bisect import bisect_right

from stadtkern.model.instant import Instant
from stadtkern.model.subscription import Position

MOST = 2_048
"""Marks kept; when they are more, every second one goes, so that the distant past is known less exactly."""
APART = 1_000_000
"""Between two marks at least, microseconds."""


class Times:
    """Marks along a log that is read from its beginning to its end."""

    def __init__(self) -> None:
        self._places: list[Position] = []
        self._moments: list[Instant] = []

    def note(self, place: Position, at: Instant) -> None:
        """Take down when a place was written; a place before the last one is passed over."""
        if self._places and (place <= self._places[-1] or at - self._moments[-1] < APART):
            return
        if len(self._places) >= MOST:
            del self._places[1::2], self._moments[1::2]
        self._places.append(place)
        self._moments.append(at)

    def find(self, place: Position) -> Instant | None:
        """Tell when a place was written: at this moment, or little later. None: before all that is known."""
        before = bisect_right(self._places, place)
        return self._moments[before - 1] if before else None
