"""Routes that tell which types and attributes there are. Spec: CIM 009 6.25 to 6.28 with 5.7.5 to 5.7.10."""

from __future__ import annotations

from typing import Final

from stadtkern.errors import ResourceNotFound
from stadtkern.query.projection import CORE_MEMBERS
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.consumption_answer import open_answer
from stadtkern.views.ngsild.negotiation import COMMON
from stadtkern.views.ngsild.parameters import read_flag, read_parameters
from stadtkern.views.ngsild.parse_terms import expand_attribute, expand_type
from stadtkern.views.ngsild.render import (
    render_attribute_details,
    render_attribute_info,
    render_attribute_list,
    render_type_details,
    render_type_info,
    render_type_list,
)
from stadtkern.views.ngsild.request_context import resolve_linked
from stadtkern.views.ngsild.services import ConsumptionServices

_LIST: Final = frozenset({"details", "local", "count"})
_ONE: Final = frozenset({"local"})


async def list_types(request: Request, services: ConsumptionServices) -> Response:
    """GET /types. Spec: CIM 009 6.25.3.1, 5.7.5, 5.7.6."""
    parameters = read_parameters(request, _LIST)
    details, count = read_flag(parameters, "details"), read_flag(parameters, "count")
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    uses = await services.broker.list_types(request.grant)
    if details:
        response = answer.many([render_type_details(use, context) for use in uses])
    else:
        response = answer.one(render_type_list(uses, context))
    return _counted(response, len(uses), count)


async def retrieve_type(request: Request, services: ConsumptionServices) -> Response:
    """GET /types/{type}. Spec: CIM 009 6.26.3.1, 5.7.7."""
    read_parameters(request, _ONE)
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    type_ = expand_type(request.segments[-1], context)
    use = await services.broker.retrieve_type(request.grant, type_)
    return answer.one(render_type_info(use, context))


async def list_attributes(request: Request, services: ConsumptionServices) -> Response:
    """GET /attributes. Spec: CIM 009 6.27.3.1, 5.7.8, 5.7.9."""
    parameters = read_parameters(request, _LIST)
    details, count = read_flag(parameters, "details"), read_flag(parameters, "count")
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    uses = await services.broker.list_attributes(request.grant)
    if details:
        response = answer.many([render_attribute_details(use, context) for use in uses])
    else:
        response = answer.one(render_attribute_list(uses, context))
    return _counted(response, len(uses), count)


async def retrieve_attribute(request: Request, services: ConsumptionServices) -> Response:
    """GET /attributes/{attribute}. Spec: CIM 009 6.28.3.1, 5.7.10."""
    read_parameters(request, _ONE)
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    name = request.segments[-1]
    if name in CORE_MEMBERS:
        raise ResourceNotFound(f"{name} is a member of every entity and no attribute")
    use = await services.broker.retrieve_attribute(request.grant, expand_attribute(name, context))
    return answer.one(render_attribute_info(use, context))


def _counted(response: Response, count: int, wanted: bool) -> Response:
    if wanted:
        response.headers.append(("NGSILD-Results-Count", str(count)))
    return response
