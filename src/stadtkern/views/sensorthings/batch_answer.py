"""The answers of a batch as one multipart body. Spec: OGC 18-088 11.3; OData 4.01 part 1 11.7.7.6."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from stadtkern.views._http.message import Response
from stadtkern.views.sensorthings.batch_multipart import MULTIPART
from stadtkern.views.sensorthings.batch_request import SingleRequest

FAILED: Final = 400
"""Statuses from here on are failures."""


class Answer(Struct, frozen=True):
    """The answer of one request."""

    request: SingleRequest
    response: Response

    @property
    def failed(self) -> bool:
        """Whether the request was refused."""
        return self.response.status >= FAILED


class Answers(Struct, frozen=True):
    """The answers of a change set. failure: of the one request because of which nothing was done."""

    answers: Sequence[Answer]
    failure: Answer | None = None

    @property
    def failed(self) -> bool:
        """Whether nothing of it was done."""
        return self.failure is not None


def render_multipart(answers: Sequence[Answer | Answers]) -> Response:
    """Render answers in the order of their requests; a change set that failed is one part with its failure."""
    boundary = f"batch_{secrets.token_hex(16)}"
    body = _multipart([_part(one) for one in answers], boundary)
    return Response(200, body, [("content-type", f"{MULTIPART}; boundary={boundary}")])


def _part(one: Answer | Answers) -> bytes:
    if isinstance(one, Answer):
        return _render(one)
    if one.failure is not None:
        return _render(one.failure)
    boundary = f"changeset_{secrets.token_hex(16)}"
    body = _multipart([_render(answer) for answer in one.answers], boundary)
    head = f"Content-Type: {MULTIPART}; boundary={boundary}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _multipart(parts: Sequence[bytes], boundary: str) -> bytes:
    delimiter = f"--{boundary}"
    pieces = [piece for part in parts for piece in (f"{delimiter}\r\n".encode(), part, b"\r\n")]
    return b"".join([*pieces, f"{delimiter}--\r\n".encode()])


def _render(answer: Answer) -> bytes:
    response = answer.response
    outer = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if answer.request.name:
        outer.append(f"Content-ID: {answer.request.name}")
    status = HTTPStatus(response.status)
    inner = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{_title(name)}: {v}" for name, v in response.headers)]
    inner.append(f"Content-Length: {len(response.body)}")
    return "\r\n".join([*outer, "", *inner, "", ""]).encode("latin-1", "replace") + response.body


def _title(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))
