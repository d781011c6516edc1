"""Which changes one subscription is told of, for readers who follow it themselves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from stadtkern.broker.changes import Changes
from stadtkern.broker.consumption import Consumption
from stadtkern.broker.subscriptions import Subscriptions
from stadtkern.model.entity import Entity
from stadtkern.model.event import Event
from stadtkern.model.ids import TenantId
from stadtkern.model.instant import Instant
from stadtkern.model.subscription import Subscription, SubscriptionId
from stadtkern.notify.post import STATES
from stadtkern.notify.rule import is_told
from stadtkern.notify.watch import Watch, compile_watch
from stadtkern.policy.grant import Grant
from stadtkern.query.filter import link_depth
from stadtkern.query.request import EntityQuery

_KEPT = 1000
_Key = tuple[TenantId, SubscriptionId, Instant]


class SingleMatching:
    """Matches events with single subscriptions, by the same rule as the notifications that are sent."""

    def __init__(self, subscriptions: Subscriptions, changes: Changes, broker: Consumption) -> None:
        self._subscriptions = subscriptions
        self._broker = broker
        self._changes = changes
        self._watches: OrderedDict[_Key, Watch] = OrderedDict()

    async def matching(self, subscription: Subscription, grant: Grant, events: Sequence[Event]) -> list[Event]:
        """Give those events that the subscription is told of. grant: of who is told.

        Raises: LdContextNotAvailable, BadRequestData (what it says can no longer be read).
        """
        watch = await self._watch(subscription, grant)
        depth = 0 if watch.filter is None else link_depth(watch.filter)
        wanted = {grant.fingerprint: (grant, depth)} if depth else {}
        return [
            event
            for event in events
            if is_told(watch, event, grant, await self._changes.look_ups(event, wanted) if wanted else None)
        ]

    async def state(self, subscription: Subscription, grant: Grant) -> Sequence[Entity]:
        """Give the entities that a subscription by time shows, as many as one notification may hold.

        Raises: LdContextNotAvailable, BadRequestData, TooComplexQuery.
        """
        watch = await self._watch(subscription, grant)
        return (await self._broker.query_entities(grant, EntityQuery(filter=watch.filter, limit=STATES))).entities

    async def _watch(self, subscription: Subscription, grant: Grant) -> Watch:
        key = (grant.tenant, subscription.id, subscription.modified_at)
        watch = self._watches.get(key)
        if watch is None:
            context = await self._subscriptions.compiled_context(subscription, grant)
            watch = self._watches[key] = compile_watch(subscription, context)
            if len(self._watches) > _KEPT:
                self._watches.popitem(last=False)
        return watch
