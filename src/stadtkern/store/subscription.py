"""Subscriptions of a tenant and how telling their subscribers went.

A subscription is one JSON text of its Struct. Every write raises the number of ``tenant_epoch`` in its transaction:
a process that reads changes and then this number knows of every subscription that was acknowledged before them.
Spec: CIM 009 5.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from stadtkern.model.subscription import Delivery, Position, Subscription, SubscriptionId
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database, Row, Transaction
from stadtkern.store.statements import EngineName, statements

_FILE = "subscription.sql"
_MANY = 200
"""From so many rows on, reading them is no matter of a moment."""
_encoder = msgspec.json.Encoder()
_subscription = msgspec.json.Decoder(Subscription)
_delivery = msgspec.json.Decoder(Delivery)


class Told(NamedTuple):
    """A subscription, and how telling it went as far as that was saved."""

    subscription: Subscription
    delivery: Delivery


async def insert_subscription(database: Database, grant: Grant, subscription: Subscription) -> Subscription | None:
    """Store a new subscription; its ``since`` becomes the head of the change log.

    Gives what was stored, None where the id is taken.
    """
    del grant  # who may do this was asked by the broker; the rows are no entities
    sql = statements(_FILE, database.engine)
    async with database.transaction() as transaction:
        await transaction.execute(sql["bump_epoch"])
        stored = replace(subscription, since=await _log_head(transaction, database.engine))
        row = (str(stored.id), encode_subscription(stored), int(stored.created_at))
        if not await transaction.fetch(sql["insert"], *row):
            return None
        await transaction.execute(sql["delete_delivery"], str(stored.id))
    return stored


async def edit_subscription(
    database: Database, grant: Grant, id: SubscriptionId, edit: Callable[[Subscription], tuple[Subscription, bool]]
) -> Subscription | None:
    """Replace a subscription by what a function makes of it, with nobody else's change in between.

    edit: gives the new subscription, and whether its ``since`` is to become the head of the change log; what it raises
    leaves everything as it was. Gives what is stored now, None where there is no such subscription.
    """
    del grant
    sql = statements(_FILE, database.engine)
    async with database.transaction() as transaction:
        await transaction.execute(sql["bump_epoch"])
        rows = await transaction.fetch(sql["load_locked"], str(id))
        if not rows:
            return None
        edited, renewed = edit(decode_subscription(rows[0][0]))
        if renewed:
            edited = replace(edited, since=await _log_head(transaction, database.engine))
        await transaction.execute(sql["replace"], encode_subscription(edited), str(id))
    return edited


async def delete_subscription(database: Database, grant: Grant, id: SubscriptionId) -> bool:
    """Remove a subscription and what is known of its delivery; False where there was none."""
    del grant
    sql = statements(_FILE, database.engine)
    async with database.transaction() as transaction:
        if not await transaction.fetch(sql["delete"], str(id)):
            return False
        await transaction.execute(sql["delete_delivery"], str(id))
        await transaction.execute(sql["bump_epoch"])
    return True


async def renew_subscriptions(database: Database, grant: Grant) -> None:
    """Let all subscriptions begin at the present head of the log: that of the store they came from is another."""
    del grant
    page = statements("exchange.sql", database.engine)["page_subscription"]
    put = statements(_FILE, database.engine)["replace"]
    last = ""
    async with database.transaction() as transaction:
        head = await _log_head(transaction, database.engine)
        while rows := await transaction.fetch(page, last, _MANY):
            stored = [decode_subscription(body) for _, body, _ in rows]
            renewed = [(encode_subscription(replace(one, since=head)), str(one.id)) for one in stored]
            await transaction.execute_many(put, renewed)
            last = str(rows[-1][0])


async def load_subscription(database: Database, grant: Grant, id: SubscriptionId) -> Told | None:
    """Give one subscription."""
    del grant
    rows = await database.fetch(statements(_FILE, database.engine)["load"], str(id))
    return _told(rows[0]) if rows else None


async def page_subscriptions(database: Database, grant: Grant, limit: int, offset: int) -> list[Told]:
    """Give a page of the subscriptions, the oldest first."""
    del grant
    sql = statements(_FILE, database.engine)["list_page"]
    lane = "key" if offset + limit <= _MANY else "scan"
    return [_told(row) for row in await database.fetch(sql, limit, offset, lane=lane)]


async def list_subscriptions(database: Database, grant: Grant) -> list[Told]:
    """Give all subscriptions, the oldest first."""
    del grant
    rows = await database.fetch(statements(_FILE, database.engine)["list_all"], lane="scan")
    return [_told(row) for row in rows]


async def changed_subscriptions(database: Database, grant: Grant, epoch: int) -> list[Subscription]:
    """Give those that were written after the list had this number, the oldest first."""
    del grant
    lane = "key" if epoch >= 0 else "scan"
    rows = await database.fetch(statements(_FILE, database.engine)["changed_since"], epoch, lane=lane)
    return [decode_subscription(row[0]) for row in rows]


async def subscription_ids(database: Database, grant: Grant) -> set[SubscriptionId]:
    """Give the ids of all."""
    del grant
    rows = await database.fetch(statements(_FILE, database.engine)["ids"], lane="scan")
    return {SubscriptionId(row[0]) for row in rows}


async def count_subscriptions(database: Database, grant: Grant) -> int:
    """Tell how many there are."""
    del grant
    rows = await database.fetch(statements(_FILE, database.engine)["count_all"])
    return int(rows[0][0])


async def load_deliveries(database: Database, grant: Grant) -> dict[SubscriptionId, Delivery]:
    """Give what was saved of all deliveries."""
    del grant
    rows = await database.fetch(statements(_FILE, database.engine)["load_deliveries"], lane="scan")
    return {SubscriptionId(id): _delivery.decode(body) for id, body in rows}


async def save_deliveries(database: Database, grant: Grant, deliveries: Mapping[SubscriptionId, Delivery]) -> None:
    """Save how far subscribers were told; those whose subscription is gone are passed over.

    The id ``""`` is no subscription's: under it the reader of the tenant's log keeps its own place.
    """
    del grant
    rows = [(str(id), _encoder.encode(delivery).decode()) for id, delivery in sorted(deliveries.items())]
    if rows:
        async with database.transaction() as transaction:
            await transaction.execute_many(statements(_FILE, database.engine)["save_delivery"], rows)


async def subscription_epoch(database: Database, grant: Grant) -> int:
    """Give the number that every write to the subscriptions raises."""
    del grant
    rows = await database.fetch(statements(_FILE, database.engine)["load_epoch"])
    return int(rows[0][0])


def encode_subscription(subscription: Subscription) -> str:
    """Write a subscription as it is stored."""
    return _encoder.encode(subscription).decode()


def decode_subscription(text: str) -> Subscription:
    """Read a stored subscription. Raises: msgspec.MsgspecError."""
    return _subscription.decode(text)


async def _log_head(transaction: Transaction, engine: EngineName) -> Position:
    x, seq = (await transaction.fetch(statements(_FILE, engine)["log_head"]))[0]
    return Position(int(x), int(seq))


def _told(row: Row) -> Told:
    body, delivery = row
    return Told(_subscription.decode(body), Delivery() if delivery is None else _delivery.decode(delivery))
