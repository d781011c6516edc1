"""Transient entities and attributes: what has expired is not there, whether or not it was swept up already.

Spec: CIM 009 4.5.2 to 4.5.24 and 5.2.4 (expiresAt).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from stadtkern.broker.apply.draft import scope_item
from stadtkern.model.change import SCOPE, Change, Item
from stadtkern.model.entity import NO_DATASET, Attributes, Entity, Instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant


def has_expired(entity: Entity, now: Instant) -> bool:
    """Tell whether the entity or one of its attribute instances is over."""
    if entity.expires_at is not None and entity.expires_at <= now:
        return True
    for instances in entity.attributes.values():
        for instance in instances:
            if instance.expires_at is not None and instance.expires_at <= now:
                return True
    return False


def apply_to_visible(before: Entity, now: Instant, apply: Callable[[Entity | None], Change]) -> Change:
    """Apply an operation to what has not expired, and let the Change also take away what has."""
    visible = _visible(before, now)
    change = apply(visible)
    lost = _lost(before, visible)
    scope = scope_item(before.scope, before.scope_at, [], now).previous if visible is None else None
    if scope is not None:
        lost[SCOPE, NO_DATASET] = scope
    items = _account_for(lost, change.items)
    return Change(before, change.after, items, replace(change.outcome, changed=True))


def _visible(entity: Entity, now: Instant) -> Entity | None:
    if entity.expires_at is not None and entity.expires_at <= now:
        return None
    attributes: Attributes = {}
    for name, instances in entity.attributes.items():
        left = [i for i in instances if i.expires_at is None or i.expires_at > now]
        if left:
            attributes[name] = instances if len(left) == len(instances) else left
    return replace(entity, attributes=attributes)


def _lost(before: Entity, visible: Entity | None) -> dict[tuple[Iri, str], Instance]:
    kept = {id(i) for group in visible.attributes.values() for i in group} if visible is not None else set[int]()
    return {(name, i.dataset_id): i for name, group in before.attributes.items() for i in group if id(i) not in kept}


def _account_for(lost: dict[tuple[Iri, str], Instance], items: list[Item]) -> list[Item]:
    accounted: list[Item] = []
    for item in items:
        # what goes to history only takes nobody's place
        previous = None if item.verb == "recorded" else lost.pop((item.attribute, item.dataset_id), None)
        accounted.append(item if previous is None else replace(item, verb="updated", previous=previous))
    deleted = [Item(name, dataset_id, "deleted", i) for (name, dataset_id), i in lost.items()]
    if any(item.verb == "recorded" for item in items):
        return [*deleted, *accounted]
    return [*accounted, *deleted]
