"""Several operations on one entity, folded into one document write."""

from __future__ import annotations

from collections.abc import Iterable

from stadtkern.broker.apply.dispatch import apply
from stadtkern.errors import Problem
from stadtkern.model.change import Change
from stadtkern.model.entity import Entity
from stadtkern.model.instant import Instant
from stadtkern.model.operation import DocumentOperation


def apply_all(
    operations: Iterable[DocumentOperation], before: Entity | None, now: Instant
) -> tuple[list[Change | Problem], Entity | None]:
    """Apply operations on one entity in order; each fails alone and sees what the ones before it left.

    Gives one result an operation and the entity in the end.
    """
    results: list[Change | Problem] = []
    entity = before
    for operation in operations:
        try:
            change = apply(operation, entity, now)
        except Problem as problem:
            results.append(problem)
        else:
            results.append(change)
            entity = change.after
    return results, entity
