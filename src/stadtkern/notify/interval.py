"""A subscription by time: told how things are at once and then again and again. Spec: CIM 009 5.2.12, 5.8.6."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from msgspec.structs import replace

from stadtkern.model.instant import now
from stadtkern.model.subscription import Delivery, Subscription
from stadtkern.notify.ports import DeliveryFailed, attempt
from stadtkern.notify.watch import Watch

SHORTEST_S = 1.0
SendState = Callable[["Interval"], Awaitable[bool]]


class Interval:
    """Its clock and how telling went."""

    def __init__(self, subscription: Subscription, delivery: Delivery, watch: Watch, send: SendState) -> None:
        self.subscription = subscription
        self.delivery = delivery
        self.watch = watch
        self.dirty = False
        self.waiting = 0
        self._send = send
        self._task = asyncio.create_task(self._run(), name="notify-interval")

    @property
    def every_s(self) -> float:
        """Seconds between two notifications."""
        return max(self.subscription.time_interval_s or 0.0, SHORTEST_S)

    async def close(self) -> None:
        """Stop."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        due = monotonic() + self._left()
        while True:
            await asyncio.sleep(max(0.0, due - monotonic()))
            if self.subscription.is_over(now()):
                return
            await self._once()
            # what a slow receiver made late is left out, not made up for
            due = max(due + self.every_s, monotonic())

    def _left(self) -> float:
        """Seconds until the next time; none where it was never told."""
        last = self.delivery.last_notification
        return 0.0 if last is None else self.every_s - (now() - last) / 1_000_000

    async def _once(self) -> None:
        moment = now()
        try:
            sent = await attempt(self._send(self))
        except DeliveryFailed as failure:
            news = {"failed": self.delivery.failed + 1, "last_failure": moment, "last_error": failure.reason}
        else:
            if not sent:
                return
            news = {"sent": self.delivery.sent + 1, "last_success": moment}
        self.dirty = True
        self.delivery = replace(self.delivery, last_notification=moment, **news)
