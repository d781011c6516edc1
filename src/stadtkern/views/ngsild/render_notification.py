"""Notifications as their receivers asked for them. Spec: CIM 009 5.3.1, 5.8.6, 6.3.8, 6.3.15."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import structs

from stadtkern.jsonld.context import Context
from stadtkern.model.entity import NO_DATASET, Entity, replace
from stadtkern.model.event import Event
from stadtkern.model.ids import DEFAULT_TENANT
from stadtkern.model.instant import Instant, render_instant
from stadtkern.model.notification import Message
from stadtkern.model.subscription import Subscription
from stadtkern.policy.grant import Grant
from stadtkern.policy.mask import without_hidden
from stadtkern.query.evaluate import matches
from stadtkern.query.projection import EVERYTHING, Projection, parse_projection
from stadtkern.views.ngsild.changed_entity import show_change
from stadtkern.views.ngsild.linked import flatten, load_linked
from stadtkern.views.ngsild.negotiation import GEO_JSON, LD_JSON, prefers_plain_geojson, response_context_headers
from stadtkern.views.ngsild.render import EntityRenderer, Representation, parse_lang
from stadtkern.views.ngsild.services import Consumption, ContextLinks

_OURS: Final = frozenset(
    {"content-type", "content-length", "content-encoding", "host", "connection", "transfer-encoding", "link"}
    | {"ngsild-tenant", "expect", "upgrade", "te", "trailer", "keep-alive", "proxy-connection"}
)
"""Headers that a subscriber cannot set."""


TEST_HEADER: Final = "Stadtkern-Test"
"""Marks a notification as a test that somebody asked for."""


class NotificationRenderer:
    """Renders notifications; one for all tenants and subscriptions."""

    def __init__(self, contexts: ContextLinks, broker: Consumption, base_url: str) -> None:
        """base_url: what this server is called from outside, for contexts that have no address of their own."""
        self._contexts = contexts
        self._broker = broker
        self._base_url = base_url

    async def render(
        self, subscription: Subscription, events: Sequence[Event], grant: Grant, notification_id: str, at: Instant
    ) -> Message | None:
        """Tell of changes; None where nothing of them is left to be told.

        events: at most one of an entity. grant: the subscriber's own, of now. at: when this is sent.
        Raises: LdContextNotAvailable, BadRequestData (the context has become unreadable).
        """
        shown = [show_change(event, subscription, grant.hidden) for event in events if _may_see(grant, event.entity)]
        return await self._message(subscription, shown, grant, notification_id, at)

    async def render_state(
        self, subscription: Subscription, entities: Sequence[Entity], grant: Grant, notification_id: str, at: Instant
    ) -> Message | None:
        """Tell how entities are now, as ``timeInterval`` asks for it. Raises: as ``render``."""
        shown = [replace(one, attributes=without_hidden(one.attributes, grant.hidden)) for one in entities]
        return await self._message(subscription, shown, grant, notification_id, at)

    async def render_trial(
        self, subscription: Subscription, entities: Sequence[Entity], grant: Grant, notification_id: str, at: Instant
    ) -> Message:
        """Write a test of the receiver; it may show nothing. Raises: as ``render``."""
        shown = [replace(one, attributes=without_hidden(one.attributes, grant.hidden)) for one in entities]
        trees, context = await self._trees(subscription, shown, grant, at)
        message = await self._write(subscription, trees, context, grant, notification_id, at)
        return structs.replace(message, headers=(*message.headers, (TEST_HEADER, "true")))

    async def link(self, subscription: Subscription, grant: Grant) -> list[tuple[str, str]]:
        """Give the header that names the context, where notifications do not carry it themselves."""
        context = await self._context(subscription, grant)
        plain = prefers_plain_geojson(_receiver_info(subscription, "prefer"))
        return [one for one in await self._headers(subscription, context, grant, plain=plain) if one[0] == "Link"]

    async def _context(self, subscription: Subscription, grant: Grant) -> Context:
        """Give the context that names are made short by."""
        address = subscription.jsonld_context or subscription.context or None
        return await self._contexts.resolve(address, grant, self._address(grant))

    async def _message(
        self, subscription: Subscription, entities: Sequence[Entity], grant: Grant, notification_id: str, at: Instant
    ) -> Message | None:
        trees, context = await self._trees(subscription, entities, grant, at)
        return await self._write(subscription, trees, context, grant, notification_id, at) if trees else None

    async def _trees(
        self, subscription: Subscription, entities: Sequence[Entity], grant: Grant, at: Instant
    ) -> tuple[list[dict[str, Any]], Context]:
        """Give what is shown of entities, and the context it is written in."""
        written = await self._contexts.resolve(subscription.context or None, grant, self._address(grant))
        context = await self._context(subscription, grant)
        representation = represent(subscription, written)
        linked = await load_linked(grant, self._broker, representation, [one for one in entities if not one.deleted_at])
        renderer = EntityRenderer(context, representation, at, linked)
        shown = flatten(entities, linked, representation)
        return [tree for entity, projection in shown if (tree := _tree(renderer, entity, projection))], context

    async def _write(
        self,
        subscription: Subscription,
        trees: Sequence[dict[str, Any]],
        context: Context,
        grant: Grant,
        notification_id: str,
        at: Instant,
    ) -> Message:
        plain = prefers_plain_geojson(_receiver_info(subscription, "prefer"))
        return Message(
            content_type=subscription.notification.endpoint.accept,
            headers=await self._headers(subscription, context, grant, plain=plain),
            body=msgspec.json.encode(
                {
                    "id": notification_id,
                    "type": "Notification",
                    "subscriptionId": subscription.id,
                    "notifiedAt": render_instant(at),
                    **_data(subscription, trees, context, plain=plain),
                }
            ),
        )

    async def _headers(
        self, subscription: Subscription, context: Context, grant: Grant, *, plain: bool
    ) -> tuple[tuple[str, str], ...]:
        """Give the headers beside Content-Type. Spec: CIM 009 6.3.6, 6.3.14, 5.2.15 (receiverInfo)."""
        endpoint = subscription.notification.endpoint
        inside = endpoint.accept == LD_JSON or (endpoint.accept == GEO_JSON and not plain)
        link = "" if inside else await self._contexts.link_url(context, grant, self._address(grant))
        headers = response_context_headers(endpoint.accept, link, plain=plain)[1:]
        if grant.tenant != DEFAULT_TENANT:
            headers.append(("NGSILD-Tenant", grant.tenant))
        own = [(name, value) for name, value in endpoint.receiver_info if name.lower() not in _OURS]
        return (*headers, *own)

    def _address(self, grant: Grant) -> str:
        """Give what this server is called from outside, with the tenant."""
        return self._base_url if grant.tenant == DEFAULT_TENANT else f"{self._base_url}/t/{grant.tenant}"


def represent(subscription: Subscription, context: Context) -> Representation:
    """Make the representation that a subscription asks for. context: what its names were written in."""
    params = subscription.notification
    ids = subscription.dataset_ids
    return Representation(
        format=params.format,
        sys_attrs=params.sys_attrs,
        projection=_projection(subscription, context),
        dataset_ids=None if ids is None else frozenset(NO_DATASET if id_ == "@none" else id_ for id_ in ids),
        lang=None if subscription.lang is None else parse_lang(subscription.lang),
        geojson=params.endpoint.accept == GEO_JSON,
        join=params.join,
        join_level=params.join_level,
    )


def _projection(subscription: Subscription, context: Context) -> Projection:
    params = subscription.notification
    if params.attributes is not None:
        return Projection(pick=frozenset(params.attributes), keep_core=True)
    if params.pick is None and params.omit is None:
        return EVERYTHING
    return parse_projection(params.pick, params.omit, None, context.expand_term)


def _may_see(grant: Grant, entity: Entity) -> bool:
    return grant.row_filter is None or matches(grant.row_filter, entity)


def _tree(renderer: EntityRenderer, entity: Entity, projection: Projection) -> dict[str, Any]:
    """Give an entity as a tree; one that was deleted says when, whatever the representation. Spec: CIM 009 5.8.6."""
    tree = renderer.tree(entity, projection)
    members = tree.get("properties", tree)
    if tree and entity.deleted_at is not None and projection.shows_member("deletedAt"):
        members["deletedAt"] = render_instant(entity.deleted_at)
    return tree


def _data(
    subscription: Subscription, trees: Iterable[dict[str, Any]], context: Context, *, plain: bool
) -> dict[str, Any]:
    """Put ``data`` together, and the @context where the receiver wants it inside. Spec: CIM 009 5.3.1, 6.3.15."""
    inside = {"@context": context.reference}
    accept = subscription.notification.endpoint.accept
    if accept == LD_JSON:
        return {"data": [{**tree, **inside} for tree in trees], **inside}
    if accept != GEO_JSON:
        return {"data": list(trees)}
    features = {"type": "FeatureCollection", "features": list(trees)}
    return {"data": features if plain else {**features, **inside}}


def _receiver_info(subscription: Subscription, name: str) -> str | None:
    found = [value for key, value in subscription.notification.endpoint.receiver_info if key.lower() == name]
    return found[0] if found else None
