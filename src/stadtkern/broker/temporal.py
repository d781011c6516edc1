"""Reading history: one entity's evolution, or that of all that match. Spec: CIM 009 5.7.3, 5.7.4."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from stadtkern.broker.history_answer import HistoryAnswer, HistoryPage, TooLarge
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import ResourceNotFound, TooComplexQuery, TooManyResults
from stadtkern.model.entity import Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import now
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import compile_matcher
from stadtkern.query.filter import (
    And,
    Filter,
    HasType,
    IdIn,
    IdMatches,
    ScopeMatches,
    attribute_names,
    hide_attributes,
    leaves,
)
from stadtkern.query.request import EntityQuery, TemporalQuery
from stadtkern.store.engine.base import Database
from stadtkern.store.select import refuse_unbounded, select_pasts
from stadtkern.store.size import sizes_by_id, slices
from stadtkern.store.temporal import (
    Past,
    StoredSeries,
    find_active,
    load_instances,
    load_pasts,
    load_series,
    measure_instances,
)

__all__ = ["HistoryPage", "Temporal", "split_filter"]

CANDIDATES = 100
"""Entities looked at together."""
MAX_CANDIDATES = 200_000
"""Most entities that one request looks at."""
MAX_EVALUATED = 20_000
"""Most entities whose instances a filter looks at."""
EVALUATED = 10_000
"""Most instances of one series that a filter looks at, the latest ones."""
MAX_NAMED = 1_000
"""Most entities that are named at once."""
Candidate = tuple[Past, Sequence[StoredSeries], int]
"""An entity, its series, and the bytes of its document."""


class Temporal:
    """The history part of the broker."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def retrieve_history(
        self,
        grant: Grant,
        id: EntityId,
        query: TemporalQuery,
        *,
        attributes: frozenset[Iri] | None,
        most: int,
        dataset_ids: frozenset[str] | None = None,
    ) -> HistoryPage:
        """Give the evolution of one entity.

        attributes, dataset_ids: only these; None for all. most: instances in the whole answer.
        Raises: ResourceNotFound, TooManyResults (too many periods of aggregation).
        """
        database = (await self._tenants.get(grant.tenant)).database
        past = (await load_pasts(database, grant, [id], now())).get(id)
        if past is None or not _is_shown(grant, past):
            raise ResourceNotFound(f"Entity {id} does not exist")
        answer = HistoryAnswer(
            database,
            grant,
            query,
            attributes=attributes,
            dataset_ids=dataset_ids,
            most=most,
            most_bytes=self._tenants.max_answer,
        )
        stored = (await load_series(database, grant, [past.head.n])).get(past.head.n, [])
        await self._add(answer, (past, stored, 0), first=True)
        return await answer.page()

    async def query_histories(
        self, grant: Grant, entities: EntityQuery, query: TemporalQuery, *, attributes: frozenset[Iri] | None, most: int
    ) -> HistoryPage:
        """Give the evolutions of a page of entities that match and have instances in the window.

        Conditions on values hold when they hold for instances in the window. ``entities.count`` counts them all.
        Raises: TooComplexQuery, TooManyResults (too many periods). Spec: CIM 009 5.7.4.4.
        """
        database = (await self._tenants.get(grant.tenant)).database
        answer = HistoryAnswer(
            database,
            grant,
            query,
            attributes=attributes,
            dataset_ids=entities.dataset_ids,
            most=most,
            most_bytes=self._tenants.max_answer,
        )
        count = beyond = last = 0
        more = False
        after, end = entities.after or 0, entities.offset + entities.limit
        async for found in _matches(database, grant, entities, answer, attributes):
            n = found[0].head.n
            count += 1
            beyond += n > after
            if beyond > entities.offset and not more:
                more = beyond > end or not await self._add(answer, found, first=not last)
                last = last if more else n
            if more and not entities.count:
                break
        return await answer.page(
            count=count if entities.count else None, more=more, next_after=last if more and last else None
        )

    async def match_histories(
        self, grant: Grant, entities: EntityQuery, query: TemporalQuery, *, attributes: frozenset[Iri] | None
    ) -> list[EntityId]:
        """Name the entities whose evolutions ``query_histories`` would give on all its pages.

        Raises: TooComplexQuery, TooManyResults (more than ``MAX_NAMED``). Spec: CIM 009 5.14.5.
        """
        database = (await self._tenants.get(grant.tenant)).database
        answer = HistoryAnswer(
            database,
            grant,
            query,
            attributes=attributes,
            dataset_ids=entities.dataset_ids,
            most=MAX_NAMED,
            most_bytes=self._tenants.max_answer,
        )
        found: list[EntityId] = []
        async for past, *_ in _matches(database, grant, replace(entities, after=None), answer, attributes):
            found.append(past.head.id)
            if len(found) > MAX_NAMED:
                raise TooManyResults(f"More than {MAX_NAMED} entities match", hint="narrow the query")
        return found

    async def _add(self, answer: HistoryAnswer, found: Candidate, *, first: bool) -> bool:
        """Add an entity to a page; False where the page holds no more. Raises: TooManyResults."""
        past, stored, size = found
        try:
            await answer.add(past, stored, size)
        except TooLarge:
            if first:
                raise TooManyResults(
                    f"What was asked for of {past.head.id} has more than {self._tenants.max_answer} bytes",
                    hint="ask for a shorter time, for fewer attributes, or for the latest instances with lastN",
                ) from None
            answer.drop()
            return False
        return True


