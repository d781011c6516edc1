"""Reading history: one entity's evolution, or that of all that match. Spec: CIM 009 5.7.3, 5.7.4, 6.3.10.

An answer holds at most so many instances in all; a longer one is cut at one instant for all its series (never in the
middle of one), and says which stretch of time it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stadtkern.broker.aggregate import Accumulator
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import ResourceNotFound
from stadtkern.model.entity import Entity, Instance
from stadtkern.model.history import EntityHistory, Series
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, now
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import compile_matcher
from stadtkern.query.filter import And, Filter, HasType, IdIn, IdMatches, ScopeMatches, all_of, leaves
from stadtkern.query.request import EntityQuery, TemporalQuery
from stadtkern.store.select import select_pasts
from stadtkern.store.temporal import (
    Past,
    StoredSeries,
    load_instances,
    load_pasts,
    load_series,
    time_of,
    walk_instances,
    window,
)

EVALUATED = 10_000
"""Most instances of one series that a filter on history looks at."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Histories and how much of time they cover.

    truncated: instances were left out; ``first`` and ``last`` are then the bounds of what is there, in the
    direction of reading (with lastN from the latest backwards), as for the Content-Range header.
    """

    histories: Sequence[EntityHistory]
    truncated: bool = False
    first: Instant | None = None
    last: Instant | None = None
    count: int | None = None
    more: bool = False


@dataclass(slots=True)
class _Open:
    """One entity's history while it is put together."""

    past: Past
    series: list[tuple[Iri, Series]] = field(default_factory=list[tuple[Iri, Series]])


