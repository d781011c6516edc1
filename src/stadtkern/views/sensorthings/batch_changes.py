"""Change sets and atomicity groups: requests that are carried out together, all of them or none.

What they write is one transaction. What a group reads is read before it, so that it can be looked up and created at
once; multipart change sets do not read. Spec: OGC 18-088 11.2.1; OData 4.01 part 1 11.7.4, 11.7.7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from stadtkern.broker.sensorthings.made import Created
from stadtkern.broker.sensorthings.together import Refused, Together
from stadtkern.errors import FailedDependency, InvalidRequest, MethodNotAllowed, OperationNotSupported
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.target import parse_target
from stadtkern.query.odata.tree import Target
from stadtkern.views._http.message import Request, Response
from stadtkern.views.sensorthings.addresses import entity_address, leads_to_set, service_root, target_type
from stadtkern.views.sensorthings.batch_answer import Answer, Answers
from stadtkern.views.sensorthings.batch_names import Address, Named
from stadtkern.views.sensorthings.batch_request import ChangeSet, SingleRequest
from stadtkern.views.sensorthings.batch_run import BatchRun
from stadtkern.views.sensorthings.reach import check_method, last_relation
from stadtkern.views.sensorthings.requests import JSON, MERGE_PATCH, media_type
from stadtkern.views.sensorthings.rewriting import as_change
from stadtkern.views.sensorthings.seeking import find_id
from stadtkern.views.sensorthings.services import Reader

Begin = Callable[[Grant], Awaitable[Together]]
"""Begins a group of writes. Raises: NonexistentTenant."""
_UNDONE: Final = FailedDependency("Nothing of this was done: another request of its group failed")


class ChangeSetRun:
    """One change set while it is carried out."""

    def __init__(self, run: BatchRun, change_set: ChangeSet, reader: Reader, begin: Begin) -> None:
        self._run = run
        self._requests = change_set.requests
        self._reads = change_set.reads
        self._reader = reader
        self._begin = begin
        self._group: Together | None = None
        self._answers: dict[int, Response] = {}
        self._written: list[int] = []
        """The places of those that write."""

    async def all(self) -> Answers:
        """Carry out all requests or none."""
        at = 0
        try:
            for at, one in enumerate(self._requests):
                await self._add(at, one)
            await self._commit()
        except Refused as refused:
            return self._failed(self._written[refused.at], refused.problem)
        except Exception as error:  # other requests of the batch are to be carried out all the same
            return self._failed(at, error)
        return Answers([Answer(one, self._answers[at]) for at, one in enumerate(self._requests)])

    def _failed(self, at: int, error: Exception) -> Answers:
        """Give the answers of requests of which one failed."""
        self._run.names.forget_pending()
        failure = self._run.refused(self._requests[at], error)
        for one in self._requests:
            self._run.note(one.name, True)
        others = [self._run.refused(one, _UNDONE) for one in self._requests]
        return Answers([*others[:at], failure, *others[at + 1 :]], failure)

    async def _add(self, at: int, one: SingleRequest) -> None:
        skipped = self._run.skipped(one)
        if skipped is not None:
            self._answers[at] = skipped
            return
        address = self._run.names.address(one.url, self._run.request)
        if one.method == "GET":
            self._answers[at] = await self._read(one, address)
        else:
            await self._write(at, one, address)
        self._run.note(one.name, False)

    async def _read(self, one: SingleRequest, address: Address) -> Response:
        if not self._reads:
            raise InvalidRequest("A change set cannot read", hint="ask before or after it")
        if address.pending:
            raise OperationNotSupported("What a group makes cannot be read in it", hint="ask after it")
        return await self._run.ask(one, address)

    async def _write(self, at: int, one: SingleRequest, address: Address) -> None:
        """Add a write to the group."""
        request = self._run.alone(one, address, await self._run.grant("write"))
        target = parse_target("/".join(address.segments))
        check_method(one.method, target)
        if target.ref:
            raise OperationNotSupported("A change set cannot write links", hint="link by a body: {'@iot.id': …}")
        if self._group is None:
            self._group = await self._begin(request.grant)
        type = target_type(target).name
        if one.method == "POST":
            media_type(request, JSON)
            number = await self._group.create(type, request.body, parent=await self._parent(request, target, address))
            self._run.names.set(one.name, Named(type, number))
        else:
            await self._change(self._group, one, request, target, await self._id(request, target, address))
        self._written.append(at)

    async def _change(self, group: Together, one: SingleRequest, request: Request, target: Target, id_: int) -> None:
        """Add a change or a deletion."""
        type = target_type(target).name
        if one.method == "DELETE":
            await group.delete(type, id_)
            return
        media_type(request, JSON, MERGE_PATCH)
        await group.update(type, id_, as_change(type, request.body) if one.method == "PUT" else request.body)
        self._run.names.set(one.name, Named(type, id_))

    async def _parent(self, request: Request, target: Target, address: Address) -> tuple[str, int] | None:
        """Give the relation and the id of the entity that an address leads through to something new."""
        found = last_relation(target)
        if found is None:
            return None
        return found[1].inverse, await self._id(request, Target(target.steps[:-1]), address)

    async def _id(self, request: Request, target: Target, address: Address) -> int:
        """Give the id of the entity that an address leads to. Raises: ResourceNotFound, OperationNotSupported."""
        if leads_to_set(target):
            raise MethodNotAllowed("A change set cannot delete a whole set", allow=("GET", "POST"))
        if address.pending and len(target.steps) > 1:
            raise OperationNotSupported("What belongs to an entity that the group makes cannot be asked for in it")
        return await find_id(self._reader, request.grant, target)

    async def _commit(self) -> None:
        """Carry out the writes, and answer them."""
        made = [] if self._group is None else await self._group.commit()
        for at, created in zip(self._written, made, strict=True):
            self._answers[at] = self._made(self._requests[at], created)

    def _made(self, one: SingleRequest, created: Created | None) -> Response:
        if created is None:
            return Response(200)
        self._run.names.set(one.name, Named(created.type, created.id))
        root = service_root(self._run.request.base_url)
        return Response(201, headers=[("location", entity_address(root, created.type, created.id))])


def change_sets(reader: Reader, begin: Begin) -> Callable[[BatchRun, ChangeSet], Awaitable[Answers]]:
    """Give what carries out change sets. begin: of the broker."""

    async def carry_out(run: BatchRun, change_set: ChangeSet) -> Answers:
        return await ChangeSetRun(run, change_set, reader, begin).all()

    return carry_out
