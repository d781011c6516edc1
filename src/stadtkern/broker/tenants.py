"""Tenants: created explicitly, opened on demand, closed when others need the place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import re2

from stadtkern import telemetry
from stadtkern.broker.rendered import HeadCache, RenderedCache, TenantHeads
from stadtkern.broker.write import Writer
from stadtkern.errors import AlreadyExists, BadRequestData, Conflict, NonexistentTenant, SetupError, Unavailable
from stadtkern.model.actor import ApiKey, Tenant
from stadtkern.model.ids import DEFAULT_TENANT, TenantId, parse_tenant_id
from stadtkern.model.instant import Instant, now
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store.adoption import adopt_tenant, check_host, is_empty
from stadtkern.store.engine.base import Database, Engine
from stadtkern.store.migrate import migrate
from stadtkern.store.partitions import ensure_partitions
from stadtkern.store.system import SystemStore

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of documents in one answer, where nothing else is said."""
HOSTS_S = 2.0
"""How long a process may go on with an old list of tenants and host names."""

_HOST = re2.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
REST_S = 120.0
"""A tenant that was asked for within this time stays open, so that no request loses it under its feet."""


@dataclass(slots=True)
class OpenTenant:
    """A tenant's database with its writer and its cache of rendered entities."""

    name: TenantId
    created_at: Instant
    database: Database
    writer: Writer
    rendered: RenderedCache
    heads: TenantHeads | None
    """Only where this process does all the writing."""
    asked_at: float = 0.0
    """When a request last asked for it, by the monotonic clock."""


def _nobody_cares(name: TenantId) -> None:
    """Stands in until somebody wants to be told."""


