"""Routes that make, retrieve, change and delete entity maps. Spec: CIM 009 6.32, 6.34, 6.35 with 5.14."""

from __future__ import annotations

from typing import Final

from stadtkern.broker.long_body import work_on
from stadtkern.errors import BadRequestData
from stadtkern.jsonld.context import Context
from stadtkern.model.entity_map import EntityMap
from stadtkern.query.request import EntityQuery
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.consumption_answer import open_answer
from stadtkern.views.ngsild.consumption_body import merge_parameters, read_query_body
from stadtkern.views.ngsild.consumption_query import QUERY, parse_query, parse_representation
from stadtkern.views.ngsild.entity_map import LIFETIME, parse_map_id, read_lifetime, render_map, with_map
from stadtkern.views.ngsild.negotiation import COMMON
from stadtkern.views.ngsild.parameters import Parameters, read_parameters
from stadtkern.views.ngsild.parse import read_object
from stadtkern.views.ngsild.parse_terms import parse_time
from stadtkern.views.ngsild.request_context import resolve_body, resolve_linked
from stadtkern.views.ngsild.results import no_content
from stadtkern.views.ngsild.services import ReadingServices
from stadtkern.views.ngsild.temporal_query import QUERY_HISTORY, parse_history_representation, parse_time_query
from stadtkern.views.ngsild.temporal_routes import make_history_map

POST_PARAMETERS: Final = frozenset({"local", LIFETIME})
_ONE: Final = frozenset({"local"})


async def make_map(request: Request, services: ReadingServices) -> Response:
    """GET /entityMaps. Spec: CIM 009 6.34.3.1, 5.14.4."""
    parameters = read_parameters(request, QUERY)
    context = await resolve_linked(services.contexts, request)
    return await _make(request, services, context, parameters, parse_query(parameters, context))


async def make_map_by_body(request: Request, services: ReadingServices) -> Response:
    """POST /entityMaps. Spec: CIM 009 6.34.3.2, 5.14.4."""
    from_url = read_parameters(request, POST_PARAMETERS)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    body = await work_on(len(request.body), lambda: read_query_body(node.tree, context))
    parameters = merge_parameters(from_url, body.parameters)
    query = parse_query(parameters, context, selected=body.selected)
    return await _make(request, services, context, parameters, query)


async def make_past_map(request: Request, services: ReadingServices) -> Response:
    """GET /temporal/entityMaps. Spec: CIM 009 6.35.3.1, 5.14.5."""
    parameters = read_parameters(request, QUERY_HISTORY)
    context = await resolve_linked(services.contexts, request)
    representation, time = parse_history_representation(parameters, context, parse_time_query(parameters))
    entities = parse_query(parameters, context)
    known = await make_history_map(request, services, entities, time, representation, read_lifetime(parameters))
    return await _created(request, services, context, known)


async def make_past_map_by_body(request: Request, services: ReadingServices) -> Response:
    """POST /temporal/entityMaps. Spec: CIM 009 6.35.3.2, 5.14.5."""
    from_url = read_parameters(request, POST_PARAMETERS)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    body = await work_on(len(request.body), lambda: read_query_body(node.tree, context, temporal=True))
    parameters = merge_parameters(from_url, body.parameters)
    time = parse_time_query(parameters, body.temporal)
    representation, time = parse_history_representation(parameters, context, time)
    entities = parse_query(parameters, context, selected=body.selected)
    known = await make_history_map(request, services, entities, time, representation, read_lifetime(parameters))
    return await _created(request, services, context, known)


async def retrieve_map(request: Request, services: ReadingServices) -> Response:
    """GET /entityMaps/{id}. Spec: CIM 009 6.32.3.1, 5.14.1."""
    read_parameters(request, _ONE)
    id_ = parse_map_id(request.segments[-1])
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    return answer.one(render_map(await services.broker.load_map(request.grant, id_)))


async def update_map(request: Request, services: ReadingServices) -> Response:
    """PATCH /entityMaps/{id}: what only the server may say is ignored. Spec: CIM 009 6.32.3.2, 5.14.2."""
    read_parameters(request, _ONE)
    id_ = parse_map_id(request.segments[-1])
    node = await work_on(len(request.body), lambda: read_object(request.body))
    await resolve_body(services.contexts, request, node, patch=True)
    if "expiresAt" not in node.tree:
        raise BadRequestData("The fragment of an entity map has no expiresAt", pointer="/expiresAt")
    await services.broker.move_end(request.grant, id_, parse_time(node.tree["expiresAt"], "/expiresAt"))
    return no_content()


async def delete_map(request: Request, services: ReadingServices) -> Response:
    """DELETE /entityMaps/{id}. Spec: CIM 009 6.32.3.3, 5.14.3."""
    read_parameters(request, _ONE)
    await services.broker.delete_map(request.grant, parse_map_id(request.segments[-1]))
    return no_content()


async def _make(
    request: Request, services: ReadingServices, context: Context, parameters: Parameters, query: EntityQuery
) -> Response:
    parse_representation(parameters, context)
    known = await services.broker.make_map(request.grant, query, read_lifetime(parameters))
    return await _created(request, services, context, known)


async def _created(request: Request, services: ReadingServices, context: Context, known: EntityMap) -> Response:
    answer = await open_answer(request, services.contexts, context, COMMON)
    return with_map(answer.one(render_map(known)), request, known, created=True)
