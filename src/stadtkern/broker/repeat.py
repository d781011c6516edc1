"""Writing the same input again: what is there already is left out, inside the transaction that writes the rest.

That makes imports and connectors that deliver at least once right whatever they remember: a process that was killed
between a commit and its own bookmark sends values again, and nothing is doubled.
"""

from __future__ import annotations

from typing import NamedTuple, TypeGuard

from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from stadtkern.errors import Forbidden
from stadtkern.model.entity import Entity, Instance, InstancePatch, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import unraw
from stadtkern.model.operation import Operation, RecordHistory, UpsertEntity
from stadtkern.policy.grant import Grant
from stadtkern.policy.mask import Hidden, instance_without_hidden, patch_with_hidden, without_hidden
from stadtkern.store.batch import save
from stadtkern.store.engine.base import Transaction
from stadtkern.store.repeat import load_observed_at, load_series_names
from stadtkern.store.statements import EngineName
from stadtkern.store.work import Work


class Left(NamedTuple):
    """What is left of an operation, the entity's state for it, and how many instances were left out or corrected."""

    operation: RecordHistory | UpsertEntity
    work: Work
    known: int
    corrected: int


class _Sifted(NamedTuple):
    """The instances of an operation: to be written, there already, and how many take the place of a stored one."""

    fresh: dict[Iri, list[InstancePatch]]
    known: int
    corrected: int


def repeats(operation: Operation) -> TypeGuard[RecordHistory | UpsertEntity]:
    """Tell whether what is there already has to be looked for."""
    return isinstance(operation, RecordHistory | UpsertEntity) and operation.repeated != "write"


async def leave_out(
    transaction: Transaction,
    engine: EngineName,
    grant: Grant,
    operation: RecordHistory | UpsertEntity,
    work: Work,
    now: Instant,
) -> Left:
    """Leave out what is there, and correct what has the same time and another value where the operation says so.

    Raises: Forbidden (the key of a source may not correct).
    """
    if isinstance(operation, UpsertEntity):
        return _without_equal(operation, work, grant.hidden)
    if work.dirty:
        # what came before in this batch is looked for like everything else
        await save(transaction, engine, [work], now)
    if work.head.n == 0:
        return Left(operation, work, 0, 0)
    sifted = await _sift(transaction, engine, grant, operation, work)
    if sifted.corrected and grant.action == "record":
        raise Forbidden("This key belongs to a source: it may add values, not replace or delete")
    entity = replace(operation.entity, attributes=sifted.fresh)
    return Left(replace(operation, entity=entity), work, sifted.known, sifted.corrected)


async def _sift(
    transaction: Transaction, engine: EngineName, grant: Grant, operation: RecordHistory, work: Work
) -> _Sifted:
    names = await load_series_names(transaction, engine, grant, work.head.n)
    fresh: dict[Iri, list[InstancePatch]] = {}
    known = corrected = 0
    for attribute, patches in operation.entity.attributes.items():
        stored = await _load_stored(transaction, engine, grant, names, attribute, patches)
        new: list[InstancePatch] = []
        for patch in patches:
            there = stored.get((patch.dataset_id, patch.observed_at), ())
            if any(is_equal(instance_without_hidden(one, grant.hidden), patch) for one in there):
                known += 1
                continue
            replaced = there[-1] if there and operation.repeated == "replace" else None
            corrected += replaced is not None
            new.append(patch if replaced is None else patch_with_hidden(patch, replaced, grant.hidden))
        if new:
            fresh[attribute] = new
    return _Sifted(fresh, known, corrected)


async def _load_stored(
    transaction: Transaction,
    engine: EngineName,
    grant: Grant,
    names: dict[tuple[Iri, str], tuple[int, str | None]],
    attribute: Iri,
    patches: list[InstancePatch],
) -> dict[tuple[str, Instant | None], list[Instance]]:
    """Give the instances at the times of the patches, by dataset id and time."""
    times: dict[str, set[Instant]] = {}
    for patch in patches:
        if patch.observed_at is not None:
            times.setdefault(patch.dataset_id, set()).add(patch.observed_at)
    stored: dict[tuple[str, Instant | None], list[Instance]] = {}
    for dataset_id, wanted in times.items():
        series = names.get((attribute, dataset_id))
        if series is not None:
            found = await load_observed_at(transaction, engine, grant, series, dataset_id, sorted(wanted))
            stored |= {(dataset_id, time): instances for time, instances in found.items()}
    return stored


