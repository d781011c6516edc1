"""The system store: which tenants there are, and the API keys' hashes."""

from __future__ import annotations

from typing import Any

import msgspec

from stadtkern.model.actor import ApiKey, Tenant
from stadtkern.model.ids import Iri, TenantId
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database, Row
from stadtkern.store.statements import Statements, statements


class SystemStore:
    """Tenants and keys. Reads of single rows are cheap enough to be asked at every request."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """The system's own tables, for what else lives in them."""
        return self._database

    @property
    def _sql(self) -> Statements:
        return statements("system.sql", self._database.engine)

    async def list_tenants(self, grant: Grant) -> list[Tenant]:
        """List all tenants by name."""
        del grant
        return [_read_tenant(row) for row in await self._database.fetch(self._sql["list_tenants"])]

    async def insert_tenant(self, grant: Grant, tenant: Tenant) -> bool:
        """Add a tenant; False when the name or the host is taken."""
        del grant
        async with self._database.transaction() as transaction:
            made = await transaction.fetch(
                self._sql["insert_tenant"], str(tenant.name), tenant.host, tenant.title, tenant.created_at
            )
            if not made:
                return False
            await transaction.execute(self._sql["bump_epoch"], "tenants")
        return True

    async def delete_tenant(self, grant: Grant, name: TenantId) -> None:
        """Forget a tenant and its keys."""
        del grant
        async with self._database.transaction() as transaction:
            await transaction.execute(self._sql["delete_tenant"], str(name))
            await transaction.execute(self._sql["delete_keys"], str(name))
            await transaction.execute(self._sql["bump_epoch"], "tenants")
            await transaction.execute(self._sql["bump_epoch"], "keys")

    async def insert_key(self, grant: Grant, key: ApiKey) -> None:
        """Store a new key's hash."""
        types = msgspec.json.encode(key.types).decode() if key.types else None
        async with self._database.transaction() as transaction:
            await transaction.execute(
                self._sql["insert_key"],
                key.id,
                str(grant.tenant),
                key.name,
                key.kind,
                types,
                key.hash,
                key.created_at,
                key.expires_at,
            )

    async def load_key(self, id_: str) -> ApiKey | None:
        """Find a key by its id: the one question asked before there can be a Grant."""
        rows = await self._database.fetch(self._sql["load_key"], id_)
        return _read_key(rows[0]) if rows else None

    async def list_keys(self, grant: Grant) -> list[ApiKey]:
        """List the keys of the Grant's tenant, revoked ones included."""
        return [_read_key(row) for row in await self._database.fetch(self._sql["list_keys"], str(grant.tenant))]

    async def revoke_key(self, grant: Grant, id_: str, now: Instant) -> None:
        """Close a key for ever."""
        async with self._database.transaction() as transaction:
            await transaction.execute(self._sql["revoke_key"], now, id_, str(grant.tenant))
            await transaction.execute(self._sql["bump_epoch"], "keys")

    async def touch_keys(self, grant: Grant, uses: dict[str, Instant]) -> None:
        """Note when keys were last used; called now and then, not at every request."""
        del grant
        if uses:
            async with self._database.transaction() as transaction:
                await transaction.execute_many(self._sql["touch_key"], [(at, id_) for id_, at in sorted(uses.items())])

    async def try_write(self) -> None:
        """Make a write that means nothing, to its end on the disk. Raises: Unavailable."""
        async with self._database.transaction() as transaction:
            await transaction.execute(self._sql["try_write"])

    async def epochs(self) -> dict[str, int]:
        """Tell how often each kind of shared knowledge has changed."""
        return {str(kind): int(value) for kind, value in await self._database.fetch(self._sql["load_epochs"])}


def _read_tenant(row: Row) -> Tenant:
    name, host, title, created_at = row
    return Tenant(TenantId(name), Instant(created_at), host, title)


def _read_key(row: Row) -> ApiKey:
    id_, tenant, name, kind, types, hash_, created_at, expires_at, revoked_at, last_used_at = row
    names: list[Any] = msgspec.json.decode(types) if types else []
    return ApiKey(
        id=id_,
        tenant=TenantId(tenant),
        name=name,
        kind=kind,
        hash=hash_,
        created_at=created_at,
        types=tuple(Iri(one) for one in names),
        expires_at=expires_at,
        revoked_at=revoked_at,
        last_used_at=last_used_at,
    )
