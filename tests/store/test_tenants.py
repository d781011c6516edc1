"""Tenants: made once, opened on demand, closed at rest, gone with all their data."""

from __future__ import annotations

from pathlib import Path

import pytest

from stadtkern.broker.consumption import Consumption
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import AlreadyExists, BadRequestData, Conflict, NonexistentTenant, Unavailable
from stadtkern.model.entity import Entity
from stadtkern.model.ids import DEFAULT_TENANT, EntityId, TenantId
from stadtkern.model.json import unraw
from stadtkern.policy.grant import system_grant
from tests.store.stores import GRANT, TEMPERATURE, open_tenants, read, room, succeed

NORTH = TenantId("north")


async def names(tenants: Tenants) -> list[str]:
    return [tenant.name for tenant in await tenants.list(GRANT)]


async def test_default_tenant_exists_from_the_start(tenants: Tenants) -> None:
    assert await names(tenants) == ["default"]


async def test_create_makes_a_tenant_with_data_of_its_own(tenants: Tenants) -> None:
    made = await tenants.create(GRANT, "North", host="North.Example", title="The north")
    assert (made.name, made.host, made.title) == ("north", "north.example", "The north")
    await succeed(await tenants.get(NORTH), room("urn:r:1"))
    assert await read(await tenants.get(DEFAULT_TENANT), "urn:r:1") is None
    assert await tenants.by_host("north.example") == NORTH
    assert await tenants.by_host("elsewhere.example") is None


@pytest.mark.parametrize("name", ["", "9lives", "a b", "ä", "x" * 49, "../../etc", 'a"; DROP SCHEMA public', "system"])
async def test_create_refuses_names_that_cannot_be(tenants: Tenants, name: str) -> None:
    with pytest.raises(BadRequestData):
        await tenants.create(GRANT, name)
    assert await names(tenants) == ["default"]


@pytest.mark.parametrize("host", ["http://north.example", "north.example:8080", "a b", "-x", "ä.example", "x" * 300])
async def test_create_refuses_hosts_that_cannot_be(tenants: Tenants, host: str) -> None:
    with pytest.raises(BadRequestData):
        await tenants.create(GRANT, "north", host=host)


async def test_create_refuses_a_name_that_is_taken(tenants: Tenants) -> None:
    await tenants.create(GRANT, "my-town")
    with pytest.raises(AlreadyExists):
        await tenants.create(GRANT, "My_Town")


async def test_create_leaves_nothing_behind_when_the_host_is_taken(tenants: Tenants) -> None:
    await tenants.create(GRANT, "north", host="town.example")
    with pytest.raises(AlreadyExists):
        await tenants.create(GRANT, "south", host="TOWN.example")
    assert await names(tenants) == ["default", "north"]
    with pytest.raises(NonexistentTenant):
        await tenants.get(TenantId("south"))


async def test_get_refuses_an_unknown_tenant(tenants: Tenants) -> None:
    with pytest.raises(NonexistentTenant):
        await tenants.get(NORTH)


async def test_delete_takes_all_data_along(tenants: Tenants) -> None:
    for _ in range(2):
        await tenants.create(GRANT, "north", host="north.example")
        tenant = await tenants.get(NORTH)
        assert await read(tenant, "urn:r:1") is None
        await succeed(tenant, room("urn:r:1"))
        await tenants.delete(GRANT, NORTH)
        with pytest.raises(NonexistentTenant):
            await tenants.get(NORTH)
        with pytest.raises(NonexistentTenant):
            await read(tenant, "urn:r:1")
        assert await tenants.by_host("north.example") is None


async def test_delete_refuses_the_default_and_unknown_tenants(tenants: Tenants) -> None:
    with pytest.raises(Conflict):
        await tenants.delete(GRANT, DEFAULT_TENANT)
    with pytest.raises(NonexistentTenant):
        await tenants.delete(GRANT, NORTH)


async def test_tenants_are_there_again_after_a_restart(database_url: str, tmp_path: Path) -> None:
    async with open_tenants(database_url, tmp_path) as tenants:
        await tenants.create(GRANT, "north", host="north.example")
        await succeed(await tenants.get(NORTH), room("urn:r:1"))
    async with open_tenants(database_url, tmp_path) as tenants:
        assert await names(tenants) == ["default", "north"]
        assert await tenants.by_host("north.example") == NORTH
        assert await read(await tenants.get(NORTH), "urn:r:1") is not None


async def test_get_answers_unavailable_when_a_newer_version_wrote_the_store(database_url: str, tmp_path: Path) -> None:
    async with open_tenants(database_url, tmp_path) as tenants:
        await tenants.create(GRANT, "north")
        async with (await tenants.get(NORTH)).database.transaction() as transaction:
            await transaction.execute("INSERT INTO migration VALUES (9999, '9999_pre_future.sql', 'x')")
    async with open_tenants(database_url, tmp_path) as tenants:
        with pytest.raises(Unavailable, match="newer version"):
            await tenants.get(NORTH)
        assert (await tenants.get(DEFAULT_TENANT)).name == DEFAULT_TENANT


async def test_tenants_at_rest_are_closed_when_others_need_the_place(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_tenants(database_url, tmp_path, limit=2) as tenants:
        for number in range(5):
            await tenants.create(GRANT, f"t{number}")
        await tenants.get(DEFAULT_TENANT)
        assert len(tenants.opened()) == 6  # all were asked for just now
        monkeypatch.setattr("stadtkern.broker.tenants.REST_S", 0.0)
        for name in await names(tenants):
            # whoever asks gets an open one, whatever had to be closed for it
            await succeed(await tenants.get(TenantId(name)), room("urn:r:1"))
        await tenants.create(GRANT, "last")
        assert len(tenants.opened()) <= 3
        for name in await names(tenants):
            await succeed(await tenants.get(TenantId(name)), room("urn:r:2"))
            assert len(tenants.opened()) <= 3


async def test_adopt_shows_nothing_that_was_rendered_from_the_store_before(tenants: Tenants) -> None:
    made = await tenants.create(GRANT, "north")
    for temperature in range(3):
        # a room of the same number and version each time
        staged = await tenants.get((await tenants.create(GRANT, f"staged{temperature}")).name)
        await succeed(staged, room("urn:r:1", temperature))
        await staged.database.close()
        await tenants.adopt(GRANT, made, [], staged.name, replace=True)
        grant = system_grant("tests", NORTH)
        body = await Consumption(tenants).retrieve_rendered(grant, EntityId("urn:r:1"), "form", _temperature)
        assert int(body) == temperature


def _temperature(entity: Entity) -> bytes:
    return str(unraw(entity.attributes[TEMPERATURE][0].value)).encode()
