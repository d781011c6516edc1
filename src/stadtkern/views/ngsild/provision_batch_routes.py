"""Routes that write many entities at once; each element succeeds or fails alone. Spec: CIM 009 6.14 to 6.17, 6.31."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Literal

from stadtkern.broker.long_body import work_on
from stadtkern.errors import BadRequestData, Problem
from stadtkern.model.change import Outcome
from stadtkern.model.entity import EntityPatch
from stadtkern.model.ids import EntityId
from stadtkern.model.operation import (
    BatchUpdateEntity,
    CreateEntity,
    DeleteEntity,
    MergeEntity,
    Operation,
    UpsertEntity,
)
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.negotiation import parse_content_type
from stadtkern.views.ngsild.parameters import (
    read_language,
    read_observed_at,
    read_options,
    read_parameters,
    read_simplified,
)
from stadtkern.views.ngsild.parse import (
    BATCH_MERGE,
    BATCH_UPDATE,
    CREATE,
    Form,
    parse_batch,
    parse_batch_ids,
    read_batch,
)
from stadtkern.views.ngsild.parse_limits import MAX_BATCH_INSTANCES, Budget
from stadtkern.views.ngsild.parse_node import Node
from stadtkern.views.ngsild.request_context import resolve_batch
from stadtkern.views.ngsild.results import Result, batch_result
from stadtkern.views.ngsild.services import NgsiLdServices

_MERGE: Final = frozenset({"local", "format", "options", "lang", "observedAt"})
_SLICE: Final = 100
"""Elements that are read before others get a turn on the event loop."""
_SLICE_BYTES: Final = 64 * 1024
"""Fewer where they are large."""
Make = Callable[[EntityId, EntityPatch], Operation]


async def create_batch(request: Request, services: NgsiLdServices) -> Response:
    """POST /entityOperations/create. Spec: CIM 009 6.14, 5.6.7."""
    read_parameters(request, {"local"})
    return batch_result(await _run(request, services, CREATE, CreateEntity), creates=True)


async def upsert_batch(request: Request, services: NgsiLdServices) -> Response:
    """POST /entityOperations/upsert. Spec: CIM 009 6.15, 5.6.8."""
    options = read_options(read_parameters(request, {"local", "options"}), {"replace", "update"})
    if len(options) > 1:
        raise BadRequestData("The options replace and update exclude one another", pointer="options:0")
    mode: Literal["replace", "update"] = "update" if "update" in options else "replace"
    form = BATCH_UPDATE if mode == "update" else CREATE
    results = await _run(request, services, form, lambda id, patch: UpsertEntity(id, patch, mode))
    return batch_result(results, creates=True)


async def update_batch(request: Request, services: NgsiLdServices) -> Response:
    """POST /entityOperations/update. Spec: CIM 009 6.16, 5.6.9."""
    parameters = read_parameters(request, {"local", "options"})
    overwrite = "noOverwrite" not in read_options(parameters, {"noOverwrite"})
    results = await _run(request, services, BATCH_UPDATE, lambda id, patch: BatchUpdateEntity(id, patch, overwrite))
    return batch_result(results)


async def merge_batch(request: Request, services: NgsiLdServices) -> Response:
    """POST /entityOperations/merge. Spec: CIM 009 6.31, 5.6.20."""
    parameters = read_parameters(request, _MERGE)
    observed_at, lang = read_observed_at(parameters), read_language(parameters)
    results = await _run(
        request,
        services,
        BATCH_MERGE,
        lambda id, patch: MergeEntity(id, patch, observed_at, lang),
        simplified=read_simplified(parameters),
    )
    return batch_result(results)


async def delete_batch(request: Request, services: NgsiLdServices) -> Response:
    """POST /entityOperations/delete: the body lists ids. Spec: CIM 009 6.17, 5.6.10."""
    read_parameters(request, {"local"})
    parse_content_type(request.header("content-type"))
    ids = await work_on(len(request.body), lambda: parse_batch_ids(read_batch(request.body)))
    wanted = [(sent, id if isinstance(id, Problem) else DeleteEntity(id)) for sent, id in ids]
    return batch_result(await _write(request, services, wanted))


async def _run(
    request: Request, services: NgsiLdServices, form: Form, make: Make, *, simplified: bool = False
) -> list[Result]:
    """Read the elements, each with its own context, and write the good ones in the order in which they came."""
    elements = await work_on(len(request.body), lambda: read_batch(request.body))
    wanted: list[tuple[str, Operation | Problem]] = []
    budget = Budget(MAX_BATCH_INSTANCES)
    for first, part in _slices(elements):
        contexts = await resolve_batch(services.contexts, request, part)
        read = partial(parse_batch, part, contexts, form=form, simplified=simplified, first=first, budget=budget)
        for sent, patch in await work_on(sum(len(element.text) for element in part), read):
            if isinstance(patch, Problem):
                wanted.append((sent, patch))
            elif patch.id is not None:
                wanted.append((patch.id, make(patch.id, patch)))
        await asyncio.sleep(0)
    return await _write(request, services, wanted)


def _slices(elements: Sequence[Node]) -> Iterator[tuple[int, Sequence[Node]]]:
    """Cut a batch into what is read at one go: a hundred small elements, fewer large ones."""
    first, size = 0, 0
    for at, element in enumerate(elements):
        if at > first and (at - first == _SLICE or size + len(element.text) > _SLICE_BYTES):
            yield first, elements[first:at]
            first, size = at, 0
        size += len(element.text)
    yield first, elements[first:]


async def _write(
    request: Request, services: NgsiLdServices, wanted: Sequence[tuple[str, Operation | Problem]]
) -> list[Result]:
    """Write the operations among what is wanted, and put the results back in the places of the elements."""
    operations = [operation for _, operation in wanted if not isinstance(operation, Problem)]
    written = iter(await services.broker.write(request.grant, operations, len(request.body)))
    return [(sent, _result(operation, written)) for sent, operation in wanted]


def _result(operation: Operation | Problem, written: Iterator[Outcome | Problem]) -> Outcome | Problem:
    return operation if isinstance(operation, Problem) else next(written)
