"""Stores for tests: opened as the application opens them, on either engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.broker.write import Result
from stadtkern.errors import Problem
from stadtkern.model.change import Outcome
from stadtkern.model.entity import Entity, EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import now
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import CreateEntity, Operation
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store.engine.base import Engine
from stadtkern.store.engine.postgres import PostgresEngine
from stadtkern.store.engine.sqlite import SqliteEngine
from stadtkern.store.migrate import migrate
from stadtkern.store.read import load_by_id
from stadtkern.store.system import SystemStore

WRITE_QUEUE = 64 * 1024 * 1024
ROOM = Iri("https://example.org/Room")
TEMPERATURE = Iri("https://example.org/temperature")
LOCATION = Iri("https://example.org/location")
PART_OF = Iri("https://example.org/partOf")
GRANT: Grant = system_grant("tests", "default")


def make_engine(database_url: str, folder: Path, vfs: str | None = None) -> Engine:
    """An engine that is not started yet; an empty address means SQLite in the folder."""
    if database_url:
        return PostgresEngine(database_url, timeout_s=10, pool=6)
    return SqliteEngine(folder, timeout_s=10, vfs=vfs)


@asynccontextmanager
async def open_tenants(
    database_url: str, folder: Path, *, vfs: str | None = None, write_queue: int = WRITE_QUEUE, limit: int = 10
) -> AsyncIterator[Tenants]:
    """The tenants of a store, as a worker process holds them."""
    engine = make_engine(database_url, folder, vfs)
    await engine.start()
    try:
        database = await engine.open("system", create=True)
        assert database is not None
        await migrate(database, "system")
        tenants = Tenants(engine, SystemStore(database), write_queue=write_queue, limit=limit)
        await tenants.ensure_default()
        try:
            yield tenants
        finally:
            await tenants.close()
            await database.close()
    finally:
        await engine.stop()


def room(name: str, temperature: Any = 20, **members: Any) -> CreateEntity:
    """The operation that creates a room with one temperature."""
    patch = InstancePatch(kind="Property", value=raw(temperature), **members)
    return CreateEntity(EntityId(name), EntityPatch(types=[ROOM], attributes={TEMPERATURE: [patch]}))


async def write(tenant: OpenTenant, *operations: Operation) -> list[Result]:
    """Write as the system."""
    return await tenant.writer.write(GRANT, list(operations))


async def succeed(tenant: OpenTenant, *operations: Operation) -> list[Outcome]:
    """Write what must not fail."""
    outcomes: list[Outcome] = []
    for result in await write(tenant, *operations):
        if isinstance(result, Problem):
            raise result
        outcomes.append(result)
    return outcomes


async def read(tenant: OpenTenant, id_: str) -> Entity | None:
    """The entity as everybody sees it now."""
    found = await load_by_id(tenant.database, GRANT, [EntityId(id_)], now())
    return found[EntityId(id_)][1] if found else None


async def values(tenant: OpenTenant, id_: str, attribute: str = TEMPERATURE) -> dict[str, Any]:
    """The attribute's present values by dataset id; nothing where there is no such entity."""
    entity = await read(tenant, id_)
    return {} if entity is None else {i.dataset_id: unraw(i.value) for i in entity.attributes.get(Iri(attribute), [])}


async def count(tenant: OpenTenant, table: str) -> int:
    """How many rows a table of the tenant has."""
    return int((await tenant.database.fetch(f"SELECT count(*) FROM {table}"))[0][0])


async def times(tenant: OpenTenant, series_of: str, attribute: str = TEMPERATURE) -> Sequence[int]:
    """The times of the attribute's observed instances, in order."""
    rows = await tenant.database.fetch(
        "SELECT o.time, e.id, s.attribute FROM observation o JOIN series s ON s.n = o.series"
        " JOIN entity e ON e.n = s.entity WHERE o.observed = 1 ORDER BY o.time"
    )
    return [row[0] for row in rows if (row[1], row[2]) == (series_of, attribute)]
