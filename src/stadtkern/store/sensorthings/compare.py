"""Comparisons: of kinds that both sides may have; where there is none in common, the outcome is unknown."""

from __future__ import annotations

import re
from typing import Final, Literal

from stadtkern.query.odata import tree
from stadtkern.store.dialect import NUMBER_IN_TEXT, Bound, EngineName, Sql, dialect_of
from stadtkern.store.sensorthings.moment import COMPARISONS, compare_times
from stadtkern.store.sensorthings.value import UNKNOWN, Duration, Number, Value, balanced, literal_value

Comparison = Literal["eq", "ne", "gt", "ge", "lt", "le"]
_INTEGERS: Final = 2.0**63


def compare(operator: Comparison, left: Value, right: Value, engine: EngineName) -> Sql:
    """Compare two values: true, false or NULL for unknown. Texts that are numbers compare with numbers as such."""
    first, second = _as_number(left, right, engine), _as_number(right, left, engine)
    template = COMPARISONS[operator]
    found: list[Sql] = []
    if first is not None and second is not None:
        found.append(Sql(template, _operand(first, second), _operand(second, first)))
    if left.text is not None and right.text is not None:
        found.append(Sql(template, left.text, right.text))
    if left.boolean is not None and right.boolean is not None:
        found.append(Sql(template, left.boolean, right.boolean))
    if left.time is not None and right.time is not None:
        found.append(compare_times(operator, left.time, right.time))
    if left.duration is not None and right.duration is not None:
        found.append(Sql(template, _length(left.duration, right.duration), _length(right.duration, left.duration)))
    return _first(found)


def _length(duration: Duration, other: Duration) -> Sql:
    """Give a duration to be compared: as a double, unless both are known here."""
    both = duration.constant is not None and other.constant is not None
    return duration.sql if both else Sql("CAST({} AS double precision)", duration.sql)


def _first(found: list[Sql]) -> Sql:
    """Give the one that is not NULL: in a row a value is of one kind."""
    if not found:
        return UNKNOWN
    first = found[0]
    for more in found[1:]:
        first = Sql("coalesce({}, {})", first, more)
    return first


def _as_number(value: Value, other: Value, engine: EngineName) -> Number | None:
    """Give the number that a value is beside another: a text, and nothing else, is read as one."""
    if value.number is not None or value.text is None or value.boolean is not None or other.number is None:
        return value.number
    if value.literal is not None:
        return _read_number(str(value.literal.value).strip())
    if engine == "sqlite":
        return Number(Sql("stadtkern_number({})", value.text))
    pattern = Bound(NUMBER_IN_TEXT, "text")
    return Number(Sql("CASE WHEN {} ~ {} THEN {}::double precision END", value.text, pattern, value.text))


def _operand(number: Number, other: Number) -> Sql:
    """Give a number to be compared: a constant beside an integer column is an integer, so that its index serves."""
    constant = number.constant
    if other.exact and constant is not None and constant.is_integer() and abs(constant) < _INTEGERS:
        return Sql("{}", Bound(int(constant), "bigint"))
    return number.sql


def _read_number(text: str) -> Number | None:
    if re.fullmatch(NUMBER_IN_TEXT, text, re.ASCII) is None:
        return None
    return Number(Sql("{}", Bound(float(text), "double precision")), constant=float(text))


def compare_with_list(left: Value, listed: tree.Listed, engine: EngineName) -> Sql:
    """Tell whether a value equals one of a list: true, false or NULL for unknown."""
    kinds = {literal.kind for literal in listed.values}
    if kinds == {"text"} and left.text is not None and left.number is None:
        texts = Bound([literal.value for literal in listed.values], "text[]")
        return Sql("({})", dialect_of(engine).is_in(left.text, texts))
    if kinds == {"number"} and left.number is not None and left.number.exact:
        wanted = [int(number) for literal in listed.values if (number := float(str(literal.value))).is_integer()]
        return Sql("({})", dialect_of(engine).is_in(left.number.sql, Bound(wanted, "bigint[]")))
    each = [_equals(left, literal, engine) for literal in listed.values]
    return balanced("OR", each)


def _equals(left: Value, literal: tree.Literal, engine: EngineName) -> Sql:
    if literal.kind == "null":
        return Sql("(NOT {})", left.is_present())
    return compare("eq", left, literal_value(literal, engine), engine)
