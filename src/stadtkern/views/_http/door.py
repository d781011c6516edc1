"""Who comes in and into which tenant: the gateway's doorkeeper over the broker."""

from __future__ import annotations

from stadtkern.broker.keys import Keys
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import AlreadyExists, NonexistentTenant
from stadtkern.model.actor import ANONYMOUS, Actor
from stadtkern.model.ids import TenantId
from stadtkern.policy.grant import Grant
from stadtkern.settings import Settings


class Door:
    """Authentication and tenants for the gateway."""

    def __init__(self, keys: Keys, tenants: Tenants, settings: Settings) -> None:
        self._keys = keys
        self._tenants = tenants
        self._implicit = settings.implicit_tenants

    async def authenticate(self, authorization: str | None, api_key: str | None) -> Actor:
        """Tell who asks. Raises: Unauthorized."""
        if authorization is None and api_key is None:
            return ANONYMOUS
        return await self._keys.authenticate(authorization, api_key)

    async def tenant_of_host(self, host: str) -> TenantId | None:
        """Give the tenant that a host name chooses."""
        return await self._tenants.by_host(host)

    async def enter(self, tenant: TenantId, grant: Grant, *, writing: bool) -> None:
        """Open the tenant; a write may create it where the setting says so (CIM 009 4.14). Raises:
        NonexistentTenant.
        """
        try:
            await self._tenants.get(tenant)
        except NonexistentTenant:
            if not (writing and self._implicit):
                raise
            try:
                await self._tenants.create(grant, tenant)
            except AlreadyExists:
                await self._tenants.get(tenant)
