"""Links alone, made and removed at ``$ref``. Spec: OGC 23-019 (as of its draft); OData 4.01 protocol 11.4.6."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from stadtkern.errors import BadRequestData, MethodNotAllowed, OperationNotSupported, ResourceNotFound, quoted
from stadtkern.model.json import parse_json
from stadtkern.model.sensorthings import TypeName
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.target import parse_target
from stadtkern.query.odata.tree import Step, Target
from stadtkern.views._http.message import Request, Response
from stadtkern.views.sensorthings.addresses import MOUNT, leads_to_set, target_path, target_type
from stadtkern.views.sensorthings.reach import last_relation
from stadtkern.views.sensorthings.requests import JSON, check_sees, media_type
from stadtkern.views.sensorthings.seeking import ID_ALONE, find_id, one
from stadtkern.views.sensorthings.services import Reader, Writer

MOST: Final = 1_000
"""Locations that one link can be added to or taken from."""
_ADDRESSES: Final = ("@id", "@odata.id", "@iot.selfLink")
_VERSION: Final = f"/{'/'.join(MOUNT)}/"


class Linking:
    """The handlers of ``$ref``."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def link(self, request: Request, target: Target) -> Response:
        """Link to what exists: one more of a relation to many, or the one of a relation to one."""
        media_type(request, JSON)
        type, name, owner = await self._owner(request, target)
        other = await self._named(request, target_type(target).name, parse_json(request.body))
        grant = request.grant
        match type, name:
            case "Location", "Things":
                await self._add(grant, "Thing", other, owner)
            case "Thing" | "HistoricalLocation", "Locations":
                await self._add(grant, type, owner, other)
            case _:
                many = leads_to_set(Target(target.steps))
                reference = {"@iot.id": other}
                text = msgspec.json.encode({name: [reference] if many else reference})
                await self._writer.update(grant, type, owner, text)
        return Response(204)

    async def unlink(self, request: Request, target: Target) -> Response:
        """Remove a link; both ends stay."""
        type, name, owner = await self._owner(request, target)
        if target.steps[-1].id is not None:
            other = target.steps[-1].id
        else:
            options = dict(request.query)
            if options.keys() != {"$id"}:
                raise BadRequestData(
                    "Which link is to go is said by $id", hint="Locations/$ref?$id=Locations(2)", pointer="$id:0"
                )
            other = await self._at(request, target_type(target).name, options["$id"], "$id:0")
        if (type, name) == ("Location", "Things"):
            await self._take(request.grant, "Thing", other, owner)
        else:
            await self._take(request.grant, type, owner, other)
        return Response(204)

    async def _owner(self, request: Request, target: Target) -> tuple[TypeName, str, int]:
        """Give the type, the relation and the id that a link starts from. Raises: Forbidden, ResourceNotFound."""
        check_sees(request)
        before = Target(target.steps[:-1])
        found = last_relation(target)
        if found is None:
            raise ResourceNotFound(f"{target_path(target)} is no relation")
        return target_type(before).name, found[1].name, await find_id(self._reader, request.grant, before)

    async def _named(self, request: Request, type: TypeName, body: Any) -> int:
        """Read what a body links to."""
        if not isinstance(body, dict):
            raise BadRequestData('A link is an object: {"@iot.id": 2} or {"@id": "…/Locations(2)"}')
        members = cast("dict[str, Any]", body)
        if "@iot.id" in members:
            id_ = members["@iot.id"]
            if not isinstance(id_, int) or isinstance(id_, bool) or id_ <= 0:
                raise BadRequestData(f"{quoted(id_)} is no id: ids are positive integers", pointer="/@iot.id")
            return id_
        for name in _ADDRESSES:
            if isinstance(members.get(name), str):
                return await self._at(request, type, members[name], f"/{name}")
        raise BadRequestData('A link needs @iot.id, or an address as @id: {"@id": "…/Locations(2)"}')

    async def _at(self, request: Request, type: TypeName, address: str, pointer: str) -> int:
        """Give the id of the entity at an address, absolute or below the service root."""
        path = address.rpartition(_VERSION)[2].lstrip("/")
        try:
            target = parse_target(path)
        except ResourceNotFound as problem:
            raise BadRequestData(f"{quoted(address)} is no address of an entity", pointer=pointer) from problem
        is_entity = not (target.ref or target.property is not None or leads_to_set(target))
        if not is_entity or target_type(target).name != type:
            raise BadRequestData(f"{quoted(address)} is no address of a {type}", pointer=pointer)
        return await find_id(self._reader, request.grant, target)

    async def _add(self, grant: Grant, type: TypeName, owner: int, location: int) -> None:
        present = await self._locations(grant, type, owner)
        if location not in present:
            await self._write(grant, type, owner, [*present, location])

    async def _take(self, grant: Grant, type: TypeName, owner: int, location: int) -> None:
        present = await self._locations(grant, type, owner)
        if location not in present:
            if type == "Thing" and location == owner:
                raise OperationNotSupported(
                    "This Location follows from the location of the Thing in NGSI-LD", hint="delete the Location"
                )
            raise ResourceNotFound(f"{type} {owner} has no link to Location {location}")
        left = [one for one in present if one != location]
        if not left and type == "HistoricalLocation":
            raise MethodNotAllowed("This link cannot be removed: a HistoricalLocation needs a Location")
        await self._write(grant, type, owner, left)

    async def _locations(self, grant: Grant, type: TypeName, owner: int) -> list[int]:
        """Give the Locations of a Thing or a HistoricalLocation; not the one that only follows from NGSI-LD."""
        place = one(type, owner)
        target = Target((*place.steps, Step("Locations")))
        page = await self._reader.read_set(grant, target, ID_ALONE, limit=MOST)
        return [record.id for record in page.records if not (type == "Thing" and record.id == owner)]

    async def _write(self, grant: Grant, type: TypeName, owner: int, locations: list[int]) -> None:
        text = msgspec.json.encode({"Locations": [{"@iot.id": id_} for id_ in locations]})
        await self._writer.update(grant, type, owner, text)
