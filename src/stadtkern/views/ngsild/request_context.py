"""The compiled @context of a request: found in its headers or body, then resolved. Spec: CIM 009 6.3.5."""

from __future__ import annotations

from collections.abc import Sequence

from stadtkern.errors import Problem
from stadtkern.jsonld.context import Context
from stadtkern.views._http.message import Request
from stadtkern.views.ngsild.negotiation import (
    LD_JSON,
    element_context_ref,
    parse_content_type,
    request_context_ref,
)
from stadtkern.views.ngsild.parse_node import Node
from stadtkern.views.ngsild.services import ContextResolver


async def resolve_linked(contexts: ContextResolver, request: Request) -> Context:
    """Give the context of a request without a body: from the Link header, else the core context.

    Raises: BadRequestData, LdContextNotAvailable.
    """
    reference = request_context_ref(request.headers, None)
    return await contexts.resolve(reference, request.grant, request.base_url)


async def resolve_body(contexts: ContextResolver, request: Request, node: Node, *, patch: bool = False) -> Context:
    """Give the context of a request with one JSON document as its body. patch: merge patches are read, too.

    Raises: UnsupportedMediaType, BadRequestData (the context is in the wrong place), LdContextNotAvailable.
    """
    media_type = parse_content_type(request.header("content-type"), patch=patch)
    reference = request_context_ref(request.headers, media_type, node.tree)
    return await contexts.resolve(reference, request.grant, request.base_url)


async def resolve_batch(
    contexts: ContextResolver, request: Request, elements: Sequence[Node]
) -> list[Context | Problem]:
    """Give the context of each element of a batch, or what is wrong with it.

    Raises: UnsupportedMediaType, BadRequestData (the Link header is wrong for the whole batch).
    """
    media_type = parse_content_type(request.header("content-type"))
    request_context_ref(request.headers, media_type, [])
    return [await _resolve_element(contexts, request, media_type, element) for element in elements]


async def _resolve_element(
    contexts: ContextResolver, request: Request, media_type: str, element: Node
) -> Context | Problem:
    try:
        if media_type == LD_JSON:
            reference = element_context_ref(element.tree)
        else:
            reference = request_context_ref(request.headers, media_type, element.tree)
        return await contexts.resolve(reference, request.grant, request.base_url)
    except Problem as problem:
        return problem
