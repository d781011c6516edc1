"""The parts of a multipart body: a pure function from bytes, bounded in every direction.

Lines may end in CR LF or in LF alone. What stands before the first delimiter and behind the last one is passed over, as
RFC 2046 5.1.1 wants; all else that is not as it should be is refused, since a part that was read wrongly would be
written wrongly. Spec: RFC 2046 5.1; OData 4.01 part 1 11.7.7.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from stadtkern.errors import InvalidRequest, PayloadTooLarge, quoted

MAX_PARTS: Final = 1_000
"""Most parts of one multipart body."""
MAX_LINE: Final = 40 * 1024
"""Longest line of a head, bytes: an address and what belongs to it."""
MAX_FIELDS: Final = 64
"""Most fields of one head."""
MULTIPART: Final = "multipart/mixed"

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER: Final = re.compile(r';\s*([A-Za-z0-9_-]+)\s*=\s*(?:"([^"]*)"|([^\s;"]*))\s*')
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Part(Struct, frozen=True, gc=False):
    """One part. headers: names in lower case. body: what stands behind the empty line."""

    headers: dict[str, str]
    body: bytes


def media_type(content_type: str) -> str:
    """Give the bare media type of a Content-Type, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def boundary_of(content_type: str) -> str:
    """Give the boundary that a Content-Type names. Raises: InvalidRequest. Spec: RFC 2046 5.1.1."""
    at, rest = 0, content_type[len(content_type.partition(";")[0]) :].strip()
    while (found := _PARAMETER.match(rest, at)) is not None:
        at = found.end()
        if found.group(1).lower() == "boundary":
            boundary = found.group(2) if found.group(2) is not None else found.group(3)
            if _BOUNDARY.fullmatch(boundary) is None:
                raise InvalidRequest(
                    f"{quoted(boundary)} is no boundary: 1 to 70 letters, digits and signs of '()+_,-./:=? are"
                )
            return boundary
    raise InvalidRequest(f"The Content-Type {quoted(content_type)} names no boundary", hint="…; boundary=batch_1")


def read_parts(body: bytes, boundary: str, where: str = "The body") -> list[Part]:
    """Take a multipart body apart. where: what it is called in failures.

    Raises: InvalidRequest (no delimiter, no end, a part without the empty line behind its head, heads that cannot be
    read), PayloadTooLarge (too many parts, or a head too long).
    """
    return [
        read_part(piece, f"{where}, part {number}")
        for number, piece in enumerate(_pieces(body, b"--" + boundary.encode(), where), 1)
    ]


def _pieces(body: bytes, delimiter: bytes, where: str) -> list[bytes]:
    """Cut a body at its delimiters; the end of line in front of one belongs to it."""
    pieces: list[bytes] = []
    start, at = -1, 0
    while True:
        at = body.find(delimiter, at)
        if at < 0:
            what = "has no delimiter" if start < 0 else "ends without its last delimiter"
            raise InvalidRequest(f"{where} {what}: {quoted(delimiter.decode())}{'' if start < 0 else ' and --'}")
        begins_line = not at or body[at - 1 : at] == b"\n"
        line_end = body.find(b"\n", at) if begins_line else at
        rest = body[at + len(delimiter) : len(body) if line_end < 0 else line_end].rstrip(b"\r\t ")
        if not begins_line or rest not in (b"", b"--"):
            at += len(delimiter)
            continue
        if start >= 0:
            pieces.append(body[start : _before_line(body, start, at)])
        if rest == b"--":
            if start < 0:
                raise InvalidRequest(f"{where} has no parts")
            return pieces
        if len(pieces) >= MAX_PARTS:
            raise PayloadTooLarge(f"{where} has more than {MAX_PARTS} parts", hint="send several batches")
        if line_end < 0:
            raise InvalidRequest(f"{where} ends without its last delimiter: {quoted(delimiter.decode())} and --")
        start = at = line_end + 1


def _before_line(body: bytes, start: int, at: int) -> int:
    """Give where a part ends whose delimiter begins at a place."""
    end = at - 1
    if end > start and body[end - 1 : end] == b"\r":
        end -= 1
    return max(start, end)


def read_part(piece: bytes, where: str) -> Part:
    """Divide a part into its head and what follows. Raises: InvalidRequest, PayloadTooLarge."""
    headers, at = read_head(piece, 0, where)
    if at is None:
        raise InvalidRequest(f"{where} has no empty line behind its head")
    return Part(headers, piece[at:])


def read_head(text: bytes, at: int, where: str) -> tuple[dict[str, str], int | None]:
    """Read header fields from a place on; give them and where what follows begins, None where nothing does.

    Raises: InvalidRequest, PayloadTooLarge.
    """
    headers: dict[str, str] = {}
    while at < len(text):
        line, at = read_line(text, at, where)
        if not line:
            return headers, at
        if len(headers) >= MAX_FIELDS:
            raise PayloadTooLarge(f"{where} has more than {MAX_FIELDS} header fields")
        name, value = _field(line, where)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers, None


def read_line(text: bytes, at: int, where: str) -> tuple[bytes, int]:
    """Read a line of a head, without its end; give it and where the next begins. Raises: as ``read_head``."""
    end = text.find(b"\n", at, at + MAX_LINE + 1)
    if end < 0 and len(text) - at > MAX_LINE:
        raise PayloadTooLarge(f"{where} has a line of more than {MAX_LINE} bytes in its head")
    line = text[at : len(text) if end < 0 else end].removesuffix(b"\r")
    if b"\0" in line or b"\r" in line:
        raise InvalidRequest(f"{where} has a control character in its head")
    return line, len(text) if end < 0 else end + 1


def _field(line: bytes, where: str) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or _NAME.fullmatch(name) is None:
        raise InvalidRequest(f"{where} has a line in its head that is no header field: {quoted(_shown(line))}")
    return name.decode().lower(), value.strip().decode("latin-1")


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace")
