"""What a Grant lets an operation do, judged on the state before and after it."""

from __future__ import annotations

from collections.abc import Iterable

from stadtkern.broker.apply.instance import has_null
from stadtkern.errors import Forbidden, ResourceNotFound
from stadtkern.model.entity import Entity, EntityPatch, InstancePatch
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    AppendAttributes,
    BatchUpdateEntity,
    CreateEntity,
    Operation,
    PartialUpdateAttribute,
    RecordHistory,
    ReplaceAttribute,
    UpdateAttributes,
    UpsertEntity,
)
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import matches
from stadtkern.query.filter import Filter
from stadtkern.store.document import DELETED
from stadtkern.store.read import present_part
from stadtkern.store.work import Work

ADDING = (
    AppendAttributes,
    BatchUpdateEntity,
    CreateEntity,
    PartialUpdateAttribute,
    RecordHistory,
    ReplaceAttribute,
    UpdateAttributes,
    UpsertEntity,
)
"""Operations that only add values: all that the key of a source may ask for."""


def before(grant: Grant, operation: Operation, work: Work, now: Instant) -> None:
    """Judge an operation by the state it meets.

    What the row filter keeps from the holder does not exist for writes either. Its id is taken all the same: a new
    entity may not have it, or its maker would see the past of the other one.
    Raises: Forbidden, ResourceNotFound (the entity is hidden).
    """
    if grant.action not in {"record", "write", "administer"}:
        raise Forbidden("These credentials do not allow to write")
    if grant.action == "record":
        _check_source(grant, operation, work.after)
    new = work.head.state == DELETED and work.face is None
    if grant.row_filter is None or new or _is_shown(grant.row_filter, work.after, now):
        return
    if isinstance(operation, CreateEntity | UpsertEntity | RecordHistory) and getattr(operation, "create", True):
        raise Forbidden(f"The id {operation.id} is taken by an entity that these credentials do not show")
    raise ResourceNotFound(f"Entity {operation.id} does not exist")


def _is_shown(row_filter: Filter, entity: Entity | None, now: Instant) -> bool:
    present = None if entity is None else present_part(entity, now)
    return present is not None and matches(row_filter, present)


def shows(grant: Grant, entity: Entity | None, now: Instant) -> bool:
    """Tell whether an entity is there for the holder."""
    if grant.row_filter is not None:
        return _is_shown(grant.row_filter, entity, now)
    return entity is not None and present_part(entity, now) is not None


def _check_source(grant: Grant, operation: Operation, entity: Entity | None) -> None:
    replaces = isinstance(operation, UpsertEntity) and operation.mode == "replace" and entity is not None
    if not isinstance(operation, ADDING) or replaces or _takes_away(operation, entity):
        raise Forbidden("This key belongs to a source: it may add values, not replace or delete")
    patch = _fragment(operation)
    if entity is not None:
        _check_types(grant, entity.types)
        _check_expiry(patch)
    if patch.types:
        _check_types(grant, patch.types)


def _takes_away(operation: Operation, entity: Entity | None) -> bool:
    """Tell whether an operation would delete values by NGSI-LD Null, or change the scope."""
    patch = _fragment(operation)
    if entity is not None and (patch.scope is not None or patch.expires_removed):
        return True
    return any(has_null(one) for group in patch.attributes.values() for one in group)


def _check_expiry(patch: EntityPatch) -> None:
    """Refuse to let anything expire of what is there: a value that is over at once is one taken away."""
    name = next((name for name, group in patch.attributes.items() if any(map(_expires, group))), None)
    if patch.expires_at is not None or name is not None:
        raise Forbidden(
            "This key belongs to a source: it may add values to an entity, not say when they or the entity expire",
            hint="leave out expiresAt; only an entity that the source itself creates may have it from the start",
            pointer="/expiresAt" if name is None else f"/{name}/expiresAt",
        )


def _expires(patch: InstancePatch) -> bool:
    return patch.expires_at is not None or any(_expires(one) for group in patch.subs.values() for one in group)


def _fragment(operation: Operation) -> EntityPatch:
    if isinstance(operation, PartialUpdateAttribute | ReplaceAttribute):
        return EntityPatch(attributes={operation.attribute: operation.patches})
    return getattr(operation, "entity", None) or EntityPatch()


def _check_types(grant: Grant, types: Iterable[Iri]) -> None:
    if grant.types is None:
        return
    for name in types:
        if name not in grant.types:
            raise Forbidden(f"This key may not write entities of type {name}")


def after(grant: Grant, entity: Entity | None, now: Instant) -> None:
    """Judge an operation by the state it leaves. Raises: Forbidden."""
    if entity is not None and grant.row_filter is not None and not _is_shown(grant.row_filter, entity, now):
        raise Forbidden("The entity would leave what these credentials may write")
