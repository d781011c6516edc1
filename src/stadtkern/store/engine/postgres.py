"""PostgreSQL with PostGIS through asyncpg: a schema a tenant.

Connections are shared by all tenants; each remembers whose schema it last served, so that most requests need no
``SET search_path``. Writers lock by advisory keys, distinct and ascending, in one statement: no row locks, no
deadlocks.
"""

# The driver's own stubs are partly unknown to the type checker; nothing untyped leaves this module.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from stadtkern.errors import IncompleteStore, NonexistentTenant, SetupError, TooComplexQuery, Unavailable
from stadtkern.store.engine.base import Lane, Row
from stadtkern.store.engine.errors import TryAgain

Connection: TypeAlias = asyncpg.Connection
LOCK_KEYS = 4096
CONNECT_TIMEOUT_S = 10
INCOMPLETE = "stadtkern_incomplete"
"""The schema that says that the store must not be used."""
WAIT_S = 10
"""How long a request may wait for one of the connections."""
_SCHEMA = "SELECT 1 FROM pg_namespace WHERE nspname = $1::text"
_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.OperatorInterventionError, OSError)
"""What the driver raises when a connection is gone or cannot be made."""


@contextmanager
def translate_errors() -> Generator[None]:
    """Turn the driver's errors into ours: the one place where asyncpg's names are known."""
    try:
        yield
    except (TimeoutError, asyncpg.QueryCanceledError) as error:
        raise TooComplexQuery(
            "The query took longer than one request may", hint="narrow it by type, id or area"
        ) from error
    except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError) as error:
        raise TryAgain(str(error)) from error
    except asyncpg.DiskFullError as error:
        raise Unavailable("The database has no room left on its disk") from error
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise NonexistentTenant("The tenant's store was deleted meanwhile") from error
    except asyncpg.DataError:
        # a value that the driver cannot send: nothing is wrong with the connection
        raise
    except (*_LOST, asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError) as error:
        raise Unavailable("The database cannot be reached or does not accept writes") from error


@dataclass(slots=True)
class _Link:
    """One connection and the schema its search path names."""

    connection: Connection
    schema: str = ""


class Connections:
    """A bounded set of connections, handed out by schema."""

    def __init__(self, url: str, limit: int) -> None:
        self._url = url
        self._idle: list[_Link] = []
        self._places = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def take(self, schema: str, opening: str = "") -> AsyncGenerator[Connection]:
        """Lend a connection whose search path is the schema, after running the opening statement on it."""
        await self._wait()
        try:
            link = await self._ready(schema, opening)
            try:
                yield link.connection
            finally:
                if link.connection.is_closed() or link.connection.is_in_transaction():
                    link.connection.terminate()
                else:
                    self._idle.append(link)
        finally:
            self._places.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(WAIT_S if self._places.locked() else None):
                await self._places.acquire()
        except TimeoutError as error:
            raise Unavailable("All connections to the database are busy; try again") from error

    async def _ready(self, schema: str, opening: str) -> _Link:
        """Prepare a connection; one that was lost while it lay idle is replaced."""
        while True:
            kept = self._pick(schema)
            link = kept or _Link(await connect(self._url))
            try:
                if link.schema != schema:
                    await link.connection.execute(f'SET search_path TO "{schema}", public')
                    link.schema = schema
                if opening:
                    await link.connection.execute(opening)
            except BaseException as error:
                link.connection.terminate()
                if kept is None or not isinstance(error, (*_LOST, asyncpg.InternalClientError)):
                    raise
            else:
                return link

    def _pick(self, schema: str) -> _Link | None:
        self._idle = [link for link in self._idle if not link.connection.is_closed()]
        for position in range(len(self._idle) - 1, -1, -1):
            if self._idle[position].schema == schema:
                return self._idle.pop(position)
        return self._idle.pop(0) if self._idle else None

    async def close(self) -> None:
        """Close all idle connections."""
        for link in self._idle:
            with contextlib.suppress(Exception):
                await link.connection.close(timeout=2)
        self._idle.clear()


