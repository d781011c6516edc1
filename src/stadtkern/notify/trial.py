"""Tests of receivers: one notification at once, beside the queue, that changes neither counters nor order."""

from __future__ import annotations

from time import perf_counter

from stadtkern.broker.subscriptions import owns
from stadtkern.errors import Forbidden, TooManyRequests
from stadtkern.model.subscription import EVENTS_URI, Subscription, SubscriptionId, Trial
from stadtkern.notify.ports import DeliveryFailed, writing
from stadtkern.notify.reader import Services
from stadtkern.notify.watch import compile_watch
from stadtkern.policy.grant import Grant

AT_ONCE = 16
"""Tests under way in this process: each may wait for a receiver that does not answer."""


class Trials:
    """Tries receivers out, in whatever process was asked to."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._under_way = 0

    async def try_out(self, grant: Grant, id_: SubscriptionId) -> Trial:
        """Send the receiver of a subscription a test, under the rights of its owner, and tell how it went.

        Raises: ResourceNotFound, Forbidden (it is another's), TooManyRequests.
        """
        subscription = (await self._services.subscriptions.retrieve(grant, id_)).subscription
        if not owns(grant, subscription):
            raise Forbidden(f"The subscription {id_} belongs to {subscription.owner}: others cannot test it")
        if self._under_way >= AT_ONCE:
            raise TooManyRequests(f"{AT_ONCE} tests are under way, and that is the most", hint="try again in a moment")
        self._under_way += 1
        started = perf_counter()
        try:
            entities = await self._send(subscription, grant)
        except DeliveryFailed as failure:
            return Trial(delivered=False, duration_s=perf_counter() - started, error=failure.reason)
        finally:
            self._under_way -= 1
        return Trial(delivered=True, duration_s=perf_counter() - started, entities=entities)

    async def _send(self, subscription: Subscription, grant: Grant) -> int:
        """Give how many entities were shown. Raises: DeliveryFailed."""
        services = self._services
        if subscription.notification.endpoint.uri == EVENTS_URI:
            raise DeliveryFailed("The subscription is read as a stream: there is no receiver to test", permanent=True)
        with writing():
            owners = await services.grant(subscription, grant.tenant)
            watch = compile_watch(subscription, await services.subscriptions.compiled_context(subscription, owners))
        return await services.post.send_trial(subscription, watch, owners)
