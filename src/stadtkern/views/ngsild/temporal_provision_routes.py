"""Routes that write the temporal evolution of entities. Spec: CIM 009 6.18 to 6.22 with 5.6.11 to 5.6.16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import re2

from stadtkern.broker.apply import split_history
from stadtkern.broker.long_body import work_on
from stadtkern.errors import BadRequestData, MethodNotAllowed, Problem, ResourceNotFound, quoted
from stadtkern.model.change import Outcome
from stadtkern.model.entity import NO_DATASET
from stadtkern.model.ids import EntityId, Iri, is_uri, parse_entity_id
from stadtkern.model.operation import (
    DeleteHistory,
    DeleteHistoryAttribute,
    DeleteHistoryInstance,
    Operation,
    PatchHistoryInstance,
    RecordHistory,
)
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.parameters import read_flag, read_parameters
from stadtkern.views.ngsild.parse import (
    HISTORY,
    HISTORY_FRAGMENT,
    HISTORY_INSTANCE,
    expand_attribute,
    parse_attribute_fragment,
    parse_entity,
    parse_fragment,
    read_node,
    read_object,
)
from stadtkern.views.ngsild.parse_terms import parse_dataset_id
from stadtkern.views.ngsild.request_context import resolve_body, resolve_linked
from stadtkern.views.ngsild.results import created, no_content
from stadtkern.views.ngsild.services import NgsiLdServices

_PATH: Final = "/ngsi-ld/v1/temporal/entities/"
_LOCAL: Final = frozenset({"local"})
_DELETE_ATTRIBUTE: Final = frozenset({"local", "datasetId", "deleteAll"})
_SCOPE: Final = Iri("scope")
_INSTANCE = re2.compile(r"(?i)urn:ngsi-ld:instance:([0-9]{1,16})")
_MAX_INSTANCE: Final = 1 << 53


async def record_entity(request: Request, services: NgsiLdServices) -> Response:
    """POST /temporal/entities: create or update. Spec: CIM 009 6.18.3.1, 5.6.11."""
    read_parameters(request, _LOCAL)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    patch = await work_on(len(request.body), lambda: parse_entity(node, context, form=HISTORY))
    id = parse_entity_id(patch.id)
    outcomes = await _write(request, services, split_history(RecordHistory(id, patch, repeated="replace")))
    return created(request, id, _PATH) if outcomes[0].created else no_content()


async def delete_history(request: Request, services: NgsiLdServices) -> Response:
    """DELETE /temporal/entities/{id}. Spec: CIM 009 6.19.3.2, 5.6.16."""
    read_parameters(request, _LOCAL)
    await _write(request, services, [DeleteHistory(_entity_id(request))])
    return no_content()


async def add_attributes(request: Request, services: NgsiLdServices) -> Response:
    """POST /temporal/entities/{id}/attrs. Spec: CIM 009 6.20.3.1, 5.6.12."""
    read_parameters(request, _LOCAL)
    id = _entity_id(request)
    node = await work_on(len(request.body), lambda: read_object(request.body))
    context = await resolve_body(services.contexts, request, node)
    patch = await work_on(len(request.body), lambda: parse_fragment(node, context, form=HISTORY_FRAGMENT))
    if patch.id is not None and patch.id != id:
        raise BadRequestData(f"The id {patch.id} in the body differs from {id}", pointer="/id")
    await _write(request, services, split_history(RecordHistory(id, patch, create=False, repeated="replace")))
    return no_content()


async def delete_attribute(request: Request, services: NgsiLdServices) -> Response:
    """DELETE /temporal/entities/{id}/attrs/{attribute}. Spec: CIM 009 6.21.3.1, 5.6.13."""
    parameters = read_parameters(request, _DELETE_ATTRIBUTE)
    id = _entity_id(request)
    dataset_id = parse_dataset_id(parameters.get("datasetId", "@none"), "datasetId:0")
    delete_all = read_flag(parameters, "deleteAll")
    if delete_all and dataset_id != NO_DATASET:
        raise BadRequestData("The datasetId and deleteAll parameters exclude one another", pointer="deleteAll:0")
    attribute = await _attribute(request, services, request.segments[-1])
    await _write(request, services, [DeleteHistoryAttribute(id, attribute, dataset_id, delete_all)])
    return no_content()


async def patch_instance(request: Request, services: NgsiLdServices) -> Response:
    """PATCH /temporal/entities/{id}/attrs/{attribute}/{instanceId}. Spec: CIM 009 6.22.3.1, 5.6.14."""
    read_parameters(request, _LOCAL)
    id = _entity_id(request)
    name = request.segments[-2]
    if not name:
        # without its name this is the address of an attribute, which cannot be patched as a whole
        raise MethodNotAllowed("The method PATCH is not allowed here", allow=("DELETE", "OPTIONS"))
    node = await work_on(len(request.body), lambda: read_node(request.body))
    context = await resolve_body(services.contexts, request, node, patch=True)
    attribute = expand_attribute(name, context)
    instance = parse_instance_id(request.segments[-1])
    patches = await work_on(
        len(request.body), lambda: parse_attribute_fragment(node, attribute, context, form=HISTORY_INSTANCE)
    )
    if len(patches) != 1:
        raise BadRequestData("The fragment is a list, but one instance is to be changed")
    await _write(request, services, [PatchHistoryInstance(id, attribute, instance, patches[0])])
    return no_content()


async def delete_instance(request: Request, services: NgsiLdServices) -> Response:
    """DELETE /temporal/entities/{id}/attrs/{attribute}/{instanceId}. Spec: CIM 009 6.22.3.2, 5.6.15."""
    read_parameters(request, _LOCAL)
    id = _entity_id(request)
    attribute = await _attribute(request, services, request.segments[-2])
    instance = parse_instance_id(request.segments[-1])
    await _write(request, services, [DeleteHistoryInstance(id, attribute, instance)])
    return no_content()


def parse_instance_id(text: str) -> int:
    """Read an instanceId. Raises: BadRequestData (no URI), ResourceNotFound (one that this server never gives)."""
    if not is_uri(text):
        raise BadRequestData(f"The instance id {quoted(text)} is not a URI")
    match = _INSTANCE.fullmatch(text)
    number = _MAX_INSTANCE if match is None else int(match.group(1))
    if number >= _MAX_INSTANCE:
        raise ResourceNotFound(f"There is no instance {quoted(text)}")
    return number


def _entity_id(request: Request) -> EntityId:
    """Give the id in ``temporal/entities/{id}/…``. Raises: BadRequestData."""
    return parse_entity_id(request.segments[2])


async def _attribute(request: Request, services: NgsiLdServices, name: str) -> Iri:
    """Expand the attribute's name in the address of a request without a body; the scope has a history, too."""
    context = await resolve_linked(services.contexts, request)
    return _SCOPE if name == _SCOPE else expand_attribute(name, context)


async def _write(request: Request, services: NgsiLdServices, operations: Sequence[Operation]) -> list[Outcome]:
    """Write operations that belong together. Raises: the first Problem that one of them ended in."""
    outcomes: list[Outcome] = []
    for result in await services.broker.write(request.grant, operations, len(request.body)):
        if isinstance(result, Problem):
            raise result
        outcomes.append(result)
    return outcomes
