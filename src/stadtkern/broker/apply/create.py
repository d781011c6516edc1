"""Create, replace and upsert whole entities. Spec: CIM 009 5.6.1, 5.6.8, 5.6.18."""

from __future__ import annotations

from stadtkern.broker.apply.attributes import update_existing
from stadtkern.broker.apply.draft import scope_item
from stadtkern.broker.apply.instance import check_datasets, check_no_null, default_first, make_instance
from stadtkern.errors import AlreadyExists, BadRequestData
from stadtkern.model.change import Change, Item, Outcome
from stadtkern.model.entity import Attributes, Entity, EntityPatch, Instance, InstancePatch, find_instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import CreateEntity, ReplaceEntity, UpsertEntity


def create_entity(operation: CreateEntity, before: Entity | None, now: Instant) -> Change:
    """Create an entity. Raises: AlreadyExists, BadRequestData. Spec: CIM 009 5.6.1."""
    if before is not None:
        raise AlreadyExists(f"Entity {operation.id} exists already")
    return create(operation.id, operation.entity, now)


def upsert_entity(operation: UpsertEntity, before: Entity | None, now: Instant) -> Change:
    """Create an entity, or replace or update the existing one. Raises: BadRequestData. Spec: CIM 009 5.6.8."""
    if before is None:
        return create(operation.id, operation.entity, now)
    if operation.mode == "update":
        return update_existing(before, operation.entity, now)
    return replace(before, operation.entity, now)


def replace_entity(operation: ReplaceEntity, before: Entity, now: Instant) -> Change:
    """Replace types, scope and all attributes of an entity. Raises: BadRequestData. Spec: CIM 009 5.6.18."""
    return replace(before, operation.entity, now)


def create(entity_id: EntityId, patch: EntityPatch, now: Instant) -> Change:
    """Create an entity that does not exist yet."""
    after = make_entity(entity_id, patch, now)
    items = [Item(n, i.dataset_id, "created", None, i) for n, group in after.attributes.items() for i in group]
    if after.scope:
        items.append(scope_item([], now, after.scope, now))
    return Change(None, after, items, Outcome(created=True, updated=list(after.attributes)))


def make_entity(entity_id: EntityId, patch: EntityPatch, now: Instant) -> Entity:
    """Make a whole entity of what a client sent. Raises: BadRequestData."""
    check_no_null(patch)
    if not patch.types:
        raise BadRequestData(f"Entity {entity_id} needs a type", pointer="/type")
    attributes = {name: _make_all(name, patches, {}, now) for name, patches in patch.attributes.items() if patches}
    return Entity(
        id=entity_id,
        types=list(dict.fromkeys(patch.types)),
        scope=patch.scope or [],
        scope_at=now if patch.scope else Instant(0),
        attributes=attributes,
        created_at=now,
        modified_at=now,
        expires_at=patch.expires_at,
    )


def replace(before: Entity, patch: EntityPatch, now: Instant) -> Change:
    """Put a new content in the place of an entity; creation times of what was there before stay."""
    check_no_null(patch)
    attributes = {
        name: _make_all(name, patches, before.attributes, now) for name, patches in patch.attributes.items() if patches
    }
    after = Entity(
        id=before.id,
        types=list(dict.fromkeys(patch.types)) or before.types,
        scope=patch.scope or [],
        scope_at=before.scope_at if before.scope == (patch.scope or []) else now,
        attributes=attributes,
        created_at=before.created_at,
        modified_at=now,
        expires_at=patch.expires_at,
    )
    return Change(before, after, compare(before, after), Outcome(updated=list(attributes)))


def _make_all(name: Iri, patches: list[InstancePatch], previous: Attributes, now: Instant) -> list[Instance]:
    old = previous.get(name, [])
    if len(patches) == 1 and not old:  # most attributes of most entities
        return [make_instance(name, patches[0], now)]
    check_datasets(name, patches)
    return default_first([make_instance(name, p, now, find_instance(old, p.dataset_id)) for p in patches])


def compare(before: Entity, after: Entity) -> list[Item]:
    """List what a replacement changed: every new instance is created or updated, every one left out is deleted."""
    items: list[Item] = []
    for name, instances in after.attributes.items():
        old = before.attributes.get(name, [])
        for new in instances:
            previous = find_instance(old, new.dataset_id)
            items.append(Item(name, new.dataset_id, "updated" if previous else "created", previous, new))
    for name, instances in before.attributes.items():
        kept = after.attributes.get(name, [])
        gone = [i for i in instances if find_instance(kept, i.dataset_id) is None]
        items.extend(Item(name, i.dataset_id, "deleted", i) for i in gone)
    if before.scope or after.scope:
        items.append(scope_item(before.scope, before.scope_at, after.scope, after.scope_at))
    return items
