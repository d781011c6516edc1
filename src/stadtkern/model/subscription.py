"""Subscriptions: what somebody wants to be told of, how, and how telling them went.

Names of types and attributes are IRIs here, with one exception: texts in a query language keep the terms they were
written in, and ``context`` says which context they mean. Spec: CIM 009 5.2.12 (Subscription), 5.2.14
(NotificationParams), 5.2.15 (Endpoint), 5.2.33 (EntitySelector), 5.8.1 to 5.8.6.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, NewType

from msgspec import Struct

from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant

SubscriptionId = NewType("SubscriptionId", str)
"""The URI of a subscription."""

Trigger = Literal[
    "entityCreated", "entityUpdated", "entityDeleted", "attributeCreated", "attributeUpdated", "attributeDeleted"
]
TRIGGERS: tuple[Trigger, ...] = (
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
)
DEFAULT_TRIGGERS: tuple[Trigger, ...] = ("attributeCreated", "attributeUpdated")
"""What is meant where a subscription names none (CIM 009 5.2.12)."""
NotificationFormat = Literal["normalized", "concise", "simplified"]
NotificationAccept = Literal["application/json", "application/ld+json", "application/geo+json"]

Status = Literal["active", "paused", "expired"]
"""How a subscription stands (CIM 009 5.2.12)."""

EVENTS_URI = "urn:stadtkern:events"
"""The endpoint of a subscription that nothing is sent for: its notifications are read as a stream."""


class Position(NamedTuple):
    """A place in a tenant's change log: everything up to and including it is done.

    x: PostgreSQL's transaction id (0 on the embedded engine); seq: the row. Both only grow, as a pair.
    """

    x: int
    seq: int


START = Position(0, 0)


class EntitySelector(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Which entities: all that is given must hold. type: a type selection in the terms of the context (4.17)."""

    type: str | None = None
    ids: tuple[EntityId, ...] = ()
    id_pattern: str | None = None


class Endpoint(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Where notifications go. timeout_ms, cooldown_ms: milliseconds, as the standard counts them."""

    uri: str
    accept: NotificationAccept = "application/json"
    timeout_ms: int | None = None
    cooldown_ms: int | None = None
    receiver_info: tuple[tuple[str, str], ...] = ()
    """HTTP headers that are sent along."""
    notifier_info: tuple[tuple[str, str], ...] = ()
    """``MQTT-Version`` and ``MQTT-QoS``."""


class NotificationParams(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What a notification shows. attributes: IRIs; pick, omit: projection texts in the terms of the context."""

    endpoint: Endpoint
    attributes: tuple[Iri, ...] | None = None
    pick: str | None = None
    omit: str | None = None
    format: NotificationFormat = "normalized"
    sys_attrs: bool = False
    show_changes: bool = False
    join: Literal["inline", "flat"] | None = None
    join_level: int = 1


class Subscription(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A subscription as it is stored.

    watched_attributes: None where not given. time_interval_s: seconds; such a subscription is told periodically instead
    of by changes. throttling_s: seconds between two notifications at least. geo_q: JSON text of the GeoQuery.
    context: address of the @context in which q, geo_q, types and projections were written; "" is the core context.
    given: optional members that the client wrote although they equal their default, so that they are shown again.
    owner: the actor whose rights it has (``administrator``, ``anonymous``, ``key:<id>``), judged at each delivery.
    since: changes up to here were before it.
    """

    id: SubscriptionId
    notification: NotificationParams
    name: str | None = None
    description: str | None = None
    entities: tuple[EntitySelector, ...] = ()
    watched_attributes: tuple[Iri, ...] | None = None
    triggers: tuple[Trigger, ...] = DEFAULT_TRIGGERS
    time_interval_s: float | None = None
    q: str | None = None
    geo_q: str | None = None
    scope_q: str | None = None
    lang: str | None = None
    dataset_ids: tuple[str, ...] | None = None
    is_active: bool = True
    expires_at: Instant | None = None
    throttling_s: float | None = None
    context: str = ""
    jsonld_context: str | None = None
    local_only: bool = False
    split_entities: bool = False
    expand_values: tuple[str, ...] = ()
    json_keys: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    owner: str = "anonymous"
    since: Position = START
    created_at: Instant = Instant(0)
    modified_at: Instant = Instant(0)

    def is_over(self, at: Instant) -> bool:
        """Tell whether it has expired."""
        return self.expires_at is not None and self.expires_at <= at

    def status(self, at: Instant) -> Status:
        """Tell how it stands; it is told of changes while it is active only."""
        if self.is_over(at):
            return "expired"
        return "active" if self.is_active else "paused"


class Delivery(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """How telling one subscriber went. done: everything up to here was delivered, dropped or of no interest.

    pending: something waited behind ``done``; where nothing did, what the tenant's reader had passed is done, too.
    sent, failed: attempts that were answered well, and that were not; dropped: notifications given up because too many
    waited, or because the receiver refused them; last_error: a sentence. Spec: CIM 009 5.2.14 (timesSent and so on).
    """

    done: Position = START
    pending: bool = False
    sent: int = 0
    failed: int = 0
    dropped: int = 0
    last_notification: Instant | None = None
    last_success: Instant | None = None
    last_failure: Instant | None = None
    last_error: str | None = None


Doing = Literal["idle", "sending", "waiting"]


class Progress(Struct, frozen=True, gc=False, kw_only=True):
    """How telling one subscriber goes right now.

    waiting: notifications not delivered yet. failures: in a row. next_try_s: seconds until the receiver is tried again;
    not above 0 where nothing keeps it from being tried. oldest_at: when the first of what waits happened; None where
    nothing waits, or where that is not known any more.
    """

    delivery: Delivery
    waiting: int = 0
    doing: Doing = "idle"
    failures: int = 0
    next_try_s: float = 0.0
    oldest_at: Instant | None = None


class Trial(Struct, frozen=True, gc=False, kw_only=True):
    """How a test of a receiver went. duration_s: seconds; entities: how many were shown; error: a sentence."""

    delivered: bool
    duration_s: float
    entities: int = 0
    error: str | None = None
