"""Every failure a user can meet, as one tree.

::

    Problem
    ├── InvalidRequest            400  the request itself is malformed (syntax, unknown parameter)
    ├── BadRequestData            400  well formed, but its content is wrong
    ├── Unauthorized              401
    ├── Forbidden                 403
    ├── TooComplexQuery           403
    ├── TooManyResults            403
    ├── ResourceNotFound          404
    │   └── NonexistentTenant     404
    ├── MethodNotAllowed          405
    ├── NotAcceptable             406
    ├── AlreadyExists             409
    ├── Conflict                  409
    ├── Gone                      410
    ├── LengthRequired            411
    ├── PreconditionFailed        412
    ├── PayloadTooLarge           413
    ├── UriTooLong                414
    ├── UnsupportedMediaType      415
    ├── OperationNotSupported     422
    ├── FailedDependency          424
    ├── TooManyRequests           429
    ├── InternalError             500
    ├── NoMultiTenantSupport      501
    ├── Unavailable               503
    └── LdContextNotAvailable     504
    SetupError                         start-up and command line: never an HTTP answer
    ├── InvalidSettings
    ├── NewerStore
    ├── StoreLocked
    ├── IncompleteStore
    ├── StoreNotEmpty
    └── UnusableFile

A class has a ``slug`` (stable, never reused), a ``status`` and a ``title``; an instance adds the ``detail``: a sentence
with subject, verb and context, and where we know one a ``hint``. The docstrings are the page ``docs/errors.md``.
"""

from __future__ import annotations

from typing import ClassVar


def quoted(value: object, most: int = 80) -> str:
    """Quote what a client sent; of a long text the beginning, so marked that it is not taken for another text."""
    text = value if isinstance(value, str) else repr(value)
    return repr(text) if len(text) <= most else f"{text[:most]!r}… ({len(text)} characters)"


class Problem(Exception):
    """Something a client can be told about."""

    slug: ClassVar[str] = "problem"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Problem"

    def __init__(self, detail: str = "", *, hint: str | None = None, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.pointer = pointer
        """Where in the input the fault lies: a JSON Pointer (RFC 6901), or ``parameter:position`` for a query
        language.
        """
        self.operation: int | None = None
        """The place of the operation that was refused, of those that are written together."""

    def __str__(self) -> str:
        return self.detail or self.title


class InvalidRequest(Problem):
    """The request is malformed: broken JSON, an unknown or badly formed parameter, a header that cannot be read."""

    slug, status, title = "InvalidRequest", 400, "Invalid request"


class BadRequestData(Problem):
    """The request can be read, but its content breaks a rule of the standard or of the data structure."""

    slug, status, title = "BadRequestData", 400, "Bad request data"


class Unauthorized(Problem):
    """The request carries no credentials, or credentials that are unknown, expired or revoked."""

    slug, status, title = "Unauthorized", 401, "Unauthorized"


class Forbidden(Problem):
    """The credentials are valid but do not allow this action."""

    slug, status, title = "Forbidden", 403, "Forbidden"


class TooComplexQuery(Problem):
    """The query would cost more than one request may; narrow it by type, id or area."""

    slug, status, title = "TooComplexQuery", 403, "Query is too complex"


class TooManyResults(Problem):
    """The answer would be larger than one answer may be; ask for pages."""

    slug, status, title = "TooManyResults", 403, "Too many results"


class ResourceNotFound(Problem):
    """The entity, attribute, instance, context or address does not exist."""

    slug, status, title = "ResourceNotFound", 404, "Resource not found"


class NonexistentTenant(ResourceNotFound):
    """The tenant does not exist. Tenants are created by an administrator."""

    slug, status, title = "NonexistentTenant", 404, "Tenant does not exist"


class MethodNotAllowed(Problem):
    """The address exists, but not for this HTTP method; the Allow header names the methods."""

    slug, status, title = "MethodNotAllowed", 405, "Method not allowed"

    def __init__(self, detail: str = "", *, allow: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.allow = allow


class NotAcceptable(Problem):
    """None of the media types in the Accept header can be produced here."""

    slug, status, title = "NotAcceptable", 406, "Not acceptable"


class AlreadyExists(Problem):
    """Something with this identifier exists already."""

    slug, status, title = "AlreadyExists", 409, "Already exists"


class Conflict(Problem):
    """The request contradicts the present state."""

    slug, status, title = "Conflict", 409, "Conflict"


class Gone(Problem):
    """What was asked for existed but is kept no longer, such as a change feed cursor that is too old."""

    slug, status, title = "Gone", 410, "Gone"


class LengthRequired(Problem):
    """A request with a body must say its length or be chunked."""

    slug, status, title = "LengthRequired", 411, "Length required"


class PreconditionFailed(Problem):
    """The resource changed since the version named in If-Match."""

    slug, status, title = "PreconditionFailed", 412, "Precondition failed"


class PayloadTooLarge(Problem):
    """The body, or the number of elements in it, is over the limit; nothing of it was stored."""

    slug, status, title = "PayloadTooLarge", 413, "Payload too large"


class UriTooLong(Problem):
    """The address is longer than the server accepts; use the POST form of the query."""

    slug, status, title = "UriTooLong", 414, "URI too long"


class UnsupportedMediaType(Problem):
    """The body's media type is not one this operation reads."""

    slug, status, title = "UnsupportedMediaType", 415, "Unsupported media type"


class OperationNotSupported(Problem):
    """The operation is defined by the standard but does not apply to this resource."""

    slug, status, title = "OperationNotSupported", 422, "Operation not supported"


class FailedDependency(Problem):
    """The request was not carried out, because another one in the same batch failed that it depends on."""

    slug, status, title = "FailedDependency", 424, "Failed dependency"


class TooManyRequests(Problem):
    """More is waiting to be written than the server will hold in memory; try again after a moment."""

    slug, status, title = "TooManyRequests", 429, "Too many requests"


class InternalError(Problem):
    """A fault of ours. The request id in the answer finds it in the log."""

    slug, status, title = "InternalError", 500, "Internal error"


class NoMultiTenantSupport(Problem):
    """This server was set up for a single tenant."""

    slug, status, title = "NoMultiTenantSupport", 501, "No multi-tenant support"


class Unavailable(Problem):
    """The store cannot be written or reached now: the disk is full, the database is away. Nothing was stored."""

    slug, status, title = "Unavailable", 503, "Unavailable"


class LdContextNotAvailable(Problem):
    """A remote JSON-LD @context could not be loaded or is not a context."""

    slug, status, title = "LdContextNotAvailable", 504, "LD context not available"


class SetupError(Exception):
    """The server or a command cannot start; the message says what to change."""


class InvalidSettings(SetupError):
    """A setting is unknown or has a value that cannot be used."""


class NewerStore(SetupError):
    """The store was written by a newer Stadtkern; it is left untouched."""


class StoreLocked(SetupError):
    """Another process has the data folder open."""


class IncompleteStore(SetupError):
    """A restore did not come to its end; the store holds a part of the backup. Restore again."""


class StoreNotEmpty(SetupError):
    """An import or a restore would overwrite data that are there; nothing was changed."""


class UnusableFile(SetupError):
    """An export or a backup is broken, incomplete, changed, or not of a kind that this command reads."""
