"""What a Grant hides, taken out of attributes and put back again: a write keeps what its writer does not see."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from stadtkern.model.entity import Attributes, Instance, InstancePatch, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.measured import NAMES, hidden_measured, is_measured, without_measured

Hidden = frozenset[Iri]
"""Names that do not exist for the holder of a Grant, neither as attributes nor as sub-attributes."""


def without_hidden(attributes: Attributes, hidden: Hidden) -> Attributes:
    """Take hidden attributes and sub-attributes away; what has nothing to hide stays the same object."""
    if not hidden or not _has_hidden(attributes, hidden):
        return attributes
    return {
        name: [instance_without_hidden(one, hidden) for one in group]
        for name, group in attributes.items()
        if name not in hidden
    }


def instance_without_hidden(instance: Instance, hidden: Hidden) -> Instance:
    """Take hidden sub-attributes away."""
    subs = without_hidden(instance.subs, hidden)
    shown = instance if subs is instance.subs else replace(instance, subs=subs)
    return without_measured(shown, hidden) if _hides_measured(shown, hidden) else shown


def _hides_measured(instance: Instance, hidden: Hidden) -> bool:
    return is_measured(instance) and not NAMES.isdisjoint(hidden)


def _has_hidden(attributes: Attributes, hidden: Hidden) -> bool:
    if not attributes:
        return False
    if not hidden.isdisjoint(attributes):
        return True
    return any(
        _hides_measured(one, hidden) or (one.subs and _has_hidden(one.subs, hidden))
        for group in attributes.values()
        for one in group
    )


def with_hidden(new: Instance, old: Instance | None, hidden: Hidden) -> Instance:
    """Put the hidden sub-attributes of the instance that was there into the one that takes its place."""
    if old is None:
        return new
    if old.observed_at == new.observed_at and _hides_measured(old, hidden):
        new = _with_measured(new, old, hidden)
    if not old.subs:
        return new
    subs = dict(new.subs)
    for name, group in old.subs.items():
        if name in hidden:
            subs[name] = group
        elif name in subs:
            subs[name] = [with_hidden(one, find_instance(group, one.dataset_id), hidden) for one in subs[name]]
    return new if subs == new.subs else replace(new, subs=subs)


def _with_measured(new: Instance, old: Instance, hidden: Hidden) -> Instance:
    end, result, extra = hidden_measured(old, hidden)
    return replace(
        new, end_time=end or new.end_time, result_time=result or new.result_time, extra={**new.extra, **extra}
    )


def patch_with_hidden(patch: InstancePatch, old: Instance, hidden: Hidden) -> InstancePatch:
    """Do the same to an instance as it was sent; what is put back counts as written anew."""
    subs = {**patch.subs, **{name: list(map(_as_sent, group)) for name, group in old.subs.items() if name in hidden}}
    for name, group in old.subs.items():
        if name not in hidden and name in patch.subs:
            subs[name] = [
                patch_with_hidden(one, there, hidden) if (there := find_instance(group, one.dataset_id)) else one
                for one in patch.subs[name]
            ]
    end, result, extra = hidden_measured(old, hidden)
    return replace(
        patch,
        subs=subs,
        end_time=end or patch.end_time,
        result_time=result or patch.result_time,
        extra={**patch.extra, **extra},
    )


def _as_sent(instance: Instance) -> InstancePatch:
    return InstancePatch(
        kind=instance.kind,
        value=instance.value,
        dataset_id=instance.dataset_id,
        observed_at=instance.observed_at,
        unit_code=instance.unit_code,
        object_type=instance.object_type,
        value_type=instance.value_type,
        expires_at=instance.expires_at,
        extra=instance.extra,
        end_time=instance.end_time,
        result_time=instance.result_time,
        feature=instance.feature,
        subs={name: list(map(_as_sent, group)) for name, group in instance.subs.items()},
    )


def named_subs(patches: list[InstancePatch]) -> Iterator[Iri]:
    """Give the names of all sub-attributes that patches name, at any depth."""
    for patch in patches:
        for name, group in patch.subs.items():
            yield name
            yield from named_subs(group)
