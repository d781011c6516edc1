"""What happens by itself: expired entities go, old changes leave, the catalogue is folded; failures end nothing."""

from __future__ import annotations

import asyncio

import pytest

from stadtkern import telemetry
from stadtkern.broker import maintenance as module
from stadtkern.broker.consumption import Consumption
from stadtkern.broker.keys import Keys
from stadtkern.broker.maintenance import CHANGES_KEPT_US, Maintenance, sweep_expired, trim_changes
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw
from stadtkern.model.operation import CreateEntity, DeleteAttribute, UpsertEntity
from stadtkern.model.subscription import START
from stadtkern.query.filter import Exists, Path
from stadtkern.query.request import EntityQuery
from stadtkern.store import catalogue
from stadtkern.store.catalogue import fold_catalogue, load_catalogue
from stadtkern.store.changelog import read_changes
from stadtkern.store.trimming import trimmed
from tests.store.consistency import assert_consistent
from tests.store.stores import GRANT, ROOM, TEMPERATURE, count, read, room, succeed

QUALITY = Iri("https://example.org/quality")


def transient(name: str, expires_at: int) -> CreateEntity:
    patch = InstancePatch(kind="Property", value=raw(1), observed_at=Instant(5))
    fragment = EntityPatch(types=[ROOM], attributes={TEMPERATURE: [patch]}, expires_at=Instant(expires_at))
    return CreateEntity(EntityId(name), fragment)


async def test_sweep_deletes_what_has_expired_and_keeps_its_history(tenant: OpenTenant) -> None:
    await succeed(tenant, transient("urn:old", 1), transient("urn:young", now() + 3_600_000_000), room("urn:plain"))
    assert await read(tenant, "urn:old") is None
    assert await sweep_expired(tenant) == 1
    assert await sweep_expired(tenant) == 0
    rows = await tenant.database.fetch("SELECT id FROM entity WHERE state = 0 ORDER BY id")
    assert [row[0] for row in rows] == ["urn:plain", "urn:young"]
    # the measurements of both, and that one's attribute was deleted
    assert await count(tenant, "observation") == 3
    await assert_consistent(tenant.database)


async def test_sweep_spares_what_is_written_again_meanwhile(tenant: OpenTenant) -> None:
    await succeed(tenant, transient("urn:old", 1))
    async with asyncio.TaskGroup() as group:
        group.create_task(succeed(tenant, UpsertEntity(EntityId("urn:old"), EntityPatch(types=[ROOM]))))
        group.create_task(sweep_expired(tenant))
    assert await read(tenant, "urn:old") is not None
    await assert_consistent(tenant.database)


