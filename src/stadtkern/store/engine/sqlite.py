"""SQLite through apsw: one file a tenant, in this process.

Reads that an index key bounds run inline on the event loop (8 to 10 µs; a thread hop costs 300). Others run on a
small set of
reader connections in threads, each under a deadline. Writes run inline too, one transaction at a time; the commit,
which waits
for the disk, runs in a thread, so that the loop goes on meanwhile.
"""

# The driver's own stubs are partly unknown to the type checker; nothing untyped leaves this module.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self, TypeVar, cast

import apsw

from stadtkern.errors import IncompleteStore, NonexistentTenant, StoreLocked, TooComplexQuery, Unavailable
from stadtkern.store.engine.base import Lane, Row
from stadtkern.store.engine.functions import FUNCTIONS

READERS = 2
"""Threads for long reads; two cores gain nothing from more."""
COMMITS = 2
"""Threads for commits, of several tenants at once."""
_BACKUP_PAGES = 500
_Result = TypeVar("_Result")
INCOMPLETE = "incomplete"
"""The file in the data folder that says why it must not be used."""
_PROGRESS_STEPS = 2000
"""Virtual machine steps between looks at the clock: about 0.2 ms."""
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # FULL: a commit is on the disk when it returns, power loss included
    "PRAGMA synchronous=FULL",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16000",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA wal_autocheckpoint=4000",
)


@contextmanager
def translate_errors() -> Generator[None]:
    """Turn the driver's errors into ours: the one place where apsw's names are known."""
    try:
        yield
    except apsw.InterruptError as error:
        raise TooComplexQuery(
            "The query took longer than one request may", hint="narrow it by type, id or area"
        ) from error
    except (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError) as error:
        raise Unavailable("The store cannot be written or read: the disk is full, failing or not writable") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise Unavailable("The store is busy; try again") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Unavailable("The store's file is damaged; restore it from a backup") from error
    except apsw.ConnectionClosedError as error:
        raise NonexistentTenant("The tenant's store was closed or deleted meanwhile") from error


