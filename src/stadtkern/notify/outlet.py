"""One subscription's way out: what waits, what is being sent, and how it went.

At most one notification of a subscription is on its way, so that a receiver never sees two in the wrong order. What
waits are places in the change log, no documents: ten thousand of them cost less than one entity.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from msgspec.structs import replace

from stadtkern import telemetry
from stadtkern.model.instant import Instant, now
from stadtkern.model.subscription import Delivery, Doing, Position, Subscription
from stadtkern.notify.backoff import delay_s
from stadtkern.notify.ports import DeliveryFailed, attempt

Send = Callable[["Outlet", Sequence[Position]], Awaitable[bool]]
"""Sends what happened at these places; False when there was nothing to send after all. Raises: DeliveryFailed."""


class Outlet:
    """The queue and the sender of one subscription."""

    def __init__(self, subscription: Subscription, delivery: Delivery, send: Send, backlog: int) -> None:
        """backlog: most notifications that wait; beyond it the oldest are given up."""
        self.subscription = subscription
        self.delivery = delivery
        self.start = max(subscription.since, delivery.done)
        """Changes up to here do not concern it."""
        self.dirty = False
        """Whether ``delivery`` is newer than what is stored."""
        self.doing: Doing = "idle"
        self.failures = 0
        """In a row."""
        self.next_try: float = 0.0
        """By the monotonic clock."""
        self._send = send
        self._backlog = backlog
        self._queue: deque[Position] = deque()
        self._sending: tuple[Position, ...] = ()
        self._last_sent = _seconds_ago(delivery.last_notification)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many notifications are not delivered yet."""
        return len(self._queue) + len(self._sending)

    @property
    def next_try_s(self) -> float:
        """Seconds until the receiver and the subscription's throttling allow the next notification."""
        return max(self.next_try, self._last_sent + (self.subscription.throttling_s or 0.0)) - monotonic()

    @property
    def oldest(self) -> Position | None:
        """The first place that is not delivered yet."""
        if self._sending:
            return self._sending[0]
        return self._queue[0] if self._queue else None

    def put(self, position: Position) -> None:
        """Let a notification wait its turn."""
        if position <= self.start:
            return
        if len(self._queue) >= self._backlog:
            given_up = self._queue.popleft()
            telemetry.emit(telemetry.NotificationsDropped("backlog", 1))
            self._note(dropped=self.delivery.dropped + 1, done=self.delivery.done if self._sending else given_up)
        self._queue.append(position)
        if not self.delivery.pending:
            self._note(pending=True)
        self.go_on()

    def change(self, subscription: Subscription) -> None:
        """Go on with the subscription as it reads now; its new receiver is tried at once."""
        self.subscription = subscription
        self.failures, self.next_try = 0, 0.0
        self._changed.set()
        self.go_on()

    def go_on(self) -> None:
        """Start sending, if nobody does."""
        if self._queue and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="notify")

    async def close(self) -> None:
        """Stop sending; what was on its way is sent again by whoever goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        while self._queue:
            self.doing = "waiting"
            await self._pause()
            self.doing = "sending"
            await self._once()
        self.doing = "idle"

    async def _pause(self) -> None:
        """Wait as long as the receiver or the subscription's throttling wants."""
        while (left := self.next_try_s) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    async def _once(self) -> None:
        """Send what is next; all that waits, where notifications are throttled."""
        count = len(self._queue) if self.subscription.throttling_s else 1
        self._sending = tuple(self._queue.popleft() for _ in range(count))
        try:
            sent = await attempt(self._send(self, self._sending))
        except DeliveryFailed as failure:
            self._fail(failure)
        except asyncio.CancelledError:
            self._queue.extendleft(reversed(self._sending))
            self._sending = ()
            raise
        else:
            self._succeed(sent=sent)

    def _succeed(self, *, sent: bool) -> None:
        self.failures, self.next_try = 0, 0.0
        if sent:
            moment = now()
            self._last_sent = monotonic()
            self._note(sent=self.delivery.sent + 1, last_notification=moment, last_success=moment)
        self._finish()

    def _fail(self, failure: DeliveryFailed) -> None:
        moment = now()
        failed = self.delivery.failed + 1
        self._last_sent = monotonic()
        self._note(failed=failed, last_notification=moment, last_failure=moment, last_error=failure.reason)
        if failure.permanent:
            self.failures = 0
            telemetry.emit(telemetry.NotificationsDropped("refused", len(self._sending)))
            self._note(dropped=self.delivery.dropped + len(self._sending))
            self._finish()
            return
        self.failures += 1
        cooldown_s = (self.subscription.notification.endpoint.cooldown_ms or 0) / 1000
        self.next_try = monotonic() + delay_s(self.failures, cooldown_s, failure.retry_after_s)
        self._queue.extendleft(reversed(self._sending))
        self._sending = ()

    def _finish(self) -> None:
        """Leave behind what was sent or given up."""
        done = self._sending[-1]
        self._sending = ()
        self._note(done=done, pending=bool(self._queue))

    def _note(self, **news: object) -> None:
        """Take down how it went: members of ``Delivery``."""
        self.dirty = True
        self.delivery = replace(self.delivery, **news)


def _seconds_ago(moment: Instant | None) -> float:
    """Put an instant of before this process on its monotonic clock."""
    return float("-inf") if moment is None else monotonic() - max(0, now() - moment) / 1_000_000
