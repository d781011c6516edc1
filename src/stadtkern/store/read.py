"""Read entities by id or number. Every function takes the Grant first and shows only what it lets see."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stadtkern.model.entity import Attributes, Entity, Instance
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.policy.mask import without_hidden
from stadtkern.query.evaluate import matches
from stadtkern.store.document import Head, decode_row
from stadtkern.store.engine.base import Database, Row
from stadtkern.store.statements import array, statements

INLINE = 100
"""Up to so many entities are read inline on the event loop."""


async def load_head(database: Database, grant: Grant, id_: EntityId, now: Instant) -> tuple[int, int, Instant] | None:
    """Give number, version and its time of a live entity. A Grant's row filter needs the entity itself to decide."""
    del grant
    rows = await database.fetch(statements("read.sql", database.engine)["head"], str(id_), now)
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


async def load_by_n(
    database: Database, grant: Grant, ns: Sequence[int], now: Instant
) -> dict[int, tuple[Head, Entity]]:
    """Load live entities by number."""
    sql = statements("read.sql", database.engine)["load_by_n"]
    rows = await database.fetch(sql, array(database.engine, list(ns)), now, lane="key" if len(ns) <= INLINE else "scan")
    return {head.n: (head, entity) for head, entity in decode_rows(grant, rows, now)}


async def load_candidates(
    database: Database, grant: Grant, ns: Sequence[int], now: Instant
) -> list[tuple[Head, Entity]]:
    """Load live entities by number, in its order, for a caller that decides about each.

    They are unmasked, because the Grant's own row filter may look at what it hides: the caller decides, then masks.
    """
    del grant
    sql = statements("read.sql", database.engine)["load_by_n"]
    rows = await database.fetch(sql, array(database.engine, list(ns)), now, lane="key" if len(ns) <= INLINE else "scan")
    decoded = sorted(map(decode_row, rows), key=lambda row: row[0].n)
    return [(head, entity) for head, entity in decoded if entity is not None]


async def load_by_id(
    database: Database, grant: Grant, ids: Sequence[EntityId], now: Instant
) -> dict[EntityId, tuple[Head, Entity]]:
    """Load live entities by id."""
    sql = statements("read.sql", database.engine)["load_by_id"]
    lane = "key" if len(ids) <= INLINE else "scan"
    rows = await database.fetch(sql, array(database.engine, [str(one) for one in ids]), now, lane=lane)
    return {entity.id: (head, entity) for head, entity in decode_rows(grant, rows, now)}


def decode_rows(grant: Grant, rows: Sequence[Row], now: Instant) -> list[tuple[Head, Entity]]:
    """Build the entities of rows as the Grant shows them."""
    shown: list[tuple[Head, Entity]] = []
    for row in rows:
        head, entity = decode_row(row)
        if entity is None:
            continue
        present = unexpired(entity, now)
        if grant.row_filter is None or matches(grant.row_filter, present):
            shown.append((head, masked(grant, present)))
    return shown


def unexpired(entity: Entity, now: Instant) -> Entity:
    """Take away the instances of attributes and sub-attributes whose time is over (CIM 009 4.5.2, expiresAt)."""
    if _expires(entity.attributes):
        return replace(entity, attributes=_unexpired(entity.attributes, now))
    return entity


def present_part(entity: Entity, now: Instant) -> Entity | None:
    """Give what has not expired of an entity; None where it is over as a whole (CIM 009 5.2.4, expiresAt)."""
    over = entity.expires_at is not None and entity.expires_at <= now
    return None if over else unexpired(entity, now)


def masked(grant: Grant, entity: Entity) -> Entity:
    """Take away what the Grant hides, as attribute and as sub-attribute."""
    attributes = without_hidden(entity.attributes, grant.hidden)
    return entity if attributes is entity.attributes else replace(entity, attributes=attributes)


def _unexpired(attributes: Attributes, now: Instant) -> Attributes:
    left: Attributes = {}
    for name, group in attributes.items():
        kept = [_with_unexpired(one, now) for one in group if one.expires_at is None or one.expires_at > now]
        if kept:
            left[name] = kept
    return left


def _with_unexpired(instance: Instance, now: Instant) -> Instance:
    return replace(instance, subs=_unexpired(instance.subs, now)) if _expires(instance.subs) else instance


def _expires(attributes: Attributes) -> bool:
    """Tell whether something of these attributes expires by itself."""
    for group in attributes.values():
        for one in group:
            if one.expires_at is not None or (one.subs and _expires(one.subs)):
                return True
    return False


def may_cache(grant: Grant, entity: Entity) -> bool:
    """Tell whether the entity stays as it is until its version changes: nothing of it expires by itself.

    Where something is hidden, the row filter may have looked at what expires and is not seen here.
    """
    if grant.row_filter is not None and grant.hidden:
        return False
    return entity.expires_at is None and not _expires(entity.attributes)