class Temporal:
    """The history part of the broker."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def retrieve_history(
        self, grant: Grant, id: EntityId, query: TemporalQuery, *, attributes: frozenset[Iri] | None, most: int
    ) -> HistoryPage:
        """Give the evolution of one entity.

        attributes: only these; None for all. most: instances in the whole answer. Raises: ResourceNotFound.
        """
        tenant = await self._tenants.get(grant.tenant)
        pasts = await load_pasts(tenant.database, grant, [id], now())
        past = pasts.get(id)
        if past is None or not _shown(grant, past):
            raise ResourceNotFound(f"Entity {id} does not exist")
        opened = await self._open(tenant, grant, past, query, attributes, most)
        return _page([opened], query, most)

    async def query_histories(
        self, grant: Grant, entities: EntityQuery, query: TemporalQuery, *, attributes: frozenset[Iri] | None, most: int
    ) -> HistoryPage:
        """Give the evolutions of a page of entities that match and have instances in the window.

        Conditions on values hold when they hold for instances in the window (CIM 009 5.7.4.4).
        """
        tenant = await self._tenants.get(grant.tenant)
        narrow, decisive = split_filter(all_of(entities.filter, grant.row_filter))
        decide = None if decisive is None else compile_matcher(decisive)
        found: list[_Open] = []
        count = 0
        wanted = entities.offset + entities.limit + 1
        after = entities.after or 0
        while len(found) < wanted or entities.count:
            batch = await select_pasts(tenant.database, grant, narrow, after=after, limit=100)
            for id_, past in (await load_pasts(tenant.database, grant, [one.id for one in batch], now())).items():
                del id_
                opened = await self._open(tenant, grant, past, query, attributes, most)
                if not _has_instances(opened):
                    continue
                if decide is not None and not decide(await self._as_entity(tenant, grant, past, query)):
                    continue
                count += 1
                if len(found) < wanted:
                    found.append(opened)
            if len(batch) < 100:
                break
            after = batch[-1].n
        shown = found[entities.offset : entities.offset + entities.limit]
        page = _page(shown, query, most)
        return HistoryPage(
            page.histories,
            page.truncated,
            page.first,
            page.last,
            count if entities.count else None,
            len(found) == wanted,
        )

    async def _open(
        self,
        tenant: OpenTenant,
        grant: Grant,
        past: Past,
        query: TemporalQuery,
        attributes: frozenset[Iri] | None,
        most: int,
    ) -> _Open:
        """Read the wanted series of one entity, each up to one instance more than the answer may hold."""
        opened = _Open(past)
        limit = min(query.last_n or query.first_n or most + 1, most + 1)
        stored = await load_series(tenant.database, grant, past.head.n)
        wanted = [one for one in stored if attributes is None or one.attribute in attributes]
        if query.aggregation is not None:
            await self._aggregate(tenant, grant, opened, wanted, query)
            return opened
        for one in wanted:
            instances = await load_instances(
                tenant.database, grant, one, query, most=limit, backward=query.last_n is not None
            )
            if instances or (one.observed and query.time_property == "observedAt"):
                kind = instances[-1].kind if instances else "Property"
                opened.series.append((one.attribute, Series(kind=kind, dataset_id=one.dataset_id, instances=instances)))
        _add_present(opened, grant, query, attributes)
        return opened

    async def _aggregate(
        self, tenant: OpenTenant, grant: Grant, opened: _Open, wanted: list[StoredSeries], query: TemporalQuery
    ) -> None:
        if query.aggregation is None:
            return
        start, until = window(query)
        origin = start if query.time_at is not None and query.time_relation != "before" else None
        firsts: list[Instant] = []
        lasts: list[Instant] = []
        for one in wanted:
            for backward, ends in ((False, firsts), (True, lasts)):
                edge = await load_instances(tenant.database, grant, one, query, most=1, backward=backward)
                ends.extend(time for one in edge if (time := time_of(one, query.time_property)) is not None)
        if not firsts:
            return
        begin = Instant(min(firsts) if origin is None else origin)
        end = Instant(until if query.time_relation in {"before", "between"} else max(lasts))
        for one in wanted:
            accumulator = Accumulator(query.aggregation, begin, end)
            kind = None
            async for instances in walk_instances(tenant.database, grant, one, query):
                for instance in instances:
                    kind = instance.kind
                    accumulator.add(instance, time_of(instance, query.time_property) or begin)
            if kind is not None:
                series = Series(kind=kind, dataset_id=one.dataset_id, aggregates=accumulator.rows())
                opened.series.append((one.attribute, series))

    async def _as_entity(self, tenant: OpenTenant, grant: Grant, past: Past, query: TemporalQuery) -> Entity:
        """Make an entity whose attributes have all instances of the window, for conditions on values."""
        opened = _Open(past)
        for one in await load_series(tenant.database, grant, past.head.n):
            plain = TemporalQuery(
                time_relation=query.time_relation,
                time_at=query.time_at,
                end_time_at=query.end_time_at,
                time_property=query.time_property,
            )
            instances = await load_instances(tenant.database, grant, one, plain, most=EVALUATED, backward=True)
            opened.series.append(
                (one.attribute, Series(kind="Property", dataset_id=one.dataset_id, instances=instances))
            )
        attributes: dict[Iri, list[Instance]] = {}
        for name, series in opened.series:
            attributes.setdefault(name, []).extend(series.instances)
        if past.entity is not None:
            for name, group in past.entity.attributes.items():
                static = [one for one in group if one.observed_at is None]
                if static and name not in grant.hidden:
                    attributes.setdefault(name, []).extend(static)
        head = past.head
        return Entity(
            id=head.id,
            types=past.document.types,
            scope=past.document.scope,
            attributes={name: group for name, group in attributes.items() if group},
            created_at=head.created_at,
            modified_at=head.modified_at,
        )


def _shown(grant: Grant, past: Past) -> bool:
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


def _add_present(opened: _Open, grant: Grant, query: TemporalQuery, attributes: frozenset[Iri] | None) -> None:
    """Add current instances without an own time, where the query looks at when they were written."""
    entity = opened.past.entity
    if entity is None or query.time_property not in {"createdAt", "modifiedAt"}:
        return
    start, until = window(query)
    for name, group in entity.attributes.items():
        if name in grant.hidden or (attributes is not None and name not in attributes):
            continue
        for one in group:
            time = time_of(one, query.time_property)
            if one.observed_at is None and time is not None and start <= time < until:
                _add_instance(opened, name, one, query)


def _add_instance(opened: _Open, name: Iri, instance: Instance, query: TemporalQuery) -> None:
    for attribute, series in opened.series:
        if attribute == name and series.dataset_id == instance.dataset_id:
            # the present instance is the latest one of its series
            if query.last_n is not None:
                series.instances.insert(0, instance)
                del series.instances[query.last_n :]
            elif query.first_n is None or len(series.instances) < query.first_n:
                series.instances.append(instance)
            return
    series = Series(kind=instance.kind, dataset_id=instance.dataset_id, instances=[instance])
    opened.series.append((name, series))


def _has_instances(opened: _Open) -> bool:
    return any(series.instances or series.aggregates for _, series in opened.series)


def _page(opened: Sequence[_Open], query: TemporalQuery, most: int) -> HistoryPage:
    """Cut the answer to what it may hold, at one instant for all series."""
    backward = query.last_n is not None
    times = sorted(
        (
            time
            for one in opened
            for _, series in one.series
            for instance in series.instances
            if (time := time_of(instance, query.time_property)) is not None
        ),
        reverse=backward,
    )
    if len(times) <= most:
        return HistoryPage([_history(one, None, query) for one in opened])
    cut = times[most - 1]
    start, until = query.window()
    first = (until if backward else start) or times[0]
    return HistoryPage([_history(one, cut, query) for one in opened], True, first, cut)


def _history(opened: _Open, cut: Instant | None, query: TemporalQuery) -> EntityHistory:
    attributes: dict[Iri, list[Series]] = {}
    for name, series in opened.series:
        instances = series.instances if cut is None else [one for one in series.instances if _within(one, cut, query)]
        group = attributes.setdefault(name, [])
        if instances or series.aggregates:
            group.append(
                Series(
                    kind=series.kind, dataset_id=series.dataset_id, instances=instances, aggregates=series.aggregates
                )
            )
    head, document = opened.past.head, opened.past.document
    return EntityHistory(
        id=head.id,
        types=document.types,
        scope=document.scope,
        attributes=attributes,
        created_at=head.created_at,
        modified_at=head.modified_at,
        deleted_at=head.deleted_at,
        expires_at=head.expires_at,
    )


def _within(instance: Instance, cut: Instant, query: TemporalQuery) -> bool:
    time = time_of(instance, query.time_property)
    if time is None:
        return False
    return time >= cut if query.last_n is not None else time <= cut
