"""Stored @contexts of a tenant. Spec: CIM 009 5.13."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw

from stadtkern.model.context import ContextKind, ContextRecord
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database, Row
from stadtkern.store.statements import statements


async def list_contexts(database: Database, grant: Grant, kind: ContextKind | None) -> list[ContextRecord]:
    """List records without their bodies, oldest first."""
    del grant  # contexts are names, not data: whoever may enter the tenant may see them
    sql = statements("context.sql", database.engine)
    rows = await (database.fetch(sql["list_all"]) if kind is None else database.fetch(sql["list_kind"], kind))
    return [_read(row) for row in rows]


async def load_context(database: Database, grant: Grant, name: str) -> ContextRecord | None:
    """Give the record with this local id or address."""
    del grant
    rows = await database.fetch(statements("context.sql", database.engine)["load"], name)
    return _read(rows[0]) if rows else None


async def save_context(database: Database, grant: Grant, record: ContextRecord) -> None:
    """Insert, or replace what is stored under the id."""
    del grant
    async with database.transaction() as transaction:
        await transaction.execute(
            statements("context.sql", database.engine)["save"],
            record.id,
            record.url,
            record.kind,
            bytes(record.body).decode(),
            record.created_at,
        )


async def delete_context(database: Database, grant: Grant, id_: str) -> bool:
    """Remove by local id; False when there was none."""
    del grant
    async with database.transaction() as transaction:
        return bool(await transaction.fetch(statements("context.sql", database.engine)["delete"], id_))


async def touch_contexts(database: Database, grant: Grant, uses: Mapping[str, int], at: Instant) -> None:
    """Add to the uses of contexts."""
    del grant
    async with database.transaction() as transaction:
        rows = [(count, at, id_) for id_, count in sorted(uses.items())]
        await transaction.execute_many(statements("context.sql", database.engine)["touch"], rows)


def _read(row: Row) -> ContextRecord:
    id_, url, kind, body, created_at, last_used_at, uses = row
    return ContextRecord(
        id=id_,
        url=url,
        kind=kind,
        body=Raw(body.encode()),
        created_at=created_at,
        last_used_at=last_used_at,
        uses=uses,
    )
