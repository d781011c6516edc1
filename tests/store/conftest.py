"""A tenant on each engine in turn, driven through the broker as the server drives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from stadtkern.broker.tenants import OpenTenant, Tenants
from tests.postgres_server import PostgresServer
from tests.store.stores import open_tenants


@pytest.fixture(scope="session")
def shared_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database that the tests of the store use one after another."""
    name = postgres_server.create_database()
    yield name
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """STADTKERN_DATABASE_URL for each engine in turn: empty for the embedded one, else that of an empty database."""
    if request.param == "sqlite":
        yield ""
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name: str = request.getfixturevalue("shared_database")
    yield server.database_url(name)
    server.empty_database(name)


@pytest.fixture
async def tenants(database_url: str, tmp_path: Path) -> AsyncIterator[Tenants]:
    """All tenants of a new, empty store; the one called ``default`` exists."""
    async with open_tenants(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def tenant(tenants: Tenants) -> OpenTenant:
    """The default tenant of a new store."""
    return await tenants.get("default")


@pytest.fixture
async def one_more_worker(database_url: str, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Tenants]]]:
    """Open the same store as another worker process does, with connections of its own (PostgreSQL only)."""
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(open_tenants(database_url, tmp_path))
