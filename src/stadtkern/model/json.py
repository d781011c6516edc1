"""JSON as this project sees it: parsed trees for checking, raw text for keeping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
import re2
from msgspec import Raw

from stadtkern.errors import BadRequestData, InvalidRequest, PayloadTooLarge

JSONScalar = str | int | float | bool | None
JSONValue = JSONScalar | Sequence["JSONValue"] | Mapping[str, "JSONValue"]

MAX_DEPTH = 64
"""Deepest nesting of a document we accept. Real NGSI-LD stays below ten."""

MAX_MARKS = 2_000_000
"""Most commas and opening brackets in one document, a bound on the values in it. A value costs some hundred bytes of
memory and can be written in three: without a bound, a body of 30 MB took 8 GB. Those inside texts count as well.
"""

_NUL_ESCAPE = b"\\u0000"
_LONG_NUMBER = re2.compile(rb"[0-9]{309}")
"""What an integer beyond the double range has in it; the parser itself refuses other such numbers."""


def parse_json(body: bytes) -> Any:
    """Parse and check a whole JSON text that came from outside.

    Refuses what one of the engines could not store or another client could not read: invalid UTF-8, U+0000, lone
    surrogates, numbers outside the double range, nesting beyond ``MAX_DEPTH``.

    Raises: InvalidRequest (not JSON), BadRequestData (JSON that cannot be stored), PayloadTooLarge (``MAX_MARKS``).
    """
    try:
        body.decode("utf-8")
        _check_marks(body)
        tree = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not valid UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise BadRequestData(f"The body is nested deeper than {MAX_DEPTH} levels") from error
    except msgspec.ValidationError as error:
        raise BadRequestData(f"The body holds a value that cannot be stored: {error}") from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}") from error
    if _LONG_NUMBER.search(body) is not None and any(map(_is_beyond_double, _scalars(tree))):
        raise BadRequestData("The body holds a value that cannot be stored: Number out of range")
    if _NUL_ESCAPE in body and any(isinstance(one, str) and "\0" in one for one in _scalars(tree)):
        raise BadRequestData("The body contains the character U+0000, which cannot be stored")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and depth_of(tree) > MAX_DEPTH:
        raise BadRequestData(f"The body is nested deeper than {MAX_DEPTH} levels")
    return tree


def _check_marks(body: bytes) -> None:
    """Bound the number of values before any of them is made."""
    if len(body) > MAX_MARKS and body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_MARKS:
        raise PayloadTooLarge(
            f"The body has more than {MAX_MARKS} commas and brackets: so many values are not read at once",
            hint="send it in parts",
        )


def depth_of(tree: JSONValue) -> int:
    """Count the levels of nesting; a scalar has none. Iterative, so that depth costs no stack."""
    level: list[Any] = [tree]
    depth = -1
    while level:
        depth += 1
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                below.extend(cast("dict[str, Any]", node).values())
            elif isinstance(node, list):
                below.extend(cast("list[Any]", node))
        level = below
    return depth


def _scalars(tree: Any) -> Iterator[JSONScalar]:
    """Walk the names and values of a tree, without recursion."""
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            members = cast("dict[str, Any]", node)
            stack.extend(members.keys())
            stack.extend(members.values())
        elif isinstance(node, list):
            stack.extend(cast("list[Any]", node))
        else:
            yield node


def _is_beyond_double(value: JSONScalar) -> bool:
    if type(value) is not int:
        return False
    try:
        float(value)
    except OverflowError:
        return True
    return False


def raw(tree: Any) -> Raw:
    """Turn a parsed tree into kept JSON text."""
    return Raw(msgspec.json.encode(tree))


def unraw(text: Raw) -> Any:
    """Parse kept JSON text."""
    return msgspec.json.decode(text)
