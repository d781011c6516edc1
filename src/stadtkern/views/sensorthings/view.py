"""OGC SensorThings 1.1 at ``/sta/v1.1``: its routes put together. Spec: OGC 18-088 9.2.

Addresses are as deep as one likes. The table has a line for each kind of first steps: ``Things``, ``Things/$ref``,
``Things(*)``, and ``Things(*)/*`` for all that lies behind an entity, whose further steps the handler reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stadtkern.errors import ResourceNotFound
from stadtkern.model.sensorthings import SETS
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView, Table
from stadtkern.views.sensorthings.describe import DESCRIPTION
from stadtkern.views.sensorthings.routes import Reading

REFERENCES: Final = "$ref"


class SensorThingsView(RoutedView):
    """The door of the SensorThings API."""

    name = "sensorthings"
    dialect: Dialect = "sensorthings"
    description = DESCRIPTION

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading_table(reading))

    def knows(self, segments: Sequence[str]) -> bool:
        """Tell whether one of the routes has this address."""
        return super().knows(pattern_of(segments))

    def route(self, method: str, segments: Sequence[str]) -> Route:
        """Find the route. Raises: ResourceNotFound, MethodNotAllowed."""
        pattern = pattern_of(segments)
        if not super().knows(pattern):
            raise ResourceNotFound(
                f"There is nothing at {'/'.join(segments)[:200]!r}", hint=f"the sets are {', '.join(SETS)}"
            )
        return super().route(method, pattern)


def reading_table(reading: Reading) -> Table:
    """Give the routes of those who read."""
    table: Table = {(): {"GET": Route("read", reading.root)}}
    read = Route("read", reading.read)
    for name in SETS:
        for pattern in ((name,), (name, REFERENCES), (f"{name}(*)",), (f"{name}(*)", "*")):
            table[pattern] = {"GET": read}
    return table


def pattern_of(segments: Sequence[str]) -> tuple[str, ...]:
    """Give the pattern of the table that an address belongs to, if any does. Slashes may have come escaped."""
    parts = [part for segment in segments for part in segment.split("/")]
    if not parts:
        return ()
    name, bracket, _ = parts[0].partition("(")
    first = f"{name}(*)" if bracket else name
    if len(parts) == 1:
        return (first,)
    return (first, "*") if bracket else (first, *parts[1:])
