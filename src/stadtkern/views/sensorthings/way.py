"""Ways into JSON values, as addresses and ``$select`` have them; literals stay as they were written."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

Way = tuple[str | int, ...]
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_ARRAY: Final = msgspec.json.Decoder(list[Raw])
NULL: Final = b"null"


def follow(value: Raw, way: Way) -> Raw | None:
    """Give what a way leads to inside a value; None where it leads nowhere."""
    for step in way:
        inner = _member(value, step) if isinstance(step, str) else _element(value, step)
        if inner is None:
            return None
        value = inner
    return value


def _member(value: Raw, name: str) -> Raw | None:
    if bytes(value)[:1] == b"{":
        return _OBJECT.decode(value).get(name)
    return _element(value, int(name)) if name.isascii() and name.isdigit() and len(name) < 10 else None


def _element(value: Raw, index: int) -> Raw | None:
    if bytes(value)[:1] != b"[":
        return None
    elements = _ARRAY.decode(value)
    return elements[index] if 0 <= index < len(elements) else None


def is_null(value: Raw | None) -> bool:
    """Tell whether there is no value."""
    return value is None or bytes(value).strip() == NULL


def plain_text(value: Raw) -> str | None:
    """Give a text, a number or a truth value as plain text; None of objects and arrays."""
    text = bytes(value).strip()
    if text[:1] in (b"{", b"["):
        return None
    return msgspec.json.decode(text, type=str) if text[:1] == b'"' else text.decode()


def way_text(way: Way) -> str:
    """Write a way for people: ``rooms/2``."""
    return "/".join(map(str, way))
