"""The seam between the store and a database: what both engines can do, and nothing else.

A ``Database`` is one tenant's tables (one SQLite file, one PostgreSQL schema) or the system's. Statements come from
``Statements`` (named SQL from files) or ``store.compile`` (``Sql`` values); no other text reaches a driver.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

Row = Sequence[Any]
Lane = Literal["key", "scan"]
"""``key``: bounded by an index key, may run on the event loop; ``scan``: may be long, runs beside it under a
deadline.
"""


class Transaction(Protocol):
    """One open write transaction. Everything in it is durable after the context manager's end, or nothing is."""

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """Run a statement and give all its rows."""
        ...

    async def execute(self, sql: str, *params: Any) -> None:
        """Run a statement."""
        ...

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once a row, in one round trip where the engine can."""
        ...

    async def execute_rows(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement that takes its rows by ``@rows``: at least one, in columns where the engine wants them so."""
        ...

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows the fastest way the engine has."""
        ...

    async def lock(self, keys: Iterable[str]) -> None:
        """Lock these keys against other writers until the transaction ends, in one order for all."""
        ...


class Readable(Protocol):
    """What can be asked, wherever it comes from."""

    @property
    def engine(self) -> Literal["sqlite", "postgres"]:
        """Which dialect the statements must be in."""
        ...

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """Read."""
        ...


class Database(Protocol):
    """One set of tables."""

    @property
    def engine(self) -> Literal["sqlite", "postgres"]:
        """Which dialect the statements must be in."""
        ...

    async def fetch(self, sql: str, *params: Any, lane: Lane = "key") -> list[Row]:
        """Read. Raises: TooComplexQuery when a scan passes its deadline."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a write transaction; one at a time a process and database on SQLite, several on PostgreSQL."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...


class Engine(Protocol):
    """A way to open databases by name: ``system`` or a tenant's."""

    @property
    def name(self) -> Literal["sqlite", "postgres"]:
        """The dialect."""
        ...

    async def start(self) -> None:
        """Connect; take the lock on the data folder. Raises: StoreLocked, IncompleteStore, Unavailable."""
        ...

    async def open(self, name: str, *, create: bool = False) -> Database | None:
        """Open a database; None when it does not exist and may not be created."""
        ...

    async def drop(self, name: str) -> None:
        """Remove a database with all its content."""
        ...

    async def replace(self, name: str, by: str) -> None:
        """Put the closed database ``by`` in the place of another, which is dropped where it exists."""
        ...

    async def mark_incomplete(self, why: str | None) -> None:
        """Say, durably, that the store is being put together and must not be used; None: it is complete again."""
        ...

    async def stop(self) -> None:
        """Close everything."""
        ...


RowFactory = Callable[[Row], Any]
AfterCommit = Callable[[], Awaitable[None]]
