"""Reading entities: one, a page, or the page's rendered bytes. Spec: CIM 009 5.7.1, 5.7.2."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from stadtkern.broker.search import Search
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import ResourceNotFound, TooManyResults
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.policy.grant import Grant
from stadtkern.query.order import sort_entities
from stadtkern.query.request import EntityQuery
from stadtkern.store.document import Head
from stadtkern.store.read import load_by_id, load_by_n, load_head, may_cache
from stadtkern.store.select import MAX_COUNT, Row, count_rows, plan, select_rows

MAX_SORTED = 20_000
"""Most matches that one request sorts by a member."""
Render = Callable[[Entity], bytes]


@dataclass(frozen=True, slots=True)
class EntityPage:
    """One page of an answer.

    count: all matches, where asked for; ``MAX_COUNT`` + 1 stands for more than ``MAX_COUNT``.
    next_after: what to give as ``EntityQuery.after`` for the next page; None after the last one, or with an order.
    more: whether another page follows.
    """

    entities: Sequence[Entity]
    count: int | None = None
    next_after: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """The same with each entity's bytes instead of the entities."""

    parts: Sequence[bytes]
    count: int | None = None
    next_after: int | None = None
    more: bool = False


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

    async def load_linked(self, grant: Grant, ids: Sequence[EntityId]) -> dict[EntityId, Entity]:
        """Give those of these entities that exist for the Grant."""
        tenant = await self._tenants.get(grant.tenant)
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
        loaded = await load_by_n(tenant.database, grant, [row[0] for row in rows[: query.limit]], moment)
        entities = [loaded[row[0]][1] for row in rows[: query.limit] if row[0] in loaded]
        return EntityPage(entities, count, _next_after(rows, query), len(rows) > query.limit)

    async def query_rendered(self, grant: Grant, query: EntityQuery, form: Hashable, render: Render) -> RenderedPage:
        """Give one page as bytes; entities whose version is known are not even loaded."""
        tenant = await self._tenants.get(grant.tenant)
        moment = now()
        if query.order is not None or not plan(tenant.database, grant, query.filter).exact:
            page = await self.query_entities(grant, query)
            return RenderedPage([render(entity) for entity in page.entities], page.count, page.next_after, page.more)
        rows, count = await _page_rows(tenant, grant, query, moment)
        number = _number(tenant, grant, form)
        shown = rows[: query.limit]
        bodies = tenant.rendered.get_many(shown, number)
        if None in bodies:
            missing = [row[0] for row, body in zip(shown, bodies, strict=True) if body is None]
            loaded = await load_by_n(tenant.database, grant, missing, moment)
            made = {n: _render(tenant, grant, head, entity, number, render) for n, (head, entity) in loaded.items()}
            bodies = [made.get(row[0]) if body is None else body for row, body in zip(shown, bodies, strict=True)]
        parts = [body for body in bodies if body is not None]
        return RenderedPage(parts, count, _next_after(rows, query), len(rows) > query.limit)

    async def _searched_page(self, tenant: OpenTenant, grant: Grant, query: EntityQuery, moment: Instant) -> EntityPage:
        """Walk the candidates and let the evaluator decide, until the page is full (or all are counted)."""
        wanted = query.offset + query.limit + 1
        found: list[tuple[int, Entity]] = []
        count = 0
        search = Search(tenant.database, grant, query.filter, moment)
        after = query.after or 0
        async for head, entity in search.matches(0 if query.count else after):
            count += 1
            if len(found) < wanted and head.n > after:
                found.append((head.n, entity))
            if len(found) == wanted and (not query.count or count > MAX_COUNT):
                break
        page = found[query.offset : query.offset + query.limit]
        more = len(found) == wanted
        return EntityPage(
            [entity for _, entity in page],
            min(count, MAX_COUNT + 1) if query.count else None,
            page[-1][0] if more and page else None,
            more,
        )

    async def _sorted_page(self, tenant: OpenTenant, grant: Grant, query: EntityQuery, moment: Instant) -> EntityPage:
        """Load all matches, sort them, cut the page out."""
        matches: list[Entity] = []
        async for _, entity in Search(tenant.database, grant, query.filter, moment).matches():
            matches.append(entity)
            if len(matches) > MAX_SORTED:
                raise TooManyResults(
                    f"More than {MAX_SORTED} entities would have to be sorted",
                    hint="narrow the query, or leave out orderBy",
                )
        ordered = matches if query.order is None else sort_entities(matches, query.order)
        page = ordered[query.place : query.place + query.limit]
        more = len(ordered) > query.place + query.limit
        return EntityPage(page, len(ordered) if query.count else None, None, more)


def _next_after(rows: Sequence[Row], query: EntityQuery) -> int | None:
    """Give the number of the page's last row, where one follows it."""
    return rows[query.limit - 1][0] if 0 < query.limit < len(rows) else None


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
