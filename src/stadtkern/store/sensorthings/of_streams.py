"""Conditions on observations that are conditions on their Datastream alone: decided once a series, not once a row."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from stadtkern.query.odata.tree import AnyOf, Binary, Call, Expression, Listed, Literal, Member, Unary

Split = tuple[list[Expression], list[Expression]]
_STREAM = "Datastream"


def split(filter: Expression) -> Split:
    """Give the parts of a condition on observations: those on the Datastream, as it sees them, and the others.

    All of them together are the condition: each has to be true.
    """
    on_stream: list[Expression] = []
    others: list[Expression] = []
    for part in _conjuncts(filter):
        inner = _seen_from_stream(part)
        if inner is None:
            others.append(part)
        else:
            on_stream.append(inner)
    return on_stream, others


def _conjuncts(filter: Expression) -> Iterable[Expression]:
    waiting = [filter]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Binary) and part.operator == "and":
            waiting += (part.right, part.left)
        else:
            yield part


def _seen_from_stream(part: Expression) -> Expression | None:
    """Take the first step off all paths of a condition; None where one does not begin with it.

    Nor where it may hold for what has no Datastream: whatever negates or asks for null.
    """
    try:
        inner, stripped = _strip(part)
    except _Elsewhere:
        return None
    return inner if stripped else None


class _Elsewhere(Exception):
    """A path begins elsewhere."""


def _strip(node: Expression) -> tuple[Expression, bool]:
    """Give the node with shorter paths, and whether there was one. Raises: _Elsewhere."""
    match node:
        case Member():
            return _strip_member(node)
        case Literal():
            if node.kind == "null":
                raise _Elsewhere
            return node, False
        case Binary(operator=operator) if operator not in {"and", "or"}:
            (left, one), (right, other) = _strip(node.left), _strip(node.right)
            return replace(node, left=left, right=right), one or other
        case Call():
            parts = [_strip(one) for one in node.arguments]
            return replace(node, arguments=tuple(part for part, _ in parts)), any(one for _, one in parts)
        case AnyOf():
            return _strip_any(node)
        case Listed():
            return node, False
        case Binary() | Unary():
            raise _Elsewhere


def _strip_member(node: Member) -> tuple[Member, bool]:
    if node.variable is not None:
        return node, False
    if node.relations[:1] != (_STREAM,) or (node.property is None and len(node.relations) == 1):
        raise _Elsewhere
    return replace(node, relations=node.relations[1:]), True


def _strip_any(node: AnyOf) -> tuple[AnyOf, bool]:
    condition, inside = (None, False) if node.condition is None else _strip(node.condition)
    if node.outer is not None:
        return replace(node, condition=condition), inside
    if node.relations[:1] != (_STREAM,) or len(node.relations) == 1:
        raise _Elsewhere
    return replace(node, relations=node.relations[1:], condition=condition), True
