"""Routes that write single entities and their attributes, and the purge. Spec: CIM 009 6.4 to 6.7 with 5.6."""

from __future__ import annotations

from typing import Final

from stadtkern.broker.long_body import work_on
from stadtkern.errors import BadRequestData, Problem, ResourceNotFound
from stadtkern.jsonld.context import Context
from stadtkern.model.change import Outcome
from stadtkern.model.entity import NO_DATASET
from stadtkern.model.ids import EntityId, Iri, parse_entity_id
from stadtkern.model.operation import (
    AppendAttributes,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    MergeEntity,
    Operation,
    PartialUpdateAttribute,
    PurgeAttributes,
    ReplaceAttribute,
    ReplaceEntity,
    UpdateAttributes,
)
from stadtkern.query.evaluate import matches
from stadtkern.query.filter import Filter, link_depth
from stadtkern.query.projection import attribute_list
from stadtkern.query.request import MAX_LIMIT, EntityQuery
from stadtkern.query.typeselection import parse_type_selection
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.entity_filter import SELECTORS, narrows, parse_entity_filter
from stadtkern.views.ngsild.parameters import (
    Parameters,
    read_flag,
    read_language,
    read_observed_at,
    read_options,
    read_parameters,
    read_simplified,
)
from stadtkern.views.ngsild.parse import (
    CREATE,
    MERGE,
    PARTIAL,
    REPLACE,
    UPDATE,
    expand_attribute,
    parse_attribute_fragment,
    parse_entity,
    parse_fragment,
    read_node,
    read_object,
)
from stadtkern.views.ngsild.parse_terms import parse_dataset_id
from stadtkern.views.ngsild.request_context import resolve_body, resolve_linked
from stadtkern.views.ngsild.results import Result, batch_result, created, no_content, update_result
from stadtkern.views.ngsild.services import NgsiLdServices

_ONE: Final = frozenset({"local", "type"})
_MERGE: Final = frozenset({"local", "type", "format", "options", "lang", "observedAt"})
_APPEND: Final = frozenset({"local", "type", "options"})
_DELETE_ATTRIBUTE: Final = frozenset({"local", "type", "datasetId", "deleteAll"})
_PURGE: Final = frozenset({*SELECTORS, "expandValues", "jsonKeys", "local", "csf", "drop", "keep"})
_SCOPE: Final = Iri("scope")


async def create_entity(request: Request, services: NgsiLdServices) -> Response:
    """POST /entities. Spec: CIM 009 6.4.3.1, 5.6.1."""
    read_parameters(request, {"local"})
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    patch = await work_on(len(request.body), lambda: parse_entity(node, context, form=CREATE))
    id = parse_entity_id(patch.id)
    await _write(request, services, CreateEntity(id, patch))
    return created(request, id)


async def replace_entity(request: Request, services: NgsiLdServices) -> Response:
    """PUT /entities/{id}. Spec: CIM 009 6.5.3.3, 5.6.18."""
    parameters = read_parameters(request, _ONE)
    id = _entity_id(request)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    patch = await work_on(len(request.body), lambda: parse_entity(node, context, form=REPLACE))
    await _check_type(request, services, parameters, context, id)
    return update_result(await _write(request, services, ReplaceEntity(id, patch)))


async def merge_entity(request: Request, services: NgsiLdServices) -> Response:
    """PATCH /entities/{id}. Spec: CIM 009 6.5.3.4, 5.6.17."""
    parameters = read_parameters(request, _MERGE)
    id = _entity_id(request)
    simplified = read_simplified(parameters)
    observed_at, lang = read_observed_at(parameters), read_language(parameters)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node, patch=True)
    patch = await work_on(len(request.body), lambda: parse_fragment(node, context, form=MERGE, simplified=simplified))
    await _check_type(request, services, parameters, context, id)
    return update_result(await _write(request, services, MergeEntity(id, patch, observed_at, lang)))


async def delete_entity(request: Request, services: NgsiLdServices) -> Response:
    """DELETE /entities/{id}. Spec: CIM 009 6.5.3.2, 5.6.6."""
    parameters = read_parameters(request, _ONE)
    id = _entity_id(request)
    if "type" in parameters:
        context = await resolve_linked(services.contexts, request)
        await _check_type(request, services, parameters, context, id)
    await _write(request, services, DeleteEntity(id))
    return no_content()


async def refuse_empty_id(request: Request, services: NgsiLdServices) -> Response:
    """PUT or PATCH /entities/: the id is missing, which is a fault of the data. Spec: CIM 009 5.6.17.4, 5.6.18.4."""
    raise BadRequestData("The address names no entity: its id is empty")


async def append_attributes(request: Request, services: NgsiLdServices) -> Response:
    """POST /entities/{id}/attrs. Spec: CIM 009 6.6.3.1, 5.6.3."""
    parameters = read_parameters(request, _APPEND)
    id = _entity_id(request)
    overwrite = "noOverwrite" not in read_options(parameters, {"noOverwrite"})
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    patch = await work_on(len(request.body), lambda: parse_fragment(node, context, form=REPLACE))
    await _check_type(request, services, parameters, context, id)
    return update_result(await _write(request, services, AppendAttributes(id, patch, overwrite)))


async def update_attributes(request: Request, services: NgsiLdServices) -> Response:
    """PATCH /entities/{id}/attrs. Spec: CIM 009 6.6.3.2, 5.6.2."""
    parameters = read_parameters(request, _ONE)
    id = _entity_id(request)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node, patch=True)
    patch = await work_on(len(request.body), lambda: parse_fragment(node, context, form=UPDATE))
    await _check_type(request, services, parameters, context, id)
    return update_result(await _write(request, services, UpdateAttributes(id, patch)))


