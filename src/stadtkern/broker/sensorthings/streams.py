"""The Datastreams that observations are written to: those who ask at the same time are answered by one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from stadtkern.model.instant import now
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database
from stadtkern.store.sensorthings.target import Stream, load_entities, load_streams

MOST = 500
"""Datastreams that one statement looks up."""
_Answer = asyncio.Future[dict[int, Stream]]


class StreamLookup:
    """Looks Datastreams up in one database. While a statement runs, questions gather for the next one."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._waiting: list[tuple[Grant, set[int], _Answer]] = []
        self._task: asyncio.Task[None] | None = None

    async def find(self, grant: Grant, numbers: Iterable[int]) -> dict[int, Stream]:
        """Give the Datastreams of these numbers that are there now and that the Grant shows."""
        answer: _Answer = asyncio.get_running_loop().create_future()
        self._waiting.append((grant, set(numbers), answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="stream lookup")
        found = await answer
        if grant.row_filter is None or not found:
            return found
        things = sorted({one.thing_n for one in found.values()})
        shown = await load_entities(self.database, grant, things, now())
        return {n: one for n, one in found.items() if one.thing_n in shown}

    async def _run(self) -> None:
        # one turn of the loop lets those who are ready now ask along
        await asyncio.sleep(0)
        while self._waiting:
            asked = self._take()
            try:
                await self._answer(asked)
            except Exception as error:  # whoever asked is told
                for _, _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)

    def _take(self) -> list[tuple[Grant, set[int], _Answer]]:
        count = size = 0
        for _, numbers, _ in self._waiting:
            if count and size + len(numbers) > MOST:
                break
            count, size = count + 1, size + len(numbers)
        asked, self._waiting = self._waiting[:count], self._waiting[count:]
        return asked

    async def _answer(self, asked: list[tuple[Grant, set[int], _Answer]]) -> None:
        wanted = sorted(set[int]().union(*(numbers for _, numbers, _ in asked)))
        found = await load_streams(self.database, asked[0][0], wanted, now())
        for grant, numbers, answer in asked:
            if answer.done():
                continue  # whoever asked has left
            answer.set_result({n: found[n] for n in numbers if n in found and found[n].attribute not in grant.hidden})
