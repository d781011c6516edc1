"""From an operation to its function."""

from __future__ import annotations

from typing import assert_never

from stadtkern.broker.apply.attributes import (
    append_attributes,
    batch_update,
    partial_update,
    replace_attribute,
    update_attributes,
)
from stadtkern.broker.apply.create import create_entity, replace_entity, upsert_entity
from stadtkern.broker.apply.delete import delete_attribute, delete_entity, delete_if_expired, purge_attributes
from stadtkern.broker.apply.expiry import apply_to_visible, has_expired
from stadtkern.broker.apply.merge import merge_entity
from stadtkern.broker.apply.place import leave_locations, move_thing
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.change import Change
from stadtkern.model.entity import Entity
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    AppendAttributes,
    BatchUpdateEntity,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    DocumentOperation,
    MergeEntity,
    MoveThing,
    PartialUpdateAttribute,
    PurgeAttributes,
    ReplaceAttribute,
    ReplaceEntity,
    UpdateAttributes,
    UpsertEntity,
)
from stadtkern.model.sensorthings_terms import LOCATIONS


def apply(operation: DocumentOperation, before: Entity | None, now: Instant) -> Change:
    """Decide what one operation does to one entity: pure, and ``before`` is never touched.

    Expired entities and attributes count as not there, and go with the first write that meets them.
    Raises: AlreadyExists, ResourceNotFound, BadRequestData. Spec: CIM 009 5.6.
    """
    if isinstance(operation, DeleteEntity) and operation.only_if_expired_at is not None:
        return delete_if_expired(operation, before, operation.only_if_expired_at)
    if before is not None and has_expired(before, now):
        change = apply_to_visible(before, now, lambda visible: _apply(operation, visible, now))
    else:
        change = _apply(operation, before, now)
    if before is None or LOCATIONS not in before.attributes or isinstance(operation, MoveThing):
        return change
    return leave_locations(change, now)


def _apply(operation: DocumentOperation, before: Entity | None, now: Instant) -> Change:
    _check_id(operation)
    if isinstance(operation, CreateEntity):
        return create_entity(operation, before, now)
    if isinstance(operation, UpsertEntity):
        return upsert_entity(operation, before, now)
    if before is None:
        raise ResourceNotFound(f"Entity {operation.id} does not exist")
    return _apply_to_existing(operation, before, now)


def _apply_to_existing(operation: DocumentOperation, before: Entity, now: Instant) -> Change:
    match operation:
        case PartialUpdateAttribute():
            return partial_update(operation, before, now)
        case MergeEntity():
            return merge_entity(operation, before, now)
        case AppendAttributes():
            return append_attributes(operation, before, now)
        case UpdateAttributes():
            return update_attributes(operation, before, now)
        case BatchUpdateEntity():
            return batch_update(operation, before, now)
        case ReplaceAttribute():
            return replace_attribute(operation, before, now)
        case ReplaceEntity():
            return replace_entity(operation, before, now)
        case DeleteAttribute():
            return delete_attribute(operation, before, now)
        case DeleteEntity():
            return delete_entity(operation, before)
        case PurgeAttributes():
            return purge_attributes(operation, before, now)
        case MoveThing():
            return move_thing(operation, before, now)
        case CreateEntity():
            return create_entity(operation, before, now)
        case UpsertEntity():
            return upsert_entity(operation, before, now)
        case _:
            assert_never(operation)


def _check_id(operation: DocumentOperation) -> None:
    if isinstance(
        operation,
        PartialUpdateAttribute | ReplaceAttribute | DeleteAttribute | DeleteEntity | PurgeAttributes | MoveThing,
    ):
        return
    given = operation.entity.id
    if given is not None and given != operation.id:
        raise BadRequestData(f"The id {given} in the body differs from {operation.id}", pointer="/id")
