"""The functions of the query language: their arguments and what they give.

Names are in lower case. Spec: OGC 18-088 Table 23; those beyond it are what FROST-Server has as well.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from stadtkern.query.odata.kinds import Kind, Typed, check_height, fit
from stadtkern.query.odata.tokens import Tokens
from stadtkern.query.odata.tree import Call, Literal


class Function(NamedTuple):
    """One function. least: how many of the arguments have to be there."""

    arguments: tuple[Kind, ...]
    result: Kind
    least: int


def _function(result: Kind, *arguments: Kind, least: int | None = None) -> Function:
    return Function(arguments, result, len(arguments) if least is None else least)


_TEST_TEXTS: Final = _function("boolean", "text", "text")
_CHANGE_TEXT: Final = _function("text", "text")
_TIME_PART: Final = _function("number", "time")
_COMPARE_TIMES: Final = _function("boolean", "time", "time")
_ROUND: Final = _function("number", "number")
_RELATE: Final = _function("boolean", "geometry", "geometry")
_SOME_TIME: Final = _function("time")

FUNCTIONS: Final[dict[str, Function]] = {
    **dict.fromkeys(("substringof", "contains", "endswith", "startswith"), _TEST_TEXTS),
    "length": _function("number", "text"),
    "indexof": _function("number", "text", "text"),
    "substring": _function("text", "text", "number", "number", least=2),
    **dict.fromkeys(("tolower", "toupper", "trim"), _CHANGE_TEXT),
    "concat": _function("text", "text", "text"),
    **dict.fromkeys(
        ("year", "month", "day", "hour", "minute", "second", "fractionalseconds", "totaloffsetminutes"), _TIME_PART
    ),
    "date": _function("time", "time"),
    "time": _function("duration", "time"),
    **dict.fromkeys(("now", "mindatetime", "maxdatetime"), _SOME_TIME),
    **dict.fromkeys(("before", "after", "meets", "during", "overlaps", "starts", "finishes"), _COMPARE_TIMES),
    **dict.fromkeys(("round", "floor", "ceiling"), _ROUND),
    "geo.distance": _function("number", "geometry", "geometry"),
    "geo.length": _function("number", "geometry"),
    "geo.intersects": _RELATE,
    **dict.fromkeys(
        tuple(
            f"st_{name}"
            for name in ("equals", "disjoint", "touches", "within", "overlaps", "crosses", "intersects", "contains")
        ),
        _RELATE,
    ),
    "st_relate": _function("boolean", "geometry", "geometry", "text"),
}
"""``date`` gives midnight UTC, ``time`` the duration since then."""
_MATRIX: Final = re.compile(r"[0-2TF*]{9}", re.IGNORECASE)


def call(tokens: Tokens, name: str, arguments: list[Typed], at: int) -> Typed:
    """Make the call of a function. Raises: BadRequestData for other arguments than it takes."""
    function = FUNCTIONS[name]
    if not function.least <= len(arguments) <= len(function.arguments):
        raise tokens.error(f"{name} takes {_describe(function)}, not {len(arguments)}", at)
    fitted = [
        fit(tokens, value, wanted, f"argument {place} of {name}")
        for place, (value, wanted) in enumerate(zip(arguments, function.arguments, strict=False), 1)
    ]
    if name == "st_relate":
        _check_matrix(tokens, fitted[2])
    height = check_height(tokens, 1 + max((value.height for value in fitted), default=0), at)
    return Typed(Call(name, tuple(value.node for value in fitted), at), function.result, height)


def _describe(function: Function) -> str:
    most = len(function.arguments)
    if function.least != most:
        return f"{function.least} or {most} arguments"
    return {0: "no arguments", 1: "one argument"}.get(most, f"{most} arguments")


def _check_matrix(tokens: Tokens, pattern: Typed) -> None:
    node = pattern.node
    if not isinstance(node, Literal) or _MATRIX.fullmatch(str(node.value)) is None:
        raise tokens.error("the third argument of st_relate is a text of nine signs out of 0 1 2 T F *", node.at)
