"""One moment of a whole store: the system's tables and every tenant's, seen as they are now however long it takes.

PostgreSQL: one read-only transaction over all schemas. SQLite: a read transaction on each file, begun one right after
the other. Where a server has the folder open, its write-ahead logs would grow as long as somebody reads here; so the
files are then copied first (as fast as the disk is), and the copies are read. A finished copy has no name any more, and
one that a killed process left half done is removed by the next.
"""

# The drivers' own stubs are partly unknown to the type checker; nothing untyped leaves this module.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import apsw

from stadtkern.errors import Unavailable, UnusableFile
from stadtkern.store.engine import postgres, sqlite
from stadtkern.store.engine.base import Readable, Row

SYSTEM = "system"
Progress = Callable[[int, int], None]
"""Told how much is done, and of how much; in pages or bytes."""
ASIDE = "snapshot-"
"""What the names of copies in the making begin with; the number of their process follows."""
_STEP_PAGES = 2000
_TENANTS = "SELECT name FROM tenant ORDER BY name"


class Snapshot(Protocol):
    """A store as it was at the moment."""

    @property
    def tenants(self) -> Sequence[str]:
        """The tenants' names; empty for a store without tables."""
        ...

    def view(self, name: str) -> Readable:
        """Give one database: a tenant's, or ``SYSTEM``."""
        ...


class SqliteView:
    """A file, or its nameless copy, inside a read transaction."""

    engine: Literal["sqlite", "postgres"] = "sqlite"

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """Read, in a thread."""
        return await asyncio.to_thread(self.read, sql, *params)

    def read(self, sql: str, *params: Any) -> list[Row]:
        """Read, here and now."""
        with sqlite.translate_errors():
            return cast("list[Row]", self._connection.execute(sql, params).fetchall())

    def pages(self) -> tuple[int, int]:
        """Tell how many pages the file has, and their size in bytes."""
        count = int(self.read("PRAGMA page_count")[0][0])
        return count, int(self.read("PRAGMA page_size")[0][0])

    def copy(self, target: Path, progress: Progress | None = None) -> apsw.Connection:
        """Copy what the transaction sees into a new file, without a write-ahead log; gives the connection to it."""
        destination = apsw.Connection(str(target))
        with sqlite.translate_errors():
            # whoever dies meanwhile leaves a file that nobody takes for a copy
            destination.execute("PRAGMA journal_mode=OFF").fetchall()
            destination.execute("PRAGMA synchronous=OFF").fetchall()
            with destination.backup("main", self._connection, "main") as copying:
                while not copying.done:
                    copying.step(_STEP_PAGES)
                    if progress:
                        progress(copying.page_count - copying.remaining, copying.page_count)
            destination.execute("PRAGMA journal_mode=DELETE").fetchall()
        return destination

    def close(self) -> None:
        """End the transaction."""
        self._connection.close()


class SqliteSnapshot:
    """All files of a data folder."""

    def __init__(self, folder: Path, *, shared: bool) -> None:
        self._folder = folder
        self._shared = shared
        self._views: dict[str, SqliteView] = {}
        self.tenants: list[str] = []

    def open(self) -> None:
        """Begin a transaction on each file. Raises: Unavailable."""
        system = self._begin(self._folder / "system.sqlite")
        if system is None:
            return
        self._views[SYSTEM] = system
        names = [str(row[0]) for row in system.read(_TENANTS)]
        for name in names:
            view = self._begin(self._folder / "tenants" / f"{name}.sqlite")
            if view is not None:
                self._views[name] = view
                self.tenants.append(name)

    def _begin(self, path: Path) -> SqliteView | None:
        if not path.exists():
            return None
        flags = apsw.SQLITE_OPEN_READONLY if self._shared else apsw.SQLITE_OPEN_READWRITE
        with sqlite.translate_errors():
            connection = apsw.Connection(str(path), flags=flags)
            connection.set_busy_timeout(5000)
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        return SqliteView(connection)

    def view(self, name: str) -> SqliteView:
        """Give one file."""
        return self._views[name]

    def size(self) -> int:
        """Tell how many bytes a copy of all files needs."""
        return sum(count * size for count, size in (view.pages() for view in self._views.values()))

    def detach(self, progress: Progress | None = None) -> None:
        """Copy everything aside and let go of the files. Raises: Unavailable (no room)."""
        needed = self.size()
        if shutil.disk_usage(self._folder).free < needed + needed // 10:
            raise Unavailable(
                f"Reading beside the running server needs a copy of {needed:,} bytes in {self._folder}, which has less"
                " room; stop the server, or make room"
            )
        _sweep(self._folder)
        done = 0
        for name, view in list(self._views.items()):
            count, size = view.pages()
            self._views[name] = self._copy_aside(view, _shift(progress, done, size, needed))
            view.close()
            done += count * size

    def _copy_aside(self, view: SqliteView, progress: Progress | None) -> SqliteView:
        prefix = f"{ASIDE}{os.getpid()}-"
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=prefix, suffix=".sqlite") as file:
            copied = view.copy(Path(file.name), progress)
        # SQLite would not make a journal for it: it is only read from here on
        return SqliteView(copied)

    def close(self) -> None:
        """End all transactions; nameless copies are gone."""
        for view in self._views.values():
            view.close()
        self._views.clear()


