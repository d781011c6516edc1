"""Renders notifications and hands them to the protocol of their endpoint, so many at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from stadtkern.broker.consumption import Consumption
from stadtkern.model.event import Event
from stadtkern.model.instant import now
from stadtkern.model.notification import Message
from stadtkern.model.subscription import Subscription
from stadtkern.notify.ports import Deliverer, DeliveryFailed, Renderer, writing
from stadtkern.notify.watch import Watch
from stadtkern.policy.grant import Grant
from stadtkern.query.request import EntityQuery

AT_ONCE = 256
"""Notifications that are being written at a time."""
TIMEOUT_S = 10.0
"""For receivers whose subscription names no other."""
LONGEST_TIMEOUT_S = 60.0
STATES = 1_000
"""Most entities in one notification by time."""


class Post:
    """The counter where notifications are handed in."""

    def __init__(self, renderer: Renderer, deliverers: Mapping[str, Deliverer], broker: Consumption) -> None:
        """deliverers: by the scheme of the endpoint's address."""
        self._renderer = renderer
        self._deliverers = deliverers
        self._broker = broker
        self._open = asyncio.Semaphore(AT_ONCE)

    async def send(
        self, subscription: Subscription, events: Sequence[Event], grant: Grant, notification_id: str
    ) -> bool:
        """Tell a subscriber what happened; False when nothing of it may be seen. Raises: DeliveryFailed."""
        async with self._open:
            with writing():
                message = await self._renderer.render(subscription, events, grant, notification_id, now())
        return await self._deliver(subscription, message)

    async def send_state(self, subscription: Subscription, watch: Watch, grant: Grant) -> bool:
        """Tell a subscriber how things are. Raises: DeliveryFailed."""
        id_ = f"urn:ngsi-ld:Notification:{secrets.token_hex(16)}"
        with writing():
            page = await self._broker.query_entities(grant, EntityQuery(filter=watch.filter, limit=STATES))
            message = await self._renderer.render_state(subscription, page.entities, grant, id_, now())
        return await self._deliver(subscription, message)

    async def send_trial(self, subscription: Subscription, watch: Watch, grant: Grant) -> int:
        """Send a test with one of the chosen entities, if any; gives how many it shows. Raises: DeliveryFailed."""
        id_ = f"urn:ngsi-ld:Notification:test:{secrets.token_hex(16)}"
        with writing():
            page = await self._broker.query_entities(grant, EntityQuery(filter=watch.filter, limit=1))
            message = await self._renderer.render_trial(subscription, page.entities, grant, id_, now())
        await self._deliver(subscription, message)
        return len(page.entities)

    async def _deliver(self, subscription: Subscription, message: Message | None) -> bool:
        if message is None:
            return False
        endpoint = subscription.notification.endpoint
        scheme = urlsplit(endpoint.uri).scheme.lower()
        deliverer = self._deliverers.get(scheme)
        if deliverer is None:
            raise DeliveryFailed(f"There is no way to deliver to addresses with {scheme[:80]}:", permanent=True)
        timeout_s = min(endpoint.timeout_ms / 1000 if endpoint.timeout_ms else TIMEOUT_S, LONGEST_TIMEOUT_S)
        await deliverer.deliver(endpoint, message, timeout_s)
        return True
