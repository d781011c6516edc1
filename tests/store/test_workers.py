"""Two workers on one PostgreSQL: no deadlock, no lost attribute, no stale answer, no partition or tenant made twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from stadtkern.broker.consumption import Consumption
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import AlreadyExists, NonexistentTenant, Problem
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri, TenantId
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import UpsertEntity
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store.partitions import ensure_partitions
from tests.store.consistency import assert_consistent
from tests.store.stores import GRANT, ROOM, TEMPERATURE, read, room, succeed, write

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
OneMore = Callable[[], Awaitable[Tenants]]
ROUNDS = 25
NORTH = system_grant("tests", TenantId("north"))
NAMES = [f"urn:r:{i}" for i in range(12)]


def upsert(name: str, attribute: str, value: int) -> UpsertEntity:
    patch = InstancePatch(kind="Property", value=raw(value))
    fragment = EntityPatch(types=[ROOM], attributes={Iri(f"https://example.org/{attribute}"): [patch]})
    return UpsertEntity(EntityId(name), fragment, "update")


async def test_write_from_two_workers_in_opposite_order_loses_nothing(
    tenant: OpenTenant, one_more_worker: OneMore
) -> None:
    other = await (await one_more_worker()).get(tenant.name)
    await asyncio.gather(_upsert_all(tenant, "forth", NAMES), _upsert_all(other, "back", NAMES[::-1]))
    for name in NAMES:
        entity = await read(tenant, name)
        assert entity is not None
        expected = {f"https://example.org/{way}{i}" for way in ("forth", "back") for i in range(ROUNDS)}
        assert entity.attributes.keys() == expected
    rows = await tenant.database.fetch("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert rows[0][0] == 0
    await assert_consistent(tenant.database)


async def _upsert_all(tenant: OpenTenant, way: str, names: list[str]) -> None:
    for turn in range(ROUNDS):
        await asyncio.gather(
            succeed(tenant, *(upsert(name, f"{way}{turn}", turn) for name in names[:6])),
            succeed(tenant, *(upsert(name, f"{way}{turn}", turn) for name in names[6:])),
        )


async def test_create_by_two_workers_at_once_succeeds_once(tenant: OpenTenant, one_more_worker: OneMore) -> None:
    other = await (await one_more_worker()).get(tenant.name)
    for turn in range(20):
        results = await asyncio.gather(write(tenant, room(f"urn:n:{turn}")), write(other, room(f"urn:n:{turn}")))
        refused = [result for (result,) in results if isinstance(result, Problem)]
        assert [type(problem) for problem in refused] == [AlreadyExists]
    await assert_consistent(tenant.database)


async def test_read_is_never_stale_after_another_workers_acknowledgement(
    tenants: Tenants, one_more_worker: OneMore
) -> None:
    others = await one_more_worker()
    here, there = await tenants.get(GRANT.tenant), await others.get(GRANT.tenant)
    reader = Consumption(others)
    await succeed(here, room("urn:r:1", 0))
    for value in range(1, 30):
        assert await _rendered(reader) == value - 1
        await succeed(here if value % 2 else there, upsert("urn:r:1", "temperature", value))
        assert await _rendered(reader) == value


async def _rendered(reader: Consumption, grant: Grant = GRANT) -> int:
    body = await reader.retrieve_rendered(
        grant,
        EntityId("urn:r:1"),
        "form",
        lambda entity: str(unraw(entity.attributes[TEMPERATURE][0].value)).encode(),
    )
    return int(body)


async def test_write_takes_its_time_from_a_clock_that_never_goes_back(
    tenant: OpenTenant, one_more_worker: OneMore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await (await one_more_worker()).get(tenant.name)
    ahead = now() + 3_600_000_000
    monkeypatch.setattr("stadtkern.broker.write.now", lambda: Instant(ahead))
    await succeed(tenant, room("urn:r:1"))
    monkeypatch.undo()
    await succeed(other, upsert("urn:r:1", "temperature", 1))
    entity = await read(tenant, "urn:r:1")
    assert entity is not None
    assert entity.modified_at >= ahead


async def test_create_tenant_by_two_workers_at_once_succeeds_once(tenants: Tenants, one_more_worker: OneMore) -> None:
    others = await one_more_worker()
    for turn in range(4):
        name = TenantId(f"north{turn}")
        made = (tenants.create(GRANT, name), others.create(GRANT, name))
        results = await asyncio.gather(*made, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["AlreadyExists", "Tenant"]
        await succeed(await tenants.get(name), room("urn:r:1"))
        assert await read(await others.get(name), "urn:r:1") is not None


async def test_get_refuses_a_tenant_that_another_worker_deleted(tenants: Tenants, one_more_worker: OneMore) -> None:
    others = await one_more_worker()
    await tenants.create(GRANT, "north")
    mine = await tenants.get(NORTH.tenant)
    await succeed(mine, room("urn:r:1"))
    await others.delete(GRANT, NORTH.tenant)
    # what still holds the tenant open is told, not shown an error of the database
    with pytest.raises(NonexistentTenant):
        await read(mine, "urn:r:1")
    with pytest.raises(NonexistentTenant):
        await write(mine, room("urn:r:2"))


async def test_read_shows_nothing_of_a_deleted_tenant_in_a_new_one_of_the_same_name(
    tenants: Tenants, one_more_worker: OneMore, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = await one_more_worker()
    await tenants.create(GRANT, "north")
    await succeed(await tenants.get(NORTH.tenant), room("urn:r:1", 1))
    assert await _rendered(Consumption(tenants), NORTH) == 1
    await others.delete(GRANT, NORTH.tenant)
    await others.create(GRANT, "north")
    await succeed(await others.get(NORTH.tenant), room("urn:r:1", 2))
    # neither while this worker does not know of it yet nor afterwards
    assert await _rendered(Consumption(tenants), NORTH) == 2
    monkeypatch.setattr("stadtkern.broker.tenants.HOSTS_S", -1.0)
    assert await _rendered(Consumption(tenants), NORTH) == 2


async def test_ensure_partitions_by_two_workers_at_once_makes_each_once(
    tenant: OpenTenant, one_more_worker: OneMore
) -> None:
    other = await (await one_more_worker()).get(tenant.name)
    grant = system_grant("tests", tenant.name)
    later = Instant(now() + 3 * 366 * 24 * 3_600_000_000)
    made = await asyncio.gather(
        ensure_partitions(tenant.database, grant, later), ensure_partitions(other.database, grant, later)
    )
    assert sorted(map(bool, made)) == [False, True]
