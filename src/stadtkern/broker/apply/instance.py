"""One attribute instance: made from what a client sent, or an existing one patched.

Creation and modification times given by clients are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, Raw

from stadtkern.broker.apply.value import given_value
from stadtkern.errors import BadRequestData
from stadtkern.model.entity import EntityPatch, Instance, InstancePatch, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.measured import NAMES, is_measured, without_measured

Subs = dict[Iri, list[Instance]]

_FIELD_OF_TERM = {
    "observedAt": "observed_at",
    "unitCode": "unit_code",
    "objectType": "object_type",
    "valueType": "value_type",
    "expiresAt": "expires_at",
    "phenomenonTimeEnd": "end_time",
    "resultTime": "result_time",
    "featureOfInterest": "feature",
}


def make_instance(name: Iri, patch: InstancePatch, now: Instant, previous: Instance | None = None) -> Instance:
    """Make a whole instance that takes the place of ``previous``, whose creation time it keeps.

    Sub-attributes set to NGSI-LD Null are simply not there.
    Raises: BadRequestData, if type or value is missing. Spec: CIM 009 4.5.2 to 4.5.24.
    """
    kind, value = patch.kind, patch.value
    if kind is None or value is UNSET:
        raise BadRequestData(f"Attribute {name} needs a type and a value", pointer=f"/{name}")
    return Instance(
        kind=kind,
        value=value,
        dataset_id=patch.dataset_id,
        observed_at=patch.observed_at,
        unit_code=patch.unit_code,
        object_type=patch.object_type,
        value_type=patch.value_type,
        expires_at=patch.expires_at,
        created_at=now if previous is None else previous.created_at,
        modified_at=now,
        end_time=patch.end_time,
        result_time=patch.result_time,
        feature=patch.feature,
        extra=patch.extra,
        subs=_make_subs(patch.subs, now, {} if previous is None else previous.subs) if patch.subs else {},
    )


def _make_subs(patches: dict[Iri, list[InstancePatch]], now: Instant, previous: Subs) -> Subs:
    subs: Subs = {}
    for name, group in patches.items():
        check_datasets(name, group)
        old = previous.get(name, [])
        made = [make_instance(name, p, now, find_instance(old, p.dataset_id)) for p in group if not p.deleted]
        if made:
            subs[name] = default_first(made)
    return subs


def default_first(instances: list[Instance]) -> list[Instance]:
    """Order instances so that the one without dataset id leads."""
    if len(instances) > 1:
        instances.sort(key=_has_dataset)
    return instances


def _has_dataset(instance: Instance) -> bool:
    return bool(instance.dataset_id)


def overlay(current: Instance, patch: InstancePatch, now: Instant, value: Raw, subs: Subs) -> Instance:
    """Lay the members a patch names over an instance: set, or removed by NGSI-LD Null; all others stay.

    value, subs: already worked out by the caller, since partial update replaces them where a merge goes deeper.
    Spec: CIM 009 5.5.8, 5.5.12.
    """
    if patch.observed_at not in (None, current.observed_at) and is_measured(current):
        # at another time something else was measured: what was said of the one before does not hold for it
        current = without_measured(current, NAMES)
    extra = {**current.extra, **patch.extra} if patch.extra else current.extra
    instance = Instance(
        kind=current.kind,
        value=value,
        dataset_id=current.dataset_id,
        observed_at=current.observed_at if patch.observed_at is None else patch.observed_at,
        unit_code=current.unit_code if patch.unit_code is None else patch.unit_code,
        object_type=current.object_type if patch.object_type is UNSET else patch.object_type,
        value_type=current.value_type if patch.value_type is None else patch.value_type,
        expires_at=current.expires_at if patch.expires_at is None else patch.expires_at,
        created_at=current.created_at,
        modified_at=now,
        end_time=current.end_time if patch.end_time is None else patch.end_time,
        result_time=current.result_time if patch.result_time is None else patch.result_time,
        feature=current.feature if patch.feature is None else patch.feature,
        extra=extra,
        subs=subs,
    )
    return _without(instance, patch.removed) if patch.removed else instance


def _without(instance: Instance, removed: Iterable[str]) -> Instance:
    fields = {name: getattr(instance, name) for name in instance.__struct_fields__}
    extra = dict(instance.extra)
    for term in removed:
        field = _FIELD_OF_TERM.get(term)
        if field is None:
            extra.pop(term, None)
        else:
            fields[field] = UNSET if field == "object_type" else None
    fields["extra"] = extra
    return Instance(**fields)


def update_instance(name: Iri, current: Instance, patch: InstancePatch, now: Instant) -> Instance:
    """Patch members of an instance: each member named is replaced whole, sub-attributes by name and dataset id.

    Raises: BadRequestData, if the patch says another attribute type. Spec: CIM 009 5.5.8 (partial update patch).
    """
    given = given_value(name, current, patch)
    value = current.value if given is UNSET else given
    subs = _update_subs(current.subs, patch.subs, now) if patch.subs else current.subs
    return overlay(current, patch, now, value, subs)


def _update_subs(current: Subs, patches: dict[Iri, list[InstancePatch]], now: Instant) -> Subs:
    subs = dict(current)
    for name, group in patches.items():
        check_datasets(name, group)
        instances = subs.pop(name, [])
        for patch in group:
            instances = _update_sub(name, instances, patch, now)
        if instances:
            subs[name] = default_first(instances)
    return subs


def _update_sub(name: Iri, instances: list[Instance], patch: InstancePatch, now: Instant) -> list[Instance]:
    old = find_instance(instances, patch.dataset_id)
    if patch.deleted:
        return [instance for instance in instances if instance is not old]
    new = make_instance(name, patch, now, old)
    if old is None:
        return [*instances, new]
    return [new if instance is old else instance for instance in instances]


def is_empty(patch: InstancePatch) -> bool:
    """Tell whether a fragment says nothing that could be applied."""
    return (
        patch.value is UNSET
        and not patch.subs
        and not patch.deleted
        and not patch.removed
        and patch.observed_at is None
        and patch.unit_code is None
        and patch.object_type is UNSET
        and patch.value_type is None
        and patch.expires_at is None
        and not patch.extra
        and patch.end_time is None
        and patch.result_time is None
        and patch.feature is None
    )


def check_datasets(name: Iri, patches: list[InstancePatch]) -> None:
    """Refuse two instances of one attribute with the same dataset id. Raises: BadRequestData. Spec: CIM 009 4.5.5."""
    if len(patches) > 1 and len({patch.dataset_id for patch in patches}) < len(patches):
        raise BadRequestData(f"Attribute {name} has several instances with the same datasetId", pointer=f"/{name}")


def check_no_null(entity: EntityPatch) -> None:
    """Refuse NGSI-LD Null where nothing can be deleted. Raises: BadRequestData. Spec: CIM 009 4.5.0, 5.6.1, 5.6.18."""
    for name, patches in entity.attributes.items():
        for patch in patches:
            if has_null(patch):
                raise BadRequestData(
                    f"Attribute {name} is NGSI-LD Null, which this operation does not allow", pointer=f"/{name}"
                )


def check_no_null_inside(name: Iri, patch: InstancePatch) -> None:
    """Refuse NGSI-LD Null for members and sub-attributes of one instance. Raises: BadRequestData."""
    if patch.removed or any(has_null(sub) for group in patch.subs.values() for sub in group):
        raise BadRequestData(f"A member of attribute {name} is NGSI-LD Null, where nothing can be deleted")


def has_null(patch: InstancePatch) -> bool:
    """Tell whether NGSI-LD Null stands for the instance, for one of its members or in its sub-attributes."""
    if patch.deleted or patch.removed:
        return True
    return bool(patch.subs) and any(has_null(sub) for group in patch.subs.values() for sub in group)
