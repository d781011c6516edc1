"""Merge patch: a fragment laid over an entity, deep into attributes and values. Spec: CIM 009 5.6.17 with 5.5.12."""

from __future__ import annotations

from msgspec import UNSET, Raw
from msgspec.structs import replace

from stadtkern.broker.apply.draft import Draft
from stadtkern.broker.apply.instance import (
    Subs,
    check_datasets,
    default_first,
    make_instance,
    overlay,
)
from stadtkern.broker.apply.value import given_value, merge_value, strip_nulls
from stadtkern.model.change import Change
from stadtkern.model.entity import Entity, Instance, InstancePatch, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.measured import NAMES, is_measured, without_measured
from stadtkern.model.operation import MergeEntity


def merge_entity(operation: MergeEntity, before: Entity, now: Instant) -> Change:
    """Merge a fragment: members are added, merged or, by NGSI-LD Null, deleted; deleting what is not there is fine.

    ``observed_at`` of the operation goes to attributes that have an observation time and are not given another;
    ``lang`` says under which language simplified texts are kept.
    Raises: BadRequestData, if an attribute would change its type. Spec: CIM 009 5.6.17.
    """
    draft = Draft(before, now)
    draft.add_types(operation.entity.types)
    draft.set_expiry(operation.entity)
    if operation.entity.scope is not None:
        draft.set_scope(operation.entity.scope)
    for name, patches in operation.entity.attributes.items():
        check_datasets(name, patches)
        for patch in patches:
            _merge_attribute(draft, name, patch, operation)
    return draft.finish()


def _merge_attribute(draft: Draft, name: Iri, patch: InstancePatch, operation: MergeEntity) -> None:
    current = draft.find(name, patch.dataset_id)
    if not patch.deleted:
        new = _merge_or_make(name, current, patch, draft.now, operation)
        draft.put(name, new, current)
        draft.note(name)
    elif current is not None:
        draft.remove(name, current)
        draft.note(name)


def _merge_or_make(
    name: Iri, current: Instance | None, patch: InstancePatch, now: Instant, operation: MergeEntity
) -> Instance:
    if current is not None:
        return _merge_instance(name, current, patch, now, operation)
    made = make_instance(name, patch, now)
    value = strip_nulls(made.value)
    return made if value is made.value else replace(made, value=value)


def _merge_instance(
    name: Iri, current: Instance, patch: InstancePatch, now: Instant, operation: MergeEntity
) -> Instance:
    value = _merged_value(name, current, patch, operation.lang)
    subs = _merge_subs(current.subs, patch, now, operation) if patch.subs else current.subs
    merged = overlay(current, patch, now, value, subs)
    given = patch.observed_at is not None or "observedAt" in patch.removed
    if operation.observed_at is None or given or current.observed_at is None:
        return merged
    if operation.observed_at != current.observed_at and is_measured(current):
        merged = without_measured(merged, NAMES)
    return replace(merged, observed_at=operation.observed_at)


def _merged_value(name: Iri, current: Instance, patch: InstancePatch, lang: str | None) -> Raw:
    given = given_value(name, current, patch, lang)
    return current.value if given is UNSET else merge_value(current.kind, current.value, given)


def _merge_subs(current: Subs, patch: InstancePatch, now: Instant, operation: MergeEntity) -> Subs:
    subs = dict(current)
    for name, group in patch.subs.items():
        check_datasets(name, group)
        instances = subs.pop(name, [])
        for sub in group:
            instances = _merge_sub(name, instances, sub, now, operation)
        if instances:
            subs[name] = default_first(instances)
    return subs


def _merge_sub(
    name: Iri, instances: list[Instance], patch: InstancePatch, now: Instant, operation: MergeEntity
) -> list[Instance]:
    old = find_instance(instances, patch.dataset_id)
    if patch.deleted:
        return [instance for instance in instances if instance is not old]
    new = _merge_or_make(name, old, patch, now, operation)
    if old is None:
        return [*instances, new]
    return [new if instance is old else instance for instance in instances]
