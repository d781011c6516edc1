"""Reading entities: one, a page, or the page's rendered bytes. Spec: CIM 009 5.7.1, 5.7.2."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from stadtkern.broker.search import Match, Search
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import ResourceNotFound, TooManyResults
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.policy.grant import Grant
from stadtkern.query.order import Order, sort_entities
from stadtkern.query.request import EntityQuery
from stadtkern.store.document import Head
from stadtkern.store.read import load_by_id, load_by_n, load_head, may_cache
from stadtkern.store.select import MAX_COUNT, Row, count_rows, plan, select_rows
from stadtkern.store.size import sizes_by_id, sizes_by_n, slices

MAX_SORTED = 20_000
"""Most matches that one request sorts by a member."""
SMALL = 2_000
"""Bytes of a document below which sorting takes it for what it keeps of it."""
Render = Callable[[Entity], bytes]


@dataclass(frozen=True, slots=True)
class EntityPage:
    """One page of an answer.

    count: all matches, where asked for; ``MAX_COUNT`` + 1 stands for more than ``MAX_COUNT``.
    taken: how many matches the page stands for; fewer than the limit where more would be too many bytes.
    next_after: what to give as ``EntityQuery.after`` for the next page; None after the last one, or with an order.
    more: whether another page follows.
    """

    entities: Sequence[Entity]
    count: int | None = None
    next_after: int | None = None
    more: bool = False
    taken: int = 0


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """The same with each entity's bytes instead of the entities."""

    parts: Sequence[bytes]
    count: int | None = None
    next_after: int | None = None
    more: bool = False
    taken: int = 0


