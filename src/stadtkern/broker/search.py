"""Walk all matches of a filter, with the evaluator deciding where SQL could only narrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from stadtkern.broker.links import LinkReader
from stadtkern.model.entity import Entity
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import Matcher, compile_matcher
from stadtkern.query.filter import Filter, link_depth
from stadtkern.store.document import Head
from stadtkern.store.engine.base import Database
from stadtkern.store.read import load_candidates, masked, unexpired
from stadtkern.store.select import effective_filter, plan, refuse_unbounded, select_candidates
from stadtkern.store.size import sizes_by_n, slices

CANDIDATES = 500
"""Candidates loaded at once."""
MAX_CANDIDATES = 200_000
"""Most candidates that one request looks at."""


class Match(NamedTuple):
    """A match as the Grant shows it. size: bytes of its document."""

    head: Head
    entity: Entity
    size: int


class Search:
    """One selection under one Grant at one instant."""

    def __init__(self, database: Database, grant: Grant, filter: Filter | None, moment: Instant) -> None:
        self._database = database
        self._grant = grant
        self._filter = filter
        self._moment = moment

    async def matches(self, after: int = 0) -> AsyncIterator[Match]:
        """Give matches in order of their number, from the first one beyond ``after``. Raises: TooComplexQuery."""
        effective = effective_filter(self._grant, self._filter)
        exact = plan(self._database, self._grant, self._filter).exact
        # between being found and being loaded an entity may change: nobody sees it who may not see it now
        sure = effective is None or (exact and self._grant.row_filter is None)
        decide = None if sure or effective is None else compile_matcher(effective)
        depth = 0 if effective is None else link_depth(effective)
        seen = 0
        while True:
            ns = await select_candidates(
                self._database, self._grant, self._filter, after=after, limit=CANDIDATES, now=self._moment
            )
            sizes = await sizes_by_n(self._database, self._grant, ns)
            for part in slices(ns, sizes):
                for head, entity in await self._decided(part, effective, depth, decide):
                    yield Match(head, entity, sizes.get(head.n, 0))
                # reads along a key do not wait: others must get their turn in between
                await asyncio.sleep(0)
            if len(ns) < CANDIDATES:
                return
            after = ns[-1]
            seen += len(ns)
            refuse_unbounded(seen, MAX_CANDIDATES)

    async def _decided(
        self, ns: Sequence[int], filter: Filter | None, depth: int, decide: Matcher | None
    ) -> list[tuple[Head, Entity]]:
        """Load some candidates and give those that match, as the Grant shows them."""
        batch = await load_candidates(self._database, self._grant, ns, self._moment)
        linked = await LinkReader(self._database, self._grant, self._moment).read(batch, filter, depth)
        present = ((head, unexpired(candidate, self._moment)) for head, candidate in batch)
        return [
            (head, masked(self._grant, entity)) for head, entity in present if decide is None or decide(entity, linked)
        ]
