"""The notifications of a subscription as Server-Sent Events, for clients that no server can reach.

What is sent is what the subscription's receiver would be sent, but under the rights of whoever reads.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Protocol

import msgspec

from stadtkern.errors import Problem, ResourceNotFound
from stadtkern.model.entity import Entity
from stadtkern.model.event import Event
from stadtkern.model.ids import EntityId, TenantId
from stadtkern.model.instant import Instant, now
from stadtkern.model.notification import Message
from stadtkern.model.subscription import Position, Subscription, SubscriptionId
from stadtkern.policy.grant import Grant
from stadtkern.views._http.following import (
    STREAM_HEADERS,
    Followed,
    Pulse,
    Share,
    asked_cursor,
    follow,
    parse_seconds,
    render_cursor,
)
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.streaming import event_text, heartbeat
from stadtkern.views.ngsild.parameters import read_parameters

PARAMETERS: Final = frozenset({"since", "seconds"})


class Finder(Protocol):
    """Where subscriptions are."""

    async def find(self, tenant: TenantId, id: SubscriptionId) -> Subscription | None:
        """Give a subscription; None where there is no such one, or where it has expired."""
        ...


class Matching(Protocol):
    """Decides what a subscription is told of."""

    async def matching(self, subscription: Subscription, grant: Grant, events: Sequence[Event]) -> list[Event]:
        """Give those events that the subscription is told of. Raises: LdContextNotAvailable, BadRequestData."""
        ...

    async def state(self, subscription: Subscription, grant: Grant) -> Sequence[Entity]:
        """Give the entities that a subscription by time shows. Raises: LdContextNotAvailable, BadRequestData."""
        ...


class Renderer(Protocol):
    """Makes notifications."""

    async def render(
        self, subscription: Subscription, events: Sequence[Event], grant: Grant, notification_id: str, at: Instant
    ) -> Message | None:
        """Tell of changes; None where nothing is left to be told."""
        ...

    async def render_state(
        self, subscription: Subscription, entities: Sequence[Entity], grant: Grant, notification_id: str, at: Instant
    ) -> Message | None:
        """Tell how things are; None where there is nothing to show."""
        ...

    async def link(self, subscription: Subscription, grant: Grant) -> list[tuple[str, str]]:
        """Give the header that names the context, where notifications do not carry it themselves."""
        ...


@dataclass(frozen=True, slots=True)
class StreamServices:
    """What streams of notifications need."""

    followed: Followed
    subscriptions: Finder
    matching: Matching
    renderer: Renderer


async def stream_notifications(request: Request, services: StreamServices) -> Response:
    """GET /ngsi-ld/ex/v1/subscriptions/{id}/events."""
    given = read_parameters(request, PARAMETERS)
    cursor = asked_cursor(request, given.get("since"))
    seconds = parse_seconds(given.get("seconds"))
    id_ = SubscriptionId(request.segments[-2])
    subscription = await services.subscriptions.find(request.grant.tenant, id_)
    if subscription is None:
        raise ResourceNotFound(f"The subscription {id_[:200]} does not exist, or is over")
    start = await services.followed.tail.start(request.grant.tenant, cursor)
    link = await services.renderer.link(subscription, request.grant)
    pieces = _pieces(request, services, subscription, start, seconds)
    return Response(200, headers=[*STREAM_HEADERS, *link], stream=services.followed.streams.begin(pieces))


async def _pieces(
    request: Request, services: StreamServices, subscription: Subscription, start: Position, seconds: float | None
) -> AsyncGenerator[bytes]:
    yield heartbeat(render_cursor(start))
    told = _Told(services, subscription)
    pulse = Pulse()
    async for share in follow(services.followed, request, start, seconds):
        try:
            if not await told.look(request.grant.tenant, share.page.epoch):
                return
            async for piece in told.tell(share):
                yield piece
        except Problem as problem:
            # no notification can be made: the reader is to know why it hears nothing
            text = msgspec.json.encode({"title": problem.title, "detail": problem.detail})
            yield b"event: problem\ndata: %s\n\n" % text
            return
        if (share.page.rows or pulse.due()) and not told.waiting:
            yield heartbeat(render_cursor(share.cursor))


@dataclass(slots=True)
class _Told:
    """One reader of one subscription."""

    services: StreamServices
    subscription: Subscription
    waiting: dict[EntityId, Event] = field(default_factory=dict[EntityId, Event])
    """The last event of each entity since the last notification, where there must be time between two of them."""
    epoch: int = -1
    """Of the subscriptions of the tenant, when this one was looked at."""
    sent: float = float("-inf")
    """When the last notification was sent, by the monotonic clock."""

    async def look(self, tenant: TenantId, epoch: int) -> bool:
        """Look at the subscription anew where any was changed; False when it is gone or over."""
        if epoch != self.epoch or self.subscription.is_over(now()):
            found = await self.services.subscriptions.find(tenant, self.subscription.id)
            if found is None:
                return False
            self.subscription, self.epoch = found, epoch
        return True

    async def tell(self, share: Share) -> AsyncGenerator[bytes]:
        """Give the notifications that are due after another share of the log."""
        subscription = self.subscription
        if not subscription.is_active:
            self.waiting.clear()
            return
        if subscription.time_interval_s is not None:
            async for piece in self._tell_state(share, subscription.time_interval_s):
                yield piece
            return
        # what came before it was made, or while it was paused, is not told
        events = [event for event in share.page.events.values() if event.position > subscription.since]
        found = await self.services.matching.matching(subscription, share.grant, events) if events else []
        if subscription.throttling_s is None:
            for event in found:
                async for piece in self._notification([event], share.grant, event.position):
                    yield piece
            return
        for event in found:
            self.waiting.pop(event.id, None)
            self.waiting[event.id] = event
        if self.waiting and monotonic() - self.sent >= subscription.throttling_s:
            due = list(self.waiting.values())
            self.waiting.clear()
            self.sent = monotonic()
            async for piece in self._notification(due, share.grant, share.cursor):
                yield piece

    async def _tell_state(self, share: Share, every_s: float) -> AsyncGenerator[bytes]:
        """Tell how things are: at once, and whenever the interval is over. Spec: CIM 009 5.2.12 (timeInterval)."""
        if monotonic() - self.sent < every_s:
            return
        self.sent = monotonic()
        entities = await self.services.matching.state(self.subscription, share.grant)
        id_ = f"urn:ngsi-ld:Notification:{uuid.uuid4()}"
        message = await self.services.renderer.render_state(self.subscription, entities, share.grant, id_, now())
        if message is not None:
            yield event_text(render_cursor(share.cursor), "notification", message.body)

    async def _notification(self, events: Sequence[Event], grant: Grant, position: Position) -> AsyncGenerator[bytes]:
        cursor = render_cursor(position)
        # equal for all who read it, however often: a reader can tell what it has seen already
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{grant.tenant} {self.subscription.id} {cursor}")
        id_ = f"urn:ngsi-ld:Notification:{name}"
        message = await self.services.renderer.render(self.subscription, events, grant, id_, now())
        if message is not None:
            yield event_text(cursor, "notification", message.body)
