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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from stadtkern import telemetry
from stadtkern.broker.applying import Applying, Result, involved
from stadtkern.errors import InternalError, NonexistentTenant, PayloadTooLarge, Problem, TooManyRequests, Unavailable
from stadtkern.model.change import Outcome
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.operation import (
    BatchUpdateEntity,
    CreateEntity,
    MergeEntity,
    Operation,
    RecordHistory,
    ReplaceEntity,
    UpsertEntity,
)
from stadtkern.policy.grant import Grant
from stadtkern.store.batch import load
from stadtkern.store.engine.base import Database, Transaction
from stadtkern.store.engine.errors import TryAgain
from stadtkern.store.work import Work

BATCH = 512
"""Operations in one transaction."""
BATCH_S = 0.02
"""A slice of the bulk lane applies no more operations after this time."""
SMALL = 64
"""Requests with more operations go through the bulk lane."""
TOGETHER = 10_000
"""Operations that are written all or not at all."""
RETRIES = 3


class _Refused(Exception):
    """An operation of those that are written together was refused."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@dataclass(slots=True, eq=False)
class _Request:
    grant: Grant
    operations: Sequence[Operation]
    size: int
    weights: list[int]
    future: asyncio.Future[list[Result]]
    bulk: bool = False
    results: list[Result] = field(default_factory=list[Result])
    numbered: bool = False
    together: bool = False
    """All or nothing, in a transaction of its own."""

    def __post_init__(self) -> None:
        self.bulk = sum(self.weights) > SMALL

    @property
    def rest(self) -> int:
        return len(self.operations) - len(self.results)

    def fit(self, room: int) -> tuple[int, int]:
        """Tell how many of the operations left fit into a transaction (at least one), and what they weigh."""
        count = weight = 0
        for position in range(len(self.results), len(self.operations)):
            more = self.weights[position]
            if count and weight + more > room:
                break
            count, weight = count + 1, weight + more
        return count, weight


_Share = tuple[_Request, int]
"""A request and how many of its operations are to be applied now."""


def weigh(operation: Operation) -> int:
    """Weigh an operation against others, by its attribute instances: each one of a history is stored as a row."""
    match operation:
        case RecordHistory():
            each = 4
        case CreateEntity() | UpsertEntity() | ReplaceEntity() | MergeEntity() | BatchUpdateEntity():
            each = 20
        case _:
            return 1
    return max(1, sum(map(len, operation.entity.attributes.values())) // each)


class Writer:
    """The group commit of one tenant's database in one process."""

    def __init__(
        self,
        database: Database,
        max_queued: int,
        forget: Callable[[Iterable[EntityId]], None] | None = None,
        committed: Callable[[], None] | None = None,
    ) -> None:
        """forget: told of the entities of each transaction after its end and before anybody is answered.

        committed: told after each commit.
        """
        self._database = database
        self._forget = forget
        self._committed = committed
        self._max_queued = max_queued
        self._queued = 0
        self._small: deque[_Request] = deque()
        self._bulk: deque[_Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._last = Instant(0)

    async def write(
        self, grant: Grant, operations: Sequence[Operation], size: int = 1024, *, numbered: bool = False
    ) -> list[Result]:
        """Apply operations in order and give an outcome or a problem for each, once all are durable.

        size: bytes of the request, for the bound on what waits in memory. numbered: the outcomes tell the numbers of
        what was written. A caller that is cancelled does not take the write back: it may have been stored already.
        Raises: TooManyRequests, Unavailable.
        """
        return await self._ask(grant, operations, size, numbered=numbered)

    async def write_together(self, grant: Grant, operations: Sequence[Operation], size: int = 1024) -> list[Outcome]:
        """Apply operations in order, all of them or none, in a transaction of their own; outcomes tell the numbers.

        An operation may name entities that an earlier one makes. The first one that is refused is raised, with its
        place as ``Problem.operation``.
        Raises: PayloadTooLarge (more than ``TOGETHER``), TooManyRequests, Unavailable, what any operation does.
        """
        if len(operations) > TOGETHER:
            raise PayloadTooLarge(
                f"{len(operations)} things cannot be written at once: the bound is {TOGETHER}", hint="send parts"
            )
        results = await self._ask(grant, operations, size, numbered=True, together=True)
        return [one for one in results if isinstance(one, Outcome)]

    async def _ask(
        self, grant: Grant, operations: Sequence[Operation], size: int, *, numbered: bool, together: bool = False
    ) -> list[Result]:
        if not operations:
            return []
        if self._queued + size > self._max_queued and self._queued:
            raise TooManyRequests(
                "More is waiting to be written than the server holds in memory", hint="try again in a second"
            )
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        weights = list(map(weigh, operations))
        request = _Request(grant, operations, size, weights, future, numbered=numbered, together=together)
        self._queued += size
        (self._bulk if request.bulk else self._small).append(request)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="writer")
        return await asyncio.shield(request.future)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being committed."""
        return self._task is None or self._task.done()

    @property
    def waiting(self) -> tuple[int, int]:
        """How many requests wait, and the bytes of all that are accepted and not yet stored."""
        return len(self._small) + len(self._bulk), self._queued

    async def drain(self) -> None:
        """Wait until everything accepted is stored."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Commit batch after batch until nothing waits."""
        # one turn of the loop lets callers that are ready now join the first batch
        await asyncio.sleep(0)
        while self._small or self._bulk:
            await self._turn(self._small)
            await self._turn(self._bulk)

    async def _turn(self, lane: deque[_Request]) -> None:
        """Commit what fits into one transaction; what is complete is answered, what is left waits in front."""
        shares = self._take(lane)
        await self._commit(shares)
        for request, _ in reversed(shares):
            if request.future.done():
                continue
            if request.rest:
                lane.appendleft(request)
            else:
                self._release(request)
                request.future.set_result(request.results)

    @staticmethod
    def _take(lane: deque[_Request]) -> list[_Share]:
        """Take what fits into one transaction out of a lane; only the first request may be cut."""
        room = BATCH
        taken: list[_Share] = []
        while lane and room > 0:
            if lane[0].together:
                if not taken:
                    request = lane.popleft()
                    taken.append((request, len(request.operations)))
                break
            count, weight = lane[0].fit(room)
            if taken and (count < lane[0].rest or weight > room):
                break
            taken.append((lane.popleft(), count))
            room -= weight
        return taken

    async def _commit(self, shares: list[_Share]) -> None:
        """Commit shares in one transaction, or in several when one of them spoils it for the others."""
        if not shares:
            return
        try:
            done = await self._attempt(shares)
        except (Unavailable, NonexistentTenant) as problem:
            for request, _ in shares:
                self._give_up(request, problem)
        except _Refused as refused:
            # such a request is alone in its transaction
            for request, _ in shares:
                self._give_up(request, refused.problem, as_it_is=True)
        except Exception as error:  # the writer must outlive any batch; each caller is told
            await self._divide(shares, error)
        else:
            for (request, _), results in zip(shares, done, strict=True):
                request.results.extend(results)

    async def _divide(self, shares: list[_Share], error: Exception) -> None:
        """Halve what failed, until the operation that is to blame stands alone."""
        request, count = shares[0]
        if request.together:
            self._give_up(request, _blame(error), as_it_is=True)
        elif len(shares) > 1:
            middle = len(shares) // 2
            await self._commit(shares[:middle])
            await self._commit(shares[middle:])
        elif count > 1:
            await self._commit([(request, count // 2)])
            if not request.future.done():
                await self._commit([(request, count - count // 2)])
        else:
            request.results.append(_blame(error))

    def _give_up(self, request: _Request, problem: Problem, *, as_it_is: bool = False) -> None:
        """Answer a request whose rest cannot be stored now. as_it_is: the problem is this request's alone."""
        if request.future.done():
            return
        self._release(request)
        if as_it_is:
            request.future.set_exception(problem)
            return
        own = type(problem)(problem.detail, hint=problem.hint)
        own.__cause__ = problem.__cause__
        if not request.results:
            request.future.set_exception(own)
            return
        # earlier slices are durable: say so, operation by operation
        request.results.extend([own] * request.rest)
        request.future.set_result(request.results)

    def _release(self, request: _Request) -> None:
        self._queued -= request.size

    async def _attempt(self, shares: list[_Share]) -> list[list[Result]]:
        for attempt in range(RETRIES + 1):
            try:
                async with self._database.transaction() as transaction:
                    started = perf_counter()
                    done = await self._apply(transaction, shares)
                    applied = perf_counter()
                telemetry.emit(
                    telemetry.BatchCommitted(sum(map(len, done)), applied - started, perf_counter() - applied)
                )
                if self._committed is not None:
                    self._committed()
                return done
            except TryAgain as error:
                if attempt == RETRIES:
                    raise Unavailable("The database could not order this write among others; try again") from error
            finally:
                if self._forget is not None:
                    # also when it failed: how a commit that broke off ended is not known
                    self._forget(operation.id for share in shares for operation in _operations(*share))
        raise AssertionError  # pragma: no cover

    async def _apply(self, transaction: Transaction, shares: list[_Share]) -> list[list[Result]]:
        engine = self._database.engine
        batch = [(one, _operations(one, count)) for one, count in shares]
        flat = [operation for _, operations in batch for operation in operations]
        ids = involved(flat)
        works = await load(transaction, engine, batch[0][0].grant, ids)
        applying = Applying(transaction, engine, works, self._tick(works), flat)
        started = perf_counter()
        done: list[list[Result]] = []
        for request, operations in batch:
            results: list[Result] = []
            done.append(results)
            for operation in operations:
                if request.bulk and results and perf_counter() - started > BATCH_S:
                    if not request.together:
                        break  # small writes wait for the rest of this slice no longer
                    # others may read meanwhile
                    await asyncio.sleep(0)
                    started = perf_counter()
                await applying.add(request.grant, operation, results, numbered=request.numbered)
                last = results[-1]
                if request.together and isinstance(last, Problem):
                    last.operation = len(results) - 1
                    raise _Refused(last)
        await applying.finish()
        return done

    def _tick(self, works: dict[EntityId, Work]) -> Instant:
        """Read the clock after the locks; for no entity does it go backwards."""
        newest = max((work.head.modified_at for work in works.values()), default=Instant(0))
        self._last = max(now(), self._last, newest)
        return self._last


def _blame(error: Exception) -> Problem:
    """Make what the caller of the one operation that failed is told."""
    if isinstance(error, Problem):
        return error
    telemetry.emit(telemetry.WriteFailed(error))
    problem = InternalError("The write failed inside the server; nothing of it was stored")
    problem.__cause__ = error
    return problem


def _operations(request: _Request, count: int) -> Sequence[Operation]:
    """Give the next operations of a request."""
    done = len(request.results)
    return request.operations[done : done + count]
