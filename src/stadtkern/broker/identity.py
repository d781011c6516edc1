"""Who this server is to others. Spec: CIM 009 5.15.1."""

from __future__ import annotations

import uuid

from stadtkern.broker.tenants import Tenants
from stadtkern.model.identity import ContextSourceIdentity
from stadtkern.model.instant import now
from stadtkern.policy.grant import Grant

_NAMESPACE = uuid.UUID("6f0f1d5e-3f0c-5a58-9d0e-2c1b4a7e9b61")


class Identity:
    """The part of the broker that says who it is."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._started = now()

    async def identify(self, grant: Grant) -> ContextSourceIdentity:
        """Tell who the Grant's tenant is to other context sources.

        The alias comes from the tenant's name and the instant it was made: all processes, whenever they were started,
        give the same one.
        """
        tenant = await self._tenants.get(grant.tenant)
        moment = now()
        alias = uuid.uuid5(_NAMESPACE, f"{tenant.name}/{tenant.created_at}")
        return ContextSourceIdentity(f"urn:uuid:{alias}", max(0, moment - self._started), moment)
