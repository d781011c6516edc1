"""The requests of a batch, read before any of them is carried out.

A multipart batch has parts that are HTTP requests, and change sets that are multipart bodies of such parts again.
Spec: OGC 18-088 11; OData 4.01 part 1 11.7.7 (multipart batch format).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from stadtkern.errors import InvalidRequest, PayloadTooLarge, quoted
from stadtkern.views.sensorthings.batch_multipart import (
    MAX_PARTS,
    MULTIPART,
    Part,
    boundary_of,
    media_type,
    read_head,
    read_line,
    read_parts,
)

MAX_REQUESTS: Final = MAX_PARTS
"""Most requests of one batch, those in change sets included."""
METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
_METHODS: Final = ", ".join(METHODS)
HTTP: Final = "application/http"

_VERSION: Final = re.compile(r"HTTP/[0-9](?:\.[0-9])?")
_ID: Final = re.compile(r"[0-9A-Za-z_.:,;~-]{1,128}")


class SingleRequest(Struct, frozen=True, gc=False):
    """One request. name: what others call it as ``$name``; empty where it has none."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    name: str = ""
    group: str = ""
    condition: str = ""
    """Another request that has to have led to an entity, ``$name``, or not to: ``not $name``."""
    depends_on: tuple[str, ...] = ()


class ChangeSet(Struct, frozen=True):
    """Requests that are carried out all or not at all. reads: there may be reading ones among them."""

    requests: Sequence[SingleRequest]
    reads: bool = False


Batch = Sequence[SingleRequest | ChangeSet]


def read_batch(body: bytes, content_type: str) -> Batch:
    """Read a multipart batch. Raises: InvalidRequest, PayloadTooLarge; then nothing of it was done."""
    read: list[SingleRequest | ChangeSet] = []
    count = 0
    for number, part in enumerate(read_parts(body, boundary_of(content_type)), 1):
        one = _read_part(part, f"Part {number}")
        read.append(one)
        count += len(one.requests) if isinstance(one, ChangeSet) else 1
        check_count(count)
    return read


def check_count(count: int) -> None:
    """Refuse a batch with too many requests. Raises: PayloadTooLarge."""
    if count > MAX_REQUESTS:
        raise PayloadTooLarge(f"The batch has more than {MAX_REQUESTS} requests", hint="send several batches")


def _read_part(part: Part, where: str) -> SingleRequest | ChangeSet:
    kind = media_type(part.headers.get("content-type", ""))
    if kind != MULTIPART:
        return _read_request(part, where)
    parts = read_parts(part.body, boundary_of(part.headers["content-type"]), where)
    return ChangeSet([_read_request(one, f"{where}, part {number}") for number, one in enumerate(parts, 1)])


def _read_request(part: Part, where: str) -> SingleRequest:
    kind = media_type(part.headers.get("content-type", HTTP))
    if kind == MULTIPART:
        raise InvalidRequest(f"{where} is a change set inside a change set")
    if kind != HTTP:
        raise InvalidRequest(f"{where} is of the type {quoted(kind)}: it has to be {HTTP}")
    if part.headers.get("content-transfer-encoding", "binary").lower() not in {"binary", "8bit", "7bit"}:
        raise InvalidRequest(f"{where} is encoded: its Content-Transfer-Encoding has to be binary")
    return read_http(_of_length(part.body, part.headers, where), part.headers.get("content-id", ""), where)


def read_http(text: bytes, name: str, where: str) -> SingleRequest:
    """Read an HTTP request. name: its Content-ID. Raises: InvalidRequest, PayloadTooLarge. Spec: RFC 9112."""
    at = len(text) - len(text.lstrip(b"\r\n"))
    line, at = read_line(text, at, where)
    method, url = _request_line(line, where)
    headers, after = read_head(text, at, where)
    body = _of_length(b"" if after is None else text[after:], headers, where)
    return SingleRequest(check_method(method, where), url, headers, body, check_name(name, where))


def _request_line(line: bytes, where: str) -> tuple[str, str]:
    """Give the method and the address; blanks inside the address are taken as they are. Raises: InvalidRequest."""
    try:
        text = line.decode().strip(" ")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{where} has a request line that is not UTF-8") from error
    method, _, rest = text.partition(" ")
    url, _, version = rest.strip(" ").rpartition(" ")
    if _VERSION.fullmatch(version) is None:
        url = rest
    if not url.strip(" "):
        raise InvalidRequest(f"{where} has no request line such as GET Things HTTP/1.1: {quoted(text)}")
    return method, url.strip(" ")


def check_method(method: str, where: str) -> str:
    """Give a method in upper case. Raises: InvalidRequest."""
    if method.upper() not in METHODS:
        raise InvalidRequest(f"{where} has the method {quoted(method)}: there are {_METHODS}")
    return method.upper()


def check_name(name: str, where: str) -> str:
    """Give what others call a request. Raises: InvalidRequest."""
    bare = name.strip()
    bare = bare[1:-1] if bare.startswith("<") and bare.endswith(">") else bare
    if bare and _ID.fullmatch(bare) is None:
        raise InvalidRequest(f"{where} has the id {quoted(bare)}: up to 128 letters, digits and signs of _.:,;~- are")
    return bare


def _of_length(body: bytes, headers: dict[str, str], where: str) -> bytes:
    """Check the length that a head tells, where it tells one; empty lines behind the body do not count."""
    told = headers.get("content-length")
    if told is None:
        return body
    if not (told.isascii() and told.isdigit() and len(told) < 20):
        raise InvalidRequest(f"{where} has a Content-Length that is no number: {quoted(told)}")
    length = int(told)
    if length > len(body) or body[length:].strip(b"\r\n"):
        raise InvalidRequest(f"{where} tells of {length} bytes and has {len(body)}")
    return body[:length]
