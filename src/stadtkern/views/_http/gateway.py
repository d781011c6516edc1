"""The ASGI application around all views: who asks, in which tenant, for what; and every error's way out.

One request runs through one readable function, ``_answer``: find the view, authenticate, choose the tenant,
authorize, read the body
(bounded in size and time), call the route. Nothing else makes error bodies or Grants for requests.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Protocol
from urllib.parse import urlsplit

import re2

from stadtkern import telemetry
from stadtkern.errors import (
    BadRequestData,
    Forbidden,
    InvalidRequest,
    LengthRequired,
    MethodNotAllowed,
    NonexistentTenant,
    PayloadTooLarge,
    Problem,
    ResourceNotFound,
    TooManyRequests,
    Unauthorized,
    UriTooLong,
    quoted,
)
from stadtkern.model.actor import ANONYMOUS, Actor
from stadtkern.model.ids import DEFAULT_TENANT, TenantId, parse_tenant_id
from stadtkern.policy.authorize import authorize, authorize_system
from stadtkern.policy.grant import Action, Grant
from stadtkern.settings import Settings, is_loopback
from stadtkern.views._http.address import MAX_TARGET, read_query, unquote_parts
from stadtkern.views._http.cross_origin import OPEN_DIALECTS, cross_origin_headers
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect, internal_error, problem_response
from stadtkern.views._http.routing import Route, View
from stadtkern.views._http.streaming import ABORT, Stream, send_stream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SMALL_BODY = 64 * 1024
"""Bodies up to this size are read even where large ones have to wait."""
_REQUEST_ID = re2.compile(r"[A-Za-z0-9._:-]{1,64}")
_PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_BARE = frozenset({204, 304})
"""Answers that have no body and say nothing of its length (RFC 9110 8.6)."""
_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_VARY = (b"vary", b"Authorization, NGSILD-Tenant, Accept, Link, Prefer")
_PROCESS = secrets.token_hex(4)
"""The first half of the request ids that this process makes; the other half counts."""
_numbers = itertools.count(secrets.randbelow(1 << 32))


class Doorkeeper(Protocol):
    """What the gateway needs to know of callers and tenants."""

    async def authenticate(self, authorization: str | None, api_key: str | None) -> Actor:
        """Tell who asks. Raises: Unauthorized."""
        ...

    async def tenant_of_host(self, host: str) -> TenantId | None:
        """Give the tenant that a host name chooses."""
        ...

    async def enter(self, tenant: TenantId, grant: Grant, *, writing: bool) -> None:
        """Make sure the tenant exists. Raises: NonexistentTenant."""
        ...


@dataclass(slots=True)
class _Arrival:
    """What is known of a request before its body is read."""

    method: str
    segments: list[str]
    path: str
    headers: dict[str, str]
    tenant: TenantId
    prefix: str = ""
    host: str = ""
    """The host name that chose the tenant: links must lead back to it."""
    view: View | None = None
    held: int = 0
    """Bytes of its body in memory."""
    cross_origin: Sequence[tuple[str, str]] = ()
    """Headers for scripts of web pages from elsewhere."""


class Gateway:
    """Dispatches requests to the views by mount."""

    def __init__(
        self,
        settings: Settings,
        doorkeeper: Doorkeeper,
        mounts: Mapping[tuple[str, ...], View],
        roots: Sequence[View] = (),
    ) -> None:
        """mounts: views by the first one or two segments; roots: views that share the addresses without a mount."""
        self._settings = settings
        self._doorkeeper = doorkeeper
        self._mounts = mounts
        self._roots = roots
        self._held = 0
        """Bytes of the bodies of all present requests."""
        self._public = settings.public_url.rstrip("/")
        self._path_prefix = [part for part in urlsplit(self._public).path.split("/") if part]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI 3)."""
        started = perf_counter()
        headers = _read_headers(scope)
        request_id = _request_id(headers)
        arrival = _Arrival(scope["method"], [], "", headers, DEFAULT_TENANT)
        actor = ANONYMOUS
        try:
            actor, response = await self._answer(scope, receive, arrival, request_id)
        except Problem as problem:
            response = problem_response(problem, _dialect(arrival), request_id)
            if problem.status >= 500:
                telemetry.emit(telemetry.RequestFailed(request_id, problem))
        except Exception as error:  # the last line: whatever happens, the client gets a problem document
            telemetry.emit(telemetry.RequestFailed(request_id, error))
            response = problem_response(internal_error(error), _dialect(arrival), request_id)
        finally:
            self._held -= arrival.held
        try:
            if response.stream is None or arrival.method == "HEAD":
                await _send(send, response, arrival, request_id)
            else:
                await _start(send, response, arrival, request_id)
        finally:
            telemetry.emit(
                telemetry.RequestAnswered(
                    request_id,
                    arrival.method,
                    arrival.path,
                    arrival.view.name if arrival.view else "",
                    response.status,
                    perf_counter() - started,
                    arrival.tenant,
                    actor.name,
                )
            )
        if response.stream is not None:
            await _send_stream(response.stream, scope, send, receive, request_id)

    async def _answer(
        self, scope: Scope, receive: Receive, arrival: _Arrival, request_id: str
    ) -> tuple[Actor, Response]:
        self._read_path(scope, arrival)
        view = self._find_view(arrival)
        arrival.view = view
        if view.dialect in OPEN_DIALECTS:
            arrival.cross_origin = cross_origin_headers(arrival.method, arrival.headers, self._settings)
        if arrival.method == "OPTIONS":
            return ANONYMOUS, _options(view, arrival.segments)
        route = view.route(arrival.method, arrival.segments)
        headers = arrival.headers
        _check_length(scope, arrival)
        actor, grant = await self._admit(route, scope, arrival)
        request = Request(
            method=arrival.method,
            path=arrival.path,
            segments=arrival.segments,
            query=read_query(scope["query_string"]),
            headers=headers,
            body=await self._read_body(arrival, receive),
            grant=grant,
            base_url=self._base_url(scope, arrival),
            request_id=request_id,
            tenant_header=headers.get("ngsild-tenant"),
            renew=partial(self._renew, route, arrival),
            judge=partial(self._judge, arrival),
        )
        return actor, await route.handler(request)

    async def _admit(self, route: Route, scope: Scope, arrival: _Arrival) -> tuple[Actor, Grant]:
        """Decide whether the caller may do this, before anything of the tenant is touched.

        What everybody may is answered without the store: a server whose database is away is alive all the same.
        """
        if (route.action == "none" and not route.system) or (route.monitoring and self._may_monitor(scope, arrival)):
            return ANONYMOUS, authorize(ANONYMOUS, "none", arrival.tenant)
        headers = arrival.headers
        actor = await self._doorkeeper.authenticate(headers.get("authorization"), headers.get("x-api-key"))
        await self._choose_tenant(arrival)
        if route.system:
            authorize_system(actor)
        grant = self._authorize(actor, route, arrival.tenant)
        if not route.system and not route.mixed:
            writing = grant.action != "read" and arrival.method not in {"GET", "HEAD"}
            await self._doorkeeper.enter(arrival.tenant, grant, writing=writing)
        return actor, grant

    def _authorize(self, actor: Actor, route: Route, tenant: TenantId) -> Grant:
        """Judge the caller. Who may only add values may do it by an address of mixed requests as well."""
        try:
            return authorize(actor, route.action, tenant, self._settings.anonymous)
        except (Forbidden, Unauthorized):
            if not route.mixed or actor.key is None or actor.key.kind != "source":
                raise
            return authorize(actor, "record", tenant, self._settings.anonymous)

    async def _judge(self, arrival: _Arrival, action: Action) -> Grant:
        """Judge the caller for one of several requests. Raises: Unauthorized, Forbidden, NonexistentTenant."""
        headers = arrival.headers
        actor = await self._doorkeeper.authenticate(headers.get("authorization"), headers.get("x-api-key"))
        grant = authorize(actor, action, arrival.tenant, self._settings.anonymous)
        await self._doorkeeper.enter(arrival.tenant, grant, writing=grant.action != "read")
        return grant

    async def _renew(self, route: Route, arrival: _Arrival) -> Grant:
        """Judge the caller anew. Raises: Unauthorized, Forbidden, NonexistentTenant."""
        headers = arrival.headers
        actor = await self._doorkeeper.authenticate(headers.get("authorization"), headers.get("x-api-key"))
        grant = authorize(actor, route.action, arrival.tenant, self._settings.anonymous)
        await self._doorkeeper.enter(arrival.tenant, grant, writing=False)
        return grant

    def _may_monitor(self, scope: Scope, arrival: _Arrival) -> bool:
        """Tell whether the caller may see the numbers without credentials: everybody, or this machine itself.

        A proxy on this machine is no reason: what it passes on has its headers, or another Host.
        """
        if self._settings.metrics != "local":
            return self._settings.metrics == "all"
        headers = arrival.headers
        peer: str = (scope.get("client") or ("",))[0]
        host = headers.get("host", "localhost")
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        return is_loopback(peer) and is_loopback(name) and not any(name in headers for name in _PROXY_HEADERS)

    def _read_path(self, scope: Scope, arrival: _Arrival) -> None:
        raw = scope.get("raw_path") or scope["path"].encode()
        if len(raw) + len(scope["query_string"]) > MAX_TARGET:
            raise UriTooLong(f"The address is longer than {MAX_TARGET} bytes", hint="use the POST form of the query")
        text = raw.decode("ascii", "replace").split("?", 1)[0]
        arrival.path = text
        parts = text.split("/")[1:]
        if parts and not parts[-1]:
            parts.pop()
        segments = unquote_parts(parts) if "%" in text else parts
        prefix = self._path_prefix
        if prefix and segments[: len(prefix)] == prefix:
            # a proxy that does not strip the public path
            segments = segments[len(prefix) :]
        if len(segments) >= 2 and segments[0] == "t":
            arrival.tenant = _parse_named_tenant(segments[1])
            arrival.prefix = f"/t/{arrival.tenant}"
            segments = segments[2:]
        arrival.segments = segments

    def _find_view(self, arrival: _Arrival) -> View:
        for length in (2, 1):
            view = self._mounts.get(tuple(arrival.segments[:length]))
            if view is not None and len(arrival.segments) >= length:
                arrival.segments = arrival.segments[length:]
                return view
        for view in self._roots:
            if view.knows(arrival.segments):
                return view
        raise ResourceNotFound(f"The address {arrival.path[:200]} does not exist")

    async def _choose_tenant(self, arrival: _Arrival) -> None:
        """By path, by header or by host name, in this order; header and path must agree."""
        named = arrival.headers.get("ngsild-tenant")
        if named is not None and named.strip():
            tenant = _parse_named_tenant(named)
            if arrival.prefix and tenant != arrival.tenant:
                raise BadRequestData("The NGSILD-Tenant header and the address name different tenants")
            arrival.tenant = tenant
            if tenant != DEFAULT_TENANT or self._settings.tenant_hosts:
                # who follows a link of the answer need not send the header again
                arrival.prefix = f"/t/{tenant}"
        elif not arrival.prefix and self._settings.tenant_hosts:
            host = arrival.headers.get("host", "").rsplit(":", 1)[0].lower()
            chosen = await self._doorkeeper.tenant_of_host(host)
            if chosen is not None:
                arrival.tenant, arrival.host = chosen, host

    async def _read_body(self, arrival: _Arrival, receive: Receive) -> bytes:
        if arrival.method in {"GET", "HEAD"}:
            return b""
        limit = self._settings.max_body
        length = arrival.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            raise InvalidRequest("The Content-Length header is not a number")
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                if int(length) > limit:
                    if "expect" not in arrival.headers:
                        await _discard(receive, limit)
                    raise PayloadTooLarge(f"The body has {length} bytes; at most {limit} are accepted")
                return await self._collect(receive, arrival, limit)
        except TimeoutError as error:
            raise InvalidRequest("The body did not arrive in time") from error

    async def _collect(self, receive: Receive, arrival: _Arrival, limit: int) -> bytes:
        """Read a body; all bodies held at a time are bounded, too, so that many slow large ones cannot fill memory."""
        chunks: list[bytes] = []
        more = True
        while more:
            chunk, more = await _next_chunk(receive)
            arrival.held += len(chunk)
            self._held += len(chunk)
            if arrival.held > limit:
                chunks.clear()
                await _discard(receive, limit if more else 0)
                raise PayloadTooLarge(f"The body has more than the {limit} bytes that are accepted")
            if self._held > self._settings.body_memory and arrival.held > SMALL_BODY:
                raise TooManyRequests(
                    "The bodies of all present requests are more than the server holds in memory",
                    hint="try again in a second",
                )
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _base_url(self, scope: Scope, arrival: _Arrival) -> str:
        if self._public and arrival.host:
            public = urlsplit(self._public)
            return public._replace(netloc=arrival.headers["host"]).geturl()
        if self._public:
            return self._public + arrival.prefix
        host = arrival.headers.get("host", "localhost")
        return f"{scope.get('scheme', 'http')}://{host}{arrival.prefix}"


