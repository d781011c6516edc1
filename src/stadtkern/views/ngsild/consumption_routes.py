"""Routes that retrieve and query entities. Spec: CIM 009 6.4.3.2, 6.5.3.1, 6.23.3.1 with 5.7.1 and 5.7.2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from stadtkern.broker.long_body import work_on
from stadtkern.errors import ResourceNotFound
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId, parse_entity_id
from stadtkern.model.instant import now
from stadtkern.query.evaluate import matches
from stadtkern.query.request import EntityQuery
from stadtkern.query.typeselection import parse_type_selection
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.compatibility import EarlierEntities, with_preference
from stadtkern.views.ngsild.consumption_answer import Answer, open_answer
from stadtkern.views.ngsild.consumption_body import merge_parameters, read_query_body
from stadtkern.views.ngsild.consumption_memo import prepare_query, prepare_retrieval
from stadtkern.views.ngsild.consumption_query import (
    ANY_TYPE,
    PAGING,
    parse_query,
    parse_representation,
)
from stadtkern.views.ngsild.entity_map import Wish, find_map, read_wish, with_map
from stadtkern.views.ngsild.linked import flatten, load_linked
from stadtkern.views.ngsild.negotiation import WITH_GEOJSON
from stadtkern.views.ngsild.parameters import Parameters, read_parameters
from stadtkern.views.ngsild.parse import read_object
from stadtkern.views.ngsild.render import EntityRenderer, Representation
from stadtkern.views.ngsild.request_context import resolve_body, resolve_linked
from stadtkern.views.ngsild.services import ConsumptionServices, EntityPage

POST_PARAMETERS: Final = PAGING | {
    *("local", "options", "format", "sysAttrs", "lang", "geometryProperty", "join", "joinLevel"),
    *("entityMap", "entityMapLifetime"),
}
"""Parameters in the URL beside a Query body (CIM 009 6.23.3.1)."""
_NOTHING: Final = b"{}"


async def retrieve_entity(request: Request, services: ConsumptionServices) -> Response:
    """GET /entities/{id}. Spec: CIM 009 6.5.3.1, 5.7.1."""
    id_ = parse_entity_id(request.segments[-1])
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, WITH_GEOJSON)
    parameters, representation, _ = prepare_retrieval(request, context, geojson=answer.is_geojson)
    wish = read_wish(request, parameters)
    if wish is None and _is_plain(parameters, representation) and answer.version is None:
        form = (context.key, representation)
        render = _renderer(context, representation)
        body = await services.broker.retrieve_rendered(request.grant, id_, form, render)
        if body == _NOTHING:
            raise ResourceNotFound(f"Nothing of entity {id_} is left by pick and omit")
        return answer.one(body)
    entity = await services.broker.retrieve_entity(request.grant, id_)
    _check_wanted(entity, parameters, representation, context)
    response = await _show_one(request, services, answer, representation, entity)
    if wish is None:
        return response
    known = await find_map(request, services.broker, wish)
    return with_map(response, request, known or await services.broker.keep_map(request.grant, [id_], wish.lifetime))


async def query_entities(request: Request, services: ConsumptionServices) -> Response:
    """GET /entities. Spec: CIM 009 6.4.3.2, 5.7.2."""
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, WITH_GEOJSON)
    parameters, representation, query = prepare_query(request, context, geojson=answer.is_geojson)
    wish = read_wish(request, parameters)
    return await _show_page(request, services, answer, representation, query or EntityQuery(), wish)


async def query_by_body(request: Request, services: ConsumptionServices) -> Response:
    """POST /entityOperations/query. Spec: CIM 009 6.23.3.1, 5.7.2."""
    from_url = read_parameters(request, POST_PARAMETERS)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    answer = await open_answer(request, services.contexts, context, WITH_GEOJSON)
    body = await work_on(len(request.body), lambda: read_query_body(node.tree, context))
    parameters = merge_parameters(from_url, body.parameters)
    representation = parse_representation(parameters, context, geojson=answer.is_geojson)
    query = parse_query(parameters, context, selected=body.selected)
    return await _show_page(request, services, answer, representation, query, read_wish(request, parameters))


def _renderer(context: Context, representation: Representation) -> Callable[[Entity], bytes]:
    """Give a function that renders; what it needs is made when the first entity is not found rendered."""
    made: list[EntityRenderer] = []

    def render(entity: Entity) -> bytes:
        if not made:
            made.append(EntityRenderer(context, representation, now()))
        return made[0].render(entity)

    return render


def _is_plain(parameters: Parameters, representation: Representation) -> bool:
    """Tell whether the entity's bytes depend on nothing but the entity and the representation."""
    selects = "type" in parameters or "attrs" in parameters
    return not selects and not representation.geojson and representation.join is None


