"""Read sets and single entities in the terms of SensorThings. Spec: OGC 18-088 9.2, 9.3."""

from __future__ import annotations

from stadtkern.model.instant import Instant
from stadtkern.model.sensorthings_answer import COUNT_LIMIT, Page, Record
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.tree import Query, Target
from stadtkern.store.dialect import Bound, Sql
from stadtkern.store.engine.base import Database, Lane
from stadtkern.store.sensorthings.distinct import read_distinct
from stadtkern.store.sensorthings.expand import expand
from stadtkern.store.sensorthings.frontier import bounded
from stadtkern.store.sensorthings.opening import open_reader
from stadtkern.store.sensorthings.order import write_after
from stadtkern.store.sensorthings.page import Chosen, choose, rows_of
from stadtkern.store.sensorthings.reader import Reader, is_summed, stored_count
from stadtkern.store.sensorthings.relation import natural_order
from stadtkern.store.sensorthings.resolve import Place, find, missing, resolve
from stadtkern.store.sensorthings.source import source

INLINE_ROWS = 500
"""Up to so many observations of a series are read inline on the event loop."""


async def read_set(database: Database, grant: Grant, target: Target, query: Query, *, limit: int, now: Instant) -> Page:
    """Give a page of a set. Raises: ResourceNotFound, BadRequestData, TooComplexQuery."""
    reader = await open_reader(database, grant, query, now)
    place, _ = await resolve(reader, target)
    size = limit if query.top is None else min(limit, query.top)
    chosen = _choose(reader, place, query)
    count = await _count(reader, place, query, chosen) if query.count else None
    if size == 0:
        return Page(records=[], count=count)
    # where a page begins by its key, skip only says for readers how far it is
    offset = query.skip if query.after is None else 0
    if query.distinct:
        records = await read_distinct(reader, chosen, query, size + 1, query.skip)
        return Page(records=records[:size], count=count, more=len(records) > size)
    if place.parent is None and _by_time(query, chosen):
        chosen = await bounded(reader, chosen, size + 1 + offset)
    rows = rows_of(reader.sight, chosen, size + 1, offset)
    found = await reader.read(chosen, rows, query, _lane(place, query, size + offset))
    more, found = len(found) > size, found[:size]
    await expand(reader, place.type, found, query)
    after = write_after(place.type, query, found[-1].keys) if more else None
    return Page(records=[one.record for one in found], count=count, more=more, after=after)


async def read_one(database: Database, grant: Grant, target: Target, query: Query, *, now: Instant) -> Record | None:
    """Give one entity; None where the last step is a relation that leads nowhere. Raises: ResourceNotFound,
    TooComplexQuery.
    """
    reader = await open_reader(database, grant, query, now)
    place, step = await resolve(reader, target)
    found = await find(reader, place, step, query)
    if found is not None:
        await expand(reader, place.type, [found], query)
        return found.record
    if step.id is not None:
        raise missing(place, step)
    return None


def _choose(reader: Reader, place: Place, query: Query) -> Chosen:
    row = reader.sight.row()
    table, related = place.table(reader, row)
    first = None
    if place.parent is not None and place.parent_type is not None and place.relation is not None:
        first = natural_order(reader.sight, place.parent_type, place.relation, place.parent, row)
    return choose(reader.sight, place.type, row, table, query, first).also(related)


def _by_time(query: Query, chosen: Chosen) -> bool:
    """Tell whether a set is all observations by time and id."""
    same_way = len(chosen.keys) == 2 and chosen.keys[0].descending == chosen.keys[1].descending
    return chosen.type == "Observation" and query.filter is None and same_way and chosen.keys[0].sure


def _lane(place: Place, query: Query, rows: int) -> Lane:
    """Tell whether a page is bounded by a key: a stretch of one series."""
    plain = all(one.text.split()[:1] == ["phenomenonTime"] for one in query.orderby)
    stretch = place.parent_type is not None and is_summed(place.parent_type, place.relation or "")
    return "key" if stretch and query.filter is None and plain and rows <= INLINE_ROWS else "scan"


async def _count(reader: Reader, place: Place, query: Query, chosen: Chosen) -> int:
    """Count a set: by summaries where nothing but the Datastream narrows it, else row by row up to a bound."""
    if query.filter is None and place.type == "Observation" and place.parent is None:
        return await _count_all(reader)
    if (
        query.filter is None
        and place.parent is not None
        and is_summed(place.parent_type or "Thing", place.relation or "")
    ):
        return int(await reader.first(Sql("SELECT {}", stored_count(place.parent["n"]))))
    statement = Sql(
        "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} LIMIT {}) counted",
        chosen.table,
        chosen.where,
        Bound(COUNT_LIMIT + 1, "bigint"),
    )
    return int(await reader.first(statement, "scan"))


async def _count_all(reader: Reader) -> int:
    """Count the observations of all series that the Grant shows."""
    single, multi = reader.sight.row(), reader.sight.row()
    statement = Sql(
        "SELECT coalesce(sum(c.count), 0) FROM series_chunk c WHERE c.series IN (SELECT {} FROM {})"
        " OR c.series IN (SELECT {} FROM {})",
        single["n"],
        source(reader.sight, "Datastream", single),
        multi["n"],
        source(reader.sight, "MultiDatastream", multi),
    )
    return int(await reader.first(statement, "scan"))
