"""Writing in the terms of SensorThings: the only way from its requests to operations.

Spec: OGC 18-088 10 (create, update, delete).
"""

from __future__ import annotations

from typing import Final

from stadtkern.broker.long_body import work_on
from stadtkern.broker.sensorthings.body import Body, Reference, read_body
from stadtkern.broker.sensorthings.deletion import Deletion
from stadtkern.broker.sensorthings.known import look_up, references
from stadtkern.broker.sensorthings.made import Created, id_of, under
from stadtkern.broker.sensorthings.plan import Plan
from stadtkern.broker.sensorthings.streams import StreamLookup
from stadtkern.broker.sensorthings.together import Together
from stadtkern.broker.sensorthings.update import Update
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import BadRequestData, Conflict, Problem, ResourceNotFound
from stadtkern.model.change import Outcome
from stadtkern.model.ids import TenantId
from stadtkern.model.instant import now
from stadtkern.model.sensorthings import TypeName
from stadtkern.policy.grant import Grant

_TRIES: Final = 3
"""How often names of new series are chosen anew when somebody else took them meanwhile."""


class SensorThingsWriter:
    """The writing part of the broker for SensorThings, over all tenants of a process."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._lookups: dict[TenantId, StreamLookup] = {}

    def _lookup(self, tenant: OpenTenant) -> StreamLookup:
        """Give the one look-up that all requests to a tenant share."""
        lookup = self._lookups.get(tenant.name)
        if lookup is None or lookup.database is not tenant.database:
            lookup = self._lookups[tenant.name] = StreamLookup(tenant.database)
        return lookup

    async def create(
        self, grant: Grant, type: TypeName, text: bytes, *, parent: tuple[str, int] | None = None
    ) -> Created:
        """Create an entity with all that stands inline in it: everything or nothing.

        parent: the relation of the new entity by which the address led to it, and the id there, as ("Thing", 5) for
        ``Things(5)/Datastreams``; it holds whatever the body says.
        Raises: InvalidRequest, BadRequestData (also for links to what is not there), ResourceNotFound (no such
        parent), Forbidden, PayloadTooLarge, TooManyRequests, Unavailable.
        """
        body = await work_on(len(text), lambda: read_body(type, text))
        if parent is not None:
            body = under(body, *parent)
        tenant = await self._tenants.get(grant.tenant)
        for attempt in range(_TRIES):
            try:
                return await self._create(tenant, grant, body, parent, len(text))
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError  # pragma: no cover

    async def _create(
        self, tenant: OpenTenant, grant: Grant, body: Body, parent: tuple[str, int] | None, size: int
    ) -> Created:
        moment = now()
        wanted = list(references(body))
        known = await look_up(self._lookup(tenant), grant, wanted, moment)
        plan = Plan(known, moment)
        try:
            at = plan.add(body)
        except BadRequestData as problem:
            if parent is not None and problem.pointer == f"/{parent[0]}":
                raise ResourceNotFound(problem.detail) from problem
            raise
        if len(plan.operations) == 1:
            results = await tenant.writer.write(grant, plan.operations, size, numbered=True)
            outcome = _succeeded(results[0])
        else:
            outcome = (await tenant.writer.write_together(grant, plan.operations, size))[at]
        return Created(body.type, id_of(body.type, outcome))

    async def update(self, grant: Grant, type: TypeName, id_: int, text: bytes) -> None:
        """Change an entity: the properties that are given take the places of the old ones, links are replaced or added.

        Raises: ResourceNotFound (no such entity), InvalidRequest, BadRequestData, Forbidden, OperationNotSupported
        (what is implied, or would move), TooManyRequests, Unavailable.
        """
        body = await work_on(len(text), lambda: read_body(type, text, whole=False))
        tenant = await self._tenants.get(grant.tenant)
        moment = now()
        known = await look_up(self._lookup(tenant), grant, [Reference(type, id_, ""), *references(body)], moment)
        await Update(tenant, self._lookup(tenant), grant, known, moment, len(text)).run(type, id_, body)

    async def delete(self, grant: Grant, type: TypeName, id_: int) -> None:
        """Delete an entity and what cannot be without it, in parts; it goes last itself, so that one can go on.

        Raises: ResourceNotFound (no such entity), OperationNotSupported (what is implied), Forbidden.
        """
        tenant = await self._tenants.get(grant.tenant)
        await Deletion(tenant, self._lookup(tenant), grant, now()).run(type, id_)

    async def together(self, grant: Grant) -> Together:
        """Begin a group of requests that are carried out all or not at all. Raises: NonexistentTenant."""
        tenant = await self._tenants.get(grant.tenant)
        return Together(tenant, self._lookup(tenant), grant)


def _succeeded(result: Outcome | Problem) -> Outcome:
    if isinstance(result, Problem):
        raise result
    return result
