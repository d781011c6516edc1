"""Which process of an installation does what only one may do."""

# The driver's own stubs are partly unknown to the type checker; nothing untyped leaves this module.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Protocol, Self

from stadtkern.errors import Unavailable
from stadtkern.store.engine.postgres import Connection, connect, translate_errors

TRY_S: Final = 1.0
"""How often others ask whether the one that leads is gone, and that one whether it still leads."""
DELIVERY: Final = 1
"""The job of telling subscribers."""
_FAMILY: Final = 78
"""The first half of the advisory locks' keys."""


class Leadership(Protocol):
    """One process's part in it; use it with ``async with``, once."""

    async def won(self) -> None:
        """Wait until this process leads."""
        ...

    async def lost(self) -> None:
        """Wait until it does not lead any more, which may be never."""
        ...

    async def __aenter__(self) -> Self:
        """Take part."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let others lead."""
        ...


class Alone:
    """There is no other process: the data folder is locked."""

    async def won(self) -> None:
        """Lead at once."""

    async def lost(self) -> None:
        """Lead for ever."""
        await asyncio.Event().wait()

    async def __aenter__(self) -> Self:
        """Take part."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""


class PostgresLeadership:
    """Whoever holds an advisory lock leads; the database takes it from a process that dies or cannot be reached."""

    def __init__(self, url: str, job: int) -> None:
        """job: which leadership it is; each number has its own."""
        self._url = url
        self._job = job
        self._connection: Connection | None = None

    async def won(self) -> None:
        """Wait until the lock is ours."""
        while not await self._try():  # noqa: ASYNC110 - nobody tells when the lock is free
            await asyncio.sleep(TRY_S)

    async def lost(self) -> None:
        """Wait until the connection that holds the lock is gone."""
        connection = self._connection
        if connection is None:
            return
        ended = asyncio.Event()

        def end(_connection: object) -> None:
            ended.set()

        connection.add_termination_listener(end)
        while not ended.is_set():
            try:
                with translate_errors():
                    await connection.fetchval("SELECT 1", timeout=TRY_S * 5)
            except (Unavailable, TimeoutError):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TRY_S):
                    await ended.wait()

    async def _try(self) -> bool:
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._url)
            with translate_errors():
                return (
                    await self._connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _FAMILY, self._job) is True
                )
        except (Unavailable, TimeoutError):
            return False

    async def __aenter__(self) -> Self:
        """Take part."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # what the driver makes of a connection that is lost already is of no interest
            with contextlib.suppress(Exception):
                await connection.close(timeout=TRY_S)