async def partial_update(request: Request, services: NgsiLdServices) -> Response:
    """PATCH /entities/{id}/attrs/{attribute}. Spec: CIM 009 6.7.3.1, 5.6.4."""
    parameters = read_parameters(request, _ONE)
    id = _entity_id(request)
    node = await work_on(len(request.body), lambda: read_node(request.body))
    context = await resolve_body(services.contexts, request, node, patch=True)
    attribute = expand_attribute(request.segments[-1], context)
    patches = await work_on(len(request.body), lambda: parse_attribute_fragment(node, attribute, context, form=PARTIAL))
    await _check_type(request, services, parameters, context, id)
    return update_result(await _write(request, services, PartialUpdateAttribute(id, attribute, patches)))


async def replace_attribute(request: Request, services: NgsiLdServices) -> Response:
    """PUT /entities/{id}/attrs/{attribute}. Spec: CIM 009 6.7.3.3, 5.6.19."""
    parameters = read_parameters(request, _ONE)
    id = _entity_id(request)
    node = await work_on(len(request.body), lambda: read_node(request.body))
    context = await resolve_body(services.contexts, request, node)
    attribute = expand_attribute(request.segments[-1], context)
    patches = await work_on(len(request.body), lambda: parse_attribute_fragment(node, attribute, context, form=REPLACE))
    await _check_type(request, services, parameters, context, id)
    return update_result(await _write(request, services, ReplaceAttribute(id, attribute, patches)))


async def delete_attribute(request: Request, services: NgsiLdServices) -> Response:
    """DELETE /entities/{id}/attrs/{attribute}. Spec: CIM 009 6.7.3.2, 5.6.5."""
    parameters = read_parameters(request, _DELETE_ATTRIBUTE)
    id = _entity_id(request)
    dataset_id = parse_dataset_id(parameters.get("datasetId", "@none"), "datasetId:0")
    delete_all = read_flag(parameters, "deleteAll")
    if delete_all and dataset_id != NO_DATASET:
        raise BadRequestData("The datasetId and deleteAll parameters exclude one another", pointer="deleteAll:0")
    context = await resolve_linked(services.contexts, request)
    name = request.segments[-1]
    attribute = _SCOPE if name == _SCOPE else expand_attribute(name, context)
    await _check_type(request, services, parameters, context, id)
    await _write(request, services, DeleteAttribute(id, attribute, dataset_id, delete_all))
    return no_content()


async def purge_entities(request: Request, services: NgsiLdServices) -> Response:
    """DELETE /entities: delete all entities that match, or some of their attributes. Spec: CIM 009 6.4.3.3, 5.6.21."""
    parameters = read_parameters(request, _PURGE)
    context = await resolve_linked(services.contexts, request)
    filter = parse_entity_filter(parameters, context)
    _check_purge(parameters, context, filter)
    drop, keep = (_parse_names(parameters, name, context) for name in ("drop", "keep"))
    if drop is not None and keep is not None:
        raise BadRequestData("The drop and keep parameters exclude one another", pointer="keep:0")
    return batch_result(await _purge(request, services, filter, drop, keep))


def _check_purge(parameters: Parameters, context: Context, filter: Filter | None) -> None:
    """Refuse a purge of everything, and one that looks at linked entities. Spec: CIM 009 5.6.21.4."""
    if not narrows(parameters, context, filter):
        raise BadRequestData("The purge is too wide", hint="give a type, attrs, q, a geoquery or local=true")
    if filter is not None and link_depth(filter):
        raise BadRequestData("A purge does not look at linked entities", pointer="q:0")


def _parse_names(parameters: Parameters, name: str, context: Context) -> frozenset[Iri] | None:
    if name not in parameters:
        return None
    names = frozenset(attribute_list(parameters[name], name, context.expand_term))
    return names | {_SCOPE} if _SCOPE in parameters[name].split(",") else names


async def _purge(
    request: Request,
    services: NgsiLdServices,
    filter: Filter | None,
    drop: frozenset[Iri] | None,
    keep: frozenset[Iri] | None,
) -> list[Result]:
    """Work through the matching entities page by page; each page is written before the next one is read."""
    results: list[Result] = []
    after: int | None = 0
    whole = drop is None and keep is None
    while after is not None:
        query = EntityQuery(filter=filter, after=after, limit=MAX_LIMIT)
        page = await services.broker.query_entities(request.grant, query)
        ids = [entity.id for entity in page.entities]
        operations: list[Operation] = [DeleteEntity(id) if whole else PurgeAttributes(id, drop, keep) for id in ids]
        written = await services.broker.write(request.grant, operations)
        # what somebody else deleted in between is as gone as it was to be
        results += [(id, r) for id, r in zip(ids, written, strict=True) if not isinstance(r, ResourceNotFound)]
        after = page.next_after
    return results


def _entity_id(request: Request) -> EntityId:
    """Give the id in ``entities/{id}/…``. Raises: BadRequestData."""
    return parse_entity_id(request.segments[1])


async def _check_type(
    request: Request, services: NgsiLdServices, parameters: Parameters, context: Context, id: EntityId
) -> None:
    """Refuse an entity that is not of the type asked for. Raises: ResourceNotFound. Spec: CIM 009 6.5.2 (type)."""
    if "type" not in parameters:
        return
    selection = parse_type_selection(parameters["type"], context.expand_term)
    entity = await services.broker.retrieve_entity(request.grant, id)
    if not matches(selection, entity):
        raise ResourceNotFound(f"Entity {id} is not of type {parameters['type'][:200]}")


async def _write(request: Request, services: NgsiLdServices, operation: Operation) -> Outcome:
    """Write one operation. Raises: whatever Problem it ended in."""
    [result] = await services.broker.write(request.grant, [operation], len(request.body))
    if isinstance(result, Problem):
        raise result
    return result
