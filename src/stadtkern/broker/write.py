"""The only way in: group commit over pure functions.

Concurrent callers' operations are collected into one transaction: lock, load, apply each (a pure function; each
fails alone), save,
commit. Only then is anybody answered: an answer means durable. An idle writer waits for nobody; under load the
batch is what
arrived while the previous one was committing.

Two lanes: requests of up to ``SMALL`` operations are interactive; larger ones are cut into slices that take turns with
them, so that a small write waits for one slice at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from stadtkern import telemetry
from stadtkern.broker import admit
from stadtkern.broker.apply import apply, record_history
from stadtkern.broker.edit import HistoryEdit, edit_history
from stadtkern.errors import InternalError, Problem, TooManyRequests, Unavailable
from stadtkern.model.change import Change, Outcome
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.operation import DocumentOperation, Operation, RecordHistory
from stadtkern.policy.grant import Grant
from stadtkern.store.batch import load, save
from stadtkern.store.engine.base import Database, Transaction
from stadtkern.store.engine.errors import TryAgain
from stadtkern.store.work import Work

BATCH = 512
"""Operations in one transaction."""
BATCH_S = 0.02
"""A transaction stops taking more operations after this time."""
SMALL = 64
"""Requests with more operations go through the bulk lane."""
RETRIES = 3
Result = Outcome | Problem


@dataclass(slots=True)
class _Request:
    grant: Grant
    operations: Sequence[Operation]
    size: int
    future: asyncio.Future[list[Result]]
    results: list[Result] = field(default_factory=list[Result])

    @property
    def rest(self) -> int:
        return len(self.operations) - len(self.results)


class Writer:
    """The group commit of one tenant's database in one process."""

    def __init__(self, database: Database, max_queued: int) -> None:
        self._database = database
        self._max_queued = max_queued
        self._queued = 0
        self._small: deque[_Request] = deque()
        self._bulk: deque[_Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._last = Instant(0)

    async def write(self, grant: Grant, operations: Sequence[Operation], size: int = 1024) -> list[Result]:
        """Apply operations in order and give an outcome or a problem for each, once all are durable.

        size: bytes of the request, for the bound on what waits in memory. Raises: TooManyRequests, Unavailable.
        """
        if not operations:
            return []
        if self._queued + size > self._max_queued and self._queued:
            raise TooManyRequests(
                "More is waiting to be written than the server holds in memory", hint="try again in a second"
            )
        request = _Request(grant, operations, size, asyncio.get_running_loop().create_future())
        self._queued += size
        (self._small if len(operations) <= SMALL else self._bulk).append(request)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="writer")
        try:
            return await asyncio.shield(request.future)
        finally:
            self._queued -= size

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being committed."""
        return self._task is None or self._task.done()

    async def drain(self) -> None:
        """Wait until everything accepted is stored."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Commit batch after batch until nothing waits."""
        # one turn of the loop lets callers that are ready now join the first batch
        await asyncio.sleep(0)
        while self._small or self._bulk:
            await self._commit(self._take(self._small))
            await self._commit(self._take(self._bulk))

    @staticmethod
    def _take(lane: deque[_Request]) -> list[tuple[_Request, int]]:
        """Take what fits into one transaction: requests with the number of their operations to apply now."""
        room = BATCH
        taken: list[tuple[_Request, int]] = []
        while lane and room > 0:
            request = lane[0]
            share = min(room, request.rest)
            if share < request.rest and taken:
                break
            taken.append((request, share))
            room -= share
            lane.popleft()
            if share < request.rest:
                lane.appendleft(request)
                break
        return taken

    async def _commit(self, shares: list[tuple[_Request, int]]) -> None:
        if not shares:
            return
        try:
            done = await self._attempt(shares)
        except Exception as error:  # the writer must outlive any batch; each caller is told
            if len(shares) > 1 and not isinstance(error, Unavailable):
                for share in shares:
                    await self._commit([share])
                return
            self._fail(shares[0][0], error) if len(shares) == 1 else [self._fail(one, error) for one, _ in shares]
            return
        for (request, _), results in zip(shares, done, strict=True):
            request.results.extend(results)
            # a slice may have ended early: the rest goes on in the next transaction
            if request.rest == 0 and not request.future.done():
                request.future.set_result(request.results)
            elif request.rest and request not in self._bulk:
                self._bulk.append(request)

    def _fail(self, request: _Request, error: Exception) -> None:
        problem = error
        if not isinstance(error, Problem):
            problem = InternalError("The write failed inside the server; nothing of it was stored")
            problem.__cause__ = error
            telemetry.emit(telemetry.WriteFailed(error))
        if request in self._bulk:
            self._bulk.remove(request)
        if request.results:
            # earlier slices are durable: say so, operation by operation
            rest = [problem if isinstance(problem, Problem) else InternalError()] * request.rest
            request.results.extend(rest)
            request.future.set_result(request.results)
        elif not request.future.done():
            request.future.set_exception(problem)

    async def _attempt(self, shares: list[tuple[_Request, int]]) -> list[list[Result]]:
        for attempt in range(RETRIES + 1):
            try:
                async with self._database.transaction() as transaction:
                    started = perf_counter()
                    done = await self._apply(transaction, shares)
                    applied = perf_counter()
                telemetry.emit(
                    telemetry.BatchCommitted(sum(map(len, done)), applied - started, perf_counter() - applied)
                )
                return done
            except TryAgain as error:
                if attempt == RETRIES:
                    raise Unavailable("The database could not order this write among others; try again") from error
        raise AssertionError  # pragma: no cover

    async def _apply(self, transaction: Transaction, shares: list[tuple[_Request, int]]) -> list[list[Result]]:
        engine = self._database.engine
        batch = [(one, one.operations[len(one.results) : len(one.results) + count]) for one, count in shares]
        ids = list(dict.fromkeys(operation.id for _, operations in batch for operation in operations))
        works = await load(transaction, engine, batch[0][0].grant, ids)
        moment = self._tick(works)
        done: list[list[Result]] = []
        for request, operations in batch:
            results: list[Result] = []
            for operation in operations:
                results.append(await self._one(transaction, request.grant, operation, works, moment))
            done.append(results)
        await save(transaction, engine, works.values(), moment)
        return done

    def _tick(self, works: dict[EntityId, Work]) -> Instant:
        """Read the clock after the locks; for no entity does it go backwards."""
        newest = max((work.head.modified_at for work in works.values()), default=Instant(0))
        self._last = max(now(), self._last, newest)
        return self._last

    async def _one(
        self, transaction: Transaction, grant: Grant, operation: Operation, works: dict[EntityId, Work], moment: Instant
    ) -> Result:
        work = works[operation.id]
        try:
            admit.before(grant, operation, work.after)
            if isinstance(operation, HistoryEdit):
                if work.dirty:
                    await save(transaction, self._database.engine, [work], moment)
                works[operation.id], outcome = await edit_history(
                    transaction, self._database.engine, grant, operation, work, moment
                )
                return outcome
            change = _decide(operation, work.after, moment)
            admit.after(grant, change.after)
        except Problem as problem:
            return problem
        if change.outcome.changed:
            work.move(change.after)
            work.items.extend(change.items)
        return change.outcome


def _decide(operation: DocumentOperation | RecordHistory, before: Entity | None, moment: Instant) -> Change:
    """Apply a pure function to the entity as it is now."""
    if isinstance(operation, RecordHistory):
        return record_history(operation, before, moment)
    return apply(operation, before, moment)
