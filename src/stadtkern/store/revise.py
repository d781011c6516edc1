"""Edit stored history: find, change, delete instances; erase series or a whole entity.

Every function here runs inside a write transaction that holds the entity's lock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from stadtkern.model.entity import Attributes, Entity, Instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store import catalogue
from stadtkern.store.chunk import month_of, recount
from stadtkern.store.document import DELETED, image_item, outside_items
from stadtkern.store.engine.base import Transaction
from stadtkern.store.history import BLOCK
from stadtkern.store.observation import decode_observation, encode_observation
from stadtkern.store.statements import EngineName, statements
from stadtkern.store.work import Work

SLICE = 5_000
"""Instances that are deleted at once: about 10 ms."""
_LEAD_US = 24 * 3600 * 1_000_000
"""How far ahead of the clock an instance may be and still become current."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One instance as it lies in the store."""

    entity: int
    series: int
    unit: str | None
    time: int
    instance: Instance


async def find_observation(
    transaction: Transaction, engine: EngineName, grant: Grant, entity: int, attribute: Iri, id_: int
) -> Stored | None:
    """Find one instance by its id; the id's block says which series and which stretch of time to look in."""
    if attribute in grant.hidden:
        return None
    sql = statements("history.sql", engine)
    found = await transaction.fetch(sql["locate"], id_ // BLOCK, entity, str(attribute))
    if not found:
        return None
    series, dataset_id, unit, time_from, time_to = found[0]
    rows = await transaction.fetch(sql["load_observation"], series, time_from, time_to, id_)
    if not rows:
        return None
    return Stored(entity, series, unit, rows[0][0], decode_observation(rows[0], dataset_id, unit))


async def delete_observation(transaction: Transaction, engine: EngineName, stored: Stored) -> None:
    """Delete one instance and recompute the summary of its month."""
    sql = statements("history.sql", engine)
    await transaction.execute(sql["delete_observation"], stored.series, stored.time, stored.instance.instance_id)
    await recount(transaction, engine, [(stored.series, month_of(stored.time))])


async def replace_observation(transaction: Transaction, engine: EngineName, stored: Stored, instance: Instance) -> None:
    """Put a changed instance in the place of a stored one; its id stays, its time may move."""
    sql = statements("history.sql", engine)
    await transaction.execute(sql["delete_observation"], stored.series, stored.time, stored.instance.instance_id)
    id_ = stored.instance.instance_id or 0
    row = list(encode_observation(stored.entity, stored.series, id_, instance, stored.unit))
    # without an own time it stays where it stood: an edit does not move the past
    row[2] = time = stored.time if instance.observed_at is None else instance.observed_at
    await transaction.execute_rows(sql["insert_observation"], [row])
    if instance.observed_at is not None:
        await transaction.execute(sql["mark_observed"], stored.series)
    await transaction.execute(sql["widen_block"], id_ // BLOCK, time)
    await transaction.execute(sql["widen_open_block"], stored.series, id_ // BLOCK, time)
    await recount(transaction, engine, [(stored.series, month_of(one)) for one in (stored.time, time)])


async def latest_observed(
    transaction: Transaction, engine: EngineName, grant: Grant, series: int, now: Instant
) -> Instance | None:
    """Give the latest observed instance of a series that is not from a far future.

    None as well when the attribute was deleted after that instance: an edit of the past brings nothing back.
    """
    del grant  # the current state is the same for everybody; what a holder may see is decided when it is read
    sql = statements("history.sql", engine)
    rows = await transaction.fetch(sql["latest_observed"], series, now + _LEAD_US)
    if not rows:
        return None
    time, id_ = rows[0][2], rows[0][3]
    # a deletion stands at the time it was made, which the instance may be ahead of by as much
    if await transaction.fetch(sql["deleted_after"], series, time - _LEAD_US, id_, time):
        return None
    return replace(decode_observation(rows[0][2:], rows[0][0], rows[0][1]), instance_id=None)


async def delete_series(
    transaction: Transaction,
    engine: EngineName,
    grant: Grant,
    entity: int,
    attribute: Iri,
    dataset_id: str | None,
    *,
    described: bool = False,
) -> bool:
    """Delete the history of an attribute (of one dataset id, or of all) and tell whether there was any.

    described: what is said of the series as well, which otherwise stays.
    """
    if attribute in grant.hidden:
        return False
    sql = statements("history.sql", engine)
    had = False
    for n, dataset, filled in await transaction.fetch(sql["series_of"], entity, str(attribute)):
        if dataset_id is None or dataset == dataset_id:
            had = had or bool(filled) or described
            await _delete_observations(transaction, engine, n)
            last = ("delete_series",) if described else ("reset_series", "delete_bare_series")
            for name in ("delete_chunks", "delete_blocks", *last):
                await transaction.execute(sql[name], n)
    return had


async def _delete_observations(transaction: Transaction, engine: EngineName, series: int) -> None:
    """Delete all instances of a series, in slices where the database works on the event loop."""
    sql = statements("history.sql", engine)
    while engine == "sqlite":
        bound = await transaction.fetch(sql["slice_bound"], series, SLICE)
        if not bound:
            break
        await transaction.execute(sql["delete_until"], series, bound[0][0])
        await asyncio.sleep(0)
    await transaction.execute(sql["delete_observations"], series)


async def erase(transaction: Transaction, engine: EngineName, grant: Grant, work: Work, now: Instant) -> None:
    """Remove an entity with all its past. Its row stays as a tombstone, so that its number is never used again."""
    del grant
    sql = statements("history.sql", engine)
    write = statements("write.sql", engine)
    n = work.head.n
    image = [] if work.after is None else [image_item(work.after), *outside_items(work.after)]
    for (series,) in await transaction.fetch(sql["all_series"], n):
        await _delete_observations(transaction, engine, series)
    for name in ("erase_chunks", "erase_blocks", "erase_series"):
        await transaction.execute(sql[name], n)
    if engine == "sqlite":
        await transaction.execute(write["delete_all_geo_box"], n)
    for name in ("delete_doc", "delete_types", "delete_scopes", "delete_all_geo", "delete_all_links"):
        await transaction.execute(write[name], n)
    await catalogue.save(transaction, engine, [Work(work.head, work.after, None)])
    head = (work.head.version + 1, DELETED, work.head.created_at, now, now, None, n)
    await transaction.execute_rows(write["update_entity"], [head])
    items = msgspec.json.encode(image).decode()
    change = (now, n, work.head.id, work.head.version + 1, "erased", items)
    await transaction.execute_rows(write["insert_change"], [change])
    if engine == "postgres":
        await transaction.execute(write["notify"])


def with_attributes(entity: Entity, attributes: Attributes, now: Instant) -> Entity:
    """Give the entity other attributes, changed now."""
    return replace(entity, attributes=attributes, modified_at=now)
