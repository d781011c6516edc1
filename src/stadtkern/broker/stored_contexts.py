"""The context service's store: each tenant's own tables."""

from __future__ import annotations

from collections.abc import Mapping

from stadtkern.broker.tenants import Tenants
from stadtkern.model.context import ContextKind, ContextRecord
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store import context
from stadtkern.store.engine.base import Database


class StoredContexts:
    """Implements ``ContextStore``."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def _database(self, grant: Grant) -> Database:
        return (await self._tenants.get(grant.tenant)).database

    async def list_contexts(self, grant: Grant, kind: ContextKind | None) -> list[ContextRecord]:
        """Give all records (of one kind), oldest first, without bodies."""
        return await context.list_contexts(await self._database(grant), grant, kind)

    async def load_context(self, grant: Grant, id_or_url: str) -> ContextRecord | None:
        """Give the record with this local id or this url."""
        return await context.load_context(await self._database(grant), grant, id_or_url)

    async def save_context(self, grant: Grant, record: ContextRecord) -> None:
        """Insert or replace."""
        await context.save_context(await self._database(grant), grant, record)

    async def delete_context(self, grant: Grant, id: str) -> bool:
        """Remove by local id; False when there was none."""
        return await context.delete_context(await self._database(grant), grant, id)

    async def touch_contexts(self, grant: Grant, uses: Mapping[str, int], at: Instant) -> None:
        """Add to the uses of these ids."""
        await context.touch_contexts(await self._database(grant), grant, uses, at)
