"""The pure parts of operations on the temporal evolution. Spec: CIM 009 5.6.11 to 5.6.16."""

from __future__ import annotations

from msgspec.structs import replace

from stadtkern.broker.apply.create import make_entity
from stadtkern.broker.apply.draft import SCOPE, Draft
from stadtkern.broker.apply.expiry import apply_to_visible, has_expired
from stadtkern.broker.apply.instance import check_no_null_inside, is_empty, make_instance, update_instance
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.change import Change, Item, Outcome
from stadtkern.model.entity import Entity, EntityPatch, Instance, InstancePatch
from stadtkern.model.ids import NGSI_LD_NULL, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.measured import EXTRAS, is_measured
from stadtkern.model.operation import DeleteHistoryAttribute, RecordHistory, Repeated

MAX_LEAD_US = 24 * 3600 * 1_000_000
"""An instance whose time is further ahead than this is recorded, but does not become current."""
SPLIT_FROM = 1_000
"""Instances that one operation records at most; a longer history is recorded in several steps."""


def record_instance(name: Iri, patch: InstancePatch, now: Instant) -> Instance:
    """Make one instance of the temporal evolution; NGSI-LD Null says when the attribute was deleted.

    Raises: BadRequestData. Spec: CIM 009 4.5.7, 5.5.4.
    """
    return _make_deletion(name, patch, now) if patch.deleted else make_instance(name, patch, now)


def _make_deletion(name: Iri, patch: InstancePatch, now: Instant) -> Instance:
    time = patch.observed_at if patch.observed_at is not None else patch.deleted_at
    if time is None:
        raise BadRequestData(
            f"An instance of {name} is NGSI-LD Null without saying when", hint="give observedAt or deletedAt"
        )
    kind = patch.kind or "Property"
    value = raw({"@none": NGSI_LD_NULL} if kind == "LanguageProperty" else NGSI_LD_NULL)
    return Instance(
        kind=kind,
        value=value,
        dataset_id=patch.dataset_id,
        observed_at=patch.observed_at,
        created_at=now,
        modified_at=now,
        deleted_at=time,
    )


def patch_recorded(name: Iri, current: Instance, patch: InstancePatch, now: Instant) -> Instance:
    """Change one instance of the temporal evolution; its identity, dataset id and creation time stay.

    Raises: BadRequestData (empty, NGSI-LD Null, other type or dataset id). Spec: CIM 009 5.6.14.
    """
    if patch.deleted or is_empty(patch):
        raise BadRequestData(f"The fragment for an instance of {name} must hold what to change")
    if patch.dataset_id and patch.dataset_id != current.dataset_id:
        raise BadRequestData(f"An instance of {name} cannot move to datasetId {patch.dataset_id}")
    return replace(
        update_instance(name, current, _same_measurement(current, patch), now), instance_id=current.instance_id
    )


def _same_measurement(current: Instance, patch: InstancePatch) -> InstancePatch:
    """Let what is said of a measurement stay when its time is corrected; its end only where it is not before it."""
    if patch.observed_at is None or not is_measured(current):
        return patch
    end = current.end_time if current.end_time is not None and current.end_time >= patch.observed_at else None
    return replace(
        patch,
        end_time=end if patch.end_time is None else patch.end_time,
        result_time=current.result_time if patch.result_time is None else patch.result_time,
        extra={**{name: text for name, text in current.extra.items() if name in EXTRAS}, **patch.extra},
    )


def time_of(instance: Instance) -> Instant:
    """Give the time an instance stands for: when it was deleted or observed, else when it was written."""
    if instance.deleted_at is not None:
        return instance.deleted_at
    return instance.modified_at if instance.observed_at is None else instance.observed_at


def becomes_current(current: Instance | None, recorded: Instance, now: Instant) -> bool:
    """Tell whether a recorded instance is the current one: not older than what is, and not from a far future."""
    if current is not None and time_of(recorded) == time_of(current):
        return True
    if time_of(recorded) > now + MAX_LEAD_US:
        return False
    return current is None or time_of(recorded) > time_of(current)


def record_history(operation: RecordHistory, before: Entity | None, now: Instant, *, has_past: bool = False) -> Change:
    """Record instances, oldest first; those that are the latest by their own time become current.

    Items: one for each instance, ``recorded`` unless it is current in the end. has_past: the entity was there once.
    Then an operation that may not create adds to what it was, and brings nothing back.
    Raises: ResourceNotFound (no such entity and not to be created), BadRequestData. Spec: CIM 009 5.6.11, 5.6.12.
    """
    check_parts(operation.entity)
    if before is not None and has_expired(before, now):
        return apply_to_visible(before, now, lambda visible: _record(operation, visible, now, has_past=True))
    return _record(operation, before, now, has_past=has_past)


