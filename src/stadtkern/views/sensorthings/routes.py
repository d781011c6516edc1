"""What readers ask, from the request to the answer. Spec: OGC 18-088 9.2, 9.3."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.sensorthings import EntityType
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.options import parse_query
from stadtkern.query.odata.target import parse_target
from stadtkern.query.odata.tree import Query, Selected, Target
from stadtkern.views._http.message import Request, Response
from stadtkern.views.sensorthings.addresses import (
    entity_address,
    leads_to_set,
    service_root,
    target_address,
    target_path,
    target_type,
)
from stadtkern.views.sensorthings.filling import Budget
from stadtkern.views.sensorthings.render_csv import check_csv, render_csv
from stadtkern.views.sensorthings.render_data_array import check_data_array, render_data_array
from stadtkern.views.sensorthings.render_geojson import MEDIA_TYPE, render_feature, render_features, with_geometry
from stadtkern.views.sensorthings.render_json import SELF, record_members, render_page, render_references
from stadtkern.views.sensorthings.render_property import JSON, property_response
from stadtkern.views.sensorthings.root import render_root
from stadtkern.views.sensorthings.services import Reader

DEFAULT_TOP: Final = 100
MAX_TOP: Final = 1000
SHORT: Final = 100
"""Pages of so many entities without others in them are rendered at once; a thread would cost more."""
_CSV: Final = [("content-type", "text/csv; charset=utf-8; header=present")]
_GEOJSON: Final = [("content-type", MEDIA_TYPE)]


class Reading:
    """The handlers of all GETs."""

    def __init__(self, reader: Reader, most: int) -> None:
        """most: bytes of one answer; a page that would hold more ends early."""
        self._reader = reader
        self._most = most

    async def root(self, request: Request) -> Response:
        """Answer with the root document."""
        return Response(200, render_root(service_root(request.base_url)), [*JSON])

    async def read(self, request: Request) -> Response:
        """Answer with what an address leads to."""
        target = parse_target("/".join(request.segments))
        type = target_type(target)
        query = parse_query(request.query, type)
        if target.property is not None:
            return await self._property(request, target, query)
        if leads_to_set(target):
            return await self._set(request, target, type, query)
        return await self._one(request, target, type, query)

    async def _set(self, request: Request, target: Target, type: EntityType, query: Query) -> Response:
        asked = _adapted(type, query)
        if target.ref:
            _refuse(target, select=query.select, expand=query.expand, resultFormat=query.result_format != "json")
            asked = msgspec.structs.replace(query, select=(Selected("id"),))
        limit = min(DEFAULT_TOP if query.top is None else query.top, MAX_TOP)
        page = await self._reader.read_set(request.grant, target, asked, limit=limit)
        if len(page.records) <= SHORT and not query.expand:
            return self._render(page, request, target, type, query)
        # others are answered meanwhile: rendering is pure, and may take seconds
        return await asyncio.to_thread(self._render, page, request, target, type, query)

    def _render(self, page: Page, request: Request, target: Target, type: EntityType, query: Query) -> Response:
        root = service_root(request.base_url)
        address = target_address(root, target)
        if target.ref:
            return Response(200, render_references(page, query, root, address, self._most), [*JSON])
        match query.result_format:
            case "json":
                return Response(200, render_page(page, query, root, address, self._most), [*JSON])
            case "dataArray":
                return Response(200, render_data_array(page, query, root, address, self._most), [*JSON])
            case "CSV":
                body, part = render_csv(page, type.name, query, address, self._most)
                return Response(200, body, [*_CSV, *_link(part.next)])
            case "GeoJSON":
                body, following = render_features(page, query, root, address, self._most)
                return Response(200, body, [*_GEOJSON, *_link(following)])

    async def _one(self, request: Request, target: Target, type: EntityType, query: Query) -> Response:
        _refuse(
            target,
            filter=query.filter,
            orderby=query.orderby,
            top=query.top is not None,
            skip=query.skip,
            count=query.count,
            resultFormat=query.result_format == "dataArray",
        )
        record = await self._found(request, target, _adapted(type, query))
        if query.expand:
            return await asyncio.to_thread(self._render_one, record, request, target, type, query)
        return self._render_one(record, request, target, type, query)

    def _render_one(self, record: Record, request: Request, target: Target, type: EntityType, query: Query) -> Response:
        root, budget = service_root(request.base_url), Budget(self._most)
        if target.ref:
            body = msgspec.json.encode({SELF: entity_address(root, record.type, record.id)})
            return Response(200, body, [*JSON])
        match query.result_format:
            case "CSV":
                page = Page(records=[record])
                return Response(200, render_csv(page, type.name, query, "", self._most)[0], [*_CSV])
            case "GeoJSON":
                return Response(200, render_feature(record, query, root, budget), [*_GEOJSON])
            case _:
                return Response(200, msgspec.json.encode(record_members(record, query, root, budget)), [*JSON])

    async def _property(self, request: Request, target: Target, query: Query) -> Response:
        if query != Query():
            raise BadRequestData(
                f"A property has no options: {target_path(target)}/{target.property} takes none",
                pointer=f"{request.query[0][0][:80]}:0",
            )
        asked = Query(select=(Selected(target.property or "id"),))
        return property_response(await self._found(request, target, asked), target)

    async def _found(self, request: Request, target: Target, query: Query) -> Record:
        record = await self._reader.read_one(request.grant, target, query)
        if record is None:
            raise ResourceNotFound(f"{target_path(target)} leads to nothing")
        return record


def _adapted(type: EntityType, query: Query) -> Query:
    """Check that the entities can be given in the format asked for, and ask for what it needs beside."""
    match query.result_format:
        case "dataArray":
            check_data_array(type.name, query)
        case "CSV":
            check_csv(type.name, query)
        case "GeoJSON":
            return with_geometry(type.name, query)
        case _:
            pass
    return query


def _refuse(target: Target, **options: object) -> None:
    """Refuse options that mean nothing here. options: by name, true where given. Raises: BadRequestData."""
    given = [name for name, value in options.items() if value]
    if given:
        raise BadRequestData(f"The option ${given[0]} means nothing at {target_path(target)}", pointer=f"${given[0]}:0")


def _link(address: str | None) -> list[tuple[str, str]]:
    """Tell of the next page in formats that have no place for it."""
    return [] if address is None else [("link", f'<{address}>; rel="next"')]
