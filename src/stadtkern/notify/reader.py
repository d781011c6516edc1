"""Follows one tenant's change log and lets each change wait at the outlets of those who asked for it.

Nothing is taken over from the writers but their commits: what a crash interrupts is read again. The list of
subscriptions is looked at after each reading and before matching, so that whoever was told that a subscription exists
misses no change that came after it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic

from msgspec.structs import replace

from stadtkern import telemetry
from stadtkern.broker.changes import Changes
from stadtkern.broker.subscriptions import Subscriptions, is_active
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.broker.wake import Watch as Alarm
from stadtkern.errors import Forbidden, NonexistentTenant, Problem, Unauthorized
from stadtkern.model.event import Event
from stadtkern.model.ids import TenantId
from stadtkern.model.instant import now
from stadtkern.model.subscription import EVENTS_URI, START, Delivery, Position, Subscription, SubscriptionId
from stadtkern.notify.interval import Interval
from stadtkern.notify.match import Matcher
from stadtkern.notify.outlet import Outlet
from stadtkern.notify.ports import DeliveryFailed, GrantSource
from stadtkern.notify.post import Post
from stadtkern.notify.times import Times
from stadtkern.notify.watch import Watch, compile_watch
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.query.evaluate import matches
from stadtkern.store.changelog import read_changes
from stadtkern.store.subscription import (
    changed_subscriptions,
    load_deliveries,
    load_subscription,
    save_deliveries,
    subscription_epoch,
    subscription_ids,
)

ROWS = 500
"""Changes read at once."""
POLL_S = 1.0
"""A change is found after this time even if nobody rings."""
RECENT = 2_000
"""Events kept for the outlets; older ones are made again from the log."""
AGAIN_S = 5.0
"""Until a subscription is tried again whose context could not be had."""
SAVE_S = 1.0
SAVED = 100
"""Deliveries in one transaction: writers wait for one at most."""
NO_RIGHT = (Unauthorized, Forbidden)
"""What it means that an owner may see nothing; other problems pass."""
READER = SubscriptionId("")
"""Under this id the place of the reader itself is stored."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all readers share."""

    tenants: Tenants
    subscriptions: Subscriptions
    changes: Changes
    grants: GrantSource
    post: Post
    backlog: int

    async def grant(self, subscription: Subscription, tenant: TenantId) -> Grant:
        """Take the Grant of a subscription's owner anew. Raises: DeliveryFailed (for good), Unavailable."""
        try:
            return await self.grants.grant(subscription.owner, tenant)
        except NO_RIGHT as problem:
            raise DeliveryFailed(f"The subscriber may not read any more: {problem.detail}", permanent=True) from problem


