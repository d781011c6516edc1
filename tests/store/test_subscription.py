"""Subscriptions in the store, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import Conflict
from stadtkern.model.ids import EntityId, Iri, TenantId
from stadtkern.model.instant import Instant
from stadtkern.model.subscription import (
    Delivery,
    Endpoint,
    EntitySelector,
    NotificationParams,
    Position,
    Subscription,
    SubscriptionId,
)
from stadtkern.store.subscription import (
    count_subscriptions,
    delete_subscription,
    edit_subscription,
    insert_subscription,
    list_subscriptions,
    load_deliveries,
    load_subscription,
    page_subscriptions,
    renew_subscriptions,
    save_deliveries,
    subscription_epoch,
)
from tests.store.stores import GRANT, room, succeed

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
"""A file has one process and one writer: nothing is open beside it."""
NOTIFICATION = NotificationParams(endpoint=Endpoint(uri="https://receiver.example/notify"))


def make(tail: str, **members: object) -> Subscription:
    id = SubscriptionId(f"urn:ngsi-ld:Subscription:{tail}")
    return Subscription(id=id, notification=NOTIFICATION, **members)  # type: ignore[arg-type]


async def test_insert_keeps_every_member(tenant: OpenTenant) -> None:
    whole = make(
        "whole",
        name="Ä name",
        entities=(
            EntitySelector(type="(Room|Hall);Warm", ids=(EntityId("urn:r:1"),)),
            EntitySelector(id_pattern="a.*"),
        ),
        watched_attributes=(Iri("https://example.org/temperature"),),
        triggers=("entityDeleted",),
        q='temperature>20;name=="\n"',
        geo_q='{"georel":"within"}',
        expires_at=Instant(2**50),
        throttling_s=0.5,
        dataset_ids=("",),
        is_active=False,
        owner="key:abc",
        given=("isActive",),
        created_at=Instant(7),
    )
    stored = await insert_subscription(tenant.database, GRANT, whole)
    told = await load_subscription(tenant.database, GRANT, whole.id)
    assert stored is not None
    assert told is not None
    assert (told.subscription, told.delivery) == (stored, Delivery())
    assert replace(stored, since=whole.since) == whole


async def test_insert_refuses_an_id_that_is_taken(tenant: OpenTenant) -> None:
    await insert_subscription(tenant.database, GRANT, make("a", q="first"))
    assert await insert_subscription(tenant.database, GRANT, make("a", q="second")) is None
    told = await load_subscription(tenant.database, GRANT, make("a").id)
    assert told is not None
    assert told.subscription.q == "first"


async def test_insert_begins_behind_what_was_changed_before_it_and_before_what_comes_after(tenant: OpenTenant) -> None:
    await succeed(tenant, room("urn:r:1"), room("urn:r:2"))
    stored = await insert_subscription(tenant.database, GRANT, make("a"))
    await succeed(tenant, room("urn:r:3"))
    assert stored is not None
    x = "x" if tenant.database.engine == "sqlite" else "x::text::bigint"
    rows = await tenant.database.fetch(f"SELECT {x}, seq, id FROM change ORDER BY seq")
    after = [id for x, seq, id in rows if Position(x, seq) > stored.since]
    assert after == ["urn:r:3"]


@POSTGRES
async def test_insert_begins_before_the_changes_of_a_transaction_that_is_still_open(tenant: OpenTenant) -> None:
    async with tenant.database.transaction() as open_one:
        await open_one.execute(
            "INSERT INTO change (at, entity, id, version, kind, items) VALUES (1, 1, 'urn:r:1', 1, 'created', '[]')"
        )
        stored = await insert_subscription(tenant.database, GRANT, make("a"))
    rows = await tenant.database.fetch("SELECT x::text::bigint, seq FROM change")
    assert stored is not None
    assert Position(*rows[0]) > stored.since


async def test_every_write_raises_the_epoch(tenant: OpenTenant) -> None:
    epochs = [await subscription_epoch(tenant.database, GRANT)]
    await insert_subscription(tenant.database, GRANT, make("a"))
    epochs.append(await subscription_epoch(tenant.database, GRANT))
    await edit_subscription(tenant.database, GRANT, make("a").id, lambda one: (replace(one, q="x"), False))
    epochs.append(await subscription_epoch(tenant.database, GRANT))
    await delete_subscription(tenant.database, GRANT, make("a").id)
    epochs.append(await subscription_epoch(tenant.database, GRANT))
    assert epochs == sorted(set(epochs))
    assert not await delete_subscription(tenant.database, GRANT, make("a").id)
    assert await subscription_epoch(tenant.database, GRANT) == epochs[-1]


async def test_edit_renews_where_it_begins_only_if_told_to(tenant: OpenTenant) -> None:
    first = await insert_subscription(tenant.database, GRANT, make("a"))
    await succeed(tenant, room("urn:r:1"))
    kept = await edit_subscription(tenant.database, GRANT, make("a").id, lambda one: (replace(one, q="x"), False))
    renewed = await edit_subscription(tenant.database, GRANT, make("a").id, lambda one: (one, True))
    assert first is not None
    assert kept is not None
    assert renewed is not None
    assert (kept.q, kept.since, renewed.q) == ("x", first.since, "x")
    assert renewed.since > first.since


async def test_edit_that_fails_changes_nothing(tenant: OpenTenant) -> None:
    await insert_subscription(tenant.database, GRANT, make("a"))
    epoch = await subscription_epoch(tenant.database, GRANT)

    def refuse(present: Subscription) -> tuple[Subscription, bool]:
        raise Conflict(str(present.id))

    with pytest.raises(Conflict):
        await edit_subscription(tenant.database, GRANT, make("a").id, refuse)
    assert await subscription_epoch(tenant.database, GRANT) == epoch
    assert await edit_subscription(tenant.database, GRANT, make("b").id, refuse) is None


@POSTGRES
async def test_edits_of_several_workers_lose_nothing(
    tenant: OpenTenant, one_more_worker: Callable[[], Awaitable[Tenants]]
) -> None:
    other = await (await one_more_worker()).get(TenantId("default"))
    await insert_subscription(tenant.database, GRANT, make("a", throttling_s=0.0))

    def add(present: Subscription) -> tuple[Subscription, bool]:
        return replace(present, throttling_s=(present.throttling_s or 0) + 1), False

    databases = [tenant.database, other.database] * 5
    await asyncio.gather(*(edit_subscription(database, GRANT, make("a").id, add) for database in databases))
    told = await load_subscription(tenant.database, GRANT, make("a").id)
    assert told is not None
    assert told.subscription.throttling_s == 10


async def test_pages_and_lists_go_by_age(tenant: OpenTenant) -> None:
    for age, name in enumerate(["c", "a", "b"]):
        await insert_subscription(tenant.database, GRANT, make(name, created_at=Instant(age)))
    pages = [await page_subscriptions(tenant.database, GRANT, 2, offset) for offset in (0, 2, 4)]
    assert [[told.subscription.id[-1] for told in page] for page in pages] == [["c", "a"], ["b"], []]
    assert [told.subscription.id[-1] for told in await list_subscriptions(tenant.database, GRANT)] == ["c", "a", "b"]
    assert await count_subscriptions(tenant.database, GRANT) == 3


async def test_deliveries_are_saved_as_long_as_their_subscription_is_there(tenant: OpenTenant) -> None:
    await insert_subscription(tenant.database, GRANT, make("a"))
    first = Delivery(done=Position(3, 2**63 - 1), sent=4, last_error="it's away", last_failure=Instant(5))
    await save_deliveries(tenant.database, GRANT, {make("a").id: Delivery(sent=3), make("b").id: Delivery(sent=9)})
    await save_deliveries(tenant.database, GRANT, {make("a").id: first})
    told = await load_subscription(tenant.database, GRANT, make("a").id)
    assert told is not None
    assert told.delivery == first
    reader = Delivery(done=Position(7, 1))
    await save_deliveries(tenant.database, GRANT, {SubscriptionId(""): reader})
    assert (await load_deliveries(tenant.database, GRANT)).pop(SubscriptionId("")) == reader
    await save_deliveries(tenant.database, GRANT, {SubscriptionId(""): first})
    assert (await load_deliveries(tenant.database, GRANT)).pop(SubscriptionId("")) == first
    await delete_subscription(tenant.database, GRANT, make("a").id)
    await save_deliveries(tenant.database, GRANT, {make("a").id: first})
    await insert_subscription(tenant.database, GRANT, make("a"))
    assert await load_deliveries(tenant.database, GRANT) == {SubscriptionId(""): first}


async def test_renewed_subscriptions_begin_at_the_head_of_this_log(tenant: OpenTenant) -> None:
    for name in "abc":
        stored = await insert_subscription(tenant.database, GRANT, make(name))
        assert stored is not None
        far = replace(stored, since=Position(2**60, 2**60))
        await edit_subscription(tenant.database, GRANT, far.id, lambda one, far=far: (far, False))
    await renew_subscriptions(tenant.database, GRANT)
    await succeed(tenant, room("urn:r:1"))
    x = "x" if tenant.database.engine == "sqlite" else "x::text::bigint"
    rows = await tenant.database.fetch(f"SELECT {x}, seq FROM change")
    told = await list_subscriptions(tenant.database, GRANT)
    assert len(told) == 3
    assert all(one.subscription.since < Position(*rows[0]) for one in told)