async def connect(url: str) -> Connection:
    """Open one connection. Raises: Unavailable."""
    with translate_errors():
        try:
            connection = cast(
                "Connection",
                await asyncpg.connect(
                    url,
                    timeout=CONNECT_TIMEOUT_S,
                    # jit costs more than it gains on short statements; lock_timeout bounds waits for a migration
                    server_settings={"jit": "off", "application_name": "stadtkern", "lock_timeout": "8000"},
                ),
            )
            await _make_durable(connection)
        except TimeoutError as error:
            raise Unavailable("The database does not answer") from error
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            raise Unavailable(f"The database refuses the connection: {error}") from error
        return connection


async def _make_durable(connection: Connection) -> None:
    """Let an answer mean durable, whatever the server's default is; a connection where that fails is given up."""
    try:
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    except BaseException:
        # also when whoever wanted the connection was cancelled: nobody else would close it
        connection.terminate()
        raise


class PostgresTransaction:
    """One open write transaction."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._space = zlib.crc32(schema.encode()) - (1 << 31)

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """Run a statement and give its rows."""
        return await self._connection.fetch(sql, *params)  # type: ignore[return-value]  # a Record is a sequence

    async def execute(self, sql: str, *params: Any) -> None:
        """Run a statement."""
        if params:
            await self._connection.fetch(sql, *params)
        else:
            await self._connection.execute(sql)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once a row, in one round trip."""
        await self._connection.executemany(sql, rows)

    async def execute_rows(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once, with a list for each column: a third of what a run for each row costs the server."""
        await self._connection.fetch(sql, *map(list, zip(*rows, strict=True)))

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows by COPY."""
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)

    async def lock(self, keys: Iterable[str]) -> None:
        """Take the keys' advisory locks, distinct and ascending, until the transaction ends."""
        numbers = sorted({zlib.crc32(key.encode()) % LOCK_KEYS for key in keys})
        if numbers:
            await self._connection.fetch(
                "SELECT pg_advisory_xact_lock($1, k) FROM unnest($2::int[]) WITH ORDINALITY AS u(k, o)",
                self._space,
                numbers,
            )


