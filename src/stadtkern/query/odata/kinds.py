"""What kind of value each expression has, and which kinds go together.

``any`` is JSON whose kind only the data tell; it goes with everything but a geometry's comparison.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from typing import Literal as Choice

from stadtkern.model.sensorthings import PropertyType
from stadtkern.query.odata.literals import geometry, read_as_number, read_as_time
from stadtkern.query.odata.tokens import Tokens
from stadtkern.query.odata.tree import Expression, Listed, Literal, LiteralKind

Kind = Choice["any", "boolean", "number", "text", "time", "duration", "geometry", "entity", "null"]

MAX_HEIGHT = 100
"""Most levels of a tree; whoever walks it may do so by recursion."""

OF_PROPERTY: Final[dict[PropertyType, Kind]] = {
    "id": "number",
    "text": "text",
    "json": "any",
    "any": "any",
    "list": "any",
    "instant": "time",
    "interval": "time",
    "time": "time",
    "geometry": "geometry",
}
OF_LITERAL: Final[dict[LiteralKind, Kind]] = {
    "number": "number",
    "text": "text",
    "boolean": "boolean",
    "null": "null",
    "instant": "time",
    "interval": "time",
    "duration": "duration",
    "geometry": "geometry",
}
_WORDS: Final[dict[Kind, str]] = {
    "any": "any JSON",
    "boolean": "a truth value",
    "number": "a number",
    "text": "a text",
    "time": "a time",
    "duration": "a duration",
    "geometry": "a geometry",
    "entity": "an entity",
    "null": "null",
}
_NUMBERS: Final[dict[tuple[Kind, Kind], Kind]] = {
    ("number", "number"): "number",
    ("any", "any"): "any",
    ("any", "number"): "number",
    ("number", "any"): "number",
}
_ARITHMETIC: Final[dict[str, dict[tuple[Kind, Kind], Kind]]] = {
    "add": {
        **_NUMBERS,
        ("time", "duration"): "time",
        ("duration", "time"): "time",
        ("duration", "duration"): "duration",
        ("any", "duration"): "any",
    },
    "sub": {
        **_NUMBERS,
        ("time", "time"): "duration",
        ("time", "duration"): "time",
        ("duration", "duration"): "duration",
        ("any", "duration"): "any",
    },
    "mul": {
        **_NUMBERS,
        ("duration", "number"): "duration",
        ("number", "duration"): "duration",
        ("duration", "any"): "duration",
        ("any", "duration"): "duration",
    },
    "div": {
        **_NUMBERS,
        ("duration", "number"): "duration",
        ("duration", "any"): "duration",
        ("duration", "duration"): "number",
    },
    "mod": _NUMBERS,
}


class Typed(NamedTuple):
    """An expression with its kind and the number of levels below it."""

    node: Expression
    kind: Kind
    height: int = 0


def of_literal(literal: Literal) -> Typed:
    """Give a constant its kind."""
    return Typed(literal, OF_LITERAL[literal.kind])


def fit(tokens: Tokens, value: Typed, wanted: Kind, role: str) -> Typed:
    """Give a value as the kind that is wanted; constants in quotes are read as times, numbers or geometries.

    role: what the value is, for the sentence. Raises: BadRequestData.
    """
    if wanted in {value.kind, "any"} or value.kind in {"any", "null"}:
        return value
    read = _reread(tokens, value, wanted)
    if read is not None:
        return of_literal(read)
    hint = "'not' binds closest: put the comparison in brackets" if role == "the operand of 'not'" else None
    raise tokens.error(f"{role} is {_WORDS[value.kind]}, expected {_WORDS[wanted]}", value.node.at, hint=hint)


def _reread(tokens: Tokens, value: Typed, wanted: Kind) -> Literal | None:
    if not isinstance(value.node, Literal) or value.node.kind != "text":
        return None
    if wanted == "time":
        return read_as_time(tokens, value.node)
    if wanted == "number":
        return read_as_number(tokens, value.node)
    return geometry(tokens, str(value.node.value), value.node.at) if wanted == "geometry" else None


def compare(tokens: Tokens, operator: str, left: Typed, right: Typed, at: int) -> tuple[Typed, Typed]:
    """Make the two sides of a comparison fit each other. Raises: BadRequestData."""
    kinds = {left.kind, right.kind}
    if "geometry" in kinds and "null" not in kinds:
        raise tokens.error(f"{operator!r} does not compare geometries; st_equals does", at)
    if "entity" in kinds and not (kinds == {"entity", "null"} and operator in {"eq", "ne"}):
        raise tokens.error(f"{operator!r} does not compare entities; only 'eq null' and 'ne null' ask for one", at)
    if len(kinds) == 1 or kinds & {"any", "null"}:
        return left, right
    if "text" in kinds:
        left, right = _fit_text(tokens, left, right.kind), _fit_text(tokens, right, left.kind)
    if left.kind != right.kind:
        raise tokens.error(f"{operator!r} compares {_WORDS[left.kind]} with {_WORDS[right.kind]}", at)
    return left, right


def _fit_text(tokens: Tokens, value: Typed, wanted: Kind) -> Typed:
    read = _reread(tokens, value, wanted)
    return value if read is None else of_literal(read)


def fit_list(tokens: Tokens, left: Typed, values: list[Typed], at: int) -> Listed:
    """Make the values of an ``in`` fit what stands before it. Raises: BadRequestData."""
    fitted = [compare(tokens, "in", left, value, value.node.at)[1].node for value in values]
    return Listed(tuple(value for value in fitted if isinstance(value, Literal)), at)


def calculate(tokens: Tokens, operator: str, left: Typed, right: Typed, at: int) -> Kind:
    """Tell the kind of a calculation's outcome. Raises: BadRequestData where the two kinds cannot be calculated."""
    if "null" in {left.kind, right.kind}:
        return "null"
    if "any" in {left.kind, right.kind} and "time" in {left.kind, right.kind} and operator in {"add", "sub"}:
        return "any"
    found = _ARITHMETIC[operator].get((left.kind, right.kind))
    if found is None:
        raise tokens.error(f"{operator!r} cannot take {_WORDS[left.kind]} and {_WORDS[right.kind]}", at)
    return found


def check_height(tokens: Tokens, height: int, at: int) -> int:
    """Give back the height of a tree. Raises: BadRequestData where it is too high to be walked."""
    if height > MAX_HEIGHT:
        raise tokens.error(f"this is a tree of more than {MAX_HEIGHT} levels", at)
    return height
