"""The entities that matched when a reader asked first, fixed for paging through them. Spec: CIM 009 5.2.39."""

from __future__ import annotations

from msgspec import Struct

from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant


class EntityMap(Struct, frozen=True, gc=False):
    """A list of entities in the order in which they are shown. id: a URI; from expires_at on it does not exist."""

    id: str
    created_at: Instant
    expires_at: Instant
    entities: list[EntityId]
