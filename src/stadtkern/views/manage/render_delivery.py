"""How subscribers are told, as JSON: without paths, credentials and headers of their receivers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from stadtkern.model.instant import Instant, render_instant
from stadtkern.model.subscription import EVENTS_URI, Delivery, Progress, Subscription, Trial

MAX_ERROR = 500
"""Characters shown of what went wrong."""
_DEFAULT_PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}


def render_delivery(
    subscription: Subscription, delivery: Delivery, progress: Progress | None, at: Instant
) -> dict[str, Any]:
    """Render a subscription's delivery.

    progress: None where another process delivers, or nobody; then what only the delivering process knows is left out.
    """
    return {
        "id": subscription.id,
        "name": subscription.name,
        "endpoint": render_endpoint(subscription.notification.endpoint.uri),
        "status": subscription.status(at),
        **({} if progress is None else _render_progress(progress, at)),
        "timesSent": delivery.sent + delivery.failed,
        "timesFailed": delivery.failed,
        "dropped": delivery.dropped,
        "lastNotification": _time(delivery.last_notification),
        "lastSuccess": _time(delivery.last_success),
        "lastFailure": _time(delivery.last_failure),
        "lastError": None if delivery.last_error is None else delivery.last_error[:MAX_ERROR],
    }


def render_endpoint(uri: str) -> str:
    """Give scheme, host and port of a receiver: whatever else is in its address may be a secret."""
    if uri == EVENTS_URI:
        return uri
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "?"
    host = parts.hostname or "?"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}")


def render_trial(trial: Trial) -> dict[str, Any]:
    """Render how a test went."""
    return {
        "delivered": trial.delivered,
        "milliseconds": round(trial.duration_s * 1000, 1),
        "entities": trial.entities,
        "error": None if trial.error is None else trial.error[:MAX_ERROR],
    }


def _render_progress(progress: Progress, at: Instant) -> dict[str, Any]:
    oldest = progress.oldest_at
    return {
        "state": progress.doing,
        "waiting": progress.waiting,
        "oldestWaitingSeconds": None if oldest is None else round(max(0, at - oldest) / 1_000_000, 3),
        "failuresInARow": progress.failures,
        "nextTryInSeconds": round(progress.next_try_s, 1) if progress.doing == "waiting" else None,
    }


def _time(moment: Instant | None) -> str | None:
    return None if moment is None else render_instant(moment)