def _check_length(scope: Scope, arrival: _Arrival) -> None:
    """Refuse an NGSI-LD write that tells neither how long its body is nor where it ends; HTTP/2 always tells.

    Raises: LengthRequired. Spec: CIM 009 6.3.4; RFC 9112 6.3.
    """
    told = "content-length" in arrival.headers or "transfer-encoding" in arrival.headers
    strict = _dialect(arrival) == "ngsi-ld" and str(scope.get("http_version", "2")).startswith("1")
    if strict and not told and arrival.method in _WITH_BODY:
        raise LengthRequired(f"The {arrival.method} request says nothing about the length of its body")


def _request_id(headers: Mapping[str, str]) -> str:
    """Take the id that the client or a proxy gave the request, where it is short and harmless; else make one."""
    given = headers.get("x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given) is not None:
        return given
    return f"{_PROCESS}{next(_numbers) & 0xFFFFFFFF:08x}"


def _dialect(arrival: _Arrival) -> Dialect:
    return arrival.view.dialect if arrival.view is not None else "problem"


def _parse_named_tenant(text: str) -> TenantId:
    try:
        return parse_tenant_id(text)
    except BadRequestData as error:
        # what cannot be a name cannot exist either
        raise NonexistentTenant(f"Tenant {quoted(text)} does not exist") from error


def _read_headers(scope: Scope) -> dict[str, str]:
    """Decode the headers; ASGI gives their names in lower case."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _next_chunk(receive: Receive) -> tuple[bytes, bool]:
    """Give the next piece of a body, and whether more follows."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise InvalidRequest("The connection ended before the body was complete")
    return message.get("body", b""), bool(message.get("more_body"))


async def _discard(receive: Receive, limit: int) -> None:
    """Read a body that is not wanted, up to a limit: a client that still sends would not see the answer."""
    more = True
    while more and limit > 0:
        chunk, more = await _next_chunk(receive)
        limit -= len(chunk)


def _options(view: View, segments: list[str]) -> Response:
    """Answer OPTIONS with the methods of the address: asking for one that no route has makes the view list them."""
    try:
        view.route("OPTIONS", segments)
    except MethodNotAllowed as refused:
        return Response(204, headers=[("allow", ", ".join(refused.allow))])
    return Response(204)


@lru_cache(maxsize=1024)
def _encode_header(header: tuple[str, str]) -> tuple[bytes, bytes]:
    """Encode one header; most are the same from answer to answer."""
    return header[0].encode("latin-1"), header[1].encode("latin-1", "replace")


async def _start(send: Send, response: Response, arrival: _Arrival, request_id: str, length: int | None = None) -> None:
    """Send the head of an answer. length: of its body; None where the end is not known."""
    headers = [_encode_header(header) for header in (*response.headers, *arrival.cross_origin)]
    headers.append((b"x-request-id", request_id.encode()))
    tenant = arrival.headers.get("ngsild-tenant")
    if tenant and response.status < 500:
        headers.append((b"ngsild-tenant", tenant.encode("latin-1", "replace")))
    if arrival.method in {"GET", "HEAD"}:
        headers.append(_VARY)
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def _send(send: Send, response: Response, arrival: _Arrival, request_id: str) -> None:
    length = None if response.stream is not None or response.status in _BARE else len(response.body)
    await _start(send, response, arrival, request_id, length)
    await send({"type": "http.response.body", "body": b"" if arrival.method == "HEAD" else response.body})


async def _send_stream(stream: Stream, scope: Scope, send: Send, receive: Receive, request_id: str) -> None:
    """Send what follows the head, until it is over."""
    abort: Callable[[], None] = scope.get("extensions", {}).get(ABORT, _cannot_abort)
    try:
        if scope["method"] != "HEAD":
            await send_stream(stream, send, receive, abort)
    except Exception as error:  # the status was sent long ago: all that can be told is that the rest is missing
        telemetry.emit(telemetry.RequestFailed(request_id, error))
        abort()
    finally:
        await stream.aclose()


def _cannot_abort() -> None:
    """Let the server end the connection."""
    raise InvalidRequest("The reader of a stream is gone or too slow")
