"""One answer about history put together: series read, added up or cut where they are too many. Spec: CIM 009 6.3.10.

An answer holds at most so many instances in all; a longer one is cut at one instant for all its series (never in the
middle of one, unless a single instant has more), and says which stretch of time it covers. While it grows, it keeps no
more than about twice that number in memory: what lies beyond the cut for sure is not even read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec

from stadtkern.broker.aggregate import MAX_PERIODS, Accumulator
from stadtkern.errors import TooManyResults
from stadtkern.model.entity import AttributeKind, Instance
from stadtkern.model.history import EntityHistory, ScopeInstance, Series
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.query.request import Aggregation, TemporalQuery, TimeProperty
from stadtkern.store.engine.base import Database
from stadtkern.store.observation import KINDS, scope_instance
from stadtkern.store.temporal import (
    FOREVER,
    Past,
    StoredSeries,
    Window,
    load_instances,
    measure_instances,
    sample_of,
    time_of,
    walk_samples,
    window_of,
)

SCOPE = Iri("scope")
"""The pseudo attribute that an entity's scopes are kept as (CIM 009 4.18)."""
_FIELD: dict[TimeProperty, str] = {
    "observedAt": "observed_at",
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "deleted_at",
}
SPARE = 1_000
"""Instances beyond the permitted number that may gather before the answer is cut."""


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
    next_after: int | None = None
    taken: int = 0


class TooLarge(Exception):
    """An entity's history does not fit into what the answer may still hold."""


@dataclass(slots=True)
class _Open:
    """One entity's history while it is put together."""

    past: Past
    series: list[tuple[Iri, Series]] = field(default_factory=list[tuple[Iri, Series]])
    scopes: list[Instance] = field(default_factory=list[Instance])


