"""Delivery in one process of an installation: a reader for each tenant that has subscriptions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from stadtkern import telemetry
from stadtkern.broker.wake import Wake
from stadtkern.errors import Problem
from stadtkern.model.ids import DEFAULT_TENANT, TenantId
from stadtkern.model.instant import Instant, now
from stadtkern.model.subscription import Delivery, Progress, SubscriptionId, Trial
from stadtkern.notify.reader import Reader, Services
from stadtkern.notify.trial import Trials
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store.engine.leadership import Leadership

LOOK_S = 2.0
"""Tenants without a reader are looked at so often: another process may have taken a subscription."""


class NotificationService:
    """Leads the readers while this process is the one that delivers."""

    def __init__(self, services: Services, wake: Wake, lead: Callable[[], Leadership], *, alone: bool) -> None:
        """alone: no other process takes subscriptions."""
        self._services = services
        self._trials = Trials(services)
        self._alone = alone
        self._empty: set[TenantId] = set()
        """Tenants that had no subscription when they were looked at."""
        self._wake = wake
        self._lead = lead
        self._readers: dict[TenantId, Reader] = {}
        self._tasks: dict[TenantId, asyncio.Task[None]] = {}
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start."""
        self._task = asyncio.create_task(self._run(), name="notifications")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and store how far everything is."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def changed(self, tenant: TenantId) -> None:
        """Take note that a tenant's list of subscriptions changed."""
        self._empty.discard(tenant)
        self._look.set()

    def delivery(self, tenant: TenantId, id_: SubscriptionId) -> Delivery | None:
        """Tell how telling a subscriber went, newer than what is stored; None where this process does not know."""
        status = self.status(tenant, id_)
        return None if status is None else status.delivery

    def status(self, tenant: TenantId, id_: SubscriptionId) -> Progress | None:
        """Tell how telling a subscriber goes; None where this process does not deliver to it."""
        reader = self._readers.get(tenant)
        if reader is None:
            return None
        outlet = reader.outlets.get(id_)
        if outlet is not None:
            return Progress(
                delivery=outlet.delivery,
                waiting=outlet.waiting,
                doing=outlet.doing,
                failures=outlet.failures,
                next_try_s=outlet.next_try_s,
                oldest_at=None if outlet.oldest is None else reader.times.find(outlet.oldest),
            )
        interval = reader.intervals.get(id_)
        return None if interval is None else Progress(delivery=interval.delivery)

    async def try_out(self, grant: Grant, id_: SubscriptionId) -> Trial:
        """Test the receiver of a subscription, whichever process delivers to it.

        Raises: ResourceNotFound, Forbidden, TooManyRequests.
        """
        return await self._trials.try_out(grant, id_)

    def load(self) -> tuple[int, int, float]:
        """Tell how many subscriptions are served, how many notifications wait, and for how many seconds the oldest
        one does, for the metrics.
        """
        readers = list(self._readers.values())
        served = sum(len(reader.outlets) + len(reader.intervals) for reader in readers)
        waiting = sum(outlet.waiting for reader in readers for outlet in reader.outlets.values())
        oldest = [moment for reader in readers if (moment := _oldest(reader)) is not None]
        return served, waiting, max(0.0, (now() - min(oldest)) / 1_000_000) if oldest else 0.0

    async def _run(self) -> None:
        while True:
            async with self._lead() as leadership:
                await leadership.won()
                serving = asyncio.create_task(self._serve(), name="notifications-serve")
                lost = asyncio.create_task(leadership.lost(), name="notifications-lead")
                try:
                    await asyncio.wait([serving, lost], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (serving, lost):
                        task.cancel()
                    await asyncio.wait([serving, lost])

    async def _serve(self) -> None:
        """Keep a reader for each tenant that has subscriptions."""
        try:
            while True:
                self._look.clear()
                try:
                    await self._look_around()
                except Problem as problem:
                    telemetry.emit(telemetry.MaintenanceFailed("notifications", problem))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._look.wait()
        finally:
            for task in self._tasks.values():
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks.values())
            self._tasks.clear()
            self._readers.clear()

    async def _look_around(self) -> None:
        present = await self._services.tenants.list(system_grant("notify", DEFAULT_TENANT))
        for name, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[name], self._readers[name]
                if not task.cancelled() and (error := task.exception()) is not None:
                    telemetry.emit(telemetry.MaintenanceFailed("notifications", error))
        if not self._alone:
            self._empty.clear()
        for name in (tenant.name for tenant in present):
            if name in self._tasks or name in self._empty:
                continue
            # before the list is read: a subscription that is made meanwhile takes it out again
            self._empty.add(name)
            if await self._services.subscriptions.active(name):
                self._empty.discard(name)
                self._start(name)

    def _start(self, name: TenantId) -> None:
        alarm = self._wake.watch(name)
        reader = Reader(name, self._services, alarm)
        task = asyncio.create_task(reader.run(), name=f"notify-{name}")
        task.add_done_callback(lambda _: alarm.close())
        self._readers[name] = reader
        self._tasks[name] = task


def _oldest(reader: Reader) -> Instant | None:
    """Tell when the first thing happened that somebody is still to be told of."""
    places = [place for outlet in reader.outlets.values() if (place := outlet.oldest) is not None]
    return reader.times.find(min(places)) if places else None
