"""A tenant on each engine in turn, driven through the broker as the server drives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from stadtkern.broker.tenants import OpenTenant, Tenants
from tests.store.stores import open_tenants

OpenTenants = Callable[[], "object"]


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
async def worker(database_url: str, tmp_path: Path) -> AsyncIterator[Callable[[], object]]:
    """Open one more worker on the same store, with connections of its own (PostgreSQL only)."""
    if not database_url:
        pytest.skip("the embedded engine has one process")
    async with AsyncExitStack() as stack:

        async def one_more() -> OpenTenant:
            opened = await stack.enter_async_context(open_tenants(database_url, tmp_path))
            return await opened.get("default")

        yield one_more
