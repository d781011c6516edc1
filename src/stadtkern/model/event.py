"""What happened to one entity in one commit, with the entity as it was then: what subscribers are told of."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from stadtkern.model.entity import Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.subscription import Position

EventVerb = Literal["created", "updated", "deleted"]


class EventItem(Struct, frozen=True, gc=False):
    """What a commit did to one attribute instance, all its operations taken together.

    previous, new: the instance before and after; None where there was, or is, none. The scope and the types of the
    entity are told as the pseudo attributes ``scope`` and ``type`` (``model.change``): Properties whose value is a list
    of texts.
    """

    attribute: Iri
    dataset_id: str
    verb: EventVerb
    previous: Instance | None = None
    new: Instance | None = None


class Event(Struct, frozen=True, gc=False, kw_only=True):
    """One entity's share in one commit.

    at: when (UTC). n: the entity's number. entity: the state right after the commit; for ``deleted`` the last state
    before it, with ``deleted_at``. items: what changed of the current state; values that went to history alone are not
    among them, so that there may be none. exact: False where so much came later that ``entity`` is what is known now
    with this commit's own values.
    """

    position: Position
    at: Instant
    n: int
    id: EntityId
    kind: EventVerb
    entity: Entity
    items: tuple[EventItem, ...]
    exact: bool = True
