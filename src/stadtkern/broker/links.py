"""Entities that others point to, read a level at a time, for filters on linked entities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from stadtkern.errors import TooComplexQuery
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.json import unraw
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import Lookup
from stadtkern.query.filter import Filter
from stadtkern.store.document import Head
from stadtkern.store.engine.base import Database
from stadtkern.store.read import load_by_id
from stadtkern.store.size import sizes_by_id

MAX_LINKED = 20_000
"""Most linked entities that one batch of candidates may bring along."""

MAX_BYTES = 64 * 1024 * 1024
"""Most bytes that these may have."""


class LinkReader:
    """Reads the targets of relationships as the Grant shows them."""

    def __init__(self, database: Database, grant: Grant, moment: Instant) -> None:
        self._database = database
        self._grant = grant
        self._moment = moment
        self._held = 0

    async def read(self, batch: Iterable[tuple[Head, Entity]], filter: Filter | None, depth: int) -> Lookup | None:
        """Give a look-up of everything the batch points to, over as many relationships as the filter follows."""
        if filter is None or not depth:
            return None
        return await self.follow((entity for _, entity in batch), depth)

    async def follow(self, entities: Iterable[Entity], depth: int) -> Lookup:
        """Give a look-up of everything that entities point to, over so many relationships. Raises: TooComplexQuery."""
        known: dict[EntityId, Entity] = {}
        level = list(entities)
        for _ in range(depth):
            wanted = {target for entity in level for target in targets(entity)} - known.keys()
            if len(wanted) + len(known) > MAX_LINKED:
                raise TooComplexQuery(
                    "The query follows more relationships than one request may", hint="narrow it by type"
                )
            await self._refuse_too_much(wanted)
            found = await load_by_id(self._database, self._grant, sorted(wanted), self._moment) if wanted else {}
            level = [entity for _, entity in found.values()]
            known.update((entity.id, entity) for entity in level)
        return known.get

    async def _refuse_too_much(self, wanted: Iterable[EntityId]) -> None:
        """Raises: TooComplexQuery."""
        self._held += sum((await sizes_by_id(self._database, self._grant, list(wanted))).values())
        if self._held > MAX_BYTES:
            raise TooComplexQuery(
                f"The query would look into more than {MAX_BYTES} bytes of linked entities", hint="narrow it by type"
            )


def targets(entity: Entity) -> list[EntityId]:
    """List the URIs that an entity's relationships name, sub-attributes included."""
    found: list[EntityId] = []
    stack = [one for group in entity.attributes.values() for one in group]
    while stack:
        instance = stack.pop()
        stack.extend(one for group in instance.subs.values() for one in group)
        if instance.kind in {"Relationship", "ListRelationship"}:
            value: Any = unraw(instance.value)
            values = cast("list[Any]", value) if isinstance(value, list) else [value]
            found.extend(EntityId(one) for one in values if isinstance(one, str))
    return found
