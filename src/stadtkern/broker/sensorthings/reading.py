"""Reading in the terms of SensorThings. Spec: OGC 18-088 9.2, 9.3."""

from __future__ import annotations

from stadtkern.broker.tenants import Tenants
from stadtkern.model.instant import now
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.tree import Query, Target
from stadtkern.store.sensorthings import read


class SensorThingsReader:
    """The reading part of the broker for SensorThings, over all tenants of a process."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def read_set(self, grant: Grant, target: Target, query: Query, *, limit: int) -> Page:
        """Give a page of the set that an address leads to.

        limit: most records of the page, also where ``query.top`` is more; the caller gives its default for a query
        without top. Sets inside (``$expand``) have at most 100 or their own top, whichever is less. top = 0 gives
        no records, and the count where it is asked for.
        Raises: ResourceNotFound (a step of the address does not lead there), BadRequestData (an ``after`` that is
        none of this query), TooComplexQuery (too long).
        """
        tenant = await self._tenants.get(grant.tenant)
        return await read.read_set(tenant.database, grant, target, query, limit=limit, now=now())

    async def read_one(self, grant: Grant, target: Target, query: Query) -> Record | None:
        """Give the entity that an address leads to; None where its last step is a relation to one that leads nowhere.

        Of ``query``, select and expand are looked at. ``target.property`` is not: read it from ``values``.
        Raises: ResourceNotFound (no such entity, or a step before the last leads nowhere), TooComplexQuery.
        """
        tenant = await self._tenants.get(grant.tenant)
        return await read.read_one(tenant.database, grant, target, query, now=now())
