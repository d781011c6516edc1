"""Subscriptions as answers. Spec: CIM 009 5.2.12 to 5.2.15."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stadtkern.jsonld.context import Context
from stadtkern.model.entity import NO_DATASET
from stadtkern.model.instant import Instant, render_instant
from stadtkern.model.subscription import Delivery, Endpoint, EntitySelector, NotificationParams, Subscription
from stadtkern.query.typeselection import translate_types
from stadtkern.views.ngsild.parse_notification_params import hide_credentials, projection_names
from stadtkern.views.ngsild.parse_subscription import ANY_TYPE, TYPE

HIDDEN: Final = "(hidden)"
"""Stands for values that only the owner and administrators see."""


class SubscriptionRenderer:
    """Writes subscriptions in the names of the reader's context.

    at: the moment that status is of. sys_attrs: show createdAt and modifiedAt.
    """

    def __init__(self, context: Context, at: Instant, *, sys_attrs: bool) -> None:
        self._context = context
        self._at = at
        self._sys_attrs = sys_attrs

    def render(self, subscription: Subscription, delivery: Delivery, own: Context | None, *, open: bool) -> bytes:
        """Write one subscription.

        own: the context of its texts, None where it cannot be read now: types are then shown as they were written.
        open: the reader may see what is secret about its endpoint.
        """
        members: dict[str, Any] = {
            "id": subscription.id,
            "type": TYPE,
            "subscriptionName": subscription.name,
            "description": subscription.description,
            "entities": [self._selector(one, own) for one in subscription.entities] or None,
            "watchedAttributes": self._names(subscription.watched_attributes),
            "notificationTrigger": subscription.triggers,
            "timeInterval": _number(subscription.time_interval_s),
            "q": subscription.q,
            "geoQ": None if subscription.geo_q is None else msgspec.Raw(subscription.geo_q.encode()),
            "scopeQ": subscription.scope_q,
            "lang": subscription.lang,
            "datasetId": _datasets(subscription.dataset_ids),
            "throttling": _number(subscription.throttling_s),
            "expiresAt": _instant(subscription.expires_at),
            "jsonldContext": subscription.jsonld_context or subscription.context or None,
            "expandValues": subscription.expand_values or None,
            "jsonKeys": subscription.json_keys or None,
            **_flags(subscription),
            "notification": self._notification(subscription, delivery, open=open),
            "status": subscription.status(self._at),
        }
        if self._sys_attrs:
            members["createdAt"] = render_instant(subscription.created_at)
            members["modifiedAt"] = render_instant(subscription.modified_at)
        return _encode(members)

    def _selector(self, selector: EntitySelector, own: Context | None) -> dict[str, Any]:
        type = selector.type
        if type is not None and own is not None:
            type = translate_types(type, own.expand_term, self._context.compact_iri)
        ids = selector.ids[0] if len(selector.ids) == 1 else selector.ids or None
        return _present({"id": ids, "idPattern": selector.id_pattern, "type": type or ANY_TYPE})

    def _names(self, names: tuple[str, ...] | None) -> list[str] | None:
        return None if names is None else [self._context.compact_iri(name) for name in names]

    def _notification(self, subscription: Subscription, delivery: Delivery, *, open: bool) -> dict[str, Any]:
        params, given = subscription.notification, frozenset(subscription.given)

        def shown(name: str, value: object, default: object) -> Any:
            return value if value != default or f"notification.{name}" in given else None

        format = "keyValues" if params.format == "simplified" and "keyValues" in given else params.format
        return _present(
            {
                "attributes": self._names(params.attributes),
                "pick": None if params.pick is None else projection_names(params.pick),
                "omit": None if params.omit is None else projection_names(params.omit),
                "format": shown("format", format, "normalized"),
                "sysAttrs": shown("sysAttrs", params.sys_attrs, False),
                "showChanges": shown("showChanges", params.show_changes, False),
                "join": shown("join", params.join or "@none", "@none"),
                "joinLevel": shown("joinLevel", params.join_level, 1),
                "endpoint": _endpoint(params, given, open=open),
                **_counters(delivery),
            }
        )


def _flags(subscription: Subscription) -> dict[str, bool]:
    """Give the flags that were written, or do not have their default."""
    flags = {
        "isActive": (subscription.is_active, True),
        "localOnly": (subscription.local_only, False),
        "splitEntities": (subscription.split_entities, False),
    }
    return {name: value for name, (value, default) in flags.items() if value != default or name in subscription.given}


def _endpoint(params: NotificationParams, given: frozenset[str], *, open: bool) -> dict[str, Any]:
    endpoint: Endpoint = params.endpoint
    accept = endpoint.accept
    plain = accept == "application/json" and "notification.endpoint.accept" not in given
    return _present(
        {
            "uri": endpoint.uri if open else hide_credentials(endpoint.uri),
            "accept": None if plain else accept,
            "timeout": endpoint.timeout_ms,
            "cooldown": endpoint.cooldown_ms,
            "receiverInfo": _pairs(endpoint.receiver_info, open=open),
            "notifierInfo": _pairs(endpoint.notifier_info, open=True),
        }
    )


def _pairs(pairs: tuple[tuple[str, str], ...], *, open: bool) -> list[dict[str, str]] | None:
    return [{"key": key, "value": value if open else HIDDEN} for key, value in pairs] or None


def _counters(delivery: Delivery) -> dict[str, Any]:
    """Tell how delivering went, once it was tried. Spec: CIM 009 5.2.14.2."""
    attempts = delivery.sent + delivery.failed
    if not attempts:
        return {}
    failed = delivery.last_failure is not None and delivery.last_failure > (delivery.last_success or 0)
    return {
        "status": "failed" if failed else "ok",
        "timesSent": attempts,
        "timesFailed": delivery.failed,
        "lastNotification": _instant(delivery.last_notification),
        "lastSuccess": _instant(delivery.last_success),
        "lastFailure": _instant(delivery.last_failure),
    }


def _datasets(ids: tuple[str, ...] | None) -> list[str] | None:
    return None if ids is None else ["@none" if id == NO_DATASET else id for id in ids]


def _number(amount: float | None) -> float | None:
    """Write whole numbers without a fraction, as they usually came."""
    return int(amount) if amount is not None and amount == int(amount) else amount


def _instant(instant: Instant | None) -> str | None:
    return None if instant is None else render_instant(instant)


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _encode(members: dict[str, Any]) -> bytes:
    return msgspec.json.encode(_present(members))