async def test_trim_drops_old_changes_only(tenant: OpenTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIM", 4)
    await succeed(tenant, *(room(f"urn:r:{i}") for i in range(10)))
    assert await trim_changes(tenant.database, GRANT, now()) == 0
    async with tenant.database.transaction() as transaction:
        await transaction.execute("UPDATE change SET at = at - 3600000000 WHERE seq <= 6")
    assert await trim_changes(tenant.database, GRANT, Instant(now() + CHANGES_KEPT_US - 1_800_000_000)) == 6
    assert await trim_changes(tenant.database, GRANT, Instant(now() + CHANGES_KEPT_US + 1_800_000_000)) == 4
    assert await count(tenant, "change") == 0


async def test_trim_remembers_how_far_it_went(tenant: OpenTenant) -> None:
    later = Instant(now() + CHANGES_KEPT_US + 1_800_000_000)
    assert await trimmed(tenant.database, GRANT) == START
    await succeed(tenant, room("urn:r:1"), room("urn:r:2"))
    last = (await read_changes(tenant.database, GRANT, START, 10))[-1].position
    assert await trim_changes(tenant.database, GRANT, later) == 2
    assert await trimmed(tenant.database, GRANT) == last
    assert await trim_changes(tenant.database, GRANT, later) == 0
    assert await trimmed(tenant.database, GRANT) == last


async def test_fold_keeps_all_counts(tenant: OpenTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [Iri(f"https://example.org/{i}") for i in range(5)]
    for name in names:
        patch = InstancePatch(kind="Property", value=raw(1))
        await succeed(tenant, UpsertEntity(EntityId("urn:r:1"), EntityPatch(types=[ROOM], attributes={name: [patch]})))
    await succeed(tenant, room("urn:r:2"), room("urn:r:3"))
    await succeed(tenant, DeleteAttribute(EntityId("urn:r:3"), TEMPERATURE))
    before = await load_catalogue(tenant.database, GRANT, now())
    assert not await fold_catalogue(tenant.database, GRANT)
    monkeypatch.setattr(catalogue, "FOLD_FROM", 1)
    rows = await count(tenant, "catalogue")
    assert await fold_catalogue(tenant.database, GRANT)
    assert await count(tenant, "catalogue") < rows
    assert await load_catalogue(tenant.database, GRANT, now()) == before
    await assert_consistent(tenant.database)


async def test_what_has_expired_is_not_counted_though_it_was_not_swept_up(
    tenant: OpenTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "SLICE", 2)
    await succeed(tenant, room("urn:plain"), transient("urn:young", now() + 3_600_000_000))
    before = await load_catalogue(tenant.database, GRANT, now())
    await succeed(tenant, *(transient(f"urn:old:{number}", 1) for number in range(5)))
    only = EntityPatch(types=[Iri("https://example.org/Gone")], expires_at=Instant(1))
    await succeed(tenant, CreateEntity(EntityId("urn:old:other"), only))
    assert await load_catalogue(tenant.database, GRANT, now()) == before
    assert await sweep_expired(tenant) == 6
    assert await load_catalogue(tenant.database, GRANT, now()) == before


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_fold_by_two_workers_beside_writers_keeps_all_counts(
    tenants: Tenants, one_more_worker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "FOLD_FROM", 1)
    here = await tenants.get(GRANT.tenant)
    there = await (await one_more_worker()).get(GRANT.tenant)  # type: ignore[operator]
    for turn in range(15):
        await asyncio.gather(
            succeed(here, room(f"urn:a:{turn}")),
            succeed(there, room(f"urn:b:{turn}")),
            fold_catalogue(here.database, GRANT),
            fold_catalogue(there.database, GRANT),
        )
    await assert_consistent(here.database)


async def test_maintenance_goes_on_after_a_failed_job(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    failed: list[str] = []
    swept = asyncio.Event()

    async def fail(*_: object) -> None:
        raise ValueError("broken")

    async def sweep(_: object) -> None:
        swept.set()

    def note(event: telemetry.Event) -> None:
        if isinstance(event, telemetry.MaintenanceFailed):
            failed.append(event.job)

    keys = Keys(tenants._system, "")
    monkeypatch.setattr(keys, "flush", fail)
    monkeypatch.setattr(module, "sweep_expired", sweep)
    unsubscribe = telemetry.subscribe(note)
    async with Maintenance(tenants, keys):
        await swept.wait()
    unsubscribe()
    assert failed
    assert set(failed) == {"last use of keys"}


async def test_read_shows_no_sub_attribute_that_expires_longer_than_it_lasts(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = Instant(now() + 3_600_000_000)
    sub = InstancePatch(kind="Property", value=raw(1), expires_at=soon)
    patch = InstancePatch(kind="Property", value=raw(1), subs={QUALITY: [sub]})
    fragment = EntityPatch(types=[ROOM], attributes={TEMPERATURE: [patch]})
    await succeed(await tenants.get(GRANT.tenant), CreateEntity(EntityId("urn:r:1"), fragment))
    assert await _sub_attributes(tenants) == (b"1", 1)
    monkeypatch.setattr("stadtkern.broker.consumption.now", lambda: Instant(soon + 1))
    assert await _sub_attributes(tenants) == (b"0", 0)


async def _sub_attributes(tenants: Tenants) -> tuple[bytes, int]:
    """How many the entity shows, and how many entities a query finds by one."""
    consumption = Consumption(tenants)
    shown = await consumption.retrieve_rendered(
        GRANT, EntityId("urn:r:1"), "form", lambda entity: b"%d" % len(entity.attributes[TEMPERATURE][0].subs)
    )
    page = await consumption.query_entities(GRANT, EntityQuery(filter=Exists(Path((TEMPERATURE, QUALITY)))))
    return shown, len(page.entities)
