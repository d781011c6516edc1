"""Read stored history: the instances of an entity's series within a window of time. Spec: CIM 009 4.11, 5.7.3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from stadtkern.model.entity import Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.query.request import TemporalQuery, TimeProperty
from stadtkern.store.document import Document, Head, decode_document, decode_row
from stadtkern.store.engine.base import Database
from stadtkern.store.observation import decode_observation
from stadtkern.store.read import unexpired
from stadtkern.store.statements import array, statements

FOREVER = 1 << 62
"""Beyond any instant, on either side of zero."""
INLINE_ROWS = 500
SLICE = 5_000
"""Rows read at once where a whole series is walked."""
_STATEMENT: dict[TimeProperty, str] = {
    "observedAt": "observed",
    "createdAt": "created",
    "modifiedAt": "modified",
    "deletedAt": "deleted",
}


class StoredSeries(NamedTuple):
    """One series: its number, its attribute and dataset id, whether it has observed instances, its usual unit."""

    n: int
    attribute: Iri
    dataset_id: str
    observed: bool
    unit: str | None


class Past(NamedTuple):
    """An entity with what it was: ``entity`` is None where it has no current state any more."""

    head: Head
    document: Document
    entity: Entity | None


def time_of(instance: Instance, time_property: TimeProperty) -> Instant | None:
    """Give the time of an instance that a query looks at."""
    match time_property:
        case "observedAt":
            return instance.observed_at
        case "createdAt":
            return instance.created_at
        case "modifiedAt":
            return instance.modified_at
        case "deletedAt":
            return instance.deleted_at


async def load_pasts(database: Database, grant: Grant, ids: Sequence[EntityId], now: Instant) -> dict[EntityId, Past]:
    """Load entities with a present or a past. Who sees which of them, the caller decides."""
    del grant
    sql = statements("temporal.sql", database.engine)["load_heads"]
    found: dict[EntityId, Past] = {}
    for row in await database.fetch(sql, array(database.engine, [str(one) for one in ids])):
        head, entity = decode_row(row)
        document = Document([]) if row[8] is None else decode_document(row[8])
        found[head.id] = Past(head, document, None if entity is None else unexpired(entity, now))
    return found


async def load_series(database: Database, grant: Grant, entity: int) -> list[StoredSeries]:
    """List the series of an entity that the Grant shows."""
    rows = await database.fetch(statements("temporal.sql", database.engine)["load_series"], entity)
    return [
        StoredSeries(n, Iri(attribute), dataset_id, bool(observed), unit)
        for n, attribute, dataset_id, observed, unit in rows
        if attribute not in grant.hidden
    ]


async def load_instances(
    database: Database, grant: Grant, series: StoredSeries, query: TemporalQuery, *, most: int, backward: bool
) -> list[Instance]:
    """Give up to ``most`` instances in the query's window, earliest first, or latest first when ``backward``."""
    del grant  # judged with the entity and the series
    start, until = window(query)
    name = f"{_STATEMENT[query.time_property]}_{'backward' if backward else 'forward'}"
    rows = await database.fetch(
        statements("temporal.sql", database.engine)[name],
        series.n,
        start,
        until,
        most,
        lane="key" if most <= INLINE_ROWS and query.time_property == "observedAt" else "scan",
    )
    return [decode_observation(row, series.dataset_id, series.unit) for row in rows]


async def walk_instances(
    database: Database, grant: Grant, series: StoredSeries, query: TemporalQuery
) -> AsyncIterator[list[Instance]]:
    """Give all observed instances in the window, slice after slice, earliest first; no read stays open in between."""
    start, until = window(query)
    while True:
        part = TemporalQuery(
            time_relation="between",
            time_at=Instant(start),
            end_time_at=Instant(until),
            time_property=query.time_property,
        )
        slice_ = await load_instances(database, grant, series, part, most=SLICE, backward=False)
        if not slice_:
            return
        last = time_of(slice_[-1], query.time_property) or 0
        if len(slice_) < SLICE:
            yield slice_
            return
        # the next slice begins with the last instant, all of whose instances go there
        kept = [one for one in slice_ if time_of(one, query.time_property) != last]
        if not kept:
            yield slice_
            start = last + 1
            continue
        yield kept
        start = last


def window(query: TemporalQuery) -> tuple[int, int]:
    """Give the query's window as two instants, the first included."""
    start, until = query.window()
    return (-FOREVER if start is None else start), (FOREVER if until is None else until)
