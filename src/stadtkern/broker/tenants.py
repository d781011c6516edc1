"""Tenants: created explicitly, opened on demand, closed when others need the place."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from stadtkern import telemetry
from stadtkern.broker.rendered import RenderedCache
from stadtkern.broker.write import Writer
from stadtkern.errors import AlreadyExists, BadRequestData, Conflict, NonexistentTenant
from stadtkern.model.actor import Tenant
from stadtkern.model.ids import DEFAULT_TENANT, TenantId, parse_tenant_id
from stadtkern.model.instant import now
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store.engine.base import Database, Engine
from stadtkern.store.migrate import migrate
from stadtkern.store.partitions import ensure_partitions
from stadtkern.store.system import SystemStore

HOSTS_S = 2.0
"""How long a process may go on with an old list of tenants and host names."""


@dataclass(slots=True)
class OpenTenant:
    """A tenant's database with its writer and its cache of rendered entities."""

    name: TenantId
    database: Database
    writer: Writer
    rendered: RenderedCache
    users: int = field(default=0)


class Tenants:
    """The tenants of one process."""

    def __init__(self, engine: Engine, system: SystemStore, *, write_queue: int, limit: int) -> None:
        self._engine = engine
        self._system = system
        self._write_queue = write_queue
        self._limit = limit
        self._open: OrderedDict[TenantId, OpenTenant] = OrderedDict()
        self._opening = asyncio.Lock()
        self._hosts: dict[str, TenantId] = {}
        self._epoch = -1
        self._checked = 0.0

    async def get(self, name: TenantId) -> OpenTenant:
        """Give an open tenant. Raises: NonexistentTenant."""
        tenant = self._open.get(name)
        if tenant is None:
            return await self._open_now(name)
        return tenant

    async def _open_now(self, name: TenantId) -> OpenTenant:
        async with self._opening:
            if name in self._open:
                return self._open[name]
            known = {tenant.name for tenant in await self._system.list_tenants(system_grant("open tenant", name))}
            if name not in known:
                raise NonexistentTenant(f"Tenant {name} does not exist", hint="an administrator creates tenants")
            database = await self._engine.open(name)
            if database is None:
                raise NonexistentTenant(f"Tenant {name} has no data store")
            tenant = await self._prepare(name, database)
            await self._make_room()
            return tenant

    async def _prepare(self, name: TenantId, database: Database) -> OpenTenant:
        steps = await migrate(database, "tenant")
        await ensure_partitions(database, system_grant("make partitions", name), now())
        tenant = OpenTenant(name, database, Writer(database, self._write_queue), RenderedCache())
        self._open[name] = tenant
        telemetry.emit(telemetry.TenantOpened(name, steps))
        return tenant

    async def _make_room(self) -> None:
        """Close the tenants that were opened longest ago, where they are idle."""
        for name in list(self._open):
            if len(self._open) <= self._limit:
                return
            tenant = self._open[name]
            if tenant.writer.idle:
                del self._open[name]
                await tenant.database.close()

    async def create(self, grant: Grant, name: str, *, host: str | None = None, title: str = "") -> Tenant:
        """Create a tenant with an empty store. Raises: AlreadyExists, BadRequestData."""
        id_ = parse_tenant_id(name)
        if id_ == "system":
            raise BadRequestData("The tenant name 'system' is reserved")
        tenant = Tenant(id_, now(), host.lower() if host else None, title)
        async with self._opening:
            if any(one.name == id_ for one in await self._system.list_tenants(grant)):
                raise AlreadyExists(f"Tenant {id_} exists already")
            # the store comes first: a listed tenant always has one; a store without a tenant is taken over
            database = await self._engine.open(id_, create=True)
            if database is None:
                raise Conflict(f"The store of tenant {id_} cannot be made")
            await self._prepare(id_, database)
            if not await self._system.insert_tenant(grant, tenant):
                raise AlreadyExists(f"Tenant {id_}, or one with the host {host}, exists already")
        self._checked = 0.0
        return tenant

    async def ensure_default(self) -> None:
        """Create the tenant that requests without a name belong to."""
        grant = system_grant("create the default tenant", DEFAULT_TENANT)
        if not any(one.name == DEFAULT_TENANT for one in await self._system.list_tenants(grant)):
            try:
                await self.create(grant, DEFAULT_TENANT)
            except AlreadyExists:
                return  # another worker was faster

    async def delete(self, grant: Grant, name: TenantId) -> None:
        """Delete a tenant with all its data. Raises: NonexistentTenant, Conflict (the default one)."""
        if name == DEFAULT_TENANT:
            raise Conflict("The default tenant cannot be deleted")
        tenant = await self.get(name)
        async with self._opening:
            await self._system.delete_tenant(grant, name)
            self._open.pop(name, None)
            await tenant.writer.drain()
            await tenant.database.close()
            await self._engine.drop(name)
        self._checked = 0.0

    async def list(self, grant: Grant) -> list[Tenant]:
        """List all tenants."""
        return await self._system.list_tenants(grant)

    async def by_host(self, host: str) -> TenantId | None:
        """Give the tenant that a host name chooses."""
        await self._refresh()
        return self._hosts.get(host)

    async def _refresh(self) -> None:
        clock = asyncio.get_running_loop().time()
        if clock - self._checked < HOSTS_S and self._checked:
            return
        self._checked = clock
        epoch = (await self._system.epochs()).get("tenants", 0)
        if epoch == self._epoch:
            return
        self._epoch = epoch
        present = await self._system.list_tenants(system_grant("hosts of tenants", DEFAULT_TENANT))
        self._hosts = {tenant.host: tenant.name for tenant in present if tenant.host}
        for name in set(self._open) - {tenant.name for tenant in present}:
            # deleted by another process
            await self._open.pop(name).database.close()

    def opened(self) -> list[OpenTenant]:
        """List what is open now, for maintenance."""
        return list(self._open.values())

    async def close(self) -> None:
        """Finish what was accepted and close everything."""
        for tenant in self.opened():
            await tenant.writer.drain()
            await tenant.database.close()
        self._open.clear()
