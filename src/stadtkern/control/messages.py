"""What can be asked through the local socket, and how questions and answers look on the wire.

A frame is its length in four bytes, the highest first, and a JSON text. JSON, because attribute values are kept as the
JSON text that came and pass through unchanged. A question is one of ``Question``'s structs; its class says what the
answer is. An answer is either ``{"ok": …}`` or ``{"problem": …}``.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from stadtkern import errors
from stadtkern.errors import Problem, SetupError
from stadtkern.model.actor import ApiKey, Tenant
from stadtkern.model.change import Outcome
from stadtkern.model.context import ContextRecord
from stadtkern.model.ids import Iri, TenantId
from stadtkern.model.instant import Instant
from stadtkern.model.operation import Operation

LENGTH_BYTES = 4
MAX_FRAME = 64 * 1024 * 1024

A = TypeVar("A")


class Asks(Struct, Generic[A], frozen=True, tag=True):
    """A question whose answer is an ``A``."""


class Failure(Struct, frozen=True):
    """A problem on the wire. kind: the class's name."""

    kind: str
    detail: str
    hint: str | None = None
    pointer: str | None = None


class ServerState(Struct, frozen=True):
    """Who answers. started_at: when the process began."""

    pid: int
    version: str
    started_at: Instant


class NewKey(Struct, frozen=True):
    """A key and the text that opens with it, shown this once."""

    key: ApiKey
    secret: str


class Written(Struct, frozen=True, omit_defaults=True):
    """What became of operations, in their order; None where there is a failure at this position."""

    outcomes: list[Outcome | None]
    failures: dict[int, Failure] = {}


class GetState(Asks[ServerState], frozen=True, tag=True):
    """Who is there?"""


class Write(Asks[Written], frozen=True, tag=True):
    """Apply operations in order; an outcome or a failure for each, once all are durable."""

    tenant: TenantId
    operations: list[Operation]


class ListTenants(Asks[list[Tenant]], frozen=True, tag=True):
    """All tenants by name."""


class CreateTenant(Asks[Tenant], frozen=True, tag=True):
    """Make a tenant."""

    name: str
    host: str | None = None
    title: str = ""


class DeleteTenant(Asks[None], frozen=True, tag=True):
    """Delete a tenant with all its data."""

    name: TenantId


class OpenTenant(Asks[None], frozen=True, tag=True):
    """Open a tenant, which brings its store to the present schema; NonexistentTenant if there is none."""

    name: TenantId


class IsEmpty(Asks[bool], frozen=True, tag=True):
    """Whether a tenant holds nothing that somebody gave it, or does not exist."""

    tenant: TenantId


class AdoptTenant(Asks[None], frozen=True, tag=True):
    """Take a store that an import filled beside the others as a tenant's, with its keys.

    replace: drop what the tenant has; else it must be empty.
    """

    tenant: Tenant
    keys: list[ApiKey] = []
    replace: bool = False


class ListKeys(Asks[list[ApiKey]], frozen=True, tag=True):
    """A tenant's keys, with their latest uses."""

    tenant: TenantId


class CreateKey(Asks[NewKey], frozen=True, tag=True):
    """Make a key."""

    tenant: TenantId
    name: str
    kind: str
    types: list[Iri] = []
    expires_at: Instant | None = None


class RevokeKey(Asks[None], frozen=True, tag=True):
    """Close a key."""

    tenant: TenantId
    id: str


class ListContexts(Asks[list[ContextRecord]], frozen=True, tag=True):
    """What a tenant hosts, its copies, and what is built in or pre-loaded; without bodies."""

    tenant: TenantId


class AddContext(Asks[str], frozen=True, tag=True):
    """Host a context; gives its local id. reference: the value of ``@context``."""

    tenant: TenantId
    reference: Raw


class DeleteContext(Asks[None], frozen=True, tag=True):
    """Remove a stored context by local id or address."""

    tenant: TenantId
    name: str


class FindContext(Asks[ContextRecord | None], frozen=True, tag=True):
    """A stored context with its body, for a command that reads documents itself."""

    tenant: TenantId
    name: str


class KeepContext(Asks[None], frozen=True, tag=True):
    """Keep a context that a command downloaded or made."""

    tenant: TenantId
    record: ContextRecord


Question = (
    GetState
    | Write
    | ListTenants
    | CreateTenant
    | DeleteTenant
    | OpenTenant
    | IsEmpty
    | AdoptTenant
    | ListKeys
    | CreateKey
    | RevokeKey
    | ListContexts
    | AddContext
    | DeleteContext
    | FindContext
    | KeepContext
)

_ANSWERS: dict[type[Any], Any] = {
    GetState: ServerState,
    Write: Written,
    ListTenants: list[Tenant],
    CreateTenant: Tenant,
    IsEmpty: bool,
    ListKeys: list[ApiKey],
    CreateKey: NewKey,
    ListContexts: list[ContextRecord],
    AddContext: str,
    FindContext: ContextRecord | None,
}
"""What answers decode to; a question that is not here is answered by null."""


class _Answer(Struct, frozen=True, omit_defaults=True):
    ok: Raw = Raw(b"null")
    problem: Failure | None = None


_question_decoder: msgspec.json.Decoder[Question] = msgspec.json.Decoder(Question)
_answer_decoder = msgspec.json.Decoder(_Answer)
_encode = msgspec.json.encode


def encode_question(question: Asks[Any]) -> bytes:
    """Write a question."""
    return _encode(question)


def decode_question(body: bytes) -> Asks[Any]:
    """Read a question. Raises: msgspec.DecodeError."""
    question: Asks[Any] = _question_decoder.decode(body)
    return question


def encode_answer(answer: object) -> bytes:
    """Write an answer; a ``Problem`` or ``SetupError`` becomes a failure."""
    if isinstance(answer, Problem | SetupError):
        return _encode(_Answer(problem=describe_failure(answer)))
    return _encode(_Answer(ok=Raw(_encode(answer))))


def decode_answer(question: Asks[A], body: bytes) -> A:
    """Read the answer to a question. Raises: what the server raised."""
    answer = _answer_decoder.decode(body)
    if answer.problem is not None:
        raise revive_failure(answer.problem)
    wanted: Any = _ANSWERS.get(type(question))
    if wanted is None:
        return None  # pyright: ignore[reportReturnType] - questions without an entry ask for nothing
    return msgspec.json.decode(bytes(answer.ok), type=wanted)


def describe_failure(error: Problem | SetupError) -> Failure:
    """Put a problem into words for the wire."""
    if isinstance(error, SetupError):
        return Failure(type(error).__name__, str(error))
    return Failure(type(error).__name__, error.detail, error.hint, error.pointer)


def revive_failure(failure: Failure) -> Problem | SetupError:
    """Make the exception that a failure stands for."""
    kind = getattr(errors, failure.kind, errors.InternalError)
    if issubclass(kind, SetupError):
        return kind(failure.detail)
    problem: Problem = kind(failure.detail)
    problem.hint, problem.pointer = failure.hint, failure.pointer
    return problem
