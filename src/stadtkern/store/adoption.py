"""A store that was filled beside the others becomes a tenant's: what the system's own tables have to do with it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stadtkern.errors import Conflict
from stadtkern.model.actor import ApiKey, Tenant
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database, Readable
from stadtkern.store.statements import statements


async def is_empty(database: Readable, grant: Grant) -> bool:
    """Tell whether a tenant's store holds nothing that somebody gave it."""
    del grant
    if not await database.fetch(_EXISTS[database.engine]):
        return True
    return not await database.fetch(statements("exchange.sql", database.engine)["anything"])


_EXISTS = {
    "sqlite": "SELECT 1 FROM sqlite_schema WHERE name = 'entity'",
    "postgres": "SELECT 1 WHERE to_regclass('entity') IS NOT NULL",
}


async def check_host(system: Database, grant: Grant, tenant: Tenant) -> None:
    """Make sure that no other tenant has the host name. Raises: Conflict."""
    del grant
    if tenant.host:
        taken = statements("exchange.sql", system.engine)["host_taken"]
        if await system.fetch(taken, tenant.host, str(tenant.name)):
            raise Conflict(f"The host name {tenant.host} of tenant {tenant.name} is another tenant's")


async def adopt_tenant(
    system: Database, grant: Grant, tenant: Tenant, keys: Sequence[ApiKey], *, replace: bool
) -> None:
    """List a tenant and its keys, or describe it anew. replace: forget the keys that it had."""
    del grant
    sql = statements("exchange.sql", system.engine)
    known = statements("system.sql", system.engine)
    bump = known["bump_epoch"]
    async with system.transaction() as transaction:
        if replace:
            await transaction.execute(known["delete_keys"], str(tenant.name))
        await transaction.execute(
            sql["put_tenant"], str(tenant.name), tenant.host, tenant.title, int(tenant.created_at)
        )
        await transaction.execute_many(sql["put_key"], [_key_row(tenant, key) for key in keys])
        await transaction.execute(bump, "tenants")
        await transaction.execute(bump, "keys")


def _key_row(tenant: Tenant, key: ApiKey) -> tuple[str | int | None, ...]:
    types = msgspec.json.encode(key.types).decode() if key.types else None
    times = (key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
    return (key.id, str(tenant.name), key.name, key.kind, types, key.hash, *times)