class PostgresDatabase:
    """One schema."""

    engine: Literal["sqlite", "postgres"] = "postgres"

    def __init__(self, schema: str, readers: Connections, writers: Connections, timeout_s: float) -> None:
        self.schema = schema
        self._readers = readers
        self._writers = writers
        self._timeout_s = timeout_s

    async def fetch(self, sql: str, *params: Any, lane: Lane = "key") -> list[Row]:
        """Read under the deadline; both lanes wait off the loop here."""
        try:
            return await self._fetch(sql, params)
        except Unavailable as problem:
            if not isinstance(problem.__cause__, _LOST):
                raise
            # the connection may have died while it lay idle; reading twice does no harm
            return await self._fetch(sql, params)

    async def _fetch(self, sql: str, params: Sequence[Any]) -> list[Row]:
        with translate_errors():
            async with self._readers.take(self.schema) as connection:
                return await connection.fetch(sql, *params, timeout=self._timeout_s)  # type: ignore[return-value]

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresTransaction]:
        """Open a write transaction. Raises: TryAgain, Unavailable."""
        with translate_errors():
            # a higher level would keep the snapshot from before the wait for the locks
            async with self._writers.take(self.schema, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE") as connection:
                try:
                    yield PostgresTransaction(connection, self.schema)
                    await connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(Exception):
                        async with asyncio.timeout(5):
                            await connection.execute("ROLLBACK")
                    raise

    async def close(self) -> None:
        """Nothing of its own to close: connections belong to the engine."""


class PostgresEngine:
    """One PostgreSQL database: schema ``stadtkern`` for the system, ``t_<name>`` for each tenant."""

    name: Literal["sqlite", "postgres"] = "postgres"

    def __init__(self, url: str, timeout_s: float, pool: int) -> None:
        self.url = url
        self.accept_incomplete = False
        """Set by the one command that may open an incomplete store: to make it complete."""
        self._timeout_s = timeout_s
        self._readers = Connections(url, pool)
        self._writers = Connections(url, max(2, pool // 2))

    async def start(self) -> None:
        """Connect once and make sure PostGIS is there. Raises: SetupError, IncompleteStore, Unavailable."""
        connection = await connect(self.url)
        try:
            if connection.get_server_version().major < 15:
                raise SetupError("Stadtkern needs PostgreSQL 15 or newer")
            marked = cast("str | None", await connection.fetchval("SELECT to_regnamespace($1)::text", INCOMPLETE))
            if marked and not self.accept_incomplete:
                raise IncompleteStore("The database is incomplete: a restore did not come to its end; restore again")
            await _ensure_postgis(connection)
        finally:
            await connection.close()

    async def count_others(self) -> int:
        """Count the connections that other Stadtkern processes have to this database."""
        connection = await connect(self.url)
        try:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stadtkern'"
                " AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            return cast("int", await connection.fetchval(query))
        finally:
            await connection.close()

    def schema(self, name: str) -> str:
        """Name the schema of a database. The name was checked by ``parse_tenant_id``."""
        return "stadtkern" if name == "system" else f"t_{name}"

    async def open(self, name: str, *, create: bool = False) -> PostgresDatabase | None:
        """Open a schema; None when it is missing and may not be created."""
        schema = self.schema(name)
        database = PostgresDatabase(schema, self._readers, self._writers, self._timeout_s)
        if create:
            async with database.transaction() as transaction:
                # two workers may start at once: the lock orders them; IF NOT EXISTS would ask a cache from before it
                await transaction.execute("SELECT pg_advisory_xact_lock(77, 1)")
                if not await transaction.fetch(_SCHEMA, schema):
                    await transaction.execute(f'CREATE SCHEMA "{schema}"')
            return database
        rows = await database.fetch(_SCHEMA, schema)
        return database if rows else None

    async def drop(self, name: str) -> None:
        """Drop the schema with everything in it."""
        database = PostgresDatabase(self.schema(name), self._readers, self._writers, self._timeout_s)
        async with database.transaction() as transaction:
            await transaction.execute(f'DROP SCHEMA IF EXISTS "{self.schema(name)}" CASCADE')

    async def replace(self, name: str, by: str) -> None:
        """Rename a schema; the one that has the name is dropped in the same transaction."""
        old, new = self.schema(by), self.schema(name)
        database = PostgresDatabase("public", self._readers, self._writers, self._timeout_s)
        async with database.transaction() as transaction:
            await transaction.execute(f'DROP SCHEMA IF EXISTS "{new}" CASCADE')
            await transaction.execute(f'ALTER SCHEMA "{old}" RENAME TO "{new}"')

    async def mark_incomplete(self, why: str | None) -> None:
        """Make or drop the schema that stands for an incomplete store."""
        database = PostgresDatabase("public", self._readers, self._writers, self._timeout_s)
        async with database.transaction() as transaction:
            if why is None:
                await transaction.execute(f"DROP SCHEMA IF EXISTS {INCOMPLETE}")
            else:
                await transaction.execute(f"CREATE SCHEMA IF NOT EXISTS {INCOMPLETE}")

    async def stop(self) -> None:
        """Close all connections."""
        await self._readers.close()
        await self._writers.close()


async def _ensure_postgis(connection: Connection) -> None:
    if await connection.fetchval("SELECT 1 FROM pg_extension WHERE extname = 'postgis'"):
        return
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public")
    except asyncpg.UniqueViolationError:
        return  # another worker made it at the same moment
    except asyncpg.PostgresError as error:
        raise SetupError(
            "The database has no PostGIS and this user may not create it;"
            " as its administrator run: CREATE EXTENSION postgis SCHEMA public"
        ) from error
