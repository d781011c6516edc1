"""Routes that read history. Spec: CIM 009 6.18.3.2, 6.19.3.1, 6.24.3.1 with 5.7.3, 5.7.4 and 6.3.10."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import re2

from stadtkern.broker.long_body import work_on
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.jsonld.context import Context
from stadtkern.model.entity_map import EntityMap
from stadtkern.model.history import EntityHistory
from stadtkern.model.ids import parse_entity_id
from stadtkern.model.instant import Instant, now, render_instant
from stadtkern.query.filter import IdIn, all_of
from stadtkern.query.request import EntityQuery, TemporalQuery
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.compatibility import EarlierHistories, with_preference
from stadtkern.views.ngsild.consumption_answer import Answer, open_answer
from stadtkern.views.ngsild.consumption_body import merge_parameters, read_query_body
from stadtkern.views.ngsild.consumption_query import PAGING, parse_query
from stadtkern.views.ngsild.entity_map import find_map, read_wish, with_map
from stadtkern.views.ngsild.negotiation import COMMON
from stadtkern.views.ngsild.parameters import Parameters, read_parameters
from stadtkern.views.ngsild.parse import read_object
from stadtkern.views.ngsild.render import HistoryRenderer, Representation
from stadtkern.views.ngsild.request_context import resolve_body, resolve_linked
from stadtkern.views.ngsild.services import HistoryPage, HistoryServices
from stadtkern.views.ngsild.temporal_query import (
    QUERY_HISTORY,
    RETRIEVE_HISTORY,
    check_order,
    parse_history_representation,
    parse_time_query,
    sort_histories,
)

MOST_PREFERRED: Final = 100_000
POST_PARAMETERS: Final = PAGING | {"local", "options", "format", "sysAttrs", "entityMap", "entityMapLifetime"}
_PREFERENCE = re2.compile(r"(?i)(?:^|[,;])\s*instances\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])")
_NOTHING: Final = b"{}"
_MANY: Final = 1_000
"""Instances from which on rendering takes long enough to leave the event loop."""


async def retrieve_history(request: Request, services: HistoryServices) -> Response:
    """GET /temporal/entities/{id}. Spec: CIM 009 6.19.3.1, 5.7.3."""
    parameters = read_parameters(request, RETRIEVE_HISTORY)
    id_ = parse_entity_id(request.segments[-1])
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    representation, query = parse_history_representation(parameters, context, parse_time_query(parameters))
    wanted = representation.projection.attributes or None
    page = await services.broker.retrieve_history(
        request.grant,
        id_,
        query,
        attributes=wanted,
        most=_most_instances(request, services),
        dataset_ids=representation.dataset_ids,
    )
    history = page.histories[0]
    renderer = _open_renderer(answer, representation, page)
    [body] = await _render(renderer, [history])
    if body == _NOTHING or ("attrs" in parameters and not history.attributes):
        raise ResourceNotFound(f"Entity {id_} has none of the members asked for")
    response = with_preference(_ranged(answer.one(body), request, page, query), renderer)
    wish = read_wish(request, parameters)
    if wish is None:
        return response
    known = await find_map(request, services.broker, wish)
    return with_map(response, request, known or await services.broker.keep_map(request.grant, [id_], wish.lifetime))


async def query_histories(request: Request, services: HistoryServices) -> Response:
    """GET /temporal/entities. Spec: CIM 009 6.18.3.2, 5.7.4."""
    parameters = read_parameters(request, QUERY_HISTORY)
    context = await resolve_linked(services.contexts, request)
    return await _query(
        request, services, parameters, context, parse_query(parameters, context), parse_time_query(parameters)
    )


async def query_histories_by_body(request: Request, services: HistoryServices) -> Response:
    """POST /temporal/entityOperations/query. Spec: CIM 009 6.24.3.1, 5.7.4."""
    from_url = read_parameters(request, POST_PARAMETERS)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    body = await work_on(len(request.body), lambda: read_query_body(node.tree, context, temporal=True))
    parameters = merge_parameters(from_url, body.parameters)
    entities = parse_query(parameters, context, selected=body.selected)
    return await _query(request, services, parameters, context, entities, parse_time_query(parameters, body.temporal))


async def _query(
    request: Request,
    services: HistoryServices,
    parameters: Parameters,
    context: Context,
    entities: EntityQuery,
    time: TemporalQuery,
) -> Response:
    check_past_query(entities, time)
    answer = await open_answer(request, services.contexts, context, COMMON)
    representation, query = parse_history_representation(parameters, context, time)
    wish = read_wish(request, parameters)
    known = await find_map(request, services.broker, wish) if wish is not None else None
    fixed = known
    if wish is not None and fixed is None:
        fixed = await make_history_map(request, services, entities, query, representation, wish.lifetime)
    if fixed is not None:
        entities = msgspec.structs.replace(entities, filter=all_of(entities.filter, IdIn(tuple(fixed.entities))))
    page = await services.broker.query_histories(
        request.grant,
        entities,
        query,
        attributes=representation.projection.attributes or None,
        most=_most_instances(request, services),
    )
    renderer = _open_renderer(answer, representation, page)
    shown = [
        history for history in sort_histories(list(page.histories), entities) if _is_shown(history, representation)
    ]
    bodies = [body for body in await _render(renderer, shown) if body != _NOTHING]
    response = answer.page(bodies, entities, page)
    response = with_preference(_ranged(response, request, page, query), renderer)
    return response if fixed is None else with_map(response, request, fixed, created=known is None)


async def make_history_map(
    request: Request,
    services: HistoryServices,
    entities: EntityQuery,
    query: TemporalQuery,
    representation: Representation,
    lifetime: int | None,
) -> EntityMap:
    """Fix the entities whose histories match now. Raises: BadRequestData, TooManyResults. Spec: CIM 009 5.14.5."""
    check_past_query(entities, query)
    attributes = representation.projection.attributes or None
    ids = await services.broker.match_histories(request.grant, entities, query, attributes=attributes)
    return await services.broker.keep_map(request.grant, ids, lifetime)


def check_past_query(entities: EntityQuery, time: TemporalQuery) -> None:
    """Check that a query for histories says which part of time. Raises: BadRequestData. Spec: CIM 009 5.7.4.4."""
    if time.time_relation is None:
        raise BadRequestData("A query for histories needs a timerel and a timeAt", pointer="timerel:0")
    check_order(entities)


def _open_renderer(
    answer: Answer, representation: Representation, page: HistoryPage
) -> HistoryRenderer | EarlierHistories:
    """Give what renders the histories of one answer, in the version that the reader prefers."""
    renderer = HistoryRenderer(answer.context, representation, now(), keep_empty=page.truncated)
    return renderer if answer.version is None else EarlierHistories(answer.version, answer.context, renderer)


async def _render(renderer: HistoryRenderer | EarlierHistories, histories: Sequence[EntityHistory]) -> list[bytes]:
    """Render histories, many instances in a thread: other requests go on meanwhile."""
    size = sum(
        len(one.instances) + sum(map(len, one.aggregates.values()))
        for history in histories
        for series in history.attributes.values()
        for one in series
    )
    if size < _MANY:
        return [renderer.render(history) for history in histories]
    return await asyncio.to_thread(lambda: [renderer.render(history) for history in histories])


def _is_shown(history: EntityHistory, representation: Representation) -> bool:
    """Leave out histories without any series of the dataset ids asked for."""
    wanted = representation.dataset_ids
    return wanted is None or any(one.dataset_id in wanted for series in history.attributes.values() for one in series)


def _most_instances(request: Request, services: HistoryServices) -> int:
    """Give how many instances the answer may hold."""
    preferred = _preferred_instances(request)
    return services.temporal_instances if preferred is None else preferred


def _preferred_instances(request: Request) -> int | None:
    """Give how many instances the client wants: ``Prefer: instances=5000`` asks for more than usual (RFC 7240)."""
    found = _PREFERENCE.search((request.header("prefer") or "")[:1000])
    return None if found is None else min(max(int(found.group(1)), 1), MOST_PREFERRED)


def _ranged(response: Response, request: Request, page: HistoryPage, query: TemporalQuery) -> Response:
    """Say which stretch of time an answer covers that was cut. Spec: CIM 009 6.3.10."""
    preferred = _preferred_instances(request)
    if preferred is not None:
        response.headers.append(("Preference-Applied", f"instances={preferred}"))
    if page.truncated and page.first is not None and page.last is not None:
        start = _asked_start(query)
        first, last = render_instant(page.first if start is None else start), render_instant(page.last)
        size = "*" if query.last_n is None else str(query.last_n)
        response.status = 206
        response.headers.append(("Content-Range", f"date-time {first}-{last}/{size}"))
    return response


def _asked_start(query: TemporalQuery) -> Instant | None:
    """Give where reading begins as far as the query says so: with lastN it goes backwards from the later end."""
    since, until = query.window()
    return since if query.last_n is None else until