class Tenants:
    """The tenants of one process."""

    def __init__(
        self,
        engine: Engine,
        system: SystemStore,
        *,
        write_queue: int,
        limit: int,
        max_answer: int = MAX_ANSWER,
    ) -> None:
        """max_answer: bytes of documents in one answer."""
        self._engine = engine
        self._system = system
        self._write_queue = write_queue
        self._limit = limit
        self.max_answer = max_answer
        self.when_gone: Callable[[TenantId], None] = _nobody_cares
        """Told of tenants whose store was deleted or replaced."""
        self.when_committed: Callable[[TenantId], None] = _nobody_cares
        """Told of tenants in which this process committed writes."""
        self._rendered = RenderedCache()
        self._heads = HeadCache()
        self._open: dict[TenantId, OpenTenant] = {}
        self._opening = asyncio.Lock()
        self._hosts: dict[str, TenantId] = {}
        self._epoch = -1
        self._good_until = 0.0
        """When the list of tenants and hosts has to be looked at again, by the monotonic clock."""

    async def get(self, name: TenantId) -> OpenTenant:
        """Give an open tenant. Raises: NonexistentTenant."""
        clock = monotonic()
        if clock > self._good_until:
            await self._refresh(clock)
        tenant = self._open.get(name)
        if tenant is None:
            tenant = await self._open_now(name)
        tenant.asked_at = clock
        return tenant

    async def _open_now(self, name: TenantId) -> OpenTenant:
        async with self._opening:
            if name in self._open:
                return self._open[name]
            known = {one.name: one for one in await self._system.list_tenants(system_grant("open tenant", name))}
            if name not in known:
                raise NonexistentTenant(f"Tenant {name} does not exist", hint="an administrator creates tenants")
            database = await self._engine.open(name)
            if database is None:
                raise NonexistentTenant(f"Tenant {name} has no data store")
            try:
                tenant = await self._prepare(known[name], database)
            except BaseException as error:
                await database.close()
                if isinstance(error, SetupError):
                    # such as a store that a newer version wrote: this tenant cannot be served, others can
                    raise Unavailable(str(error)) from error
                raise
            await self._make_room()
            return tenant

    async def _prepare(self, known: Tenant, database: Database) -> OpenTenant:
        steps = await migrate(database, "tenant")
        await ensure_partitions(database, system_grant("make partitions", known.name), now())
        heads = self._heads.for_tenant() if database.engine == "sqlite" else None
        forget = None if heads is None else heads.forget
        writer = Writer(database, self._write_queue, forget, lambda: self.when_committed(known.name))
        tenant = OpenTenant(known.name, known.created_at, database, writer, self._rendered, heads)
        tenant.asked_at = monotonic()
        self._open[known.name] = tenant
        telemetry.emit(telemetry.TenantOpened(known.name, steps))
        return tenant

    async def _make_room(self) -> None:
        """Close the tenants that nobody has asked for longest, where no request can still be at work in them."""
        before = monotonic() - REST_S
        resting = sorted((one for one in self._open.values() if one.asked_at < before), key=lambda one: one.asked_at)
        for tenant in resting[: max(0, len(self._open) - self._limit)]:
            if tenant.writer.idle:
                del self._open[tenant.name]
                await tenant.database.close()

    async def create(self, grant: Grant, name: str, *, host: str | None = None, title: str = "") -> Tenant:
        """Create a tenant with an empty store. Raises: AlreadyExists, BadRequestData."""
        id_ = parse_tenant_id(name)
        if id_ == "system":
            raise BadRequestData("The tenant name 'system' is reserved")
        tenant = Tenant(id_, now(), _parse_host(host), title)
        async with self._opening:
            for one in await self._system.list_tenants(grant):
                if one.name == id_ or (tenant.host and one.host == tenant.host):
                    raise _taken(tenant)
            # the store comes first: a listed tenant always has one; a store without a tenant is taken over
            database = await self._engine.open(id_, create=True)
            if database is None:
                raise Conflict(f"The store of tenant {id_} cannot be made")
            opened = await self._prepare(tenant, database)
            if not await self._system.insert_tenant(grant, tenant):
                # another process was faster with the name or the host
                self._open.pop(id_, None)
                await opened.database.close()
                raise _taken(tenant)
            await self._make_room()
        self._good_until = 0.0
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
        async with self._opening:
            if not any(one.name == name for one in await self._system.list_tenants(grant)):
                raise NonexistentTenant(f"Tenant {name} does not exist")
            tenant = self._open.pop(name, None)
            self.when_gone(name)
            if tenant is not None:
                await tenant.writer.drain()
                await tenant.database.close()
            # the data go first: a name that is free again never leads to what somebody had deleted
            await self._engine.drop(name)
            await self._system.delete_tenant(grant, name)
        self._good_until = 0.0

    async def adopt(self, grant: Grant, tenant: Tenant, keys: Sequence[ApiKey], staging: str, *, replace: bool) -> None:
        """Take a store that was filled beside the others as the tenant's, with its keys.

        Raises: Conflict, if the tenant has data and ``replace`` is not set, or its host is another's.
        """
        async with self._opening:
            opened = self._open.pop(tenant.name, None)
            self.when_gone(tenant.name)
            if opened is not None:
                await opened.writer.drain()
                await opened.database.close()
            present = await self._engine.open(tenant.name)
            if present is not None:
                empty = await is_empty(present, grant)
                await present.close()
                if not (empty or replace):
                    raise Conflict(f"Tenant {tenant.name} is not empty")
            await check_host(self._system.database, grant, tenant)
            await self._engine.replace(tenant.name, staging)
            await adopt_tenant(self._system.database, grant, tenant, keys, replace=replace)
        self._good_until = 0.0

    async def list(self, grant: Grant) -> list[Tenant]:
        """List all tenants."""
        return await self._system.list_tenants(grant)

    async def by_host(self, host: str) -> TenantId | None:
        """Give the tenant that a host name chooses."""
        clock = monotonic()
        if clock > self._good_until:
            await self._refresh(clock)
        return self._hosts.get(host)

    async def _refresh(self, clock: float) -> None:
        self._good_until = clock + HOSTS_S
        epoch = (await self._system.epochs()).get("tenants", 0)
        if epoch == self._epoch:
            return
        self._epoch = epoch
        present = await self._system.list_tenants(system_grant("hosts of tenants", DEFAULT_TENANT))
        self._hosts = {tenant.host: tenant.name for tenant in present if tenant.host}
        made = {tenant.name: tenant.created_at for tenant in present}
        for tenant in self.opened():
            if made.get(tenant.name) != tenant.created_at:
                # another process deleted it, and may have made one of the same name
                self._open.pop(tenant.name, None)
                self.when_gone(tenant.name)
                await tenant.database.close()
            elif tenant.heads is not None:
                # its store may have been replaced by an import
                tenant.heads.renew()

    def opened(self) -> list[OpenTenant]:
        """List what is open now, for maintenance."""
        return list(self._open.values())

    async def close(self) -> None:
        """Finish what was accepted and close everything."""
        for tenant in self.opened():
            await tenant.writer.drain()
            await tenant.database.close()
        self._open.clear()


def _parse_host(host: str | None) -> str | None:
    """Check the host name that is to choose a tenant. Raises: BadRequestData."""
    if not host:
        return None
    folded = host.lower()
    if len(folded) > 253 or _HOST.fullmatch(folded) is None:
        raise BadRequestData(f"{host[:80]!r} is not a host name", hint="without scheme and port", pointer="/host")
    return folded


def _taken(tenant: Tenant) -> AlreadyExists:
    named = f" or one with the host {tenant.host}" if tenant.host else ""
    return AlreadyExists(f"Tenant {tenant.name}{named} exists already")
