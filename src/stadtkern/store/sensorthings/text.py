"""Functions of texts, alike on both engines. Spec: OGC 18-088 Table 23.

Places are counted in code points: by ``substring`` from 0, by ``indexof`` from 1 (0: not found), as the standard's own
examples and FROST-Server do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, LiteralString

from stadtkern.store.dialect import Bound, EngineName, Sql
from stadtkern.store.sensorthings.value import NOTHING, Value, boolean_value, number_value, text_of, text_value

_BLANKS: Final = " \t\n\r\f\v"
_CASES: Final[dict[tuple[str, EngineName], LiteralString]] = {
    # the engines' own functions know the letters of ASCII alone
    ("tolower", "sqlite"): "stadtkern_lower({})",
    ("toupper", "sqlite"): "stadtkern_upper({})",
    ("tolower", "postgres"): 'lower({} COLLATE "und-x-icu")',
    ("toupper", "postgres"): 'upper({} COLLATE "und-x-icu")',
}
_ENDS: Final[dict[EngineName, LiteralString]] = {
    "sqlite": "(SELECT CASE WHEN length(arg.b) > 0 THEN substr(arg.a, -length(arg.b)) = arg.b"
    " WHEN arg.a = arg.a THEN TRUE END FROM (SELECT {} AS a, {} AS b LIMIT 1) arg WHERE arg.b = arg.b)",
    "postgres": "(SELECT right(arg.a, length(arg.b)) = arg.b FROM (SELECT {} AS a, {} AS b LIMIT 1) arg)",
}
# a start before the text is its start; a length below zero is none
_FROM: Final = "CAST(CASE WHEN arg.i < 0 THEN 0 WHEN arg.i > 1e9 THEN 1e9 ELSE trunc(arg.i) END AS integer) + 1"
_LENGTH: Final = "CAST(CASE WHEN arg.l < 0 THEN 0 WHEN arg.l > 1e9 THEN 1e9 ELSE trunc(arg.l) END AS integer)"


def apply_text(name: str, values: Sequence[Value], engine: EngineName) -> Value:
    """Apply a function of texts, one of ``TEXT_FUNCTIONS``; nothing where an argument is no text."""
    return TEXT_FUNCTIONS[name](name, values, engine)


def _texts(values: Sequence[Value]) -> list[Sql]:
    return [value.text for value in values if value.text is not None]


def _place(text: Sql, part: Sql, engine: EngineName) -> Sql:
    return Sql("instr({}, {})" if engine == "sqlite" else "strpos({}, {})", text, part)


def _find(name: str, values: Sequence[Value], engine: EngineName) -> Value:
    texts = _texts(values)
    if len(texts) != 2:
        return NOTHING
    first, second = texts
    match name:
        case "indexof":
            place = Sql("CAST({} AS double precision)", _place(first, second, engine))
            return number_value(place, integer=True)
        case "substringof":
            return boolean_value(Sql("({} > 0)", _place(second, first, engine)))
        case "contains":
            return boolean_value(Sql("({} > 0)", _place(first, second, engine)))
        case "startswith":
            return boolean_value(Sql("({} = 1)", _place(first, second, engine)))
        case "endswith":
            return boolean_value(Sql(_ENDS[engine], first, second))
        case _:
            return text_value(text_of(Sql("({} || {})", first, second), engine))


def _change(name: str, values: Sequence[Value], engine: EngineName) -> Value:
    texts = _texts(values)
    if not texts:
        return NOTHING
    if name == "length":
        return number_value(Sql("CAST(length({}) AS double precision)", texts[0]), integer=True)
    if name == "trim":
        blanks = Bound(_BLANKS, "text")
        return text_value(text_of(Sql("rtrim(ltrim({}, {}), {})", texts[0], blanks, blanks), engine))
    return text_value(text_of(Sql("({})", Sql(_CASES[name, engine], texts[0])), engine))


def _substring(name: str, values: Sequence[Value], engine: EngineName) -> Value:
    del name
    text, *numbers = (values[0].text, *(value.number for value in values[1:]))
    known = [number.sql for number in numbers if number is not None]
    if text is None or len(known) != len(numbers):
        return NOTHING
    if len(known) == 1:
        template = Sql(
            "(SELECT substr(arg.a, {}) FROM (SELECT {} AS a, {} AS i LIMIT 1) arg WHERE arg.i = arg.i)",
            Sql(_FROM),
            text,
            known[0],
        )
    else:
        template = Sql(
            "(SELECT substr(arg.a, {}, {}) FROM (SELECT {} AS a, {} AS i, {} AS l LIMIT 1) arg"
            " WHERE arg.i = arg.i AND arg.l = arg.l)",
            Sql(_FROM),
            Sql(_LENGTH),
            text,
            *known,
        )
    return text_value(text_of(template, engine))


TEXT_FUNCTIONS: Final[dict[str, Callable[[str, Sequence[Value], EngineName], Value]]] = {
    **dict.fromkeys(("indexof", "substringof", "contains", "startswith", "endswith", "concat"), _find),
    **dict.fromkeys(("length", "trim", "tolower", "toupper"), _change),
    "substring": _substring,
}