class SqliteTransaction:
    """The open write transaction of one database."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """Run a statement and give its rows."""
        return cast("list[Row]", self._connection.execute(sql, params).fetchall())

    async def execute(self, sql: str, *params: Any) -> None:
        """Run a statement."""
        self._connection.execute(sql, params).fetchall()

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once a row."""
        self._connection.executemany(sql, rows).fetchall()

    async def execute_rows(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once a row: there is no round trip to save."""
        self._connection.executemany(sql, rows).fetchall()

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows. Table and columns are literals of the store, never a client's text."""
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608 - literals

    async def lock(self, keys: Iterable[str]) -> None:
        """Nothing to do: a file has one writer."""


class SqliteDatabase:
    """One file with its writer, its inline reader and its reader threads."""

    engine: Literal["sqlite", "postgres"] = "sqlite"

    def __init__(self, path: Path, threads: Threads, timeout_s: float, vfs: str | None = None) -> None:
        self.path = path
        self._vfs = vfs
        self._threads = threads
        self._timeout_s = timeout_s
        self._writer = self._connect(plan_once=True)
        self._inline = self._connect(plan_once=True)
        self._readers: asyncio.LifoQueue[apsw.Connection] = asyncio.LifoQueue()
        self._opened_readers = 0
        self._write_lock = asyncio.Lock()

    def _connect(self, *, plan_once: bool = False) -> apsw.Connection:
        """plan_once: keep a statement's plan whatever its parameters are. With ``ENABLE_STAT4``, as apsw is built,
        SQLite otherwise plans a statement anew whenever a parameter that statistics could judge has changed: half the
        time of a page's statement. Long reads, in threads, gain from it.
        """
        with translate_errors():
            fresh = not self.path.exists()
            connection = apsw.Connection(str(self.path), vfs=self._vfs)
            connection.set_busy_timeout(5000)
            if plan_once:
                connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            if fresh:
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            for name, (function, arguments) in FUNCTIONS.items():
                connection.create_scalar_function(name, function, arguments, deterministic=True)
            return connection

    async def fetch(self, sql: str, *params: Any, lane: Lane = "key") -> list[Row]:
        """Read, inline or in a reader thread."""
        if lane == "key":
            with translate_errors():
                return cast("list[Row]", self._inline.execute(sql, params).fetchall())
        reader = await self._take_reader()
        try:
            scan = asyncio.get_running_loop().run_in_executor(
                self._threads.scans, self._scan, reader, sql, params, self._timeout_s
            )
            return await _wait(scan, reader.interrupt)
        finally:
            self._readers.put_nowait(reader)

    async def _take_reader(self) -> apsw.Connection:
        if self._readers.empty() and self._opened_readers < READERS:
            reader = self._connect()
            self._opened_readers += 1
            return reader
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._readers.get()
        except TimeoutError as error:
            raise Unavailable("All readers are busy with long queries; try again") from error

    @staticmethod
    def _scan(reader: apsw.Connection, sql: str, params: Sequence[Any], timeout_s: float) -> list[Row]:
        deadline = time.monotonic() + timeout_s
        reader.set_progress_handler(lambda: time.monotonic() > deadline, _PROGRESS_STEPS)
        with translate_errors():
            return cast("list[Row]", reader.execute(sql, params).fetchall())

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[SqliteTransaction]:
        """Open the write transaction; committed, with an fsync, when the block ends well."""
        async with self._write_lock:
            with translate_errors():
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield SqliteTransaction(self._writer)
                    loop = asyncio.get_running_loop()
                    # its outcome must be known, so that even a cancelled writer waits for it
                    await _wait(loop.run_in_executor(self._threads.commits, self._writer.execute, "COMMIT"))
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise

    async def backup(self, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
        """Copy the database as it is now with SQLite's online API, in steps beside readers and writers.

        progress: told the pages copied and the pages in all. Raises: Unavailable.
        """
        with translate_errors():
            source = self._connect()
            try:
                # one snapshot for the whole copy: else each commit in between would start it anew
                source.execute("BEGIN; SELECT count(*) FROM sqlite_schema").fetchall()
                await self._copy(source, target, progress)
            finally:
                source.close()

    async def _copy(self, source: apsw.Connection, target: Path, progress: Callable[[int, int], None] | None) -> None:
        destination = apsw.Connection(str(target))
        try:
            with destination.backup("main", source, "main") as copy:
                while not copy.done:
                    step = asyncio.get_running_loop().run_in_executor(self._threads.scans, copy.step, _BACKUP_PAGES)
                    await _wait(step)
                    if progress:
                        progress(copy.page_count - copy.remaining, copy.page_count)
            destination.execute("PRAGMA journal_mode=DELETE").fetchall()
        finally:
            destination.close()

    async def close(self) -> None:
        """Close all connections; the last one checkpoints the write-ahead log."""
        while not self._readers.empty():
            self._readers.get_nowait().close()
        self._inline.close()
        self._writer.close()


async def _wait(work: asyncio.Future[_Result], interrupt: Callable[[], object] | None = None) -> _Result:
    """Wait for work in a thread, to its end even when cancelled: till then its connection belongs to the thread."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if interrupt is not None:
            interrupt()
        await asyncio.wait([work])
        raise


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads for what may wait for the disk: commits never queue behind long reads."""

    scans: ThreadPoolExecutor
    commits: ThreadPoolExecutor

    @classmethod
    def start(cls) -> Self:
        """Make the threads; they start when needed."""
        return cls(
            ThreadPoolExecutor(max_workers=READERS + 1, thread_name_prefix="sqlite-scan"),
            ThreadPoolExecutor(max_workers=COMMITS, thread_name_prefix="sqlite-commit"),
        )

    def stop(self) -> None:
        """Wait for the threads' ends."""
        self.scans.shutdown(wait=True)
        self.commits.shutdown(wait=True)


class SqliteEngine:
    """A data folder: ``system.sqlite`` and ``tenants/<name>.sqlite``, held by one process."""

    name: Literal["sqlite", "postgres"] = "sqlite"

    def __init__(self, folder: Path, timeout_s: float, vfs: str | None = None) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._vfs = vfs
        self._threads = Threads.start()
        self._lock: IO[str] | None = None

    async def start(self) -> None:
        """Make and lock the folder. Raises: StoreLocked, IncompleteStore, Unavailable."""
        self._lock = lock_folder(self._folder)
        try:
            check_complete(self._folder)
        except IncompleteStore:
            self._lock.close()
            raise

    def path(self, name: str) -> Path:
        """Tell where a database lives. The name was checked by ``parse_tenant_id``."""
        return self._folder / "system.sqlite" if name == "system" else self._folder / "tenants" / f"{name}.sqlite"

    async def open(self, name: str, *, create: bool = False) -> SqliteDatabase | None:
        """Open a database's file; None when it is missing and may not be created."""
        path = self.path(name)
        if not create and not path.exists():
            return None
        return SqliteDatabase(path, self._threads, self._timeout_s, self._vfs)

    async def drop(self, name: str) -> None:
        """Delete a database's files."""
        await asyncio.to_thread(_remove, self.path(name))

    async def replace(self, name: str, by: str) -> None:
        """Move a closed database's file over another's."""
        await asyncio.to_thread(_move, self.path(by), self.path(name))

    async def mark_incomplete(self, why: str | None) -> None:
        """Write or remove the mark in the folder."""
        await asyncio.to_thread(mark_folder, self._folder, why)

    async def stop(self) -> None:
        """Release the folder."""
        self._threads.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def lock_folder(folder: Path) -> IO[str]:
    """Make a data folder and lock it until the file is closed. Raises: StoreLocked, Unavailable."""
    try:
        (folder / "tenants").mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"The data folder {folder} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreLocked(f"The data folder {folder} is in use by another Stadtkern process") from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def check_complete(folder: Path) -> None:
    """Refuse a folder that a restore has left half done. Raises: IncompleteStore."""
    with contextlib.suppress(FileNotFoundError):
        why = (folder / INCOMPLETE).read_text(encoding="utf-8", errors="replace").strip()
        raise IncompleteStore(f"The data folder {folder} is incomplete: {why}")


def mark_folder(folder: Path, why: str | None) -> None:
    """Write the mark of an incomplete folder, or remove it; durable when this returns."""
    if why is None:
        (folder / INCOMPLETE).unlink(missing_ok=True)
    else:
        with (folder / INCOMPLETE).open("w", encoding="utf-8") as file:
            file.write(why + "\n")
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Tell whether a process has the folder open. Raises: Unavailable."""
    if not (folder / "lock").exists():
        return False
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise Unavailable(f"The data folder {folder} cannot be read: {error.strerror}") from error
    return False


def _move(source: Path, target: Path) -> None:
    if Path(f"{source}-wal").exists():
        raise Unavailable(f"The database {source} is still open somewhere")
    _remove(Path(f"{target}-wal"))
    _remove(Path(f"{target}-shm"))
    source.replace(target)
    sync_folder(target.parent)


def _remove(path: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()
