"""Templates for ids: text with expressions in braces, ``urn:ngsi-ld:Room:{number}``; doubled braces stand for one."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from stadtkern.errors import BadRequestData
from stadtkern.ingest.expression.compile import Compiler, Evaluate, Slots
from stadtkern.ingest.expression.values import render_text
from stadtkern.ingest.fault import Fault
from stadtkern.model.ids import is_uri

_SAFE = "-._~:@!$&'()*+,;=/?#"
"""Characters that a value may bring into an id as they are; letters and digits of any language stay as well."""


def compile_template(compiler: Compiler, text: str) -> Callable[[Slots], str]:
    """Compile a template for URIs. The function raises Fault where a value is null or no URI comes out.

    Raises: BadRequestData.
    """
    parts = [(part, compiler.compile(part) if inner else None) for part, inner in _split(text)]

    def render(slots: Slots) -> str:
        made = "".join([plain if value is None else _insert(value, slots, text) for plain, value in parts])
        if not is_uri(made):
            raise Fault(f"{made[:80]!r} is not a URI")
        return made

    if all(value is None for _, value in parts):
        return _fixed(render)
    return render


def _fixed(render: Callable[[Slots], str]) -> Callable[[Slots], str]:
    try:
        made = render([])
    except Fault as fault:
        raise BadRequestData(fault.reason) from fault
    return lambda slots: made


def _insert(part: Evaluate, slots: Slots, text: str) -> str:
    value = render_text(part(slots))
    if not value:
        raise Fault(f"a value for the id {text!r} is missing")
    return value if value.isalnum() else "".join(one if one.isalnum() else quote(one, safe=_SAFE) for one in value)


def _split(text: str) -> list[tuple[str, bool]]:
    """Split into plain parts and expressions. Braces inside an expression must match."""
    parts: list[tuple[str, bool]] = []
    plain, place = "", 0
    while place < len(text):
        character = text[place]
        if character in "{}" and text[place : place + 2] == character * 2:
            plain += character
            place += 2
        elif character == "{":
            end = _find_end(text, place)
            if plain:
                parts.append((plain, False))
            parts.append((text[place + 1 : end], True))
            plain, place = "", end + 1
        elif character == "}":
            raise BadRequestData(f"The template {text[:200]!r} has a closing brace without an opening one")
        else:
            plain += character
            place += 1
    if plain:
        parts.append((plain, False))
    return parts


def _find_end(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return place
    raise BadRequestData(f"The template {text[:200]!r} has an opening brace without a closing one")
