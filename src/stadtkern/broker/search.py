"""Walk all matches of a filter, with the evaluator deciding where SQL could only narrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from stadtkern.broker.links import LinkReader
from stadtkern.model.entity import Entity
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import compile_matcher
from stadtkern.query.filter import Filter, link_depth
from stadtkern.store.document import Head
from stadtkern.store.engine.base import Database
from stadtkern.store.read import masked, unexpired
from stadtkern.store.select import effective_filter, plan, refuse_unbounded, select_entities

CANDIDATES = 500
"""Candidates loaded at once."""
MAX_CANDIDATES = 200_000
"""Most candidates that one request looks at."""


class Search:
    """One selection under one Grant at one instant."""

    def __init__(self, database: Database, grant: Grant, filter: Filter | None, moment: Instant) -> None:
        self._database = database
        self._grant = grant
        self._filter = filter
        self._moment = moment

    async def matches(self, after: int = 0) -> AsyncIterator[tuple[Head, Entity]]:
        """Give matches in order of their number, from the first one beyond ``after``. Raises: TooComplexQuery."""
        database, grant = self._database, self._grant
        effective = effective_filter(grant, self._filter)
        exact = plan(database, grant, self._filter).exact
        decide = None if exact or effective is None else compile_matcher(effective)
        depth = 0 if effective is None else link_depth(effective)
        seen = 0
        while True:
            batch = await select_entities(
                database, grant, self._filter, after=after, limit=CANDIDATES, now=self._moment
            )
            linked = await LinkReader(database, grant, self._moment).read(batch, effective, depth)
            for head, candidate in batch:
                entity = unexpired(candidate, self._moment)
                if decide is None or decide(entity, linked):
                    yield head, masked(grant, entity)
            if len(batch) < CANDIDATES:
                return
            # reads along a key do not wait: others must get their turn in between
            await asyncio.sleep(0)
            after = batch[-1][0].n
            seen += len(batch)
            refuse_unbounded(seen, MAX_CANDIDATES)