async def _matches(
    database: Database, grant: Grant, entities: EntityQuery, answer: HistoryAnswer, attributes: frozenset[Iri] | None
) -> AsyncIterator[Candidate]:
    """Give the entities that match and have something to show, in order of their number. Raises: TooComplexQuery."""
    narrow, decisive = split_filter(entities.filter)
    by_head = None if narrow is None else compile_matcher(narrow)
    condition = None if decisive is None else _Condition(database, grant, decisive, answer)
    seen = evaluated = 0
    start = 0 if entities.count else entities.after or 0
    async for past, stored, size in _active(database, grant, narrow, answer, attributes, start):
        seen += 1
        refuse_unbounded(seen, MAX_CANDIDATES)
        if by_head is not None and not by_head(_with_attributes(past, {})):
            continue  # the store may have been able to narrow only
        if condition is not None:
            evaluated += 1
            refuse_unbounded(evaluated, MAX_EVALUATED)
            if not await condition.holds(past, stored):
                continue
        yield past, stored, size


async def _active(
    database: Database,
    grant: Grant,
    filter: Filter | None,
    answer: HistoryAnswer,
    attributes: frozenset[Iri] | None,
    after: int,
) -> AsyncIterator[Candidate]:
    """Give entities by what their head tells, as far as they have instances in the window."""
    while True:
        found = await select_pasts(database, grant, filter, after=after, limit=CANDIDATES)
        sizes = await sizes_by_id(database, grant, [one.id for one in found])
        for part in slices([one.id for one in found], sizes):
            pasts = await load_pasts(database, grant, part, now())
            shown = [past for id_ in part if (past := pasts.get(id_)) is not None and _is_shown(grant, past)]
            numbers = [past.head.n for past in shown]
            stored = await load_series(database, grant, numbers)
            active = await find_active(database, grant, numbers, answer.window)
            for past in shown:
                own = stored.get(past.head.n, [])
                # a projection to core members alone says nothing about which attributes must have instances
                counted = own if attributes is not None and not attributes else answer.wanted(own)
                if any(one.n in active for one in counted) or answer.present(past):
                    yield past, own, sizes.get(past.head.id, 0)
            await asyncio.sleep(0)
        if len(found) < CANDIDATES:
            return
        after = found[-1].n


class _Condition:
    """A condition on values, which holds for an entity when it holds for its instances in a window."""

    def __init__(self, database: Database, grant: Grant, filter: Filter, answer: HistoryAnswer) -> None:
        self._database = database
        self._grant = grant
        self._window = answer.window
        self._most_bytes = answer.most_bytes
        shown = hide_attributes(filter, grant.hidden)
        self._names = attribute_names(shown)
        self._decide = compile_matcher(shown)

    async def holds(self, past: Past, stored: Sequence[StoredSeries]) -> bool:
        """Decide. Raises: TooComplexQuery (too many bytes to look at)."""
        attributes: dict[Iri, list[Instance]] = {}
        asked = [one for one in stored if one.attribute in self._names]
        await self._refuse_too_much(asked)
        for one in asked:
            instances = await load_instances(
                self._database, self._grant, one, self._window, most=EVALUATED, backward=True
            )
            if self._window.property != "deletedAt":
                instances = [instance for instance in instances if instance.deleted_at is None]
            attributes.setdefault(one.attribute, []).extend(instances)
        for name, group in past.latest.attributes.items() if past.latest is not None else ():
            if name in self._names and name not in self._grant.hidden:
                static = [one for one in group if one.observed_at is None]
                attributes.setdefault(name, []).extend(static)
        return self._decide(_with_attributes(past, attributes))

    async def _refuse_too_much(self, asked: Sequence[StoredSeries]) -> None:
        """Raises: TooComplexQuery."""
        ns = [one.n for one in asked]
        size = await measure_instances(self._database, self._grant, ns, self._window, most=EVALUATED, backward=True)
        if size > self._most_bytes:
            raise TooComplexQuery(
                f"The query would look into more than {self._most_bytes} bytes of one entity's history",
                hint="ask for a shorter time",
            )


def _with_attributes(past: Past, attributes: dict[Iri, list[Instance]]) -> Entity:
    return Entity(
        id=past.head.id,
        types=past.document.types,
        scope=past.document.scope,
        attributes={name: group for name, group in attributes.items() if group},
        created_at=past.head.created_at,
        modified_at=past.head.modified_at,
    )


def _is_shown(grant: Grant, past: Past) -> bool:
    """Judge by the present alone: what an entity once was gives nobody a right to see it."""
    if grant.row_filter is None:
        return True
    return past.entity is not None and compile_matcher(grant.row_filter)(past.entity)


_NARROWING = (HasType, IdIn, IdMatches, ScopeMatches)


def split_filter(filter: Filter | None) -> tuple[Filter | None, Filter | None]:
    """Split a filter into what an entity's head decides and what its history must be asked for."""
    if filter is None:
        return None, None
    parts = filter.parts if isinstance(filter, And) else (filter,)
    narrow = [part for part in parts if _by_head(part)]
    rest = [part for part in parts if not _by_head(part)]
    return (And(tuple(narrow)) if narrow else None), (And(tuple(rest)) if rest else None)


def _by_head(filter: Filter) -> bool:
    return all(isinstance(leaf, _NARROWING) for leaf in leaves(filter))
