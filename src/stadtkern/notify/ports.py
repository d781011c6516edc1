"""What delivery needs from others: who may see what, how a notification reads, and how it travels."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from stadtkern import telemetry
from stadtkern.errors import Problem
from stadtkern.model.entity import Entity
from stadtkern.model.event import Event
from stadtkern.model.ids import TenantId
from stadtkern.model.instant import Instant
from stadtkern.model.notification import Message
from stadtkern.model.subscription import Endpoint, Subscription
from stadtkern.policy.grant import Grant


class DeliveryFailed(Exception):
    """The receiver did not take it; the text says why, as a sentence for the subscriber.

    permanent: trying again would change nothing. retry_after_s: seconds the receiver asked to wait.
    """

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after_s = retry_after_s


@contextmanager
def writing() -> Generator[None]:
    """Make a failed attempt of what keeps a notification from being written now. Raises: DeliveryFailed."""
    try:
        yield
    except Problem as problem:
        raise DeliveryFailed(f"The notification cannot be written: {problem.detail}") from problem


async def attempt(sending: Awaitable[bool]) -> bool:
    """Wait for an attempt to send; whatever goes wrong is a failure that is counted, shown and tried again.

    Only so nothing is left behind that was not delivered: a store that is away, or a fault of ours, ends no sender.
    Raises: DeliveryFailed.
    """
    try:
        with writing():
            return await sending
    except DeliveryFailed:
        raise
    except Exception as error:  # the sender must outlive any notification; the subscriber is told
        telemetry.emit(telemetry.MaintenanceFailed("notifications", error))
        raise DeliveryFailed("The notification cannot be written: a fault of the server") from error


class Deliverer(Protocol):
    """One protocol."""

    async def deliver(self, endpoint: Endpoint, message: Message, timeout_s: float) -> None:
        """Hand a message over; the receiver has it when this returns. Raises: DeliveryFailed."""
        ...


class Renderer(Protocol):
    """Writes notifications in the words of a standard."""

    async def render(
        self, subscription: Subscription, events: Sequence[Event], grant: Grant, notification_id: str, at: Instant
    ) -> Message | None:
        """Write what happened; None where the subscriber sees nothing of it. Raises: Problem (such as a context that
        cannot be had now).
        """
        ...

    async def render_state(
        self, subscription: Subscription, entities: Sequence[Entity], grant: Grant, notification_id: str, at: Instant
    ) -> Message | None:
        """Write how things are, for subscriptions by time; None where there is nothing to show. Raises: Problem."""
        ...

    async def render_trial(
        self, subscription: Subscription, entities: Sequence[Entity], grant: Grant, notification_id: str, at: Instant
    ) -> Message:
        """Write a test, marked as one, that shows how things are, even where that is nothing. Raises: Problem."""
        ...


class GrantSource(Protocol):
    """Decides what a subscriber may see now."""

    async def grant(self, owner: str, tenant: TenantId) -> Grant:
        """Take the Grant of a subscription's owner anew. Raises: Unauthorized, Forbidden."""
        ...
