"""A store of contexts in memory, for tests of the context service and its routes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from stadtkern.model.context import ContextKind, ContextRecord
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant


class ContextMemory:
    """The contexts of all tenants, as a database would keep them."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, ContextRecord]] = {}

    def _of(self, grant: Grant) -> dict[str, ContextRecord]:
        return self.records.setdefault(grant.tenant, {})

    async def list_contexts(self, grant: Grant, kind: ContextKind | None) -> list[ContextRecord]:
        return [record for record in self._of(grant).values() if kind in (None, record.kind)]

    async def load_context(self, grant: Grant, id_or_url: str) -> ContextRecord | None:
        found = (record for record in self._of(grant).values() if id_or_url in (record.id, record.url))
        return next(found, None)

    async def save_context(self, grant: Grant, record: ContextRecord) -> None:
        old = self._of(grant).get(record.id)
        if old is not None:
            record = replace(record, uses=old.uses, last_used_at=old.last_used_at)
        self._of(grant)[record.id] = record

    async def delete_context(self, grant: Grant, id: str) -> bool:
        return self._of(grant).pop(id, None) is not None

    async def touch_contexts(self, grant: Grant, uses: Mapping[str, int], at: Instant) -> None:
        records = self._of(grant)
        for id, count in uses.items():
            if id in records:
                records[id] = replace(records[id], uses=records[id].uses + count, last_used_at=at)
