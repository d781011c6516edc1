"""Operations applied one after the other inside one transaction, each by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from stadtkern.broker import admit
from stadtkern.broker.apply import (
    apply,
    apply_masked,
    describe_series,
    leave_locations,
    named_entities,
    record_history,
    strip_hidden,
)
from stadtkern.broker.edit import HistoryEdit, edit_history
from stadtkern.broker.repeat import leave_out, repeats
from stadtkern.errors import Problem, ResourceNotFound
from stadtkern.model.change import Change, Item, NotUpdated, Outcome
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.operation import DescribeSeries, DocumentOperation, MoveThing, Operation, RecordHistory
from stadtkern.policy.grant import Grant
from stadtkern.store.batch import save
from stadtkern.store.document import DELETED
from stadtkern.store.engine.base import Transaction
from stadtkern.store.series import load_described, present_series
from stadtkern.store.statements import EngineName
from stadtkern.store.work import Numbers, Work

Result = Outcome | Problem
Results = list[Result]


def involved(operations: Iterable[Operation]) -> list[EntityId]:
    """List the entities that operations concern or name, each once: what has to be locked."""
    ids: dict[EntityId, None] = {}
    for operation in operations:
        ids[operation.id] = None
        ids.update(dict.fromkeys(_named(operation)))
    return list(ids)


def _named(operation: Operation) -> Sequence[EntityId]:
    """List the other entities that have to be there."""
    match operation:
        case DescribeSeries(description=description):
            return named_entities(description)
        case RecordHistory(feature=feature) if feature is not None:
            return [feature]
        case MoveThing(locations=locations) if locations is not None:
            return locations
        case _:
            return ()


class Applying:
    """One batch of operations.

    works: the entities that are involved. operations: all of them, in no order.
    """

    def __init__(
        self,
        transaction: Transaction,
        engine: EngineName,
        works: dict[EntityId, Work],
        moment: Instant,
        operations: Iterable[Operation],
    ) -> None:
        self._transaction = transaction
        self._engine: EngineName = engine
        self._works = works
        self._moment = moment
        self._wanted = {one.series for one in operations if isinstance(one, RecordHistory) and one.series is not None}
        self._present: set[tuple[int, int]] | None = None
        self._told: list[tuple[Results, int, EntityId, list[Item]]] = []

    async def add(self, grant: Grant, operation: Operation, results: Results, *, numbered: bool) -> None:
        """Apply one operation and add its result. numbered: the outcome gets the numbers, once they are known."""
        if numbered:
            work = self._works[operation.id]
            work.numbers = work.numbers or Numbers()
        try:
            outcome, items = await self._apply(grant, operation)
        except Problem as problem:
            results.append(problem)
            return
        results.append(outcome)
        if numbered:
            self._told.append((results, len(results) - 1, operation.id, items))

    async def finish(self) -> None:
        """Save everything, and put the numbers into the outcomes of those who asked."""
        await save(self._transaction, self._engine, self._works.values(), self._moment)
        for results, place, id_, items in self._told:
            outcome = results[place]
            if isinstance(outcome, Outcome):
                results[place] = _with_numbers(outcome, self._works[id_], items)

    async def _apply(self, grant: Grant, operation: Operation) -> tuple[Outcome, list[Item]]:
        work = self._works[operation.id]
        admit.before(grant, operation, work, self._moment)
        notes: list[NotUpdated] = []
        if grant.hidden:
            operation, notes = strip_hidden(operation, grant.hidden, work.after)
        if isinstance(operation, HistoryEdit):
            return await self._edit(grant, operation, work), []
        await self._look_up(grant, operation)
        known = corrected = 0
        if repeats(operation):
            left = await leave_out(self._transaction, self._engine, grant, operation, work, self._moment)
            operation, self._works[operation.id], known, corrected = left
            work = left.work
        if isinstance(operation, DescribeSeries):
            change = await self._describe(grant, operation, work)
        else:
            change = _decide(grant, self._bind(operation), work, self._moment)
            admit.after(grant, change.after, self._moment)
        if change.outcome.changed:
            work.move(change.after)
            work.items.extend(change.items)
        if known or corrected or notes:
            refused = [*change.outcome.not_updated, *notes]
            return replace(change.outcome, known=known, corrected=corrected, not_updated=refused), change.items
        return change.outcome, change.items

    async def _edit(self, grant: Grant, operation: HistoryEdit, work: Work) -> Outcome:
        if work.dirty:
            await save(self._transaction, self._engine, [work], self._moment)
        self._works[operation.id], outcome = await edit_history(
            self._transaction, self._engine, grant, operation, work, self._moment
        )
        self._present = None
        return outcome

    async def _look_up(self, grant: Grant, operation: Operation) -> None:
        """Check that all that an operation names is there; what is new gets its number. Raises: ResourceNotFound."""
        if isinstance(operation, RecordHistory) and operation.series is not None:
            await self._check_series(grant, operation.id, operation.series)
        new: list[Work] = []
        for name in _named(operation):
            work = self._works[name]
            if not admit.shows(grant, work.after, self._moment):
                raise ResourceNotFound(f"Entity {name} does not exist")
            if work.head.n == 0 and name != operation.id:
                new.append(work)
        if new:
            await save(self._transaction, self._engine, new, self._moment)

    async def _check_series(self, grant: Grant, id_: EntityId, series: int) -> None:
        if self._present is None:
            self._present = await present_series(self._transaction, self._engine, grant, sorted(self._wanted))
        work = self._works[id_]
        if work.after is None or (series, work.head.n) not in self._present:
            raise ResourceNotFound(f"Entity {id_} has no such series any more")

    def _bind(self, operation: DocumentOperation | RecordHistory) -> DocumentOperation | RecordHistory:
        """Put the number of the entity that is observed into the instances."""
        if not isinstance(operation, RecordHistory) or operation.feature is None:
            return operation
        n = self._works[operation.feature].head.n
        attributes = {
            name: [replace(patch, feature=n) for patch in patches]
            for name, patches in operation.entity.attributes.items()
        }
        return replace(operation, entity=replace(operation.entity, attributes=attributes))

    async def _describe(self, grant: Grant, operation: DescribeSeries, work: Work) -> Change:
        key = (str(operation.attribute), operation.dataset_id)
        if key in work.described:
            stored = (True, work.described[key])
        elif work.head.n:
            stored = await load_described(self._transaction, self._engine, grant, work.head.n, *key)
        else:
            stored = None
        change, described = describe_series(
            operation, work.after, stored, lambda id_: self._works[id_].head.n, self._moment
        )
        work.described[key] = described
        return change


def _decide(grant: Grant, operation: DocumentOperation | RecordHistory, work: Work, moment: Instant) -> Change:
    """Apply a pure function to the entity as the Grant shows it now."""
    before = work.after
    has_past = work.head.state != DELETED or work.face is not None

    def decide(shown: Entity | None) -> Change:
        if isinstance(operation, RecordHistory):
            return leave_locations(record_history(operation, shown, moment, has_past=has_past), moment)
        return apply(operation, shown, moment)

    return apply_masked(operation, grant.hidden, before, moment, decide) if grant.hidden else decide(before)


def _with_numbers(outcome: Outcome, work: Work, items: Sequence[Item]) -> Outcome:
    numbers = work.numbers or Numbers()
    keys = [(str(item.attribute), item.dataset_id) for item in items]
    written = [numbers.series[key] for key in keys if key in numbers.series]
    ids = [numbers.observations[id(item.new)] for item in items if id(item.new) in numbers.observations]
    return replace(outcome, n=work.head.n, series=written[-1] if written else 0, observations=ids)
