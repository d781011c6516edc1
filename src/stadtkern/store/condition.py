"""Conditions on one element of a path's target, for ``store.compile``: each is true or false, never NULL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, LiteralString, NamedTuple, assert_never, cast

from stadtkern.model.instant import render_instant
from stadtkern.query.filter import (
    INSTANT_MEMBERS,
    Between,
    Comparison,
    ElementTest,
    Is,
    IsNull,
    Literal,
    Matches,
    OneOf,
    Path,
)
from stadtkern.store.dialect import FALSE, TRUE, Bound, Dialect, Sql, join

_DAY: Final = 86_400_000_000
_YEAR_2, _YEAR_9999 = -62_104_060_800_000_000, 253_370_764_800_000_000
_OPERATORS: Final[dict[Comparison, LiteralString]] = {
    "==": "({} = {})",
    "<": "({} < {})",
    "<=": "({} <= {})",
    ">": "({} > {})",
    ">=": "({} >= {})",
}


class Part(NamedTuple):
    """A condition; not exact: true for at least all that should be."""

    sql: Sql
    exact: bool


def all_parts(parts: Iterable[Part]) -> Part:
    """Join with AND."""
    listed = list(parts)
    if not listed:
        return Part(TRUE, True)
    if len(listed) == 1:
        return listed[0]
    return Part(Sql("({})", join(" AND ", (part.sql for part in listed))), all(part.exact for part in listed))


def any_part(parts: Iterable[Part]) -> Part:
    """Join with OR."""
    listed = list(parts)
    if not listed:
        return Part(FALSE, True)
    if len(listed) == 1:
        return listed[0]
    return Part(Sql("({})", join(" OR ", (part.sql for part in listed))), all(part.exact for part in listed))


def negate(part: Part) -> Part:
    """Negate: what is exact becomes its opposite, of what is not nothing can be said."""
    return Part(Sql("(NOT {})", part.sql), True) if part.exact else Part(TRUE, False)


class Operand(NamedTuple):
    """How to read an element ``q``: for each type the condition that it is of it, and its value.

    ordered: whether order and patterns may be asked of its text. instant: set for columns that hold instants.
    """

    dialect: Dialect
    is_json: bool
    number: tuple[Sql, Sql] | None = None
    text: tuple[Sql, Sql] | None = None
    ordered: Sql = TRUE
    instant: Sql | None = None


def operand_of(path: Path, dialect: Dialect) -> Operand:
    """Tell how the elements of a path are read."""
    if path.member in INSTANT_MEMBERS:
        return Operand(dialect, is_json=False, instant=Sql("q.v"))
    if path.member is not None and path.member != "objectType":
        return Operand(dialect, is_json=False, text=(TRUE, Sql("q.v")))
    return Operand(
        dialect,
        is_json=True,
        number=(dialect.is_number, dialect.number),
        text=(dialect.is_text, dialect.text),
        ordered=Sql("p.kind NOT IN ('Relationship', 'ListRelationship')"),
    )


def element_test(operand: Operand, test: ElementTest, *, want: bool) -> Part:
    """Compile a test of element ``q`` for the wanted answer."""
    match test:
        case Is(op, literal):
            return _compare(operand, op, literal, want=want)
        case Between(low, high):
            ends = [_compare(operand, ">=", low, want=want), _compare(operand, "<=", high, want=want)]
            return all_parts(ends) if want else any_part(ends)
        case OneOf(literals):
            return _one_of(operand, literals, want=want)
        case Matches():
            if operand.text is None:
                return Part(FALSE, True)
            return all_parts([Part(operand.text[0], True), Part(operand.ordered, False)])
        case IsNull():
            null = Part(operand.dialect.is_null if operand.is_json else FALSE, True)
            return null if want else negate(null)
        case _:
            assert_never(test)


def _one_of(operand: Operand, literals: tuple[Literal, ...], *, want: bool) -> Part:
    if literals and all(literal.kind == "text" for literal in literals):
        if operand.text is None:
            return Part(FALSE, True)
        found = operand.dialect.is_in(operand.text[1], Bound([literal.value for literal in literals], "text[]"))
        is_one = Part(found, True)
        return all_parts([Part(operand.text[0], True), is_one if want else negate(is_one)])
    choices = [_compare(operand, "==", literal, want=want) for literal in literals]
    return any_part(choices) if want else all_parts(choices)


def _compare(operand: Operand, op: Comparison, literal: Literal, *, want: bool) -> Part:
    match literal.kind:
        case "number":
            return _ordinary(operand.number, op, Bound(literal.value, "double precision"), want=want)
        case "text":
            value = None if operand.text is None else (operand.text[0], operand.dialect.code_point(operand.text[1]))
            compared = _ordinary(value, op, Bound(literal.value, "text"), want=want)
            return compared if op == "==" else all_parts([Part(operand.ordered, True), compared])
        case "boolean":
            return _boolean(operand, op, bool(literal.value), want=want)
        case "instant":
            return _instant(operand, op, cast("int", literal.value), want=want)
        case _:
            assert_never(literal.kind)


def _ordinary(reading: tuple[Sql, Sql] | None, op: Comparison, value: Bound, *, want: bool) -> Part:
    if reading is None:
        return Part(FALSE, True)
    compared = Part(Sql(_OPERATORS[op], reading[1], value), True)
    return all_parts([Part(reading[0], True), compared if want else negate(compared)])


def _boolean(operand: Operand, op: Comparison, value: bool, *, want: bool) -> Part:
    if not operand.is_json or op != "==":
        return Part(FALSE, True)
    is_true = Part(operand.dialect.is_true, True)
    return all_parts([Part(operand.dialect.is_boolean, True), is_true if value is want else negate(is_true)])


def _instant(operand: Operand, op: Comparison, value: int, *, want: bool) -> Part:
    """Compare columns of instants; of texts only the day can be compared here, give or take one for their zones."""
    if operand.instant is not None:
        return _ordinary((TRUE, operand.instant), op, Bound(value, "bigint"), want=want)
    if operand.text is None:
        return Part(FALSE, True)
    if not operand.is_json:
        return Part(TRUE, False)
    conditions = [operand.text[0], operand.ordered, operand.dialect.looks_like_instant]
    day = operand.dialect.code_point(Sql("substr({}, 1, 10)", operand.text[1]))
    early, late = _days(op, value, want=want)
    if early is not None:
        conditions.append(Sql("{} >= {}", day, Bound(early, "text")))
    if late is not None:
        conditions.append(Sql("{} <= {}", day, Bound(late, "text")))
    return Part(Sql("({})", join(" AND ", conditions)), False)


def _days(op: Comparison, value: int, *, want: bool) -> tuple[str | None, str | None]:
    """Give the first and the last day that can be meant."""
    if not _YEAR_2 < value < _YEAR_9999:
        return None, None
    early, late = render_instant(value - 2 * _DAY)[:10], render_instant(value + 2 * _DAY)[:10]
    if op == "==":
        return (early, late) if want else (None, None)
    after = (op in {">", ">="}) is want
    return (early, None) if after else (None, late)