class Reader:
    """One tenant's reader with its outlets; ``run`` it in a task."""

    def __init__(self, name: TenantId, services: Services, alarm: Alarm) -> None:
        self.name = name
        self.outlets: dict[SubscriptionId, Outlet] = {}
        self.intervals: dict[SubscriptionId, Interval] = {}
        self.cursor = START
        self.times = Times()
        self._services = services
        self._alarm = alarm
        self._grant = system_grant("notify", name)
        self._epoch = -1
        self._look_at = 0.0
        """When to look at the list even if nothing has changed, by the monotonic clock."""
        self._matcher = Matcher()
        self._broken: dict[SubscriptionId, Subscription] = {}
        """What cannot be served now."""
        self._again_at = 0.0
        self._left: dict[SubscriptionId, Delivery] = {}
        """Of those served no more: not stored yet."""
        self._owners: set[str] = set()
        self._recent: OrderedDict[Position, Event] = OrderedDict()
        self._saved_at = START

    async def run(self) -> None:
        """Read until cancelled or until the tenant is gone."""
        saving = asyncio.create_task(self._save_now_and_then(), name="notify-save")
        try:
            await self._begin()
            while True:
                try:
                    full = await self._round()
                except NonexistentTenant:
                    return
                except Problem as problem:
                    telemetry.emit(telemetry.MaintenanceFailed("notifications", problem))
                    full = False
                if not full:
                    await self._alarm.wait(POLL_S)
        finally:
            saving.cancel()
            await self._close()

    async def _begin(self) -> None:
        """Start where the one before stopped: at the oldest place that somebody still waits for."""
        tenant = await self._services.tenants.get(self.name)
        stored = await load_deliveries(tenant.database, self._grant)
        passed = stored.get(READER, Delivery()).done
        await self._reload(tenant, stored, passed)
        self.cursor = min((outlet.start for outlet in self.outlets.values()), default=passed)

    async def _round(self) -> bool:
        """Read and match once; tells whether more is waiting already."""
        tenant = await self._services.tenants.get(self.name)
        rows = await read_changes(tenant.database, self._grant, self.cursor, ROWS)
        if rows or monotonic() > self._look_at:
            await self._reload(tenant, {}, START)
        if not rows:
            return False
        if self.outlets:
            await self._match(await self._services.changes.events(self.name, rows))
        self.cursor = rows[-1].position
        return len(rows) == ROWS

    async def _reload(self, tenant: OpenTenant, stored: Mapping[SubscriptionId, Delivery], passed: Position) -> None:
        """Take what has changed in the list of subscriptions.

        stored: what is known of deliveries already. passed: where nothing waited, it is done up to here.
        """
        self._look_at = monotonic() + POLL_S
        epoch = await subscription_epoch(tenant.database, self._grant)
        again = [subscription for subscription in self._broken.values() if self._again_at <= self._look_at]
        if epoch != self._epoch:
            changed = await changed_subscriptions(tenant.database, self._grant, self._epoch)
            present = await subscription_ids(tenant.database, self._grant)
            for id_ in (self.outlets.keys() | self.intervals.keys() | self._broken.keys()) - present:
                await self._drop(id_)
            again = [*changed, *(one for one in again if one.id not in {other.id for other in changed})]
        for number, subscription in enumerate(again, start=1):
            await self._take(tenant, subscription, stored, passed)
            if number % 20 == 0:
                await asyncio.sleep(0)
        self._epoch = epoch
        self._owners = {outlet.subscription.owner for outlet in self.outlets.values()} if again else self._owners

    async def _take(
        self,
        tenant: OpenTenant,
        subscription: Subscription,
        stored: Mapping[SubscriptionId, Delivery],
        passed: Position,
    ) -> None:
        """Serve a subscription as it reads now."""
        id_ = subscription.id
        if subscription.notification.endpoint.uri == EVENTS_URI or not is_active(subscription, now()):
            await self._drop(id_)
            return
        try:
            context = await self._services.subscriptions.compiled_context(subscription, self._grant)
            watch = compile_watch(subscription, context)
        except Problem as problem:
            # such as a context that cannot be had now: asked for again after a while
            telemetry.emit(telemetry.MaintenanceFailed("notifications", problem))
            self._broken[id_] = subscription
            self._again_at = monotonic() + AGAIN_S
            return
        self._broken.pop(id_, None)
        delivery = stored.get(id_) or await self._find_delivery(tenant, id_)
        if not delivery.pending and passed > delivery.done:
            delivery = replace(delivery, done=passed)
        await self._place(subscription, delivery, watch)

    async def _find_delivery(self, tenant: OpenTenant, id_: SubscriptionId) -> Delivery:
        """Give what is stored of a subscription that is served anew."""
        left = self._left.get(id_)
        if left is not None:
            return left
        told = await load_subscription(tenant.database, self._grant, id_)
        return Delivery() if told is None else told.delivery

    async def _place(self, subscription: Subscription, delivery: Delivery, watch: Watch) -> None:
        id_ = subscription.id
        if subscription.time_interval_s is not None:
            await self._drop(id_)
            self.intervals[id_] = Interval(subscription, self._left.pop(id_, delivery), watch, self._send_state)
            return
        if id_ in self.intervals:
            await self._drop(id_)
        outlet = self.outlets.get(id_)
        if outlet is None:
            self.outlets[id_] = Outlet(subscription, delivery, self._send, self._services.backlog)
        else:
            outlet.change(subscription)
        self._matcher.add(watch)

    async def _drop(self, id_: SubscriptionId) -> None:
        """Serve a subscription no more; how it went is still to be stored, unless it was deleted."""
        self._matcher.remove(id_)
        self._broken.pop(id_, None)
        for senders in (self.outlets, self.intervals):
            sender = senders.pop(id_, None)
            if sender is not None:
                await sender.close()
                self._left[id_] = sender.delivery

    async def _match(self, events: Sequence[Event]) -> None:
        grants = await self._take_grants()
        moment = now()
        for event in events:
            followed = self._matcher.follows(event, grants)
            look_ups = await self._services.changes.look_ups(event, followed) if followed else None
            found = self._matcher.match(event, grants, look_ups)
            self.times.note(event.position, event.at)
            for id_ in found:
                outlet = self.outlets.get(id_)
                if outlet is not None and not outlet.subscription.is_over(moment):
                    outlet.put(event.position)
            if found:
                self._remember(event)
            await asyncio.sleep(0)

    async def _take_grants(self) -> Callable[[SubscriptionId], Grant | None]:
        """Ask anew what each owner may see; who may see nothing is told nothing. Raises: Unavailable.

        That nobody can say what an owner may see is no answer: the changes are read again.
        """
        by_owner: dict[str, Grant | None] = {}
        for owner in self._owners:
            try:
                by_owner[owner] = await self._services.grants.grant(owner, self.name)
            except NO_RIGHT:
                by_owner[owner] = None
        outlets = self.outlets
        return lambda id_: by_owner.get(outlets[id_].subscription.owner)

    def _remember(self, event: Event) -> None:
        self._recent[event.position] = event
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    async def _send(self, outlet: Outlet, positions: Sequence[Position]) -> bool:
        """Send what happened at these places under the owner's present rights; False when there is nothing to say."""
        subscription = outlet.subscription
        grant = await self._services.grant(subscription, self.name)
        events = [event for position in positions if (event := await self._event(position)) is not None]
        latest = {event.id: event for event in events if _visible(event, grant)}
        if not latest or subscription.is_over(now()):
            return False
        shown = sorted(latest.values(), key=lambda event: event.position)
        name = _notification_id(subscription, positions[-1])
        try:
            sent = await self._services.post.send(subscription, shown, grant, name)
        except DeliveryFailed as failure:
            telemetry.emit(telemetry.NotificationFailed(self.name, failure.reason, failure.permanent))
            raise
        if sent:
            telemetry.emit(telemetry.NotificationSent(self.name, (now() - shown[0].at) / 1_000_000))
        return sent

    async def _send_state(self, interval: Interval) -> bool:
        grant = await self._services.grant(interval.subscription, self.name)
        return await self._services.post.send_state(interval.subscription, interval.watch, grant)

    async def _event(self, position: Position) -> Event | None:
        known = self._recent.get(position)
        if known is not None:
            return known
        return await self._services.changes.event_at(self.name, position)

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            try:
                await self.save()
            except Problem as problem:
                telemetry.emit(telemetry.MaintenanceFailed("notifications", problem))

    async def save(self) -> None:
        """Store how it went; the reader's own place last, so that it never says more than the outlets' do."""
        cursor = self.cursor
        senders = [*self.outlets.items(), *self.intervals.items()]
        dirty = [(id_, sender) for id_, sender in senders if sender.dirty]
        if not dirty and not self._left and cursor == self._saved_at:
            return
        tenant = await self._services.tenants.get(self.name)
        left = dict(self._left)
        await save_deliveries(tenant.database, self._grant, left)
        for id_, delivery in left.items():
            if self._left.get(id_) is delivery:
                del self._left[id_]
        for first in range(0, max(len(dirty), 1), SAVED):
            part = dirty[first : first + SAVED]
            rows = {id_: sender.delivery for id_, sender in part}
            last = {READER: Delivery(done=cursor)} if first + SAVED >= len(dirty) else {}
            await save_deliveries(tenant.database, self._grant, rows | last)
            for id_, sender in part:
                # clean only once it is stored, and if nothing was noted meanwhile
                sender.dirty = sender.delivery is not rows[id_]
        self._saved_at = cursor

    async def _close(self) -> None:
        for sender in [*self.outlets.values(), *self.intervals.values()]:
            await sender.close()
        try:
            await self.save()
        except Problem as problem:
            telemetry.emit(telemetry.MaintenanceFailed("notifications", problem))


def _visible(event: Event, grant: Grant) -> bool:
    """Tell whether the entity exists for the holder: as it is after the change, or was before it was deleted."""
    return grant.row_filter is None or matches(grant.row_filter, event.entity)


def _notification_id(subscription: Subscription, position: Position) -> str:
    """Name a notification, the same each time it is sent: a receiver knows again what it has got already."""
    text = f"{subscription.id} {position.x} {position.seq}"
    return f"urn:ngsi-ld:Notification:{sha256(text.encode()).hexdigest()[:32]}"
