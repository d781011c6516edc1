"""Several requests as one group of operations: what they make, change and delete is there afterwards, or none of it.

Spec: OGC 18-088 11.2.1 (change sets); OData 4.01 part 1 11.7.4 (atomicity groups).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from msgspec import Raw, Struct

from stadtkern.broker.long_body import work_on
from stadtkern.broker.sensorthings.body import Body, Reference, read_body
from stadtkern.broker.sensorthings.deletion import Deletion
from stadtkern.broker.sensorthings.known import Known, look_up, references
from stadtkern.broker.sensorthings.made import Created, id_of, under
from stadtkern.broker.sensorthings.plan import Plan
from stadtkern.broker.sensorthings.streams import StreamLookup
from stadtkern.broker.sensorthings.update import Update
from stadtkern.broker.tenants import OpenTenant
from stadtkern.broker.write import TOGETHER
from stadtkern.errors import BadRequestData, Conflict, OperationNotSupported, PayloadTooLarge, Problem, ResourceNotFound
from stadtkern.model.change import Outcome
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.operation import Operation, UpdateAttributes
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_terms import LOCATION
from stadtkern.policy.grant import Grant

_TRIES: Final = 3
"""How often names of new series are chosen anew when somebody else took them meanwhile."""
_SLICE: Final = 50
"""Requests that are planned before others get their turn."""


class Refused(Exception):
    """One of the requests was refused, and nothing of any was done. at: its place among them."""

    def __init__(self, at: int, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.at = at
        self.problem = problem


class _Step(Struct, frozen=True):
    """One request. id: of what is changed or deleted, 0 where something is made; body: None where it is deleted."""

    type: TypeName
    body: Body | None
    id: int = 0
    parent: str = ""


class Together:
    """A group of requests. What one of them makes, later ones may name by the negative number that it is given."""

    def __init__(self, tenant: OpenTenant, streams: StreamLookup, grant: Grant) -> None:
        self._tenant = tenant
        self._streams = streams
        self._grant = grant
        self._steps: list[_Step] = []
        self._size = 0

    async def create(self, type: TypeName, text: bytes, *, parent: tuple[str, int] | None = None) -> int:
        """Add the creation of an entity with all that stands inline in it; give the number to name it by.

        parent: as in ``SensorThingsWriter.create``. Raises: InvalidRequest, BadRequestData.
        """
        body = await self._read(type, text, whole=True)
        if parent is not None:
            body = under(body, *parent)
        self._steps.append(_Step(type, body, parent=parent[0] if parent else ""))
        return -len(self._steps)

    async def update(self, type: TypeName, id_: int, text: bytes) -> None:
        """Add a change. Raises: InvalidRequest, BadRequestData, OperationNotSupported (of what the group makes)."""
        _check_there(type, id_)
        self._steps.append(_Step(type, await self._read(type, text, whole=False), id_))

    async def delete(self, type: TypeName, id_: int) -> None:
        """Add a deletion. Raises: OperationNotSupported (of what the group makes)."""
        _check_there(type, id_)
        self._steps.append(_Step(type, None, id_))

    async def _read(self, type: TypeName, text: bytes, *, whole: bool) -> Body:
        self._size += len(text)
        return await work_on(len(text), lambda: read_body(type, text, whole=whole, made=len(self._steps)))

    async def commit(self) -> list[Created | None]:
        """Carry everything out; give what each request made.

        Raises: Refused (with what the single writes raise), Unavailable.
        """
        for attempt in range(_TRIES):
            try:
                return await self._attempt()
            except Refused as refused:
                if not isinstance(refused.problem, Conflict) or attempt == _TRIES - 1:
                    raise
        raise AssertionError  # pragma: no cover

    async def _attempt(self) -> list[Created | None]:
        moment = now()
        known = await look_up(self._streams, self._grant, self._wanted(), moment)
        plan = Plan(known, moment)
        starts: list[int] = []
        places: list[int | None] = []
        for at, step in enumerate(self._steps):
            starts.append(len(plan.operations))
            try:
                places.append(await self._plan(step, -at - 1, plan, known, moment))
                check_count(len(plan.operations))
            except Problem as problem:
                raise Refused(at, problem) from problem
            if at % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        outcomes = await self._write(plan.operations, starts)
        return [
            None if place is None else Created(step.type, id_of(step.type, outcomes[place]))
            for step, place in zip(self._steps, places, strict=True)
        ]

    def _wanted(self) -> list[Reference]:
        """List what the requests are about and link to, each once."""
        wanted: dict[tuple[TypeName, int], Reference] = {}
        for step in self._steps:
            found = [Reference(step.type, step.id, "")] if step.id and step.body is not None else []
            for one in [*found, *(references(step.body) if step.body is not None else ())]:
                if one.id > 0:
                    wanted[(one.type, one.id)] = one
        return list(wanted.values())

    async def _plan(self, step: _Step, number: int, plan: Plan, known: Known, moment: Instant) -> int | None:
        """Plan one request; give the place of the operation that makes what it makes."""
        if step.body is None:
            deletion = _Deletion(self._tenant, self._streams, self._grant, moment)
            await deletion.run(step.type, step.id)
            plan.operations.extend(deletion.operations)
            return None
        if step.id:
            update = _Update(self._tenant, self._streams, self._grant, known, moment, 0)
            await update.run(step.type, step.id, step.body)
            plan.operations.extend(update.operations)
            return None
        try:
            return plan.add(step.body, number)
        except BadRequestData as problem:
            if step.parent and problem.pointer == f"/{step.parent}":
                raise ResourceNotFound(problem.detail) from problem
            raise

    async def _write(self, operations: Sequence[Operation], starts: list[int]) -> list[Outcome]:
        try:
            return await self._tenant.writer.write_together(self._grant, operations, self._size)
        except Problem as problem:
            if problem.operation is None:
                raise
            raise Refused(bisect_right(starts, problem.operation) - 1, problem) from problem


def check_count(count: int) -> None:
    """Refuse more operations than are written at once. Raises: PayloadTooLarge."""
    if count > TOGETHER:
        raise PayloadTooLarge(f"More than {TOGETHER} things cannot be written at once", hint="send parts")


def _check_there(type: TypeName, id_: int) -> None:
    if id_ < 0:
        raise OperationNotSupported(
            f"This {type} is made by the same change set, and cannot be changed in it",
            hint="say all of it where it is made",
        )


class _Update(Update):
    """An update whose operations are written later, together with others."""

    def __init__(
        self, tenant: OpenTenant, streams: StreamLookup, grant: Grant, known: Known, now: Instant, size: int
    ) -> None:
        super().__init__(tenant, streams, grant, known, now, size)
        self.operations: list[Operation] = []

    async def _write(self, operations: Sequence[Operation], *, together: bool = True) -> None:
        self.operations.extend(operations)
        check_count(len(self.operations))

    async def _shapes(self, locations: Sequence[EntityId]) -> dict[EntityId, Raw | None]:
        """Give the geometries of Locations as they will be."""
        shapes = await super()._shapes(locations)
        for one in self.operations:
            if isinstance(one, UpdateAttributes) and one.id in shapes and LOCATION in one.entity.attributes:
                value = one.entity.attributes[LOCATION][0].value
                shapes[one.id] = value if isinstance(value, Raw) else None
        return shapes


class _Deletion(Deletion):
    """A deletion that is carried out later, together with others."""

    def __init__(self, tenant: OpenTenant, streams: StreamLookup, grant: Grant, now: Instant) -> None:
        super().__init__(tenant, streams, grant, now)
        self.operations: list[Operation] = []

    async def _cascade(self, type: TypeName, id_: int, entity: Entity) -> None:
        if await self._dependent(type, id_, entity):
            raise OperationNotSupported(
                f"Something depends on {type} {id_} and goes with it: a change set cannot do that",
                hint="delete it in a request of its own",
            )

    async def _write(self, operations: Sequence[Operation]) -> None:
        self.operations.extend(operations)
