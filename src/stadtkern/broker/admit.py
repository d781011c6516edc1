"""What a Grant lets an operation do, judged on the state before and after it."""

from __future__ import annotations

from collections.abc import Iterable

from stadtkern.errors import Forbidden, ResourceNotFound
from stadtkern.model.entity import Entity
from stadtkern.model.ids import Iri
from stadtkern.model.operation import (
    AppendAttributes,
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

ADDING = (
    AppendAttributes,
    CreateEntity,
    PartialUpdateAttribute,
    RecordHistory,
    ReplaceAttribute,
    UpdateAttributes,
    UpsertEntity,
)
"""Operations that only add values: all that the key of a source may ask for."""


def before(grant: Grant, operation: Operation, entity: Entity | None) -> None:
    """Judge an operation by the state it meets. Raises: Forbidden, ResourceNotFound (the entity is hidden)."""
    if grant.action == "read":
        raise Forbidden("These credentials may read, not write")
    if grant.action == "record":
        _check_source(grant, operation, entity)
    if entity is not None and grant.row_filter is not None and not matches(grant.row_filter, entity):
        raise ResourceNotFound(f"Entity {operation.id} does not exist")


def _check_source(grant: Grant, operation: Operation, entity: Entity | None) -> None:
    replaces = isinstance(operation, UpsertEntity) and operation.mode == "replace" and entity is not None
    if not isinstance(operation, ADDING) or replaces:
        raise Forbidden("This key belongs to a source: it may add values, not replace or delete")
    if entity is not None:
        _check_types(grant, entity.types)
    patch = getattr(operation, "entity", None)
    if patch is not None and patch.types:
        _check_types(grant, patch.types)


def _check_types(grant: Grant, types: Iterable[Iri]) -> None:
    if grant.types is None:
        return
    for name in types:
        if name not in grant.types:
            raise Forbidden(f"This key may not write entities of type {name}")


def after(grant: Grant, entity: Entity | None) -> None:
    """Judge an operation by the state it leaves. Raises: Forbidden."""
    if entity is not None and grant.row_filter is not None and not matches(grant.row_filter, entity):
        raise Forbidden("The entity would leave what these credentials may write")