def _check_wanted(entity: Entity, parameters: Parameters, representation: Representation, context: Context) -> None:
    """Check that the entity has the type, and some of the members, that were asked for. Spec: CIM 009 5.7.1.4."""
    selection = parameters.get("type", ANY_TYPE)
    if selection != ANY_TYPE and not matches(parse_type_selection(selection, context.expand_term), entity):
        raise ResourceNotFound(f"Entity {entity.id} does not have the type {selection[:80]}")
    wanted = representation.projection.attributes if "attrs" in parameters else None
    if wanted is not None and wanted.isdisjoint(entity.attributes):
        raise ResourceNotFound(f"Entity {entity.id} has none of the attributes asked for")
    if not EntityRenderer(context, representation, now()).shows_anything(entity):
        raise ResourceNotFound(f"Nothing of entity {entity.id} is left by pick and omit")


async def _show_one(
    request: Request,
    services: ConsumptionServices,
    answer: Answer,
    representation: Representation,
    entity: Entity,
) -> Response:
    linked = await load_linked(request.grant, services.broker, representation, [entity])
    renderer = _open_renderer(answer, representation, linked)
    if representation.join != "flat":
        return with_preference(answer.one(renderer.render(entity)), renderer)
    bodies = [renderer.render(one, shown) for one, shown in flatten([entity], linked, representation)]
    return with_preference(answer.one(bodies[0]) if len(bodies) == 1 else answer.many(bodies), renderer)


async def _show_page(
    request: Request,
    services: ConsumptionServices,
    answer: Answer,
    representation: Representation,
    query: EntityQuery,
    wish: Wish | None,
) -> Response:
    if wish is not None:
        return await _show_mapped(request, services, answer, representation, query, wish)
    if representation.join is None and answer.version is None:
        form = (answer.context.key, representation)
        render = _renderer(answer.context, representation)
        page = await services.broker.query_rendered(request.grant, query, form, render)
        return answer.page(_present(page.parts), query, page)
    found = await services.broker.query_entities(request.grant, query)
    return await _show_found(request, services, answer, representation, query, found)


async def _show_mapped(
    request: Request,
    services: ConsumptionServices,
    answer: Answer,
    representation: Representation,
    query: EntityQuery,
    wish: Wish,
) -> Response:
    """Answer with a page of the matches that a map has fixed. Spec: CIM 009 5.5.9.3, 5.5.14."""
    known = await find_map(request, services.broker, wish)
    present = known or await services.broker.make_map(request.grant, query, wish.lifetime)
    found = await services.broker.query_mapped(request.grant, present, query)
    response = await _show_found(request, services, answer, representation, query, found)
    return with_map(response, request, present, created=known is None)


async def _show_found(
    request: Request,
    services: ConsumptionServices,
    answer: Answer,
    representation: Representation,
    query: EntityQuery,
    found: EntityPage,
) -> Response:
    linked = await load_linked(request.grant, services.broker, representation, found.entities)
    renderer = _open_renderer(answer, representation, linked)
    shown = flatten(found.entities, linked, representation)
    bodies = _present(renderer.render(entity, projection) for entity, projection in shown)
    return with_preference(answer.page(bodies, query, found), renderer)


def _open_renderer(
    answer: Answer, representation: Representation, linked: dict[EntityId, Entity]
) -> EntityRenderer | EarlierEntities:
    """Give what renders the entities of one answer, in the version that the reader prefers."""
    if answer.version is None:
        return EntityRenderer(answer.context, representation, now(), linked)
    return EarlierEntities(answer.version, answer.context, representation, now(), linked)


def _present(bodies: Iterable[bytes]) -> list[bytes]:
    """Leave out entities of which the projection left nothing."""
    return [body for body in bodies if body != _NOTHING]
