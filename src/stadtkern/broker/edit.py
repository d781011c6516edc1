"""Operations on stored history: one instance or a whole evolution is changed or removed.

They run alone inside the batch, between a save of what came before for the same entity and a fresh load after it.
Spec: CIM 009 5.6.13 to 5.6.16.
"""

from __future__ import annotations

import dataclasses

from stadtkern.broker import admit
from stadtkern.broker.apply import becomes_current, drop_current, patch_recorded
from stadtkern.errors import BadRequestData, Problem, ResourceNotFound
from stadtkern.model.change import Item, Outcome
from stadtkern.model.entity import Entity, Instance, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    DeleteHistory,
    DeleteHistoryAttribute,
    DeleteHistoryInstance,
    PatchHistoryInstance,
)
from stadtkern.policy.grant import Grant
from stadtkern.store import revise
from stadtkern.store.batch import load, save
from stadtkern.store.document import DELETED
from stadtkern.store.engine.base import Transaction
from stadtkern.store.revise import Stored
from stadtkern.store.statements import EngineName
from stadtkern.store.work import Work

HistoryEdit = DeleteHistory | DeleteHistoryAttribute | DeleteHistoryInstance | PatchHistoryInstance


async def edit_history(
    transaction: Transaction, engine: EngineName, grant: Grant, operation: HistoryEdit, work: Work, now: Instant
) -> tuple[Work, Outcome]:
    """Run one edit and give the entity's state after it. An edit that is refused leaves nothing behind.

    Raises: ResourceNotFound (no entity, attribute or instance), BadRequestData (the patch), Forbidden.
    """
    if work.head.n == 0 or work.head.state == DELETED:
        raise ResourceNotFound(f"Entity {operation.id} does not exist")
    await transaction.execute("SAVEPOINT edit")
    try:
        # on a copy: what was read stays true where the edit is taken back
        await _edit(transaction, engine, grant, operation, dataclasses.replace(work, items=[]), now)
        edited = (await load(transaction, engine, grant, [operation.id]))[operation.id]
        admit.after(grant, edited.after, now)
    except Problem:
        await transaction.execute("ROLLBACK TO SAVEPOINT edit")
        raise
    await transaction.execute("RELEASE SAVEPOINT edit")
    edited.numbers = work.numbers
    return edited, Outcome(updated=[], deleted=isinstance(operation, DeleteHistory))


async def _edit(
    transaction: Transaction, engine: EngineName, grant: Grant, operation: HistoryEdit, work: Work, now: Instant
) -> None:
    match operation:
        case DeleteHistory():
            await revise.erase(transaction, engine, grant, work, now)
        case DeleteHistoryAttribute():
            await _delete_attribute(transaction, engine, grant, operation, work, now)
        case DeleteHistoryInstance():
            stored = await _find(transaction, engine, grant, work, operation.attribute, operation.instance)
            await revise.delete_observation(transaction, engine, stored)
            if stored.instance.observed_at is not None:
                await _elect(transaction, engine, grant, work, operation.attribute, stored, now)
        case PatchHistoryInstance():
            stored = await _find(transaction, engine, grant, work, operation.attribute, operation.instance)
            if stored.instance.deleted_at is not None:
                raise BadRequestData(f"The instance of {operation.attribute} is a deletion and holds nothing to change")
            patched = patch_recorded(operation.attribute, stored.instance, operation.patch, now)
            await revise.replace_observation(transaction, engine, stored, patched)
            if patched.observed_at is not None or stored.instance.observed_at is not None:
                await _elect(transaction, engine, grant, work, operation.attribute, stored, now)


async def _find(
    transaction: Transaction, engine: EngineName, grant: Grant, work: Work, attribute: Iri, instance: int
) -> Stored:
    stored = await revise.find_observation(transaction, engine, grant, work.head.n, attribute, instance)
    if stored is None:
        raise ResourceNotFound(f"Attribute {attribute} of entity {work.head.id} has no such instance")
    return stored


async def _delete_attribute(
    transaction: Transaction,
    engine: EngineName,
    grant: Grant,
    operation: DeleteHistoryAttribute,
    work: Work,
    now: Instant,
) -> None:
    """Remove the attribute from the past and from the present."""
    present = None if operation.attribute in grant.hidden else work.after
    change = None if present is None else drop_current(operation, present, now)
    dropped = change is not None and bool(change.items)
    if change is not None and change.items:
        # the past goes as well: nothing of what is dropped now is to be sent there
        work.items = [Item(item.attribute, item.dataset_id, "erased", item.previous) for item in change.items]
        work.after, work.dirty = change.after, True
        await save(transaction, engine, [work], now)
    dataset_id = None if operation.delete_all else operation.dataset_id
    known = await revise.delete_series(
        transaction, engine, grant, work.head.n, operation.attribute, dataset_id, described=operation.described
    )
    if known and not dropped and operation.described and work.after is not None:
        # nobody saw a value go: that there is one Datastream less is a change all the same
        work.items, work.dirty = [Item(operation.attribute, operation.dataset_id, "erased")], True
        work.after = revise.with_attributes(work.after, work.after.attributes, now)
        await save(transaction, engine, [work], now)
    if not dropped and not known:
        raise ResourceNotFound(f"Entity {operation.id} has no attribute {operation.attribute}")


async def _elect(
    transaction: Transaction, engine: EngineName, grant: Grant, work: Work, attribute: Iri, stored: Stored, now: Instant
) -> None:
    """Let the latest instance of a series be the current one again after an edit of its past."""
    entity = work.after
    if entity is None:
        return
    current = find_instance(entity.attributes.get(attribute, []), stored.instance.dataset_id)
    if current is not None and current.observed_at is None:
        return
    latest = await revise.latest_observed(transaction, engine, grant, stored.series, now)
    if latest is not None and not becomes_current(None, latest, now):
        latest = current
    if latest is None and current is None:
        return
    work.after = _with_current(entity, attribute, stored.instance.dataset_id, latest, now)
    work.items = [Item(attribute, stored.instance.dataset_id, "revised", current, latest)]
    work.dirty = True
    await save(transaction, engine, [work], now)


def _with_current(entity: Entity, attribute: Iri, dataset_id: str, instance: Instance | None, now: Instant) -> Entity:
    attributes = dict(entity.attributes)
    others = [one for one in attributes.get(attribute, []) if one.dataset_id != dataset_id]
    if instance is not None:
        others = [instance, *others] if not dataset_id else [*others, instance]
    if others:
        attributes[attribute] = others
    else:
        attributes.pop(attribute, None)
    return revise.with_attributes(entity, attributes, now)
