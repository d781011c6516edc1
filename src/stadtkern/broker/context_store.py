"""What the context service asks of the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stadtkern.model.context import ContextKind, ContextRecord
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant


class ContextStore(Protocol):
    """The stored contexts of the Grant's tenant.

    What a client may do is checked by the service, not here: copies are kept and uses counted under reading Grants too.
    """

    async def list_contexts(self, grant: Grant, kind: ContextKind | None) -> list[ContextRecord]:
        """Give all records (of one kind), oldest first; bodies may be left empty (``null``)."""
        ...

    async def load_context(self, grant: Grant, id_or_url: str) -> ContextRecord | None:
        """Give the record with this local id or this url."""
        ...

    async def save_context(self, grant: Grant, record: ContextRecord) -> None:
        """Insert; where the id exists already, replace all but the uses and their time."""
        ...

    async def delete_context(self, grant: Grant, id: str) -> bool:
        """Remove by local id; False when there was none."""
        ...

    async def touch_contexts(self, grant: Grant, uses: Mapping[str, int], at: Instant) -> None:
        """Add to the uses of these ids and note when they were last used; unknown ids are left out."""
        ...
