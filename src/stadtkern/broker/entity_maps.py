"""Entity maps: the matches of a query, fixed so that its pages neither skip nor repeat. Spec: CIM 009 5.14, 5.5.9.3."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from msgspec.structs import replace

from stadtkern.broker.consumption import Consumption, EntityPage
from stadtkern.errors import ResourceNotFound, TooManyResults, quoted
from stadtkern.model.entity import Entity
from stadtkern.model.entity_map import EntityMap
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.policy.grant import Grant
from stadtkern.query.filter import IdIn, all_of
from stadtkern.query.request import EntityQuery
from stadtkern.store import entity_map
from stadtkern.store.document import Head
from stadtkern.store.read import load_by_id
from stadtkern.store.size import sizes_by_id, slices

MAX_ENTITIES = 10_000
"""Most entities in one map."""
LIFETIME_US = 600 * 1_000_000
MAX_LIFETIME_US = 24 * 3600 * 1_000_000
SLICE = 250
"""Entities that are looked at together."""


class EntityMaps(Consumption):
    """The part of the broker that keeps entity maps."""

    async def make_map(self, grant: Grant, query: EntityQuery, lifetime: int | None) -> EntityMap:
        """Fix what matches now. lifetime: microseconds that are asked for. Raises: TooManyResults, TooComplexQuery."""
        page_of = replace(query, limit=MAX_ENTITIES + 1 if query.order is not None else SLICE, offset=0, count=False)
        ids: list[EntityId] = []
        after: int | None = None
        offset = 0
        more = True
        while more:
            page = await self.query_entities(grant, replace(page_of, after=after, passed=0, offset=offset))
            ids.extend(entity.id for entity in page.entities)
            after, more = page.next_after, page.more
            offset += page.taken if query.order is not None else 0
            if len(ids) > MAX_ENTITIES:
                raise too_many(MAX_ENTITIES)
        return await self.keep_map(grant, ids, lifetime)

    async def keep_map(self, grant: Grant, entities: Sequence[EntityId], lifetime: int | None) -> EntityMap:
        """Keep a list of entities; it lives as long as was asked for, within bounds."""
        moment = now()
        ends = moment + min(LIFETIME_US if lifetime is None else lifetime, MAX_LIFETIME_US)
        made = EntityMap(f"urn:ngsi-ld:EntityMap:{uuid.uuid4()}", moment, Instant(ends), list(entities))
        database = (await self._tenants.get(grant.tenant)).database
        await entity_map.save_map(database, grant, made, moment)
        return made

    async def load_map(self, grant: Grant, id: str) -> EntityMap:
        """Give a map. Raises: ResourceNotFound (there is none, or its time is over)."""
        database = (await self._tenants.get(grant.tenant)).database
        found = await entity_map.load_map(database, grant, id, now())
        if found is None:
            raise ResourceNotFound(f"Entity map {quoted(id)} does not exist")
        return found

    async def move_end(self, grant: Grant, id: str, expires_at: Instant) -> None:
        """Let a map live until another time, within bounds. Raises: ResourceNotFound."""
        known = await self.load_map(grant, id)
        moment = now()
        ends = Instant(min(expires_at, moment + MAX_LIFETIME_US))
        database = (await self._tenants.get(grant.tenant)).database
        await entity_map.save_map(database, grant, replace(known, expires_at=ends), moment)

    async def delete_map(self, grant: Grant, id: str) -> None:
        """Forget a map. Raises: ResourceNotFound."""
        database = (await self._tenants.get(grant.tenant)).database
        if not await entity_map.delete_map(database, grant, id, now()):
            raise ResourceNotFound(f"Entity map {quoted(id)} does not exist")

    async def query_mapped(self, grant: Grant, known: EntityMap, query: EntityQuery) -> EntityPage:
        """Give a page of a map's entities that still match; those that do not are taken out of it.

        What lies before the page stays, so that the offsets of the next pages mean the same. Spec: CIM 009 5.5.9.3.
        """
        wanted, place = query.limit + 1, query.place
        found: list[EntityId] = []
        gone: set[EntityId] = set()
        before = await self._count(grant, known, query) if query.count else 0
        for start in range(place, len(known.entities), SLICE):
            part = known.entities[start : start + SLICE]
            there = await self._still(grant, query, part)
            gone.update(id_ for id_ in part if id_ not in there)
            found.extend(id_ for id_ in part if id_ in there)
            if len(found) >= wanted and not query.count:
                break
        if gone:
            kept = replace(known, entities=[id_ for id_ in known.entities if id_ not in gone])
            await entity_map.save_map((await self._tenants.get(grant.tenant)).database, grant, kept, now())
        count = before + len(found) if query.count else None
        shown = await self._load_first(grant, found[: query.limit])
        return EntityPage(list(shown.values()), count, None, len(found) > len(shown), len(shown))

    async def _load_first(self, grant: Grant, ids: Sequence[EntityId]) -> dict[EntityId, Entity]:
        """Load the first of some entities, as many as one answer may hold, at least one."""
        database = (await self._tenants.get(grant.tenant)).database
        sizes = await sizes_by_id(database, grant, ids)
        fit = next(slices(ids, sizes, self._tenants.max_answer), list[EntityId]())
        loaded: dict[EntityId, tuple[Head, Entity]] = {}
        for part in slices(fit, sizes):
            loaded |= await load_by_id(database, grant, part, now())
        return {id_: loaded[id_][1] for id_ in fit if id_ in loaded}

    async def _count(self, grant: Grant, known: EntityMap, query: EntityQuery) -> int:
        """Count the matches before the page."""
        count = 0
        for start in range(0, min(query.place, len(known.entities)), SLICE):
            part = known.entities[start : min(start + SLICE, query.place)]
            count += len(await self._still(grant, query, part))
        return count

    async def _still(self, grant: Grant, query: EntityQuery, ids: Sequence[EntityId]) -> set[EntityId]:
        """Name those of some entities that match now."""
        named: set[EntityId] = set()
        after: int | None = 0
        while after is not None:
            narrowed = EntityQuery(filter=all_of(query.filter, IdIn(tuple(ids))), limit=len(ids), after=after)
            page = await self.query_entities(grant, narrowed)
            named.update(entity.id for entity in page.entities)
            after = page.next_after
        return named


def too_many(most: int) -> TooManyResults:
    """Say that a map would be too long."""
    return TooManyResults(f"An entity map holds at most {most} entities", hint="narrow the query")
