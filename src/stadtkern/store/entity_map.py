"""Stored entity maps of a tenant. Spec: CIM 009 5.14.

A map exists for Grants that see the same things as the one it was made with: it names entities that others may not see.
"""

from __future__ import annotations

import msgspec

from stadtkern.model.entity_map import EntityMap
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database
from stadtkern.store.statements import statements

MOST = 500
"""Maps that a tenant keeps at a time; the oldest make room."""


async def load_map(database: Database, grant: Grant, id_: str, now: Instant) -> EntityMap | None:
    """Give a map whose time is not over."""
    sql = statements("entity_map.sql", database.engine)["load"]
    rows = await database.fetch(sql, id_, grant.fingerprint, now)
    if not rows:
        return None
    name, created_at, expires_at, entities = rows[0]
    return EntityMap(name, created_at, expires_at, msgspec.json.decode(entities, type=list[EntityId]))


async def save_map(database: Database, grant: Grant, known: EntityMap, now: Instant) -> None:
    """Insert or replace a map, and forget those whose time is over."""
    sql = statements("entity_map.sql", database.engine)
    entities = msgspec.json.encode(known.entities).decode()
    async with database.transaction() as transaction:
        await transaction.execute(
            sql["save"], known.id, grant.fingerprint, known.created_at, known.expires_at, entities
        )
        await transaction.execute(sql["trim"], now, MOST)


async def delete_map(database: Database, grant: Grant, id_: str, now: Instant) -> bool:
    """Remove a map; False when there was none."""
    sql = statements("entity_map.sql", database.engine)["delete"]
    async with database.transaction() as transaction:
        return bool(await transaction.fetch(sql, id_, grant.fingerprint, now))
