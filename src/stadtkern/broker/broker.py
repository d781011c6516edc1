"""The broker as the views see it: everything one can ask of a tenant's data, each question with a Grant."""

from __future__ import annotations

from collections.abc import Sequence

from stadtkern.broker.discovery import Discovery
from stadtkern.broker.entity_maps import EntityMaps
from stadtkern.broker.identity import Identity
from stadtkern.broker.temporal import Temporal
from stadtkern.broker.tenants import Tenants
from stadtkern.broker.write import Result
from stadtkern.model.operation import Operation
from stadtkern.policy.grant import Grant


class Broker(EntityMaps, Discovery, Temporal, Identity):
    """Provision, consumption, discovery and history over all tenants of a process."""

    def __init__(self, tenants: Tenants) -> None:
        Identity.__init__(self, tenants)

    async def write(self, grant: Grant, operations: Sequence[Operation], size: int = 1024) -> list[Result]:
        """Apply operations in order; all outcomes are durable when this returns.

        size: bytes of the request that brought them. Raises: TooManyRequests, Unavailable.
        """
        tenant = await self._tenants.get(grant.tenant)
        return await tenant.writer.write(grant, operations, size)
