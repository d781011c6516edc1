"""What the owners of standing orders may see: judged anew each time something is done in their name."""

from __future__ import annotations

from stadtkern.broker.keys import Keys
from stadtkern.errors import Forbidden
from stadtkern.model.actor import ADMINISTRATOR, ANONYMOUS, Actor
from stadtkern.model.ids import TenantId
from stadtkern.policy.authorize import AnonymousRight, authorize
from stadtkern.policy.grant import Grant

_KEY = "key:"


class Owners:
    """Finds the actors behind the names that subscriptions keep."""

    def __init__(self, keys: Keys, anonymous: AnonymousRight) -> None:
        self._keys = keys
        self._anonymous: AnonymousRight = anonymous

    async def grant(self, owner: str, tenant: TenantId) -> Grant:
        """Take the Grant to read of whoever is called this. Raises: Unauthorized, Forbidden."""
        return authorize(await self._find(owner), "read", tenant, self._anonymous)

    async def _find(self, owner: str) -> Actor:
        if owner == ANONYMOUS.name:
            return ANONYMOUS
        if owner.startswith(_KEY):
            return Actor("key", await self._keys.usable(owner[len(_KEY) :]))
        if owner == ADMINISTRATOR.name or owner.startswith("system:"):
            return ADMINISTRATOR
        raise Forbidden(f"Nobody is called {owner[:80]}")