def _record(operation: RecordHistory, before: Entity | None, now: Instant, *, has_past: bool) -> Change:
    if before is None and has_past and not operation.create:
        return _record_past(operation, now)
    return _record_all(operation, before, now)


def _record_past(operation: RecordHistory, now: Instant) -> Change:
    """Add to what an entity was that has no present."""
    attributes = operation.entity.attributes
    items = [
        Item(name, instance.dataset_id, "recorded", None, instance, operation.repeated == "replace")
        for name, patches in attributes.items()
        for instance in sorted((record_instance(name, patch, now) for patch in patches), key=time_of)
    ]
    return Change(None, None, items, Outcome(changed=bool(items), updated=list(attributes)))


def split_history(operation: RecordHistory) -> list[RecordHistory]:
    """Split a long history into operations of at most ``SPLIT_FROM`` instances, so that none holds up the others.

    What could be refused in one of them is refused now: either all of them are tried or none.
    Raises: BadRequestData.
    """
    entity = operation.entity
    check_parts(entity)
    if sum(map(len, entity.attributes.values())) <= SPLIT_FROM:
        return [operation]
    first = replace(entity, attributes={})
    parts = [replace(operation, entity=first)]
    for name, instances in entity.attributes.items():
        for start in range(0, len(instances), SPLIT_FROM):
            part = EntityPatch(types=entity.types, attributes={name: instances[start : start + SPLIT_FROM]})
            parts.append(replace(operation, entity=part))
    return parts


def check_parts(entity: EntityPatch) -> None:
    """Refuse NGSI-LD Null inside instances, and a deletion without its time. Raises: BadRequestData."""
    for name, patches in entity.attributes.items():
        for patch in patches:
            if patch.deleted:
                _make_deletion(name, patch, Instant(0))
            check_no_null_inside(name, patch)


def _record_all(operation: RecordHistory, before: Entity | None, now: Instant) -> Change:
    draft = Draft(_make_bare(operation, now) if before is None else before, now)
    draft.add_types(operation.entity.types)
    if operation.entity.scope:
        draft.set_scope(operation.entity.scope)
    for name, patches in operation.entity.attributes.items():
        _record_series(draft, name, [record_instance(name, patch, now) for patch in patches], operation.repeated)
    change = draft.finish()
    if before is not None:
        return change
    return replace(change, before=None, outcome=replace(change.outcome, created=True, changed=True))


def _make_bare(operation: RecordHistory, now: Instant) -> Entity:
    if not operation.create:
        raise ResourceNotFound(f"Entity {operation.id} does not exist")
    patch = operation.entity
    return make_entity(operation.id, EntityPatch(types=patch.types, expires_at=patch.expires_at), now)


def _record_series(draft: Draft, name: Iri, instances: list[Instance], repeated: Repeated) -> None:
    overwrite = repeated == "replace"
    latest: dict[str, Instance] = {}
    for instance in sorted(instances, key=time_of):
        current = latest.get(instance.dataset_id) or draft.find(name, instance.dataset_id)
        superseded: Instance | None = instance
        if becomes_current(current, instance, draft.now):
            superseded = latest.get(instance.dataset_id)
            latest[instance.dataset_id] = instance
        if superseded is not None:
            draft.items.append(Item(name, instance.dataset_id, "recorded", None, superseded, overwrite))
    for dataset_id, instance in latest.items():
        previous = draft.find(name, dataset_id)
        if instance.deleted_at is not None:
            draft.end(name, instance, previous)
            draft.items[-1] = replace(draft.items[-1], overwrites=overwrite)
            continue
        kept = instance if previous is None else replace(instance, created_at=previous.created_at)
        draft.put(name, kept, previous)
        draft.items[-1] = replace(draft.items[-1], overwrites=overwrite)
    draft.note(name)


def drop_current(operation: DeleteHistoryAttribute, before: Entity, now: Instant) -> Change:
    """Take an attribute out of the current state, where it may be missing. Spec: CIM 009 5.6.13."""
    draft = Draft(before, now)
    if operation.attribute == SCOPE:
        draft.set_scope([])
        return draft.finish()
    for instance in before.attributes.get(operation.attribute, []):
        if operation.delete_all or instance.dataset_id == operation.dataset_id:
            draft.remove(operation.attribute, instance)
    return draft.finish()
