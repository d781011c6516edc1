"""Bad weather: a full disk, a database that is away. Told as 503, nothing half-written, and it passes by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from stadtkern.broker import health as health_module
from stadtkern.broker.health import Health
from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import Problem, Unavailable
from stadtkern.model.change import Outcome
from stadtkern.store.migrate import migrate
from stadtkern.store.system import SystemStore
from tests.postgres_server import PostgresServer
from tests.store.consistency import assert_consistent
from tests.store.stores import count, make_engine, open_tenants, read, room, succeed, write


class SmallDisk(apsw.VFS):
    """A disk that takes only so many more bytes."""

    numbers = itertools.count()

    def __init__(self) -> None:
        self.name = f"small-disk-{next(self.numbers)}"
        self.room: int | None = None
        """Bytes that still fit; None: any number."""
        super().__init__(self.name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> SmallDiskFile:
        return SmallDiskFile(self, name, flags)


class SmallDiskFile(apsw.VFSFile):
    def __init__(self, disk: SmallDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def excepthook(self, *_: Any) -> None:
        """SQLite is told by the exception's kind; nobody else need hear of it."""

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk.room is not None:
            if len(data) > self._disk.room:
                raise apsw.FullError("the disk is full")
            self._disk.room -= len(data)
        super().xWrite(data, offset)


@pytest.mark.parametrize("left", [0, 10_000, 60_000, 250_000])
async def test_write_is_refused_whole_while_the_disk_is_full(tmp_path: Path, left: int) -> None:
    disk = SmallDisk()
    async with open_tenants("", tmp_path, vfs=disk.name) as tenants:
        tenant = await tenants.get("default")
        await succeed(tenant, *(room(f"urn:before:{i}") for i in range(20)))
        disk.room = left
        stored = await _write_until_refused(tenant)
        assert await read(tenant, "urn:before:7") is not None
        await assert_consistent(tenant.database)
        assert await count(tenant, "entity") == 20 + stored
        disk.room = None
        await succeed(tenant, room("urn:after"))
        await assert_consistent(tenant.database)


async def test_server_is_not_ready_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SmallDisk()
    engine = make_engine("", tmp_path, disk.name)
    await engine.start()
    database = await engine.open("system", create=True)
    assert database is not None
    await migrate(database, "system")
    health = Health(SystemStore(database), tmp_path, least_free=0)
    await health.check()
    disk.room = 0
    await health.check()  # a good answer holds for two seconds
    monkeypatch.setattr(health_module, "KEPT_S", 0.0)
    health = Health(SystemStore(database), tmp_path, least_free=0)
    for _ in range(2):
        with pytest.raises(Unavailable, match="disk is full"):
            await health.check()
    disk.room = None
    await health.check()
    with pytest.raises(Unavailable, match="less than"):
        await Health(SystemStore(database), tmp_path, least_free=1 << 62).check()
    with pytest.raises(Unavailable, match="cannot be read"):
        await Health(SystemStore(database), tmp_path / "gone").check()
    await database.close()
    await engine.stop()


async def _write_until_refused(tenant: OpenTenant) -> int:
    """Write batches until one is refused; gives how many entities were stored."""
    for turn in itertools.count():
        try:
            await succeed(tenant, *(room(f"urn:full:{turn}:{i}") for i in range(30)))
        except Unavailable:
            return turn * 30
    raise AssertionError


async def test_write_tells_what_was_stored_of_a_large_request_when_the_disk_fills_up(tmp_path: Path) -> None:
    disk = SmallDisk()
    async with open_tenants("", tmp_path, vfs=disk.name) as tenants:
        tenant = await tenants.get("default")
        disk.room = 1_500_000
        results = await write(tenant, *(room(f"urn:r:{i}") for i in range(5000)))
        stored = [result for result in results if isinstance(result, Outcome)]
        assert len(results) == 5000
        assert 0 < len(stored) < 5000
        assert all(isinstance(result, Unavailable) for result in results[len(stored) :])
        assert await count(tenant, "entity") == len(stored)
        await assert_consistent(tenant.database)
        disk.room = None


async def test_open_tells_when_the_file_is_no_database(tmp_path: Path) -> None:
    async with open_tenants("", tmp_path):
        pass
    (tmp_path / "tenants" / "default.sqlite").write_bytes(b"this is not a database" * 1000)
    with pytest.raises(Unavailable, match="damaged"):
        async with open_tenants("", tmp_path) as tenants:
            await tenants.get("default")


@pytest.fixture(scope="module")
def own_server(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that may be stopped without harm to other tests; skipped where there is none."""
    with PostgresServer() as server:
        yield server


async def test_store_works_again_when_the_database_comes_back(own_server: PostgresServer, tmp_path: Path) -> None:
    url = own_server.database_url(own_server.create_database())
    async with open_tenants(url, tmp_path) as tenants:
        tenant = await tenants.get("default")
        await asyncio.gather(*(succeed(tenant, room(f"urn:r:{i}")) for i in range(10)))
        await asyncio.gather(*(read(tenant, f"urn:r:{i}") for i in range(10)))
        await asyncio.to_thread(own_server.pause)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await read(tenant, "urn:r:1")
            with pytest.raises(Unavailable):
                await write(tenant, room("urn:away"))
        await asyncio.to_thread(own_server.resume)
        assert await read(tenant, "urn:r:1") is not None
        await succeed(tenant, room("urn:back"))
        await assert_consistent(tenant.database)


async def test_write_answers_everybody_when_connections_are_cut(own_server: PostgresServer, tmp_path: Path) -> None:
    url = own_server.database_url(own_server.create_database())
    async with open_tenants(url, tmp_path) as tenants:
        tenant = await tenants.get("default")
        cutting = asyncio.create_task(_cut_connections(url))
        stored: set[str] = set()
        for turn in range(60):
            names = [f"urn:r:{turn}:{i}" for i in range(8)]
            answers = await asyncio.gather(*(write(tenant, room(name)) for name in names), return_exceptions=True)
            for name, answer in zip(names, answers, strict=True):
                assert isinstance(answer, list | Unavailable)
                if isinstance(answer, list) and not isinstance(answer[0], Problem):
                    stored.add(name)
        cutting.cancel()
        await asyncio.wait([cutting])
        rows = await tenant.database.fetch("SELECT id FROM entity WHERE state = 0")
        assert stored <= {row[0] for row in rows}
        await assert_consistent(tenant.database)


async def _cut_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        while True:
            await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.03)
    finally:
        await connection.close()


async def test_write_is_done_at_once_over_connections_lost_while_idle(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    url = own_server.database_url(own_server.create_database())
    async with open_tenants(url, tmp_path) as tenants:
        tenant = await tenants.get("default")
        await succeed(tenant, room("urn:r:1"))
        own_server.pause()
        own_server.resume()
        # the loop had no turn to notice that the connections are gone
        await succeed(tenant, room("urn:r:2"))
        assert await read(tenant, "urn:r:2") is not None
