"""What delivery needs from others: who may see what, how a notification reads, and how it travels."""

from __future__ import annotations

from typing import Protocol

from stadtkern.model.notification import Message
from stadtkern.model.subscription import Endpoint


class DeliveryFailed(Exception):
    """The receiver did not take it; the text says why, as a sentence for the subscriber.

    permanent: trying again would change nothing. retry_after_s: seconds the receiver asked to wait.
    """

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class Deliverer(Protocol):
    """One protocol."""

    async def deliver(self, endpoint: Endpoint, message: Message, timeout_s: float) -> None:
        """Hand a message over; the receiver has it when this returns. Raises: DeliveryFailed."""
        ...
