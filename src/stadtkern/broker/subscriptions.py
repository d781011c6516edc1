"""Subscriptions: made, shown, changed and ended; what delivering them works with.

A subscription belongs to the actor who made it, whose rights its notifications have. Whoever may write in the tenant
sees all its subscriptions; only the owner and administrators change them, or see the headers that are sent along: these
may hold secrets, and another address would be sent them. What an anonymous caller made belongs to all who may write.
Spec: CIM 009 5.8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec.structs import replace

from stadtkern.broker.contexts import ContextService
from stadtkern.broker.tenants import Tenants
from stadtkern.broker.wall import AddressRefused, check_address
from stadtkern.errors import AlreadyExists, BadRequestData, Forbidden, ResourceNotFound
from stadtkern.jsonld.context import Context
from stadtkern.model.actor import ANONYMOUS
from stadtkern.model.ids import TenantId
from stadtkern.model.instant import Instant, now
from stadtkern.model.subscription import EVENTS_URI, Delivery, Subscription, SubscriptionId
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store import subscription as store
from stadtkern.store.engine.base import Database
from stadtkern.store.subscription import Told

Edit = Callable[[Subscription], Subscription]
"""Makes the new subscription of the present one; raises a Problem to leave it as it is."""


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """A page of subscriptions. count: all there are, where that was asked for."""

    subscriptions: list[Told]
    count: int | None
    more: bool


class Subscriptions:
    """The subscriptions of all tenants of a process."""

    def __init__(
        self, tenants: Tenants, contexts: ContextService, *, allow_private: bool = False, most: int = 50_000
    ) -> None:
        """allow_private: notifications may go to private and loopback addresses, too. most: in one tenant."""
        self._most = most
        self._tenants = tenants
        self._contexts = contexts
        self._allow_private = allow_private
        self.when_changed: Callable[[TenantId], None] = _nobody_listens
        """Told of tenants whose subscriptions another write of this process has changed, after the commit."""
        self.live_delivery: Callable[[TenantId, SubscriptionId], Delivery | None] = _nothing_newer
        """Gives what is known of a delivery beyond what was saved, where this process delivers."""

    async def create(self, grant: Grant, subscription: Subscription) -> Subscription:
        """Store a new subscription, owned by the Grant's actor; changes from now on are told.

        Raises: AlreadyExists, BadRequestData (the endpoint), Forbidden (also: there are too many). Spec: CIM 009 5.8.1.
        """
        check_writes(grant)
        self._check_endpoint(subscription)
        database = await self._database(grant)
        if await store.count_subscriptions(database, grant) >= self._most:
            raise Forbidden(
                f"This tenant has {self._most} subscriptions, as many as it may have",
                hint="delete some, or let the administrator raise STADTKERN_SUBSCRIPTIONS",
            )
        at = now()
        made = replace(subscription, owner=grant.actor, created_at=at, modified_at=at)
        stored = await store.insert_subscription(database, grant, made)
        if stored is None:
            raise AlreadyExists(f"The subscription {subscription.id} exists already", pointer="/id")
        self.when_changed(grant.tenant)
        return stored

    async def retrieve(self, grant: Grant, id: SubscriptionId) -> Told:
        """Give a subscription and how its delivery went. Raises: ResourceNotFound, Forbidden. Spec: CIM 009 5.8.3."""
        check_writes(grant)
        told = await store.load_subscription(await self._database(grant), grant, id)
        if told is None:
            raise _missing(id)
        return self._renew(grant, told)

    async def list(self, grant: Grant, limit: int, offset: int, *, count: bool = False) -> SubscriptionPage:
        """Give a page of the tenant's subscriptions, the oldest first. Raises: Forbidden. Spec: CIM 009 5.8.4."""
        check_writes(grant)
        database = await self._database(grant)
        page = await store.page_subscriptions(database, grant, limit + 1, offset)
        total = await store.count_subscriptions(database, grant) if count else None
        return SubscriptionPage([self._renew(grant, told) for told in page[:limit]], total, len(page) > limit)

    async def update(self, grant: Grant, id: SubscriptionId, edit: Edit) -> Subscription:
        """Change a subscription. One that becomes active again is not told what happened in between.

        Raises: ResourceNotFound, BadRequestData, Forbidden (it is another's). Spec: CIM 009 5.8.2.
        """
        check_writes(grant)

        def change(present: Subscription) -> tuple[Subscription, bool]:
            if not owns(grant, present):
                raise Forbidden(f"The subscription {id} belongs to {present.owner}: others cannot change it")
            at = now()
            edited = replace(edit(present), modified_at=at)
            self._check_endpoint(edited)
            return edited, is_active(edited, at) and not is_active(present, at)

        stored = await store.edit_subscription(await self._database(grant), grant, id, change)
        if stored is None:
            raise _missing(id)
        self.when_changed(grant.tenant)
        return stored

    async def delete(self, grant: Grant, id: SubscriptionId) -> None:
        """End a subscription. Raises: ResourceNotFound, Forbidden (it is another's). Spec: CIM 009 5.8.5."""
        check_writes(grant)
        database = await self._database(grant)
        told = await store.load_subscription(database, grant, id)
        if told is not None and not owns(grant, told.subscription):
            raise Forbidden(f"The subscription {id} belongs to {told.subscription.owner}: others cannot delete it")
        if told is None or not await store.delete_subscription(database, grant, id):
            raise _missing(id)
        self.when_changed(grant.tenant)

    async def active(self, tenant: TenantId) -> list[Told]:
        """List what is to be delivered now: neither paused nor expired; the oldest first. Raises: NonexistentTenant."""
        grant = system_grant("notify", tenant)
        at = now()
        told = await store.list_subscriptions(await self._database(grant), grant)
        return [one for one in told if is_active(one.subscription, at)]

    async def find(self, tenant: TenantId, id: SubscriptionId) -> Subscription | None:
        """Give a subscription to whoever tells of its changes; None where there is none, or where it is over.

        Raises: NonexistentTenant.
        """
        grant = system_grant("notify", tenant)
        told = await store.load_subscription(await self._database(grant), grant, id)
        return None if told is None or told.subscription.is_over(now()) else told.subscription

    async def compiled_context(self, subscription: Subscription, grant: Grant) -> Context:
        """Give the context in which the subscription's texts were written and its notifications are compacted.

        Raises: LdContextNotAvailable, BadRequestData.
        """
        return await self._contexts.resolve(subscription.context or None, grant, counted=False)

    def _renew(self, grant: Grant, told: Told) -> Told:
        """Put what is known now in place of what was saved."""
        live = self.live_delivery(grant.tenant, told.subscription.id)
        return told if live is None else Told(told.subscription, live)

    async def _database(self, grant: Grant) -> Database:
        return (await self._tenants.get(grant.tenant)).database

    def _check_endpoint(self, subscription: Subscription) -> None:
        """Refuse an address that would never be sent to; names are checked when they are resolved.

        Raises: BadRequestData.
        """
        uri = subscription.notification.endpoint.uri
        if uri == EVENTS_URI:
            return
        host = urlsplit(uri).hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return
        try:
            check_address(host, allow_private=self._allow_private)
        except AddressRefused as refused:
            raise BadRequestData(
                f"Notifications cannot be sent to {uri[:200]}: {refused}", pointer="/notification/endpoint/uri"
            ) from refused


def owns(grant: Grant, subscription: Subscription) -> bool:
    """Tell whether the holder may change the subscription and see the headers that are sent along."""
    return grant.administers or subscription.owner in (grant.actor, ANONYMOUS.name)


def is_active(subscription: Subscription, at: Instant) -> bool:
    """Tell whether anything is told at this moment: it is neither paused nor expired."""
    return subscription.status(at) == "active"


def check_writes(grant: Grant) -> None:
    """Make sure that the holder may deal with subscriptions at all. Raises: Forbidden."""
    if grant.action not in ("write", "administer"):
        raise Forbidden("These credentials do not allow to see or change subscriptions")


def _missing(id: SubscriptionId) -> ResourceNotFound:
    return ResourceNotFound(f"The subscription {id[:200]} does not exist")


def _nobody_listens(tenant: TenantId) -> None:
    """Stands in until somebody wants to be told."""


def _nothing_newer(tenant: TenantId, id: SubscriptionId) -> Delivery | None:
    """Stands in until somebody delivers."""
