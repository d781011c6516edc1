"""Bring a database to the present schema, forward only.

Migrations are ``migrations/<family>/NNNN_{pre|post}_<what>.sql``; each runs once, in its own transaction, in
order. A merged
one is never edited: its checksum is kept and compared.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from stadtkern.errors import NewerStore, SetupError
from stadtkern.store.engine.base import Database, Readable, Transaction
from stadtkern.store.statements import for_engine

Family = Literal["system", "tenant"]
_NAME = re.compile(r"(\d{4})_(pre|post)_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its number, its name and its SQL for both engines."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Identify the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@cache
def migrations(family: Family) -> tuple[Migration, ...]:
    """List a family's migrations in order."""
    folder = resources.files("stadtkern.store").joinpath("migrations", family)
    found: list[Migration] = []
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None:
            found.append(Migration(int(match[1]), file.name, file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


async def migrate(database: Database, family: Family) -> int:
    """Apply what is missing and give how many steps that were. Raises: NewerStore, SetupError (an edited migration)."""
    applied = 0
    for migration in migrations(family):
        async with database.transaction() as transaction:
            done = await _read_done(transaction, database.engine)
            _check(done, family)
            if migration.number in done:
                continue
            await _run(transaction, for_engine(migration.text, database.engine))
            mark = "?, ?, ?" if database.engine == "sqlite" else "$1, $2, $3"
            await transaction.execute(
                f"INSERT INTO migration (number, name, checksum) VALUES ({mark})",  # noqa: S608 - marks only
                migration.number,
                migration.name,
                migration.checksum,
            )
            applied += 1
    return applied


async def read_applied(database: Readable, family: Family) -> list[Migration]:
    """List the steps that a database has seen; none for one without tables. Raises: NewerStore, SetupError."""
    marks = {
        "sqlite": "SELECT 1 FROM sqlite_schema WHERE name = 'migration'",
        "postgres": "SELECT 1 WHERE to_regclass('migration') IS NOT NULL",
    }
    if not await database.fetch(marks[database.engine]):
        return []
    done = {int(row[0]): str(row[1]) for row in await database.fetch("SELECT number, checksum FROM migration")}
    _check(done, family)
    return [migration for migration in migrations(family) if migration.number in done]


async def _read_done(transaction: Transaction, engine: str) -> dict[int, str]:
    if engine == "postgres":
        # another worker's migration may take long; what this one changes must not wait long for its users
        await transaction.execute("SET LOCAL lock_timeout = 0")
        await transaction.execute("SELECT pg_advisory_xact_lock(77, 2)")
        await transaction.execute("SET LOCAL lock_timeout = 4000")
    await transaction.execute(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)"
    )
    return {
        int(number): str(checksum)
        for number, checksum in await transaction.fetch("SELECT number, checksum FROM migration")
    }


def _check(done: dict[int, str], family: Family) -> None:
    known = {migration.number: migration for migration in migrations(family)}
    newer = [number for number in done if number not in known]
    if newer:
        raise NewerStore(
            f"The store has schema version {max(newer)}, this Stadtkern knows {max(known)}:"
            " it was written by a newer version and is left untouched"
        )
    for number, checksum in done.items():
        if known[number].checksum != checksum:
            raise SetupError(f"The migration {known[number].name} was changed after it had been applied")


async def _run(transaction: Transaction, text: str) -> None:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    for statement in "\n".join(lines).split(";"):
        if statement.strip():
            await transaction.execute(statement)