class Consumption:
    """The reading half of the broker."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def retrieve_entity(self, grant: Grant, id: EntityId) -> Entity:
        """Give an entity. Raises: ResourceNotFound."""
        tenant = await self._tenants.get(grant.tenant)
        found = await load_by_id(tenant.database, grant, [id], now())
        if id not in found:
            raise ResourceNotFound(f"Entity {id} does not exist")
        return found[id][1]

    async def retrieve_rendered(self, grant: Grant, id: EntityId, form: Hashable, render: Render) -> bytes:
        """Give an entity's bytes, from the cache where its version is still the same.

        form: everything besides the entity and the Grant that decides about the bytes. Raises: ResourceNotFound.
        """
        tenant = await self._tenants.get(grant.tenant)
        head = await _head(tenant, grant, id)
        number = _number(tenant, grant, form)
        body = tenant.rendered.get(head, number)
        if body is not None:
            return body
        found = await load_by_id(tenant.database, grant, [id], now())
        if id not in found:
            raise ResourceNotFound(f"Entity {id} does not exist")
        head_now, entity = found[id]
        if tenant.heads is not None and may_cache(grant, entity):
            tenant.heads.put(id, (head_now.n, head_now.version, head_now.modified_at))
        return _render(tenant, grant, head_now, entity, number, render)

    async def load_linked(
        self, grant: Grant, ids: Sequence[EntityId], beside: Sequence[EntityId] = ()
    ) -> dict[EntityId, Entity]:
        """Give those of these entities that exist for the Grant.

        beside: linked entities that are in the same answer already. Raises: TooManyResults (too many bytes in all).
        """
        tenant = await self._tenants.get(grant.tenant)
        sizes = await sizes_by_id(tenant.database, grant, [*ids, *beside])
        if sum(sizes.values()) > self._tenants.max_answer:
            raise TooManyResults(
                f"The linked entities have more than {self._tenants.max_answer} bytes",
                hint="lower limit or joinLevel, or leave out join",
            )
        return {id_: entity for id_, (_, entity) in (await load_by_id(tenant.database, grant, ids, now())).items()}

    async def query_entities(self, grant: Grant, query: EntityQuery) -> EntityPage:
        """Give one page of the entities that match. Raises: TooComplexQuery, TooManyResults."""
        tenant = await self._tenants.get(grant.tenant)
        moment = now()
        if query.order is not None:
            return await self._sorted_page(tenant, grant, query, moment)
        if not plan(tenant.database, grant, query.filter).exact:
            return await self._searched_page(tenant, grant, query, moment)
        rows, count = await _page_rows(tenant, grant, query, moment)
        ns = [row[0] for row in rows[: query.limit]]
        sizes = await sizes_by_n(tenant.database, grant, ns)
        shown = self._fit(ns, sizes)
        entities = await _load(tenant, grant, shown, sizes, moment)
        return EntityPage(entities, count, *_end(rows, len(shown)))

    async def query_rendered(self, grant: Grant, query: EntityQuery, form: Hashable, render: Render) -> RenderedPage:
        """Give one page as bytes; entities whose version is known are not even loaded."""
        tenant = await self._tenants.get(grant.tenant)
        moment = now()
        if query.order is not None or not plan(tenant.database, grant, query.filter).exact:
            page = await self.query_entities(grant, query)
            bodies = [render(entity) for entity in page.entities]
            return RenderedPage(bodies, page.count, page.next_after, page.more, page.taken)
        rows, count = await _page_rows(tenant, grant, query, moment)
        number = _number(tenant, grant, form)
        bodies = await self._bodies(tenant, grant, rows[: query.limit], number, render, moment)
        return RenderedPage([body for body in bodies if body is not None], count, *_end(rows, len(bodies)))

    async def _bodies(
        self, tenant: OpenTenant, grant: Grant, rows: Sequence[Row], number: int, render: Render, moment: Instant
    ) -> list[bytes | None]:
        """Give the bytes of the first rows, as many as one answer may hold; None for what has just gone."""
        bodies = tenant.rendered.get_many(rows, number)
        missing = [row[0] for row, body in zip(rows, bodies, strict=True) if body is None]
        if not missing and sum(map(len, filter(None, bodies))) <= self._tenants.max_answer:
            return bodies
        known = {row[0]: body for row, body in zip(rows, bodies, strict=True) if body is not None}
        sizes = {n: len(body) for n, body in known.items()} | await sizes_by_n(tenant.database, grant, missing)
        shown = self._fit([row[0] for row in rows], sizes)
        for part in slices([n for n in shown if n not in known], sizes):
            for n, (head, entity) in (await load_by_n(tenant.database, grant, part, moment)).items():
                known[n] = _render(tenant, grant, head, entity, number, render)
        return [known.get(n) for n in shown]

    def _fit(self, ns: Sequence[int], sizes: Mapping[int, int]) -> list[int]:
        """Give the first of some entities, as many as one answer may hold, at least one."""
        for first in slices(ns, sizes, self._tenants.max_answer):
            return first
        return []

    async def _searched_page(self, tenant: OpenTenant, grant: Grant, query: EntityQuery, moment: Instant) -> EntityPage:
        """Walk the candidates and let the evaluator decide, until the page is full (or all are counted)."""
        found: list[tuple[int, Entity]] = []
        count = beyond = held = 0
        more = False
        after = query.after or 0
        async for match in Search(tenant.database, grant, query.filter, moment).matches(0 if query.count else after):
            count += 1
            if match.head.n > after and not more:
                beyond += 1
                if beyond > query.offset:
                    held += match.size
                    more = len(found) == query.limit or (bool(found) and held > self._tenants.max_answer)
                    if not more:
                        found.append((match.head.n, match.entity))
            if more and (not query.count or count > MAX_COUNT):
                break
        return EntityPage(
            [entity for _, entity in found],
            min(count, MAX_COUNT + 1) if query.count else None,
            found[-1][0] if more and found else None,
            more,
            len(found),
        )

    async def _sorted_page(self, tenant: OpenTenant, grant: Grant, query: EntityQuery, moment: Instant) -> EntityPage:
        """Sort all matches by what is looked at, and load those of the page."""
        order = query.order or Order(())
        numbers: dict[EntityId, int] = {}
        slim: list[Entity] = []
        held = 0
        async for match in Search(tenant.database, grant, query.filter, moment).matches():
            entity, size = _only_sorted_by(match, order)
            numbers[entity.id] = match.head.n
            slim.append(entity)
            held += size
            if len(slim) > MAX_SORTED or held > self._tenants.max_answer:
                raise TooManyResults(
                    f"More than {MAX_SORTED} entities would have to be sorted"
                    if len(slim) > MAX_SORTED
                    else f"More than {self._tenants.max_answer} bytes would have to be sorted",
                    hint="narrow the query, or leave out orderBy",
                )
        ordered = sort_entities(slim, order)
        ns = [numbers[entity.id] for entity in ordered[query.place : query.place + query.limit]]
        sizes = await sizes_by_n(tenant.database, grant, ns)
        shown = self._fit(ns, sizes)
        entities = await _load(tenant, grant, shown, sizes, moment)
        more = len(ordered) > query.place + len(shown)
        return EntityPage(entities, len(ordered) if query.count else None, None, more, len(shown))


def _only_sorted_by(match: Match, order: Order) -> tuple[Entity, int]:
    """Keep of an entity what an order looks at, and tell about how many bytes that has."""
    names = {term.path.names[0] for term in order.terms if term.path.names}
    kept = {name: group for name, group in match.entity.attributes.items() if name in names}
    is_small = match.size < SMALL or not kept
    size = min(match.size, SMALL) if is_small else len(msgspec.json.encode(kept))
    return replace(match.entity, attributes=kept), size


async def _load(
    tenant: OpenTenant, grant: Grant, ns: Sequence[int], sizes: Mapping[int, int], moment: Instant
) -> list[Entity]:
    """Load entities in the order of their numbers here, without those that have just gone."""
    loaded: dict[int, Entity] = {}
    for part in slices(ns, sizes):
        loaded.update((n, one[1]) for n, one in (await load_by_n(tenant.database, grant, part, moment)).items())
    return [loaded[n] for n in ns if n in loaded]


def _end(rows: Sequence[Row], taken: int) -> tuple[int | None, bool, int]:
    """Tell how a page ends that has taken so many of the rows: the last one's number, whether more follow, how many."""
    more = len(rows) > taken
    return rows[taken - 1][0] if more and taken else None, more, taken


