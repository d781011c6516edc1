"""Read stored history: the instances of an entity's series within a window of time. Spec: CIM 009 4.11, 5.7.3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import cache
from typing import NamedTuple

from stadtkern.model.entity import Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.policy.mask import instance_without_hidden
from stadtkern.query.request import TemporalQuery, TimeProperty
from stadtkern.store.document import Document, Head, decode_document, decode_row
from stadtkern.store.engine.base import Database, Row
from stadtkern.store.observation import decode_observation, encode_value
from stadtkern.store.read import masked, unexpired
from stadtkern.store.statements import EngineName, array, statements

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


class Window(NamedTuple):
    """A stretch of time that some property of instances lies in: start included, end excluded."""

    property: TimeProperty
    start: int
    until: int

    def holds(self, instance: Instance) -> bool:
        """Tell whether an instance lies in it."""
        time = time_of(instance, self.property)
        return time is not None and self.start <= time < self.until


class StoredSeries(NamedTuple):
    """One series: its number, its attribute and dataset id, whether it has observed instances, its usual unit."""

    n: int
    attribute: Iri
    dataset_id: str
    observed: bool
    unit: str | None


class Past(NamedTuple):
    """An entity with what it was.

    entity: its current state, None where it has none any more, with what the Grant hides: row filters may look at it.
    latest: what the Grant shows of it, with what has expired and was not swept up yet, so that it has not gone to the
    stored instances.
    """

    head: Head
    document: Document
    entity: Entity | None
    latest: Entity | None


class Sample(NamedTuple):
    """What a sum needs of an instance: its time, its kind's number in ``KINDS``, its number or else its JSON text.

    time and id are its place in the series.
    """

    time: int
    id: int
    at: int
    kind: int
    number: float | None
    text: str | None


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


def sample_of(instance: Instance, time_property: TimeProperty) -> Sample:
    """Give what a sum needs of an instance that is not stored as an observation."""
    return Sample(0, 0, time_of(instance, time_property) or 0, *encode_value(instance))


def window_of(query: TemporalQuery) -> Window:
    """Give the query's window."""
    start, until = query.window()
    return Window(
        query.time_property, -FOREVER if start is None else int(start), FOREVER if until is None else int(until)
    )


async def load_pasts(database: Database, grant: Grant, ids: Sequence[EntityId], now: Instant) -> dict[EntityId, Past]:
    """Load entities with a present or a past. Who sees which of them, the caller decides by ``entity``."""
    sql = statements("temporal.sql", database.engine)["load_heads"]
    found: dict[EntityId, Past] = {}
    for row in await database.fetch(sql, array(database.engine, [str(one) for one in ids])):
        head, entity = decode_row(row)
        document = Document([]) if row[8] is None else decode_document(row[8])
        over = head.expires_at is not None and head.expires_at <= now
        present = None if entity is None or over else unexpired(entity, now)
        found[head.id] = Past(head, document, present, None if entity is None else masked(grant, entity))
    return found


async def load_series(database: Database, grant: Grant, entities: Iterable[int]) -> dict[int, list[StoredSeries]]:
    """List the series of some entities that the Grant shows, by the entity's number."""
    wanted = array(database.engine, list(entities))
    found: dict[int, list[StoredSeries]] = {}
    for entity, n, attribute, dataset_id, observed, unit in await database.fetch(
        statements("temporal.sql", database.engine)["load_series"], wanted
    ):
        if attribute not in grant.hidden:
            series = StoredSeries(n, Iri(attribute), dataset_id, bool(observed), unit)
            found.setdefault(entity, []).append(series)
    return found


async def find_active(database: Database, grant: Grant, entities: Iterable[int], window: Window) -> frozenset[int]:
    """Tell which of the entities' series have an instance in a window."""
    del grant  # judged with the series
    sql = statements("temporal.sql", database.engine)[f"active_{_STATEMENT[window.property]}"]
    wanted = array(database.engine, list(entities))
    rows = await database.fetch(sql, wanted, window.start, window.until, lane="scan")
    return frozenset(row[0] for row in rows)


async def load_instances(
    database: Database, grant: Grant, series: StoredSeries, window: Window, *, most: int, backward: bool = False
) -> list[Instance]:
    """Give up to ``most`` instances in a window, earliest first, or latest first when ``backward``."""
    name = f"{_STATEMENT[window.property]}_{'backward' if backward else 'forward'}"
    rows = await database.fetch(
        statements("temporal.sql", database.engine)[name],
        series.n,
        window.start,
        window.until,
        most,
        lane="key" if most <= INLINE_ROWS and window.property == "observedAt" else "scan",
    )
    instances = [decode_observation(row, series.dataset_id, series.unit) for row in rows]
    return [instance_without_hidden(one, grant.hidden) for one in instances] if grant.hidden else instances


async def measure_instances(
    database: Database, grant: Grant, series: Sequence[int], window: Window, *, most: int, backward: bool = False
) -> int:
    """Tell how many bytes ``load_instances`` would read of all these series, without reading them."""
    del grant  # a size shows nothing that an answer would not end by
    name = f"{_STATEMENT[window.property]}_{'backward' if backward else 'forward'}"
    few = most * len(series) <= INLINE_ROWS and window.property == "observedAt"
    rows = await database.fetch(
        _measuring(name, database.engine),
        array(database.engine, list(series)),
        window.start,
        window.until,
        most,
        lane="key" if few else "scan",
    )
    return int(rows[0][0])


@cache
def _measuring(name: str, engine: EngineName) -> str:
    """Make of a statement that reads one series one that adds up the bytes of several."""
    mark, among = ("?", "IN (SELECT value FROM json_each(?1))") if engine == "sqlite" else ("$", "= ANY($1::bigint[])")
    one = statements("temporal.sql", engine)[name].replace(f"{mark}1", "s.n")
    size = "coalesce(octet_length(o.value), 0) + coalesce(octet_length(o.extra), 0)"
    each = f"SELECT sum({size}) FROM ({one}) o"  # noqa: S608 - our own texts alone
    return f"SELECT coalesce(sum(({each})), 0) FROM series s WHERE s.n {among}"  # noqa: S608


async def walk_samples(
    database: Database, grant: Grant, series: StoredSeries, window: Window
) -> AsyncIterator[Sequence[Row]]:
    """Give all instances in a window as rows like ``Sample``, slice after slice; no read stays open in between."""
    del grant  # judged with the entity and the series
    sql = statements("temporal.sql", database.engine)[f"walk_{_STATEMENT[window.property]}"]
    # ids are not negative: the first slice begins with the first instance
    place = (window.start if window.property in {"observedAt", "deletedAt"} else -FOREVER, -1)
    while True:
        rows = await database.fetch(sql, series.n, window.start, window.until, *place, SLICE, lane="scan")
        if rows:
            yield rows
        if len(rows) < SLICE:
            return
        place = (rows[-1][0], rows[-1][1])
