"""OGC SensorThings 1.1 at ``/sta/v1.1``: its routes put together. Spec: OGC 18-088 9.2.

Addresses are as deep as one likes. The table has a line for each kind of first steps: ``Things``, ``Things/$ref``,
``Things(*)``, and ``Things(*)/*`` for all that lies behind an entity, whose further steps the handler reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from stadtkern.errors import ResourceNotFound
from stadtkern.model.sensorthings import SETS
from stadtkern.query.odata.target import parse_target
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView, Table
from stadtkern.views.sensorthings.batch import Batches
from stadtkern.views.sensorthings.batch_names import BATCH
from stadtkern.views.sensorthings.describe import DESCRIPTION
from stadtkern.views.sensorthings.reach import check_method
from stadtkern.views.sensorthings.routes import Reading
from stadtkern.views.sensorthings.writing import Writing

REFERENCES: Final = "$ref"
CREATE_OBSERVATIONS: Final = "CreateObservations"


class SensorThingsView(RoutedView):
    """The door of the SensorThings API."""

    name = "sensorthings"
    dialect: Dialect = "sensorthings"
    description = DESCRIPTION

    def __init__(self, reading: Reading, writing: Writing, batches: Batches | None = None) -> None:
        table = whole_table(reading, writing)
        if batches is not None:
            table[(BATCH,)] = {"POST": Route("read", partial(batches.run, self.route), mixed=True)}
        super().__init__(table)

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
        if method not in {"GET", "HEAD"} and pattern and pattern[0] not in {CREATE_OBSERVATIONS, BATCH}:
            check_method(method, parse_target("/".join(segments)))
        return super().route(method, pattern)


def whole_table(reading: Reading, writing: Writing) -> Table:
    """Give all routes. Which methods one address takes is narrowed down by what it leads to."""
    read = Route("read", reading.read)
    change = {
        "PATCH": Route("write", writing.change),
        "PUT": Route("write", writing.replace),
        "DELETE": Route("write", writing.remove),
    }
    create = Route("write", writing.create)
    table: Table = {
        (): {"GET": Route("read", reading.root)},
        (CREATE_OBSERVATIONS,): {"POST": Route("write", writing.create_observations)},
    }
    for name in SETS:
        table[(name,)] = {"GET": read, "POST": create, "DELETE": change["DELETE"]}
        table[(name, REFERENCES)] = {"GET": read}
        table[(f"{name}(*)",)] = {"GET": read, **change}
        table[(f"{name}(*)", "*")] = {"GET": read, "POST": create, **change}
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
