"""Readers of the change log are woken by commits: of this process, and of other workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.broker.wake import Wake
from tests.store.stores import make_engine, room, succeed

LONG_S = 60.0
"""Far beyond what anything here takes: a wait that ends by it is a failure."""


@pytest.fixture
async def wake(database_url: str, tmp_path: Path) -> AsyncIterator[Wake]:
    """Readers of the store under test."""
    async with Wake(make_engine(database_url, tmp_path)) as made:
        yield made


async def test_a_commit_ends_a_wait(tenants: Tenants, tenant: OpenTenant, wake: Wake) -> None:
    tenants.when_committed = wake.committed
    with wake.watch(tenant.name) as watch:
        waiting = asyncio.create_task(watch.wait(LONG_S))
        await asyncio.sleep(0)
        await succeed(tenant, room("urn:r:1"))
        assert await waiting


async def test_a_commit_between_two_waits_is_not_missed(tenants: Tenants, tenant: OpenTenant, wake: Wake) -> None:
    tenants.when_committed = wake.committed
    with wake.watch(tenant.name) as watch:
        await succeed(tenant, room("urn:r:1"))
        assert await watch.wait(LONG_S)


async def test_a_closed_watch_and_other_tenants_are_left_alone(wake: Wake) -> None:
    with wake.watch("one") as one, wake.watch("two") as two:
        wake.committed("one")
        assert await one.wait(LONG_S)
        assert not await two.wait(0)
    wake.committed("one")
    assert not await one.wait(0)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_another_workers_commit_ends_a_wait(
    tenant: OpenTenant, wake: Wake, one_more_worker: Callable[[], Awaitable[Tenants]]
) -> None:
    other = await (await one_more_worker()).get("default")
    with wake.watch(tenant.name) as watch:
        for turn in range(60):
            # until it is listening; its own start wakes everybody, too
            await succeed(other, room(f"urn:r:early:{turn}"))
            if await watch.wait(1):
                break
        while await watch.wait(0.5):
            pass
        waiting = asyncio.create_task(watch.wait(LONG_S))
        await succeed(other, room("urn:r:1"))
        assert await waiting