class HistoryAnswer:
    """The histories of some entities under one Grant and one query."""

    def __init__(
        self,
        database: Database,
        grant: Grant,
        query: TemporalQuery,
        *,
        attributes: frozenset[Iri] | None,
        dataset_ids: frozenset[str] | None,
        most: int,
        most_bytes: int,
    ) -> None:
        """attributes, dataset_ids: only these; None for all. most, most_bytes: of instances in the whole answer."""
        self._database = database
        self._grant = grant
        self._query = query
        self._attributes = attributes
        self._dataset_ids = dataset_ids
        self._most = most
        self.most_bytes = most_bytes
        self._bytes = 0
        self._is_tight = False
        self._backward = query.last_n is not None
        self._limit = min(query.last_n or query.first_n or most + 1, most + 1)
        self._opened: list[_Open] = []
        self._held = 0
        self._periods = 0
        self._cut: int | None = None
        self._first: int | None = None
        self._time = attrgetter(_FIELD[query.time_property])
        self.window = window_of(query)

    def wanted(self, stored: Iterable[StoredSeries]) -> list[StoredSeries]:
        """Choose the series that belong into the answer."""
        return [one for one in stored if self._is_wanted(one.attribute, one.dataset_id)]

    def _is_wanted(self, attribute: Iri, dataset_id: str) -> bool:
        if attribute == SCOPE or attribute in self._grant.hidden:
            return False
        if self._attributes is not None and attribute not in self._attributes:
            return False
        return self._dataset_ids is None or dataset_id in self._dataset_ids

    def present(self, past: Past) -> list[tuple[Iri, Instance]]:
        """List the current instances that lie in the document, as far as the window knows of when they were written."""
        if past.latest is None or self.window.property not in {"createdAt", "modifiedAt"}:
            return []
        return [
            (name, one)
            for name, group in past.latest.attributes.items()
            for one in group
            if one.observed_at is None and self._is_wanted(name, one.dataset_id) and self.window.holds(one)
        ]

    async def add(self, past: Past, stored: Sequence[StoredSeries], size: int = 0) -> None:
        """Read one entity's part. size: bytes of its document. Raises: TooManyResults (too many periods), TooLarge."""
        # reads along a key do not wait, nor does cutting: others must get their turn in between
        await asyncio.sleep(0)
        opened = _Open(past)
        self._opened.append(opened)
        self._bytes += size
        wanted = self.wanted(stored)
        if self._query.aggregation is not None:
            await self._aggregate(opened, wanted, self._query.aggregation)
            return
        self._is_tight = self._bytes + await self._measure(wanted, self.window) > self.most_bytes
        for one in wanted:
            await self._read(opened, one)
        for name, instance in self.present(past):
            self._add_present(opened, name, instance)
        await self._read_scopes(opened, stored)

    async def _read(self, opened: _Open, one: StoredSeries) -> None:
        """Read one series, up to one instance more than the answer may hold."""
        window = self.window
        if self._cut is not None:
            window = window._replace(start=self._cut) if self._backward else window._replace(until=self._cut + 1)
        if self._is_tight and self._bytes + await self._measure([one], window) > self.most_bytes:
            raise TooLarge
        instances = await self._load(one, window, self._limit)
        self._bytes += _bytes_of(instances)
        found = instances
        if not found and self._cut is not None:
            # it is in the answer, though the cut leaves nothing of it
            found = await self._load(one, self.window, 1)
        if found:
            series = Series(kind=found[-1].kind, dataset_id=one.dataset_id, instances=instances)
            opened.series.append((one.attribute, series))
            self._held += len(instances)
            if len(instances) > SPARE:
                await asyncio.sleep(0)
            if self._held > 2 * self._most + SPARE:
                self._shrink()
                await asyncio.sleep(0)

    async def _measure(self, stored: Sequence[StoredSeries], window: Window) -> int:
        """Tell how many bytes reading these series would give, at most."""
        ns = [one.n for one in stored]
        if not ns:
            return 0
        return await measure_instances(
            self._database, self._grant, ns, window, most=self._limit, backward=self._backward
        )

    def drop(self) -> None:
        """Leave out the entity that was added last: the answer holds no more."""
        self._opened.pop()

    async def _load(self, one: StoredSeries, window: Window, most: int) -> list[Instance]:
        return await load_instances(self._database, self._grant, one, window, most=most, backward=self._backward)

    def _add_present(self, opened: _Open, name: Iri, instance: Instance) -> None:
        """Add a current instance to its series, whose latest one it is."""
        for attribute, series in opened.series:
            if attribute == name and series.dataset_id == instance.dataset_id:
                break
        else:
            series = Series(kind=instance.kind, dataset_id=instance.dataset_id, instances=[])
            opened.series.append((name, series))
        if not self._within(instance):
            return
        self._held += 1
        if self._query.last_n is not None:
            series.instances.insert(0, instance)
            del series.instances[self._query.last_n :]
        elif self._query.first_n is None or len(series.instances) < self._query.first_n:
            series.instances.append(instance)

    async def _read_scopes(self, opened: _Open, stored: Sequence[StoredSeries]) -> None:
        """Read how the scope changed, where it ever did; it has no time of observation."""
        kept = next((one for one in stored if one.attribute == SCOPE), None)
        if kept is None or SCOPE in self._grant.hidden or self.window.property == "observedAt":
            return
        instances = await self._load(kept, self.window, self._limit)
        entity = opened.past.latest
        if entity is not None and entity.scope and self.window.property != "deletedAt":
            now = scope_instance(entity.scope, entity.scope_at or entity.created_at)
            if self.window.holds(now):
                instances = [now, *instances] if self._backward else [*instances, now]
        opened.scopes = instances[: self._limit]

    # Aggregates

    async def _aggregate(self, opened: _Open, wanted: list[StoredSeries], aggregation: Aggregation) -> None:
        """Add up each series; a current instance that lies in the document belongs to the series of its attribute."""
        present: dict[tuple[Iri, str], list[Instance]] = {}
        for name, instance in self.present(opened.past):
            present.setdefault((name, instance.dataset_id), []).append(instance)
        start, end = await self._bounds(wanted, [one for group in present.values() for one in group])
        for one in wanted:
            sums = Accumulator(aggregation, start, end)
            kind = await self._add_up(sums, one, present.pop((one.attribute, one.dataset_id), []))
            await self._close(opened, one.attribute, one.dataset_id, kind, sums)
        for (name, dataset_id), group in present.items():
            sums = Accumulator(aggregation, start, end)
            sums.add([sample_of(one, self.window.property) for one in group])
            await self._close(opened, name, dataset_id, group[0].kind, sums)

    async def _add_up(self, sums: Accumulator, one: StoredSeries, present: list[Instance]) -> AttributeKind | None:
        """Add up what is stored and what is present, and tell the kind of the latest."""
        kind: AttributeKind | None = None
        async for samples in walk_samples(self._database, self._grant, one, self.window):
            sums.add(samples)
            kind = KINDS[int(samples[-1][3])]
            await asyncio.sleep(0)
        sums.add([sample_of(instance, self.window.property) for instance in present])
        return present[0].kind if present else kind

    async def _close(
        self, opened: _Open, attribute: Iri, dataset_id: str, kind: AttributeKind | None, sums: Accumulator
    ) -> None:
        """Take the sums over. Raises: TooManyResults."""
        if kind is None:
            return
        self._periods += len(sums)
        if self._periods > MAX_PERIODS:
            raise TooManyResults(
                f"The answer would have more than {MAX_PERIODS} periods", hint="ask for longer ones, or fewer entities"
            )
        numbers = {"first": self._query.first_n, "last": self._query.last_n}
        rows = sums.rows(**numbers) if len(sums) < SPARE else await asyncio.to_thread(sums.rows, **numbers)
        series = Series(kind=kind, dataset_id=dataset_id, aggregates=dict(rows.items()))
        opened.series.append((attribute, series))

    async def _bounds(self, wanted: list[StoredSeries], present: list[Instance]) -> tuple[Instant, Instant]:
        """Give where periods begin and where the whole range ends: as asked, or as far as there are instances."""
        start, until = self.window.start, self.window.until
        times = [time_of(one, self.window.property) or 0 for one in present]
        if start == -FOREVER:
            start = min([*times, *await self._edges(wanted, backward=False)], default=0)
        if until == FOREVER:
            until = max([*times, *await self._edges(wanted, backward=True)], default=0)
        return Instant(start), Instant(until)

    async def _edges(self, wanted: list[StoredSeries], *, backward: bool) -> list[int]:
        """Give the time of the earliest or of the latest instance of each series."""
        times: list[int] = []
        for one in wanted:
            edge = await load_instances(self._database, self._grant, one, self.window, most=1, backward=backward)
            times += [time_of(instance, self.window.property) or 0 for instance in edge]
        return times

    # Cutting

    def _times(self) -> list[int]:
        """List the times of all instances in the direction of reading."""
        time = self._time
        times = [
            time(instance) for opened in self._opened for _, series in opened.series for instance in series.instances
        ]
        times.sort(reverse=self._backward)
        return times

    def _shrink(self) -> None:
        """Leave out what cannot be in the answer, whatever else is still read."""
        times = self._times()
        self._first = times[0] if times else None
        cut = find_cut(times, self._most)
        if cut is None:
            return
        self._cut = cut
        self._held = 0
        dropped = 0
        time, backward = self._time, self._backward
        for opened in self._opened:
            for _, series in opened.series:
                kept = [one for one in series.instances if (time(one) >= cut if backward else time(one) <= cut)]
                dropped += _bytes_of(series.instances) - _bytes_of(kept)
                series.instances[:] = kept
                self._held += len(kept)
        self._bytes -= dropped

    def _within(self, instance: Instance) -> bool:
        if self._cut is None:
            return True
        return self._time(instance) >= self._cut if self._backward else self._time(instance) <= self._cut

    async def page(self, *, count: int | None = None, more: bool = False, next_after: int | None = None) -> HistoryPage:
        """Cut what is too much and give the page."""
        self._shrink()
        await asyncio.sleep(0)
        histories = [self._history(one) for one in self._opened]
        if self._cut is None or self._first is None:
            return HistoryPage(histories, count=count, more=more, next_after=next_after, taken=len(histories))
        asked = self.window.until if self._backward else self.window.start
        first = self._first if abs(asked) == FOREVER else asked
        return HistoryPage(histories, True, Instant(first), Instant(self._cut), count, more, next_after, len(histories))

    def _history(self, opened: _Open) -> EntityHistory:
        attributes: dict[Iri, list[Series]] = {}
        for name, series in opened.series:
            attributes.setdefault(name, []).append(series)
        head, document = opened.past.head, opened.past.document
        return EntityHistory(
            id=head.id,
            types=document.types,
            scope=document.scope,
            scopes=[_scope_of(one) for one in opened.scopes if self._within(one)],
            attributes=attributes,
            created_at=head.created_at,
            modified_at=head.modified_at,
            deleted_at=head.deleted_at,
            expires_at=head.expires_at,
        )


def find_cut(times: Sequence[int], most: int) -> int | None:
    """Tell the last instant that an answer may hold: all instances up to it are at most so many.

    times: in the direction of reading. None where nothing is to be cut. Where the first instant alone has more
    instances than permitted, it is the cut: time goes on in steps of at least one instant.
    """
    if len(times) <= most:
        return None
    cut = times[most - 1]
    if times[most] != cut:
        return cut
    place = most - 1
    while place >= 0 and times[place] == cut:
        place -= 1
    return times[max(place, 0)]


def _bytes_of(instances: Iterable[Instance]) -> int:
    return sum(memoryview(one.value).nbytes for one in instances)


def _scope_of(instance: Instance) -> ScopeInstance:
    scope = msgspec.json.decode(instance.value, type=list[str]) if instance.deleted_at is None else []
    return ScopeInstance(
        scope=scope,
        observed_at=instance.observed_at,
        created_at=instance.created_at,
        modified_at=instance.modified_at,
        deleted_at=instance.deleted_at,
    )