def _sweep(folder: Path) -> None:
    """Remove half copies of processes that are no more."""
    for path in folder.glob(f"{ASIDE}*"):
        number = path.name.removeprefix(ASIDE).partition("-")[0]
        if number.isdigit() and not _alive(int(number)):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _shift(progress: Progress | None, done: int, size: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda pages, _: progress(done + pages * size, total)


class PostgresView:
    """One schema inside the one transaction."""

    engine: Literal["sqlite", "postgres"] = "postgres"

    def __init__(self, snapshot: PostgresSnapshot, schema: str) -> None:
        self._snapshot = snapshot
        self._schema = schema

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """Read."""
        return await self._snapshot.fetch(self._schema, sql, params)


class PostgresSnapshot:
    """All schemas of a database."""

    def __init__(self, engine: postgres.PostgresEngine, connection: postgres.Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._schema = ""
        self.tenants: list[str] = []

    async def open(self) -> None:
        """Begin the transaction."""
        await self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        schemas = cast("list[Row]", await self._connection.fetch("SELECT nspname FROM pg_namespace"))
        present = {str(row[0]) for row in schemas}
        if self._engine.schema(SYSTEM) in present:
            names = [str(row[0]) for row in await self.view(SYSTEM).fetch(_TENANTS)]
            self.tenants = [name for name in names if self._engine.schema(name) in present]

    def view(self, name: str) -> PostgresView:
        """Give one schema."""
        return PostgresView(self, self._engine.schema(name))

    async def fetch(self, schema: str, sql: str, params: Sequence[Any]) -> list[Row]:
        """Read in a schema."""
        with postgres.translate_errors():
            if schema != self._schema:
                await self._connection.execute(f'SET search_path TO "{schema}", public')
                self._schema = schema
            return cast("list[Row]", await self._connection.fetch(sql, *params))


@asynccontextmanager
async def open_sqlite_snapshot(
    folder: Path, *, shared: bool, detach: bool = True, progress: Progress | None = None
) -> AsyncGenerator[SqliteSnapshot]:
    """See all files of a folder as they are now. shared: a server has it open; detach: then read from copies.

    Raises: Unavailable.
    """
    snapshot = SqliteSnapshot(folder, shared=shared)
    try:
        await asyncio.to_thread(snapshot.open)
        if shared and detach:
            await asyncio.to_thread(snapshot.detach, progress)
        yield snapshot
    finally:
        snapshot.close()


@asynccontextmanager
async def open_postgres_snapshot(engine: postgres.PostgresEngine) -> AsyncGenerator[PostgresSnapshot]:
    """See all schemas of a database as they are now. Raises: Unavailable, SetupError."""
    connection = await postgres.connect(engine.url)
    try:
        snapshot = PostgresSnapshot(engine, connection)
        with postgres.translate_errors():
            await snapshot.open()
        yield snapshot
    finally:
        with contextlib.suppress(Exception):
            await connection.close(timeout=5)


def check_sqlite_file(path: Path) -> None:
    """Look through a file for damage. Raises: UnusableFile."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            answer = cast("list[Row]", connection.execute("PRAGMA quick_check(1)").fetchall())
        finally:
            connection.close()
    except apsw.Error as error:
        raise UnusableFile(f"The file {path} is no sound database: {error}") from error
    if answer != [("ok",)]:
        raise UnusableFile(f"The file {path} is damaged: {answer[0][0]}")
