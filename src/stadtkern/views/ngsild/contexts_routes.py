"""``/jsonldContexts``: adding, listing, serving, deleting and reloading @contexts.

Spec: CIM 009 6.29, 6.30 with 5.13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from stadtkern.broker.contexts import CONTEXTS_PATH, ContextService
from stadtkern.errors import BadRequestData, InvalidRequest
from stadtkern.model.context import CONTEXT_KINDS, ContextKind, ContextRecord
from stadtkern.model.instant import render_instant
from stadtkern.model.json import parse_json
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.negotiation import negotiate, parse_content_type


async def add_context(request: Request, contexts: ContextService) -> Response:
    """Host a context. Spec: CIM 009 6.29.3.1."""
    _read_parameters(request)
    parse_content_type(request.header("content-type"))
    document = parse_json(request.body)
    if not isinstance(document, dict) or "@context" not in document:
        raise InvalidRequest("The body has to be an object with an @context", pointer="/@context")
    id = await contexts.add_context(request.grant, cast("dict[str, Any]", document)["@context"])
    return Response(201, headers=[("Location", urlsplit(request.base_url).path + CONTEXTS_PATH + id)])


async def list_contexts(request: Request, contexts: ContextService) -> Response:
    """List the stored contexts: their addresses, or all that is known of them. Spec: CIM 009 6.29.3.2."""
    parameters = _read_parameters(request, "details", "kind")
    details = _read_flag(parameters, "details")
    records = await contexts.list_contexts(request.grant, _read_kind(parameters))
    if details:
        return _render(request, [_describe(record, request.base_url) for record in records])
    return _render(request, [_url(record, request.base_url) for record in records])


async def serve_context(request: Request, contexts: ContextService) -> Response:
    """Serve a context, or tell what is known of it. Spec: CIM 009 6.30.3.1."""
    parameters = _read_parameters(request, "details")
    if _read_flag(parameters, "details"):
        record = await contexts.describe_context(request.grant, _read_id(request))
        return _render(request, _describe(record, request.base_url))
    return _render(request, await contexts.serve_context(request.grant, _read_id(request)))


async def delete_context(request: Request, contexts: ContextService) -> Response:
    """Delete a context, or download it anew with ``reload=true``. Spec: CIM 009 6.30.3.2."""
    parameters = _read_parameters(request, "reload")
    if _read_flag(parameters, "reload"):
        await contexts.reload_context(request.grant, _read_id(request))
    else:
        await contexts.delete_context(request.grant, _read_id(request))
    return Response(204)


def _read_parameters(request: Request, *allowed: str) -> dict[str, str]:
    for name, _ in request.query:
        if name not in allowed and name != "local":
            raise InvalidRequest(f"The parameter {name[:80]!r} is not known here", pointer=name[:80])
    return dict(request.query)


def _read_flag(parameters: Mapping[str, str], name: str) -> bool:
    value = parameters.get(name, "false")
    if value not in ("true", "false"):
        raise BadRequestData(f"The parameter {name} has to be true or false, not {value[:80]!r}", pointer=name)
    return value == "true"


def _read_kind(parameters: Mapping[str, str]) -> ContextKind | None:
    value = parameters.get("kind")
    if value is not None and value not in CONTEXT_KINDS:
        kinds = ", ".join(CONTEXT_KINDS)
        raise BadRequestData(f"The parameter kind has to be one of {kinds}, not {value[:80]!r}", pointer="kind")
    return value


def _read_id(request: Request) -> str:
    """Take the local id or the address of a copy from the path; an address may have come with its slashes bare."""
    id = "/".join(request.segments[1:])
    if not id:
        raise BadRequestData("The address names no @context")
    return id


def _url(record: ContextRecord, base_url: str) -> str:
    return record.url if record.kind == "Cached" else base_url + record.url


def _describe(record: ContextRecord, base_url: str) -> dict[str, object]:
    """Write what is known of a context. Spec: CIM 009 5.13.3.5."""
    described: dict[str, object] = {
        "URL": _url(record, base_url),
        "localId": record.id,
        "kind": record.kind,
        "createdAt": render_instant(record.created_at),
        "numberOfHits": record.uses,
    }
    if record.last_used_at is not None:
        described["lastUsage"] = render_instant(record.last_used_at)
    return described


def _render(request: Request, answer: object) -> Response:
    media_type = negotiate(request.header("accept"))
    return Response(200, msgspec.json.encode(answer), [("Content-Type", str(media_type))])
