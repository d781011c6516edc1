"""Append, update, replace and partially update attributes. Spec: CIM 009 5.6.2, 5.6.3, 5.6.4, 5.6.9, 5.6.19."""

from __future__ import annotations

from stadtkern.broker.apply.draft import SCOPE, TYPE, Draft
from stadtkern.broker.apply.instance import (
    check_datasets,
    check_no_null,
    is_empty,
    make_instance,
    update_instance,
)
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.change import Change
from stadtkern.model.entity import NO_DATASET, Entity, EntityPatch, Instance, InstancePatch
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    AppendAttributes,
    BatchUpdateEntity,
    PartialUpdateAttribute,
    ReplaceAttribute,
    UpdateAttributes,
)

_EXISTS = "The attribute exists already and overwriting is not allowed"
_MISSING = "The attribute does not exist"
_NO_SCOPE = "The entity has no scope to update"


def append_attributes(operation: AppendAttributes, before: Entity, now: Instant) -> Change:
    """Append attributes, overwriting existing ones if allowed; a scope is replaced, or extended without overwriting.

    Raises: BadRequestData. Spec: CIM 009 5.6.3, 4.18.
    """
    check_no_null(operation.entity)
    draft = Draft(before, now)
    if operation.entity.scope is not None:
        scope = operation.entity.scope
        draft.set_scope(scope if operation.overwrite else list(dict.fromkeys([*before.scope, *scope])))
    write_fragment(draft, operation.entity, overwrite=operation.overwrite)
    return draft.finish()


def update_attributes(operation: UpdateAttributes, before: Entity, now: Instant) -> Change:
    """Update attributes; new ones are added, NGSI-LD Null deletes, a scope is replaced only where there is one.

    Spec: CIM 009 5.6.2 with 5.5.8, 4.18.
    """
    draft = Draft(before, now)
    scope = operation.entity.scope
    if scope is not None:
        if before.scope:
            draft.set_scope(scope)
        else:
            draft.refuse(SCOPE, _NO_SCOPE)
    write_fragment(draft, operation.entity, overwrite=operation.overwrite)
    return draft.finish()


def batch_update(operation: BatchUpdateEntity, before: Entity, now: Instant) -> Change:
    """Apply one element of a batch update. Spec: CIM 009 5.6.9."""
    return update_existing(before, operation.entity, now, overwrite=operation.overwrite)


def update_existing(before: Entity, entity: EntityPatch, now: Instant, *, overwrite: bool = True) -> Change:
    """Append and overwrite attributes of an existing entity; NGSI-LD Null deletes. Spec: CIM 009 5.6.8, 5.6.9."""
    draft = Draft(before, now)
    if entity.scope is not None:
        draft.set_scope(entity.scope if overwrite else list(dict.fromkeys([*before.scope, *entity.scope])))
    write_fragment(draft, entity, overwrite=overwrite)
    return draft.finish()


def write_fragment(draft: Draft, entity: EntityPatch, *, overwrite: bool) -> None:
    """Write types, expiry and whole attributes of a fragment; what may not be written is noted as not updated."""
    draft.add_types(entity.types)
    draft.set_expiry(entity)
    for name, patches in entity.attributes.items():
        check_datasets(name, patches)
        for patch in patches:
            _write_instance(draft, name, patch, overwrite)


def _write_instance(draft: Draft, name: Iri, patch: InstancePatch, overwrite: bool) -> None:
    current = draft.find(name, patch.dataset_id)
    if patch.deleted and current is None:
        draft.refuse(name, _MISSING)
    elif current is not None and not overwrite:
        draft.refuse(name, _EXISTS)
    elif patch.deleted and current is not None:
        draft.remove(name, current)
        draft.note(name)
    else:
        draft.put(name, make_instance(name, patch, draft.now, current), current)
        draft.note(name)


def partial_update(operation: PartialUpdateAttribute, before: Entity, now: Instant) -> Change:
    """Patch members of existing instances of one attribute; NGSI-LD Null deletes the instance.

    Raises: ResourceNotFound, BadRequestData (empty fragment, other attribute type). Spec: CIM 009 5.6.4 with 5.5.8.
    """
    name = operation.attribute
    draft = _start(name, operation.patches, before, now)
    for patch in operation.patches:
        if is_empty(patch):
            raise BadRequestData(f"The fragment for attribute {name} is empty")
        current = _existing(draft, name, patch.dataset_id)
        if patch.deleted:
            draft.remove(name, current)
        else:
            draft.put(name, update_instance(name, current, patch, now), current)
    draft.note(name)
    return draft.finish()


def replace_attribute(operation: ReplaceAttribute, before: Entity, now: Instant) -> Change:
    """Replace existing instances of one attribute, whatever their type; their creation time stays.

    Raises: ResourceNotFound, BadRequestData (NGSI-LD Null, scope). Spec: CIM 009 5.6.19.
    """
    name = operation.attribute
    check_no_null(EntityPatch(attributes={name: operation.patches}))
    draft = _start(name, operation.patches, before, now)
    for patch in operation.patches:
        current = _existing(draft, name, patch.dataset_id)
        draft.put(name, make_instance(name, patch, now, current), current)
    draft.note(name)
    return draft.finish()


def _start(name: Iri, patches: list[InstancePatch], before: Entity, now: Instant) -> Draft:
    check_is_attribute(name)
    if not patches:
        raise BadRequestData(f"The fragment for attribute {name} is empty")
    check_datasets(name, patches)
    return Draft(before, now)


def check_is_attribute(name: Iri) -> None:
    """Refuse members of an entity that are no attributes. Raises: BadRequestData."""
    if name in (SCOPE, TYPE, "id"):
        raise BadRequestData(f"{name} is not an attribute and cannot be changed this way")


def _existing(draft: Draft, name: Iri, dataset_id: str) -> Instance:
    current = draft.find(name, dataset_id)
    if current is None:
        raise missing_instance(draft.before, name, dataset_id)
    return current


def missing_instance(entity: Entity, name: Iri, dataset_id: str) -> ResourceNotFound:
    """Make the failure of asking for an attribute instance that is not there."""
    if name not in entity.attributes:
        return ResourceNotFound(f"Entity {entity.id} has no attribute {name}")
    which = "default instance" if dataset_id == NO_DATASET else f"instance with datasetId {dataset_id}"
    return ResourceNotFound(f"Attribute {name} of entity {entity.id} has no {which}")
