"""Acknowledged means durable: the disk was told to keep a write before its caller was answered, once for many."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from stadtkern import telemetry
from stadtkern.broker.tenants import OpenTenant
from stadtkern.model.entity import InstancePatch
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.operation import PartialUpdateAttribute
from tests.store.stores import TEMPERATURE, open_tenants, room, succeed

WRITERS = 64
ROUNDS = 5


class CountingFile(apsw.VFSFile):
    """Counts how often SQLite asks for a file to be brought to the disk."""

    syncs = 0

    def __init__(self, vfs: str, name: Any, flags: list[int]) -> None:
        super().__init__(vfs, name, flags)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        CountingFile.syncs += 1


class CountingVfs(apsw.VFS):
    """The disk, with a count of its syncs."""

    numbers = itertools.count()

    def __init__(self) -> None:
        self.name = f"counting-{next(self.numbers)}"
        super().__init__(self.name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> CountingFile:
        return CountingFile("", name, flags)


@pytest.fixture
def commits() -> Iterator[list[telemetry.Event]]:
    """The transactions of the write path."""
    seen: list[telemetry.Event] = []
    unsubscribe = telemetry.subscribe(lambda event: seen.append(event))
    yield seen
    unsubscribe()


def committed(events: list[telemetry.Event]) -> int:
    return sum(isinstance(event, telemetry.BatchCommitted) for event in events)


def measured(name: str, value: int) -> PartialUpdateAttribute:
    patch = InstancePatch(value=raw(value), observed_at=Instant(value))
    return PartialUpdateAttribute(EntityId(name), TEMPERATURE, [patch])


async def test_write_syncs_before_it_answers_and_once_for_many_on_sqlite(
    tmp_path: Path, commits: list[telemetry.Event]
) -> None:
    vfs = CountingVfs()
    async with open_tenants("", tmp_path, vfs=vfs.name) as tenants:
        tenant = await tenants.get("default")
        await succeed(tenant, *(room(f"urn:r:{i}") for i in range(WRITERS)))
        del commits[:]
        before = CountingFile.syncs
        unsynced = await asyncio.gather(*(_write_and_look(tenant, i) for i in range(WRITERS)))
        syncs = CountingFile.syncs - before
    assert sum(unsynced) == 0
    assert committed(commits) <= syncs < WRITERS * ROUNDS / 4


async def _write_and_look(tenant: OpenTenant, number: int) -> int:
    """Count the answers that came without a sync since the question."""
    unsynced = 0
    for value in range(ROUNDS):
        before = CountingFile.syncs
        await succeed(tenant, measured(f"urn:r:{number}", value))
        unsynced += CountingFile.syncs == before
    return unsynced


async def test_write_syncs_once_for_many_on_postgres(
    postgres_database_url: str, tmp_path: Path, commits: list[telemetry.Event], pytestconfig: pytest.Config
) -> None:
    if pytestconfig.getoption("--no-fsync"):
        pytest.skip("PostgreSQL was told not to sync")
    async with open_tenants(postgres_database_url, tmp_path) as tenants:
        tenant = await tenants.get("default")
        await succeed(tenant, *(room(f"urn:r:{i}") for i in range(WRITERS)))
    before = await _wal_syncs(postgres_database_url)
    del commits[:]
    async with open_tenants(postgres_database_url, tmp_path) as tenants:
        tenant = await tenants.get("default")
        for value in range(ROUNDS):
            await asyncio.gather(*(succeed(tenant, measured(f"urn:r:{i}", value)) for i in range(WRITERS)))
        written = committed(commits)
    syncs = await _wal_syncs(postgres_database_url) - before
    assert written <= syncs < WRITERS * ROUNDS / 4


async def _wal_syncs(url: str) -> int:
    """How often the server has brought its log to the disk, once all others have told of their part."""
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ):
            await asyncio.sleep(0.02)
        if connection.get_server_version().major < 18:
            return await connection.fetchval("SELECT wal_sync FROM pg_stat_wal")
        return await connection.fetchval("SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'")
    finally:
        await connection.close()


async def test_write_is_durable_whatever_the_database_defaults_to(postgres_database_url: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(postgres_database_url)
    try:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    finally:
        await connection.close()
    async with open_tenants(postgres_database_url, tmp_path) as tenants:
        tenant = await tenants.get("default")
        async with tenant.database.transaction() as transaction:
            rows = await transaction.fetch("SELECT current_setting('synchronous_commit')")
            rows += await transaction.fetch("SELECT current_setting('transaction_isolation')")
    assert [row[0] for row in rows] == ["on", "read committed"]


@pytest.mark.parametrize("database", ["system", "default"])
async def test_store_is_opened_for_full_syncs_on_sqlite(tmp_path: Path, database: str) -> None:
    async with open_tenants("", tmp_path) as tenants:
        opened = await tenants._engine.open(database)  # no public way leads to the writing connection
        assert opened is not None
        async with opened.transaction() as transaction:
            assert [tuple(row) for row in await transaction.fetch("PRAGMA synchronous")] == [(2,)]
            assert [tuple(row) for row in await transaction.fetch("PRAGMA journal_mode")] == [("wal",)]
        await opened.close()
