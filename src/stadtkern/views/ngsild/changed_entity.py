"""What a notification shows of a change, as an entity that the renderers can show.

What is gone is NGSI-LD Null; what was there before stands beside what took its place.

Spec: CIM 009 5.2.14.1 (showChanges), 5.2.4 to 5.2.37 (previousValue and its sisters), 5.8.6.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw

from stadtkern.model.entity import VALUE_MEMBER, Attributes, Entity, Instance, find_instance, replace
from stadtkern.model.event import Event
from stadtkern.model.ids import NGSI_LD_NULL, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.subscription import Subscription
from stadtkern.policy.mask import Hidden, instance_without_hidden, without_hidden

_NULL: Final = raw(NGSI_LD_NULL)
_NULL_MAP: Final = raw({"@none": NGSI_LD_NULL})
_PSEUDO: Final = frozenset({"scope", "type"})
"""Members of the entity that the log tells of like attributes."""

Previous = dict[tuple[Iri, str], Instance | None]
"""What each instance that changed was before the change, in the order of the log."""


def show_change(event: Event, subscription: Subscription, hidden: Hidden) -> Entity:
    """Give the entity as the subscriber is told of it. hidden: names that do not exist for him."""
    attributes = without_hidden(event.entity.attributes, hidden)
    params = subscription.notification
    if event.kind == "deleted":
        gone = _attributes_of_deleted(attributes, subscription)
        nulls = {name: _all_null(group, event.at, params.show_changes) for name, group in gone.items()}
        return replace(event.entity, attributes=nulls, scope=[], deleted_at=event.at)
    previous = _previous(event, hidden)
    if not previous:
        return replace(event.entity, attributes=attributes)
    if params.show_changes:
        attributes = _with_previous(attributes, previous)
    if params.show_changes or "attributeDeleted" in subscription.triggers:
        attributes = _with_nulls(attributes, previous, event.at, show_changes=params.show_changes)
    return replace(event.entity, attributes=attributes)


def _attributes_of_deleted(attributes: Attributes, subscription: Subscription) -> Attributes:
    """Choose the attributes of a deleted entity that are told of; id, type and the time always are."""
    if subscription.notification.show_changes:
        return attributes
    if "attributeDeleted" not in subscription.triggers:
        return {}
    watched = subscription.watched_attributes
    return {name: group for name, group in attributes.items() if watched is None or name in watched}


def _all_null(group: list[Instance], at: Instant, show_changes: bool) -> list[Instance]:
    """Give what stands for an attribute that is gone with all its instances: one, where that says everything."""
    if show_changes:
        return [_null(one, at, show_changes=True) for one in group]
    default = find_instance(group, "")
    return [_null(default or group[0], at, show_changes=False)]


def _previous(event: Event, hidden: Hidden) -> Previous:
    """Collect what was there before."""
    return {
        (item.attribute, item.dataset_id): item.previous and instance_without_hidden(item.previous, hidden)
        for item in event.items
        if item.attribute not in hidden and item.attribute not in _PSEUDO
    }


def _with_previous(attributes: Attributes, previous: Previous) -> Attributes:
    shown = dict(attributes)
    for (name, dataset_id), before in previous.items():
        if before is not None and name in shown:
            shown[name] = [_beside(one, before) if one.dataset_id == dataset_id else one for one in shown[name]]
    return shown


def _with_nulls(attributes: Attributes, previous: Previous, at: Instant, *, show_changes: bool) -> Attributes:
    """Add what was deleted; of an attribute that is gone altogether, one instance where that says everything."""
    gone: Attributes = {}
    for (name, dataset_id), before in previous.items():
        if before is not None and find_instance(attributes.get(name, []), dataset_id) is None:
            gone.setdefault(name, []).append(before)
    shown = dict(attributes)
    for name, group in gone.items():
        left = shown.get(name, [])
        nulls = (
            [_null(one, at, show_changes=show_changes) for one in group] if left else _all_null(group, at, show_changes)
        )
        shown[name] = [*left, *nulls]
    return shown


def _null(before: Instance, at: Instant, *, show_changes: bool) -> Instance:
    """Give what stands for an instance that was deleted. Spec: CIM 009 4.5.0."""
    null = Instance(
        kind=before.kind,
        value=_NULL_MAP if before.kind == "LanguageProperty" else _NULL,
        dataset_id=before.dataset_id,
        created_at=before.created_at,
        modified_at=before.modified_at,
        deleted_at=at,
    )
    return _beside(null, before) if show_changes else null


def _beside(instance: Instance, before: Instance) -> Instance:
    member = VALUE_MEMBER[before.kind]
    name = f"previous{member[0].upper()}{member[1:]}"
    return replace(instance, extra={**instance.extra, name: _previous_value(before)})


def _previous_value(before: Instance) -> Raw:
    if before.kind != "ListRelationship":
        return before.value
    targets: Any = msgspec.json.decode(before.value)
    return raw([{"object": target} for target in targets])
