"""What writers ask, from the request to the answer. Spec: OGC 18-088 10."""

from __future__ import annotations

from typing import Final

import msgspec

from stadtkern.broker.long_body import work_on
from stadtkern.errors import BadRequestData, MethodNotAllowed, ResourceNotFound
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_answer import Record
from stadtkern.query.odata.options import parse_query
from stadtkern.query.odata.target import parse_target
from stadtkern.query.odata.tree import Query, Target
from stadtkern.views._http.message import Request, Response
from stadtkern.views.sensorthings.addresses import (
    entity_address,
    leads_to_set,
    service_root,
    target_path,
    target_type,
)
from stadtkern.views.sensorthings.filling import Budget
from stadtkern.views.sensorthings.linking import Linking
from stadtkern.views.sensorthings.reach import check_method, last_relation, methods_of
from stadtkern.views.sensorthings.render_json import record_members
from stadtkern.views.sensorthings.render_property import JSON as JSON_HEADER
from stadtkern.views.sensorthings.requests import (
    JSON,
    JSON_PATCH,
    MERGE_PATCH,
    check_sees,
    media_type,
    wants_representation,
)
from stadtkern.views.sensorthings.rewriting import as_change, as_patched
from stadtkern.views.sensorthings.seeking import find_id, one
from stadtkern.views.sensorthings.services import Bulk, Reader, Writer

_APPLIED: Final = ("preference-applied", "return=representation")


class Writing:
    """The handlers of what is created, changed and deleted."""

    def __init__(self, reader: Reader, writer: Writer, bulk: Bulk) -> None:
        self._reader = reader
        self._writer = writer
        self._bulk = bulk
        self._linking = Linking(reader, writer)

    async def create(self, request: Request) -> Response:
        """Create an entity, in a set or at a relation of another one. Spec: OGC 18-088 10.2."""
        target = read_target(request)
        if target.ref:
            return await self._linking.link(request, target)
        media_type(request, JSON)
        type = target_type(target).name
        made = await self._writer.create(request.grant, type, request.body, parent=await self._parent(request, target))
        address = entity_address(service_root(request.base_url), made.type, made.id)
        return await self._answer(request, made.type, made.id, Response(201, headers=[("location", address)]))

    async def _parent(self, request: Request, target: Target) -> tuple[str, int] | None:
        """Give the entity that the address leads through, and the relation by which the new one belongs to it."""
        found = last_relation(target)
        if found is None:
            return None
        before = Target(target.steps[:-1])
        return found[1].inverse, await find_id(self._reader, request.grant, before)

    async def change(self, request: Request) -> Response:
        """Change an entity in part. Spec: OGC 18-088 10.3.1, 10.3.2."""
        target = read_target(request)
        given = media_type(request, JSON, MERGE_PATCH, JSON_PATCH)
        type, id_ = target_type(target).name, await find_id(self._reader, request.grant, target)
        text = request.body
        if given == JSON_PATCH:
            record = await self._shown(request, type, id_)
            text = await work_on(len(text), lambda: as_patched(record, request.body))
        await self._writer.update(request.grant, type, id_, text)
        return await self._answer(request, type, id_, Response(200))

    async def _shown(self, request: Request, type: TypeName, id_: int) -> Record:
        """Give an entity to who may see it. Raises: Forbidden, ResourceNotFound."""
        check_sees(request)
        record = await self._reader.read_one(request.grant, one(type, id_), Query())
        if record is None:
            raise ResourceNotFound(f"There is no {type} with the id {id_}")
        return record

    async def replace(self, request: Request) -> Response:
        """Change an entity as a whole. Spec: OGC 18-088 10.3.3."""
        target = read_target(request)
        if target.ref:
            return await self._linking.link(request, target)
        media_type(request, JSON)
        type, id_ = target_type(target).name, await find_id(self._reader, request.grant, target)
        text = await work_on(len(request.body), lambda: as_change(type, request.body))
        await self._writer.update(request.grant, type, id_, text)
        return await self._answer(request, type, id_, Response(200))

    async def _answer(self, request: Request, type: TypeName, id_: int, answer: Response) -> Response:
        """Answer without a body, or with the entity where the writer wants it."""
        if not wants_representation(request):
            return answer
        record = await self._reader.read_one(request.grant, one(type, id_), Query())
        if record is not None:
            root = service_root(request.base_url)
            answer.body = msgspec.json.encode(record_members(record, Query(), root, Budget(0)))
            answer.headers += [*JSON_HEADER, _APPLIED]
        return answer

    async def remove(self, request: Request) -> Response:
        """Delete an entity, what a filter chooses, or a link. Spec: OGC 18-088 10.4."""
        target = read_target(request)
        if target.ref:
            return await self._linking.unlink(request, target)
        if leads_to_set(target):
            return await self._remove_chosen(request, target)
        type, id_ = target_type(target).name, await find_id(self._reader, request.grant, target)
        await self._writer.delete(request.grant, type, id_)
        return Response(200)

    async def _remove_chosen(self, request: Request, target: Target) -> Response:
        """Delete the entities of a set for which ``$filter`` is true."""
        query = parse_query(request.query, target_type(target))
        if query.filter is None:
            raise MethodNotAllowed(
                f"{target_path(target)} cannot be emptied at once: say by $filter what is to be deleted",
                allow=(*methods_of(target), "OPTIONS"),
            )
        if query != Query(filter=query.filter, text=query.text):
            raise BadRequestData("Of what is to be deleted only $filter can be said", pointer="query")
        await self._bulk.delete_set(request.grant, target, query)
        return Response(200)

    async def create_observations(self, request: Request) -> Response:
        """Write rows of Observations: the addresses of all, in order. Spec: OGC 18-088 13.3."""
        media_type(request, JSON)
        root = service_root(request.base_url)
        ids = await self._bulk.create_observations(request.grant, request.body)
        told = ["error" if id_ is None else entity_address(root, "Observation", id_) for id_ in ids]
        return Response(201, msgspec.json.encode(told), [*JSON_HEADER])


def read_target(request: Request) -> Target:
    """Read the address of a write. Raises: ResourceNotFound, MethodNotAllowed."""
    target = parse_target("/".join(request.segments))
    check_method(request.method, target)
    return target
