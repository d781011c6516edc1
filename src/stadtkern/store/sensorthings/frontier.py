"""How far in time a page of all observations can reach, so that not all of them are sorted to find it.

Rows lie by series and time, the page goes by time over all series. Of so many series as the page has rows, each has one
that is not later than the last of their next ones; where there are fewer series, the page is full at the latest where
one of them could fill it alone.
"""

from __future__ import annotations

from stadtkern.store.dialect import Bound, Sql
from stadtkern.store.sensorthings.order import beyond, order_by
from stadtkern.store.sensorthings.page import Chosen
from stadtkern.store.sensorthings.reader import Reader
from stadtkern.store.sensorthings.source import source

MOST = 2_000
"""Pages that reach further (by skip) are sorted as they are."""


async def bounded(reader: Reader, chosen: Chosen, rows: int) -> Chosen:
    """Give the choice of all observations by time with the condition that ends it. rows: of the page, with offset."""
    if rows > MOST:
        return chosen
    backward = chosen.keys[0].descending
    last = await reader.first(_last_time(reader, chosen, rows, backward), "scan")
    if last is None:
        return chosen
    bound = Bound(int(last), "bigint")
    time = chosen.row["time"]
    return chosen.also(Sql("{} >= {}", time, bound) if backward else Sql("{} <= {}", time, bound))


def _last_time(reader: Reader, chosen: Chosen, rows: int, backward: bool) -> Sql:
    streams = Sql("(SELECT n FROM {} UNION ALL SELECT n FROM {})", *(_streams(reader)))
    direction = Sql("DESC") if backward else Sql("ASC")
    each = Sql("(SELECT {} AS t FROM {} w)", _time_in_series(reader, chosen, 0), streams)
    full = Sql("(SELECT {} AS t FROM {} w)", _time_in_series(reader, chosen, rows - 1), streams)
    place = Bound(rows - 1, "bigint")
    return Sql(
        "SELECT coalesce((SELECT q.t FROM {} q ORDER BY q.t {} NULLS LAST LIMIT 1 OFFSET {}),"
        " (SELECT q.t FROM {} q ORDER BY q.t {} NULLS LAST LIMIT 1))",
        each,
        direction,
        place,
        full,
        direction,
    )


def _streams(reader: Reader) -> tuple[Sql, Sql]:
    return (
        source(reader.sight, "Datastream", reader.sight.row()),
        source(reader.sight, "MultiDatastream", reader.sight.row()),
    )


def _time_in_series(reader: Reader, chosen: Chosen, offset: int) -> Sql:
    """Give the time of an observation of series ``w`` by its place among those that the page may hold."""
    row = reader.sight.row()
    keys = [chosen.keys[0]._replace(sql=row["time"]), chosen.keys[1]._replace(sql=row["id"])]
    begins = Sql("TRUE") if chosen.begins_at is None else beyond(keys, chosen.begins_at)
    return Sql(
        "(SELECT {} FROM observation {} WHERE {} = w.n AND {} = 1 AND {} IS NULL AND {} ORDER BY {} LIMIT 1 OFFSET {})",
        row["time"],
        row.alias,
        row["series"],
        row["observed"],
        row["deleted_at"],
        begins,
        order_by(keys, reader.database.engine, [key.sql for key in keys]),
        Bound(offset, "bigint"),
    )
