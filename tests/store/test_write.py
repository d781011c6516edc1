"""The group commit: every operation gets its own answer, and none gets it before it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stadtkern import telemetry
from stadtkern.broker.tenants import OpenTenant
from stadtkern.broker.write import SMALL
from stadtkern.errors import AlreadyExists, Forbidden, InternalError, ResourceNotFound, TooManyRequests
from stadtkern.model.change import Outcome
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.operation import CreateEntity, DeleteEntity, Operation, PartialUpdateAttribute, RecordHistory
from stadtkern.policy.authorize import authorize
from stadtkern.policy.grant import Grant, make_grant
from tests.store.consistency import assert_consistent
from tests.store.stores import GRANT, ROOM, TEMPERATURE, count, open_tenants, read, room, succeed, times, values, write
from tests.unit.policy.actors import key_actor

FAR = Instant(2**70)
"""No engine can store it: an operation with it fails in the database, not before."""


@pytest.fixture
def commits() -> Iterator[list[telemetry.BatchCommitted]]:
    """The transactions that were committed."""
    seen: list[telemetry.BatchCommitted] = []

    def note(event: telemetry.Event) -> None:
        if isinstance(event, telemetry.BatchCommitted):
            seen.append(event)

    unsubscribe = telemetry.subscribe(note)
    yield seen
    unsubscribe()


@asynccontextmanager
async def held(tenant: OpenTenant, *ids: str) -> AsyncIterator[None]:
    """Keep writers of these entities (on SQLite: all) waiting."""
    async with tenant.database.transaction() as transaction:
        await transaction.lock(ids)
        yield


def poisoned(name: str) -> CreateEntity:
    """An operation that passes all checks and that no database stores."""
    patch = InstancePatch(kind="Property", value=raw(1))
    entity = EntityPatch(types=[ROOM], attributes={TEMPERATURE: [patch]}, expires_at=FAR)
    return CreateEntity(EntityId(name), entity)


def measured(name: str, value: int, at: int) -> PartialUpdateAttribute:
    patch = InstancePatch(value=raw(value), observed_at=Instant(at))
    return PartialUpdateAttribute(EntityId(name), TEMPERATURE, [patch])


async def test_write_answers_each_operation_in_order(tenant: OpenTenant) -> None:
    results = await write(
        tenant, room("urn:r:1"), room("urn:r:1"), DeleteEntity(EntityId("urn:r:2")), measured("urn:r:1", 3, 10)
    )
    assert [type(result) for result in results] == [Outcome, AlreadyExists, ResourceNotFound, Outcome]
    assert await values(tenant, "urn:r:1") == {"": 3}


async def test_write_gives_nothing_for_nothing(tenant: OpenTenant) -> None:
    assert await write(tenant) == []


async def test_write_sees_what_earlier_operations_of_the_batch_did(tenant: OpenTenant) -> None:
    await succeed(tenant, room("urn:r:1"), DeleteEntity(EntityId("urn:r:1")), room("urn:r:1", 5))
    assert await values(tenant, "urn:r:1") == {"": 5}
    await assert_consistent(tenant.database)


async def test_write_commits_concurrent_callers_together(
    tenant: OpenTenant, commits: list[telemetry.BatchCommitted]
) -> None:
    await succeed(tenant, *(room(f"urn:r:{i}") for i in range(50)))
    del commits[:]
    await asyncio.gather(*(write(tenant, measured(f"urn:r:{i % 50}", i, i)) for i in range(500)))
    assert sum(commit.operations for commit in commits) == 500
    assert len(commits) < 50
    assert await count(tenant, "observation") == 500 + 50
    await assert_consistent(tenant.database)


async def test_write_cuts_large_requests_into_transactions(
    tenant: OpenTenant, commits: list[telemetry.BatchCommitted]
) -> None:
    outcomes = await succeed(tenant, *(room(f"urn:r:{i}") for i in range(1500)))
    assert len(outcomes) == 1500
    assert len(commits) >= 3
    assert await count(tenant, "entity") == 1500


async def test_write_counts_a_long_history_as_bulk(tenant: OpenTenant, commits: list[telemetry.BatchCommitted]) -> None:
    long = [_history("urn:r:1", start, 2500) for start in (0, 10_000)]
    await succeed(tenant, *long)
    assert [commit.operations for commit in commits] == [1, 1]
    assert len(await times(tenant, "urn:r:1")) == 5000


def _history(name: str, start: int, number: int) -> RecordHistory:
    patches = [InstancePatch(kind="Property", value=raw(i), observed_at=Instant(start + i)) for i in range(number)]
    return RecordHistory(EntityId(name), EntityPatch(types=[ROOM], attributes={TEMPERATURE: patches}))


async def test_write_answers_small_requests_before_the_end_of_a_large_one(tenant: OpenTenant) -> None:
    order: list[str] = []

    async def run(name: str, operations: list[Operation]) -> None:
        await succeed(tenant, *operations)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(run("large", [room(f"urn:large:{i}") for i in range(3000)]))
        await asyncio.sleep(0)
        for i in range(3):
            group.create_task(run("small", [room(f"urn:small:{i}")]))
    assert order == ["small", "small", "small", "large"]


async def test_write_of_few_entities_with_many_attributes_lets_small_writes_pass(
    tenant: OpenTenant, commits: list[telemetry.BatchCommitted]
) -> None:
    order: list[str] = []

    async def run(what: str, operations: list[Operation]) -> None:
        assert all(isinstance(result, Outcome) for result in await write(tenant, *operations))
        order.append(what)

    async with asyncio.TaskGroup() as group:
        group.create_task(run("large", [wide(f"urn:large:{i}") for i in range(10)]))
        await asyncio.sleep(0)
        group.create_task(run("small", [room("urn:small:1")]))
    assert order == ["small", "large"]
    # at most BATCH x 20 attributes in one transaction: five of these entities
    assert [commit.operations for commit in commits if commit.operations > 5] == []


def wide(name: str) -> CreateEntity:
    """The operation that creates a room with 2,000 attributes."""
    patch = InstancePatch(kind="Property", value=raw(1))
    names = (Iri(f"https://example.org/a{number}") for number in range(2_000))
    return CreateEntity(EntityId(name), EntityPatch(types=[ROOM], attributes={name: [patch] for name in names}))


@pytest.mark.parametrize("size", [5, SMALL * 3])
async def test_write_fails_only_the_operation_that_the_database_refuses(tenant: OpenTenant, size: int) -> None:
    operations = [room(f"urn:r:{i}") for i in range(size)]
    operations[size // 2] = poisoned("urn:r:poisoned")
    results = await write(tenant, *operations)
    failed = [position for position, result in enumerate(results) if not isinstance(result, Outcome)]
    assert failed == [size // 2]
    assert isinstance(results[size // 2], InternalError)
    assert await count(tenant, "entity") == size - 1
    assert await read(tenant, "urn:r:poisoned") is None
    await assert_consistent(tenant.database)


async def test_write_fails_only_the_caller_whose_operation_the_database_refuses(tenant: OpenTenant) -> None:
    callers = [write(tenant, poisoned("urn:p") if i == 7 else room(f"urn:r:{i}")) for i in range(20)]
    results = await asyncio.gather(*callers)
    assert [i for i, (result,) in enumerate(results) if not isinstance(result, Outcome)] == [7]
    await assert_consistent(tenant.database)


async def test_write_stores_what_a_cancelled_caller_had_asked_for(tenant: OpenTenant) -> None:
    async with held(tenant, "urn:r:1"):
        gone = asyncio.create_task(write(tenant, room("urn:r:1")))
        staying = asyncio.create_task(write(tenant, room("urn:r:2")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
    assert isinstance((await staying)[0], Outcome)
    await tenant.writer.drain()
    assert await values(tenant, "urn:r:1") == {"": 20}


async def test_write_refuses_more_than_the_queue_holds_until_there_is_room(database_url: str, tmp_path: Path) -> None:
    async with open_tenants(database_url, tmp_path, write_queue=1000) as tenants:
        tenant = await tenants.get("default")
        async with held(tenant, "urn:r:1"):
            first = asyncio.create_task(tenant.writer.write(GRANT, [room("urn:r:1")], size=600))
            await asyncio.sleep(0)
            with pytest.raises(TooManyRequests):
                await tenant.writer.write(GRANT, [room("urn:r:2")], size=600)
            # a caller that hangs up makes no room: its write still waits in memory
            first.cancel()
            await asyncio.wait([first])
            with pytest.raises(TooManyRequests):
                await tenant.writer.write(GRANT, [room("urn:r:2")], size=600)
        await tenant.writer.drain()
        await tenant.writer.write(GRANT, [room("urn:r:2")], size=5000)
        assert await count(tenant, "entity") == 2


async def test_write_keeps_time_from_going_backwards_for_an_entity(
    tenant: OpenTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await succeed(tenant, room("urn:r:1"))
    before = await read(tenant, "urn:r:1")
    monkeypatch.setattr("stadtkern.broker.write.now", lambda: Instant(1))
    await succeed(tenant, measured("urn:r:1", 3, 10))
    after = await read(tenant, "urn:r:1")
    assert before is not None
    assert after is not None
    assert after.modified_at >= before.modified_at


async def test_write_refuses_a_reader(tenant: OpenTenant) -> None:
    grant = authorize(key_actor("read"), "read", GRANT.tenant)
    (result,) = await tenant.writer.write(grant, [room("urn:r:1")])
    assert isinstance(result, Forbidden)
    assert await count(tenant, "entity") == 0


async def test_write_applies_each_caller_under_its_own_grant(tenant: OpenTenant) -> None:
    reader: Grant = make_grant(GRANT.tenant, "tests", "read")
    refused, stored = await asyncio.gather(
        tenant.writer.write(reader, [room("urn:r:1")]), tenant.writer.write(GRANT, [room("urn:r:2")])
    )
    assert isinstance(refused[0], Forbidden)
    assert isinstance(stored[0], Outcome)
