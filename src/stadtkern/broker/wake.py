"""Tells readers of the change log when it pays to look: something was committed in their tenant.

A notice carries nothing and may be lost or come for nothing: readers always look into the log itself, and look every
second in any case. On PostgreSQL the notices of all workers arrive through ``LISTEN``.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Self

from stadtkern.model.ids import TenantId
from stadtkern.store.engine.base import Engine
from stadtkern.store.engine.listening import listen
from stadtkern.store.engine.postgres import PostgresEngine

CHANNEL: Final = "stadtkern_change"
ECHO_S: Final = 0.03
"""On PostgreSQL readers are woken once more after this time: a row is readable only after all older transactions
ended, also those that say nothing at their end."""


class Watch:
    """One reader's view of one tenant: what is committed between two waits ends the next one at once."""

    __slots__ = ("_event", "_set")

    def __init__(self, watches: set[Watch]) -> None:
        self._event = asyncio.Event()
        self._set = watches
        watches.add(self)

    async def wait(self, timeout_s: float) -> bool:
        """Wait until something may have been committed since the last wait; False when the time was up before."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def wake(self) -> None:
        """End the wait, or the next one."""
        self._event.set()

    def close(self) -> None:
        """Watch no more."""
        self._set.discard(self)

    def __enter__(self) -> Self:
        """Watch inside a ``with``."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch no more."""
        self.close()


class Wake:
    """Who waits in this process, by tenant."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watches: dict[TenantId, set[Watch]] = {}
        self._echoes: dict[TenantId, asyncio.TimerHandle] = {}
        self._by_schema: dict[str, TenantId] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start to listen to other workers, where there can be any."""
        if isinstance(self._engine, PostgresEngine):
            self._task = asyncio.create_task(listen(self._engine.url, CHANNEL, self._heard), name="wake")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        for echo in self._echoes.values():
            echo.cancel()
        self._echoes.clear()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def watch(self, tenant: TenantId) -> Watch:
        """Watch a tenant until the watch is closed."""
        if isinstance(self._engine, PostgresEngine):
            self._by_schema[self._engine.schema(tenant)] = tenant
        return Watch(self._watches.setdefault(tenant, set()))

    async def wait(self, tenant: TenantId, timeout_s: float) -> bool:
        """Wait once for the next commit in the tenant; False when the time was up before."""
        with self.watch(tenant) as watch:
            return await watch.wait(timeout_s)

    def committed(self, tenant: TenantId) -> None:
        """Tell the readers of a tenant that something was committed there."""
        if not self._watches.get(tenant):
            return
        self._tell(tenant)
        if self._engine.name == "postgres" and tenant not in self._echoes:
            self._echoes[tenant] = asyncio.get_running_loop().call_later(ECHO_S, self._echo, tenant)

    def _echo(self, tenant: TenantId) -> None:
        del self._echoes[tenant]
        self._tell(tenant)

    def _tell(self, tenant: TenantId) -> None:
        for watch in self._watches.get(tenant, ()):
            watch.wake()

    def _heard(self, schema: str | None) -> None:
        """Take a notice of any worker; None after a time in which nothing could be heard."""
        if schema is None:
            for tenant in self._watches:
                self._tell(tenant)
        elif (tenant := self._by_schema.get(schema)) is not None:
            self.committed(tenant)
