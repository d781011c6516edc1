"""What the engines promise to the store, on both: transactions, readers, backups, closing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import NonexistentTenant, StoreLocked, TooComplexQuery
from stadtkern.model.operation import Operation
from stadtkern.store.engine.base import Database
from stadtkern.store.engine.postgres import PostgresEngine
from stadtkern.store.engine.sqlite import SqliteDatabase, SqliteEngine
from tests.store.consistency import assert_consistent
from tests.store.stores import count, make_engine, open_tenants, read, room, succeed

INSERT = "INSERT INTO catalogue (type, attribute, kind, delta) VALUES ('t', 'a', 'k', 1)"
ENDLESS = {
    "sqlite": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "postgres": "SELECT pg_sleep(1000)",
}


class Interruption(Exception):
    """Something that ends a block."""


async def rows(database: Database) -> int:
    return (await database.fetch("SELECT count(*) FROM catalogue"))[0][0]


async def test_transaction_keeps_everything_when_its_block_ends_well(tenant: OpenTenant) -> None:
    async with tenant.database.transaction() as transaction:
        await transaction.execute(INSERT)
        await transaction.execute_many(INSERT.replace("1)", "2)"), [(), ()])
        assert await rows(tenant.database) == 0
    assert await rows(tenant.database) == 3


async def test_transaction_keeps_nothing_when_its_block_fails(tenant: OpenTenant) -> None:
    with pytest.raises(Interruption):
        await _insert_and_fail(tenant.database)
    assert await rows(tenant.database) == 0
    async with tenant.database.transaction() as transaction:
        await transaction.execute(INSERT)
    assert await rows(tenant.database) == 1


async def _insert_and_fail(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(INSERT)
        raise Interruption


async def test_transaction_keeps_nothing_when_its_block_is_cancelled(tenant: OpenTenant) -> None:
    started = asyncio.Event()

    async def hang() -> None:
        async with tenant.database.transaction() as transaction:
            await transaction.execute(INSERT)
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await rows(tenant.database) == 0
    await succeed(tenant, room("urn:r:1"))


async def test_copy_inserts_rows_with_missing_values(tenant: OpenTenant) -> None:
    async with tenant.database.transaction() as transaction:
        await transaction.copy("doc", ("n", "doc"), [(1, "ä\n\t\\"), (2, "")])
    found = await tenant.database.fetch("SELECT n, doc FROM doc ORDER BY n")
    assert [tuple(row) for row in found] == [(1, "ä\n\t\\"), (2, "")]


async def test_fetch_ends_a_scan_at_its_deadline(tenant: OpenTenant) -> None:
    database = tenant.database
    database._timeout_s = 0.05  # type: ignore[attr-defined]  # both engines keep it there
    with pytest.raises(TooComplexQuery):
        await database.fetch(ENDLESS[database.engine], lane="scan")
    assert await rows(database) == 0


async def test_fetch_gives_its_reader_back_when_the_caller_hangs_up(tenant: OpenTenant) -> None:
    database = tenant.database
    for _ in range(8):
        scan = asyncio.create_task(database.fetch(ENDLESS[database.engine], lane="scan"))
        await asyncio.sleep(0.02)
        scan.cancel()
        await asyncio.wait([scan])
    answers = await asyncio.gather(*(database.fetch("SELECT count(*) FROM catalogue", lane="scan") for _ in range(8)))
    assert [answer[0][0] for answer in answers] == [0] * 8


async def test_writes_go_on_beside_long_scans(tenant: OpenTenant) -> None:
    database = tenant.database
    scans = [asyncio.create_task(database.fetch(ENDLESS[database.engine], lane="scan")) for _ in range(4)]
    await asyncio.sleep(0.02)
    await succeed(tenant, room("urn:r:1"))
    assert await read(tenant, "urn:r:1") is not None
    assert not any(scan.done() for scan in scans)
    for scan in scans:
        scan.cancel()
    await asyncio.wait(scans)


async def test_open_gives_nothing_for_what_does_not_exist(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url, tmp_path)
    await engine.start()
    try:
        assert await engine.open("nobody") is None
        await engine.drop("nobody")
    finally:
        await engine.stop()


async def test_drop_removes_a_database_with_its_content(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url, tmp_path)
    await engine.start()
    try:
        for _ in range(2):
            database = await engine.open("north", create=True)
            assert database is not None
            async with database.transaction() as transaction:
                await transaction.execute("CREATE TABLE mine (n integer)")
            await database.close()
            await engine.drop("north")
            assert await engine.open("north") is None
    finally:
        await engine.stop()


async def test_start_refuses_a_folder_that_another_engine_holds(tmp_path: Path) -> None:
    first, second = SqliteEngine(tmp_path, 1), SqliteEngine(tmp_path, 1)
    await first.start()
    with pytest.raises(StoreLocked):
        await second.start()
    await first.stop()
    await second.start()
    await second.stop()


async def test_start_makes_postgis_known_where_it_is_missing(postgres_server: object, postgres_url: str) -> None:
    del postgres_server
    engine = PostgresEngine(postgres_url, 1, 2)
    await engine.start()
    await engine.start()
    await engine.stop()


async def test_backup_is_consistent_while_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stadtkern.store.engine.sqlite._BACKUP_PAGES", 1)
    copy = tmp_path / "copy"
    async with open_tenants("", tmp_path / "data") as tenants:
        tenant = await tenants.get("default")
        database = tenant.database
        assert isinstance(database, SqliteDatabase)
        await succeed(tenant, *(room(f"urn:before:{i}") for i in range(1500)))
        writing = asyncio.create_task(_write_on(tenant))
        steps: list[tuple[int, int]] = []
        (copy / "tenants").mkdir(parents=True)
        await database.backup(copy / "tenants" / "default.sqlite", lambda done, pages: steps.append((done, pages)))
        assert await count(tenant, "entity") > 1500
        writing.cancel()
        await asyncio.wait([writing])
        # each page once: no commit in between made it start anew
        assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
        assert steps[-1][0] == steps[-1][1]
    database = SqliteEngine(copy, 5)
    await database.start()
    restored = await database.open("default")
    assert restored is not None
    await assert_consistent(restored)
    assert (await restored.fetch("SELECT count(*) FROM entity"))[0][0] == 1500
    await restored.close()
    await database.stop()


async def _write_on(tenant: OpenTenant) -> None:
    turn = 0
    while True:
        turn += 1
        operations: list[Operation] = [room(f"urn:during:{turn}:{i}") for i in range(10)]
        await succeed(tenant, *operations)


async def test_closed_database_tells_that_the_tenant_is_gone(tmp_path: Path) -> None:
    async with open_tenants("", tmp_path) as tenants:
        tenant = await tenants.get("default")
        await tenant.database.close()
        with pytest.raises(NonexistentTenant):
            await read(tenant, "urn:r:1")


def test_sqlite_is_new_enough() -> None:
    # ordered aggregates came with 3.44
    assert apsw.sqlite_lib_version() >= "3.44"