def _without_equal(operation: UpsertEntity, work: Work, hidden: Hidden) -> Left:
    """Leave out the attributes, the scope and the expiry that the entity has already."""
    before, patch = work.after, operation.entity
    if before is None:
        return Left(operation, work, 0, 0)
    before = replace(before, attributes=without_hidden(before.attributes, hidden))
    fresh = {name: group for name, group in patch.attributes.items() if not _has_all(before, name, group)}
    known = sum(len(group) for name, group in patch.attributes.items() if name not in fresh)
    scope = None if patch.scope == before.scope else patch.scope
    expires_at = None if patch.expires_at == before.expires_at else patch.expires_at
    entity = replace(patch, attributes=fresh, scope=scope, expires_at=expires_at)
    if operation.mode == "update":
        return Left(replace(operation, entity=entity), work, known, 0)
    if fresh or scope is not None or expires_at is not None or _would_drop(before, operation):
        return Left(operation, work, 0, 0)
    return Left(replace(operation, entity=entity, mode="update"), work, known, 0)


def _would_drop(before: Entity, operation: UpsertEntity) -> bool:
    """Tell whether a replacement by these attributes would take something away."""
    patch = operation.entity
    kept = {(name, one.dataset_id) for name, group in patch.attributes.items() for one in group}
    dropped = any((name, one.dataset_id) not in kept for name, group in before.attributes.items() for one in group)
    types = bool(patch.types) and set(patch.types) != set(before.types)
    return dropped or types or (bool(before.scope) and not patch.scope) or (before.expires_at != patch.expires_at)


def _has_all(entity: Entity, name: Iri, patches: list[InstancePatch]) -> bool:
    instances = entity.attributes.get(name, [])
    for patch in patches:
        instance = find_instance(instances, patch.dataset_id)
        if instance is None or not is_equal(instance, patch):
            return False
    return True


def is_equal(instance: Instance, patch: InstancePatch) -> bool:
    """Tell whether a stored instance says what a sent one says; when it was written does not count."""
    if patch.deleted or instance.deleted_at is not None:
        gone = patch.deleted and instance.deleted_at is not None
        return gone and (instance.kind, instance.observed_at) == (patch.kind, patch.observed_at)
    return (
        instance.kind == patch.kind
        and instance.observed_at == patch.observed_at
        and instance.unit_code == patch.unit_code
        and instance.value_type == patch.value_type
        and instance.expires_at == patch.expires_at
        and _same_json(instance.value, patch.value)
        and _same_json(instance.object_type, patch.object_type)
        and (instance.end_time, instance.result_time) == (patch.end_time, patch.result_time)
        and instance.feature == patch.feature
        and instance.extra.keys() == patch.extra.keys()
        and all(_same_json(value, patch.extra[name]) for name, value in instance.extra.items())
        and _same_subs(instance, patch)
    )


def _same_json(first: Raw | UnsetType, second: Raw | UnsetType) -> bool:
    if first is UNSET or second is UNSET:
        return first is second
    return bytes(first) == bytes(second) or _tree(first) == _tree(second)


def _tree(text: Raw) -> object:
    """Parse JSON so that true, 1 and 1.0 are told apart as their kinds are."""
    tree = unraw(text)
    return (type(tree) is bool, tree)


def _same_subs(instance: Instance, patch: InstancePatch) -> bool:
    if not instance.subs and not patch.subs:
        return True
    if instance.subs.keys() != patch.subs.keys():
        return False
    for name, instances in instance.subs.items():
        patches = patch.subs[name]
        if len(patches) != len(instances):
            return False
        if not all((own := find_instance(instances, one.dataset_id)) and is_equal(own, one) for one in patches):
            return False
    return True
