"""Every event worth logging or counting, as one closed set of small types; log and metrics subscribe to them.

The core emits events and knows neither a logger nor a metric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct


class RequestAnswered(Struct, frozen=True):
    """One HTTP request was answered. duration_s: seconds, from the first byte to the last."""

    request_id: str
    method: str
    path: str
    view: str
    status: int
    duration_s: float
    tenant: str
    actor: str


class RequestFailed(Struct, frozen=True):
    """A request met a fault of ours; the client saw InternalError with this request id."""

    request_id: str
    error: BaseException


class BatchCommitted(Struct, frozen=True):
    """One transaction of the write path. apply_s: load, apply and save; commit_s: until durable."""

    operations: int
    apply_s: float
    commit_s: float


class WriteFailed(Struct, frozen=True):
    """A write was undone by an error that is no problem of the client's."""

    error: BaseException


class NotificationSent(Struct, frozen=True):
    """A receiver took a notification. lag_s: seconds from the commit of what it tells."""

    tenant: str
    lag_s: float


class NotificationFailed(Struct, frozen=True):
    """A receiver did not take a notification. permanent: it will not be tried again."""

    tenant: str
    reason: str
    permanent: bool


class NotificationsDropped(Struct, frozen=True):
    """Notifications were given up: too many waited (``backlog``), or the receiver takes them never (``refused``)."""

    reason: Literal["backlog", "refused"]
    count: int


class ServerStarted(Struct, frozen=True):
    """A process answers requests."""

    address: str
    engine: str


class ServerStopping(Struct, frozen=True):
    """A process finishes what it accepted and takes nothing more."""

    reason: str


class TenantOpened(Struct, frozen=True):
    """A tenant's database was opened; migrations: how many steps were applied."""

    tenant: str
    migrations: int


class MaintenanceFailed(Struct, frozen=True):
    """A background job failed; it will be tried again."""

    job: str
    error: BaseException


Event = (
    RequestAnswered
    | RequestFailed
    | BatchCommitted
    | WriteFailed
    | NotificationSent
    | NotificationFailed
    | NotificationsDropped
    | ServerStarted
    | ServerStopping
    | TenantOpened
    | MaintenanceFailed
)
Listener = Callable[[Event], None]

_listeners: list[Listener] = []


def emit(event: Event) -> None:
    """Tell all listeners."""
    for listener in _listeners:
        listener(event)


def subscribe(listener: Listener) -> Callable[[], None]:
    """Add a listener; call what comes back to remove it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
