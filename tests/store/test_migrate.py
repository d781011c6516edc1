"""Migrations: their sum is the golden schema, merged ones stay, and a newer store is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stadtkern.errors import NewerStore, SetupError
from stadtkern.store import migrate as module
from stadtkern.store.engine.base import Database
from stadtkern.store.migrate import Migration, migrate, migrations
from tests.store.golden_schema import FAMILIES, dump, dump_migrated, golden, merged, present
from tests.store.stores import make_engine


@asynccontextmanager
async def empty(database_url: str, folder: Path) -> AsyncIterator[Database]:
    engine = make_engine(database_url, folder)
    await engine.start()
    database = await engine.open("default", create=True)
    assert database is not None
    try:
        yield database
    finally:
        await database.close()
        await engine.stop()


@pytest.mark.parametrize("family", FAMILIES)
async def test_migrations_add_up_to_the_golden_schema(database_url: str, tmp_path: Path, family: module.Family) -> None:
    expected = golden("postgres" if database_url else "sqlite", family).read_text(encoding="utf-8")
    assert await dump_migrated(database_url, tmp_path, family) == expected, (
        "the schema changed; 'python -m tests.store.golden_schema' writes the golden files, read the difference"
    )


def test_merged_migrations_are_not_edited() -> None:
    found = present()
    assert {name: found.get(name) for name in merged()} == merged(), "a merged migration changed; add a further one"


def test_all_migrations_are_listed_as_merged() -> None:
    assert present().keys() == merged().keys(), "'python -m tests.store.golden_schema' adds new migrations"


@pytest.mark.parametrize("family", FAMILIES)
def test_migrations_are_numbered_without_gaps(family: module.Family) -> None:
    numbers = [migration.number for migration in migrations(family)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_migrate_does_nothing_the_second_time(database_url: str, tmp_path: Path) -> None:
    async with empty(database_url, tmp_path) as database:
        assert await migrate(database, "tenant") == len(migrations("tenant"))
        before = await dump(database)
        assert await migrate(database, "tenant") == 0
        assert await dump(database) == before


async def test_migrate_refuses_a_newer_store_and_leaves_it_untouched(database_url: str, tmp_path: Path) -> None:
    async with empty(database_url, tmp_path) as database:
        await migrate(database, "tenant")
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO migration VALUES (9999, '9999_pre_future.sql', 'x')")
            await transaction.execute("CREATE TABLE future (n integer)")
        before = await dump(database)
        with pytest.raises(NewerStore, match="9999"):
            await migrate(database, "tenant")
        assert await dump(database) == before


async def test_migrate_refuses_a_store_made_by_an_edited_migration(database_url: str, tmp_path: Path) -> None:
    async with empty(database_url, tmp_path) as database:
        await migrate(database, "tenant")
        async with database.transaction() as transaction:
            await transaction.execute("UPDATE migration SET checksum = 'other' WHERE number = 1")
        with pytest.raises(SetupError, match="was changed"):
            await migrate(database, "tenant")


async def test_migrate_leaves_nothing_of_a_step_that_fails(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(1, "0001_pre_broken.sql", "CREATE TABLE half (n integer);\nCREATE TABLE half (n integer);\n")
    async with empty(database_url, tmp_path) as database:
        monkeypatch.setattr(module, "migrations", lambda family: (broken,))
        with pytest.raises(Exception, match="half"):
            await migrate(database, "tenant")
        assert "half" not in await dump(database)
        monkeypatch.undo()
        assert await migrate(database, "tenant") == len(migrations("tenant"))


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_migrate_by_two_workers_at_once_runs_each_step_once(database_url: str, tmp_path: Path) -> None:
    async with empty(database_url, tmp_path) as one, empty(database_url, tmp_path) as other:
        steps = await asyncio.gather(migrate(one, "tenant"), migrate(other, "tenant"))
        assert sum(steps) == len(migrations("tenant"))
