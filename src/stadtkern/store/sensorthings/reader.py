"""Run the statements of one request, all under the same Grant and at the same instant."""

from __future__ import annotations

from typing import Any

from stadtkern.model.instant import Instant
from stadtkern.model.sensorthings import TypeName
from stadtkern.query.odata.tree import Query
from stadtkern.store.dialect import Sql
from stadtkern.store.engine.base import Database, Lane, Row
from stadtkern.store.sensorthings.page import Chosen, Found, decode, shown_rows
from stadtkern.store.sensorthings.sight import Sight


class Reader:
    """A tenant's rows as one request sees them."""

    __slots__ = ("database", "now", "sight")

    def __init__(self, database: Database, sight: Sight, now: Instant) -> None:
        self.database = database
        self.sight = sight
        self.now = now

    async def fetch(self, statement: Sql, lane: Lane = "scan") -> list[Row]:
        """Run a statement."""
        text, params = statement.render(self.database.engine, self.now)
        return await self.database.fetch(text, *params, lane=lane)

    async def read(self, chosen: Chosen, rows: Sql, query: Query, lane: Lane = "scan") -> list[Found]:
        """Read the rows of a derived table, as ``page.rows_of`` makes it."""
        reading = shown_rows(self.sight, chosen.type, rows, chosen.keys, query, self.now)
        return [decode(reading, row) for row in await self.fetch(reading.statement, lane)]

    async def first(self, statement: Sql, lane: Lane = "key") -> Any:
        """Give the only value of a statement's first row; None where there is none."""
        rows = await self.fetch(statement, lane)
        return rows[0][0] if rows else None


def is_summed(type: TypeName, relation: str) -> bool:
    """Tell whether the summaries of series know how many entities a relation leads to."""
    return relation == "Observations" and type in {"Datastream", "MultiDatastream"}


def stored_count(series: Sql) -> Sql:
    """Give how many observations a series has, by its summaries."""
    return Sql("(SELECT coalesce(sum(c.count), 0) FROM series_chunk c WHERE c.series = {})", series)