async def _page_rows(
    tenant: OpenTenant, grant: Grant, query: EntityQuery, moment: Instant
) -> tuple[list[Row], int | None]:
    """Give the page's rows and one more, which tells whether another page follows."""
    count = await count_rows(tenant.database, grant, query.filter, moment) if query.count else None
    if query.limit == 0:
        return [], count
    rows = await select_rows(
        tenant.database,
        grant,
        query.filter,
        after=query.after or 0,
        limit=query.limit + 1,
        offset=query.offset,
        now=moment,
    )
    return rows, count


def _number(tenant: OpenTenant, grant: Grant, form: Hashable) -> int:
    """Number everything that decides about an entity's bytes besides its state."""
    return tenant.rendered.number((tenant.name, grant.fingerprint, form))


async def _head(tenant: OpenTenant, grant: Grant, id: EntityId) -> tuple[int, int, Instant]:
    """Give number, version and its time of a live entity. Raises: ResourceNotFound."""
    known = tenant.heads.get(id) if tenant.heads is not None else None
    head = known or await load_head(tenant.database, grant, id, now())
    if head is None:
        raise ResourceNotFound(f"Entity {id} does not exist")
    return head


def _render(tenant: OpenTenant, grant: Grant, head: Head, entity: Entity, number: int, render: Render) -> bytes:
    body = render(entity)
    if may_cache(grant, entity):
        tenant.rendered.put((head.n, head.version, head.modified_at), number, body)
    return body
