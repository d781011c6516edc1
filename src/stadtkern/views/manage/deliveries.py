"""What the management API asks of whoever tells subscribers, in this process."""

from __future__ import annotations

from typing import Protocol

from stadtkern.model.ids import TenantId
from stadtkern.model.subscription import Progress, SubscriptionId, Trial
from stadtkern.policy.grant import Grant


class Deliveries(Protocol):
    """Tells how deliveries go, and tries one."""

    def status(self, tenant: TenantId, id_: SubscriptionId) -> Progress | None:
        """Tell how telling a subscriber goes; None where this process does not deliver to it."""
        ...

    async def try_out(self, grant: Grant, id_: SubscriptionId) -> Trial:
        """Send one notification beside all that wait, and tell what the receiver made of it.

        Raises: ResourceNotFound, Forbidden (it is another's), TooManyRequests.
        """
        ...
