"""From a Problem to an answer: the one place where error bodies are made.

RFC 9457 with a dialect per view: NGSI-LD demands ``application/json`` and ETSI's type URIs (CIM 009 5.5.3); clients of
SensorThings read ``code`` and ``message`` out of ``application/json``, as its widespread server answers; the others get
``application/problem+json`` and the address of our own error page.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from stadtkern.errors import (
    InternalError,
    LengthRequired,
    MethodNotAllowed,
    OperationNotSupported,
    Problem,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from stadtkern.views._http.message import Response

Dialect = Literal["ngsi-ld", "sensorthings", "problem"]
ETSI_ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
OWN_ERRORS = "https://stadtkern.org/errors#"

_ETSI = frozenset(
    {
        "InvalidRequest",
        "BadRequestData",
        "AlreadyExists",
        "Conflict",
        "OperationNotSupported",
        "ResourceNotFound",
        "TooComplexQuery",
        "TooManyResults",
        "LdContextNotAvailable",
        "InternalError",
        "NonexistentTenant",
        "NoMultiTenantSupport",
    }
)
"""The types that CIM 009 table 5.5.2-1 defines; for others the standard leaves ``about:blank`` or an own URI."""


def problem_type(problem: Problem, dialect: Dialect) -> str:
    """Give the URI that names the kind of problem."""
    if dialect == "ngsi-ld" and problem.slug in _ETSI:
        return ETSI_ERRORS + problem.slug
    if dialect == "sensorthings":
        return "error"
    return OWN_ERRORS + problem.slug.lower()


def problem_status(problem: Problem, dialect: Dialect) -> int:
    """Give the status: SensorThings wants 501 for what is not supported (OGC 18-088 9.3.1)."""
    return 501 if dialect == "sensorthings" and isinstance(problem, OperationNotSupported) else problem.status


def problem_body(problem: Problem, dialect: Dialect, request_id: str | None = None) -> dict[str, str | int]:
    """Make the ProblemDetails object of a problem."""
    body: dict[str, str | int] = {
        "type": problem_type(problem, dialect),
        "title": problem.title,
        "status": problem_status(problem, dialect),
    }
    if dialect == "sensorthings":
        body = {"code": body["status"], "type": body["type"], "message": str(problem), **body}
    if problem.detail:
        body["detail"] = problem.detail
    if problem.hint:
        body["hint"] = problem.hint
    if problem.pointer:
        body["pointer"] = problem.pointer
    if request_id and problem.status >= 500:
        body["instance"] = f"urn:request:{request_id}"
    return body


def problem_media_type(dialect: Dialect) -> str:
    """Give the media type of problem documents."""
    return "application/problem+json" if dialect == "problem" else "application/json"


def problem_response(problem: Problem, dialect: Dialect, request_id: str | None = None) -> Response:
    """Answer with a problem."""
    if dialect == "ngsi-ld" and isinstance(problem, LengthRequired):
        return Response(problem.status)  # without a body, says CIM 009 6.3.4
    headers = [("content-type", problem_media_type(dialect))]
    if isinstance(problem, MethodNotAllowed) and problem.allow:
        headers.append(("allow", ", ".join(problem.allow)))
    if isinstance(problem, Unauthorized):
        headers.append(("www-authenticate", 'Bearer realm="stadtkern"'))
    if isinstance(problem, TooManyRequests | Unavailable):
        headers.append(("retry-after", "1"))
    body = msgspec.json.encode(problem_body(problem, dialect, request_id))
    return Response(problem_status(problem, dialect), body, headers)


def internal_error(error: BaseException) -> InternalError:
    """Make what a client may see of an unforeseen error: nothing but that it was ours."""
    problem = InternalError("The server failed to answer this request; its log names the cause by the request id")
    problem.__cause__ = error
    return problem
