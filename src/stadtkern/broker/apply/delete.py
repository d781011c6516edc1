"""Delete entities and attributes. Spec: CIM 009 5.6.5, 5.6.6, 5.6.21."""

from __future__ import annotations

from stadtkern.broker.apply.attributes import check_is_attribute, missing_instance
from stadtkern.broker.apply.draft import SCOPE, Draft, scope_item
from stadtkern.errors import ResourceNotFound
from stadtkern.model.change import Change, Item, Outcome
from stadtkern.model.entity import Entity
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import DeleteAttribute, DeleteEntity, PurgeAttributes


def delete_entity(operation: DeleteEntity, before: Entity) -> Change:
    """Delete the current state of an entity. Spec: CIM 009 5.6.6."""
    items = [Item(name, i.dataset_id, "deleted", i) for name, group in before.attributes.items() for i in group]
    if before.scope:
        items.append(scope_item(before.scope, before.scope_at, [], before.scope_at))
    return Change(before, None, items, Outcome(deleted=True))


def delete_if_expired(operation: DeleteEntity, before: Entity | None, limit: Instant) -> Change:
    """Delete a transient entity whose time is over; leave alone what is gone or was prolonged meanwhile."""
    if before is None or before.expires_at is None or before.expires_at > limit:
        return Change(before, before, [], Outcome(changed=False))
    return delete_entity(operation, before)


def delete_attribute(operation: DeleteAttribute, before: Entity, now: Instant) -> Change:
    """Delete one instance of an attribute, or all, or the scope. Raises: ResourceNotFound. Spec: CIM 009 5.6.5."""
    name = operation.attribute
    draft = Draft(before, now)
    if name == SCOPE:
        if not before.scope:
            raise ResourceNotFound(f"Entity {before.id} has no scope")
        draft.set_scope([])
        return draft.finish()
    check_is_attribute(name)
    _delete(draft, name, operation.dataset_id, operation.delete_all)
    draft.note(name)
    return draft.finish()


def _delete(draft: Draft, name: Iri, dataset_id: str, delete_all: bool) -> None:
    instance = draft.find(name, dataset_id)
    if delete_all and name in draft.attributes:
        draft.remove_all(name)
    elif delete_all or instance is None:
        raise missing_instance(draft.before, name, dataset_id)
    else:
        draft.remove(name, instance)


def purge_attributes(operation: PurgeAttributes, before: Entity, now: Instant) -> Change:
    """Drop the named attributes, or all but those to keep; a scope goes only when named. Spec: CIM 009 5.6.21."""
    draft = Draft(before, now)
    drop, keep = operation.drop, operation.keep
    for name in before.attributes:
        if (drop is not None and name in drop) or (keep is not None and name not in keep):
            draft.remove_all(name)
            draft.note(name)
    if drop is not None and SCOPE in drop and before.scope:
        draft.set_scope([])
    return draft.finish()
