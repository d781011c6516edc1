"""Calculations with numbers and durations, alike on both engines and without errors.

PostgreSQL refuses results that a double cannot hold. So operands beyond 1e150, or nearer to zero than 1e-150, make a
result unknown. Operands stand in a derived table of one row, so that each is computed once.
"""

from __future__ import annotations

import math
from typing import Final, Literal, LiteralString, cast

from stadtkern.store.dialect import Bound, Sql
from stadtkern.store.sensorthings.value import NOTHING, Duration, Number, Time, Value, duration_literal, number_value

Calculation = Literal["add", "sub", "mul", "div", "mod"]

_LARGEST: Final = 1e150
_LONGEST: Final = 400_000_000_000_000_000
"""Microseconds, over 12,000 years: a constant that is longer cannot be added to an instant as an integer."""
_RESULTS: Final[dict[str, LiteralString]] = {
    "add": "arg.a + arg.b",
    "sub": "arg.a - arg.b",
    "mul": "arg.a * arg.b",
    "div": "CASE WHEN arg.b <> 0 THEN arg.a / arg.b END",
    "integer div": "CASE WHEN arg.b <> 0 THEN trunc(arg.a / arg.b) END",
    "mod": "CASE WHEN arg.b <> 0 THEN arg.a - arg.b * trunc(arg.a / arg.b) END",
}
_ROUNDINGS: Final[dict[str, LiteralString]] = {
    "floor": "floor(CAST({} AS double precision))",
    "ceiling": "ceil(CAST({} AS double precision))",
    # half away from zero, as OData says; PostgreSQL alone would round half to even
    "round": "(SELECT CASE WHEN abs(arg.a - trunc(arg.a)) >= 0.5 THEN trunc(arg.a) + sign(arg.a) ELSE trunc(arg.a) END"
    " FROM (SELECT CAST({} AS double precision) AS a LIMIT 1) arg)",
}


def calculate(operator: Calculation, left: Value, right: Value) -> Value:
    """Calculate with two values; nothing where their kinds do not go together. Division by zero is unknown."""
    if left.number is not None and right.number is not None:
        return _numbers(operator, left.number, right.number)
    if left.time is not None or right.time is not None:
        return _times(operator, left, right)
    if left.duration is None and right.duration is None:
        return NOTHING
    return _durations(operator, left, right)


def negate(value: Value) -> Value:
    """Change the sign."""
    if value.number is not None:
        return number_value(Sql("(-{})", _double(value.number.sql)), integer=value.number.integer)
    if value.duration is not None:
        constant = value.duration.constant
        return _duration(Sql("(-{})", value.duration.sql)) if constant is None else duration_literal(-constant)
    return NOTHING


def round_number(name: str, value: Value) -> Value:
    """Apply ``round``, ``floor`` or ``ceiling``."""
    return NOTHING if value.number is None else number_value(Sql(_ROUNDINGS[name], value.number.sql))


def _numbers(operator: Calculation, left: Number, right: Number) -> Value:
    integer = left.integer and right.integer
    return number_value(_guarded(operator, left.sql, right.sql, integer=integer), integer=integer)


def _guarded(operator: Calculation, left: Sql, right: Sql, *, integer: bool = False) -> Sql:
    result = _RESULTS["integer div" if integer and operator == "div" else operator]
    return Sql(
        "(SELECT CASE WHEN (arg.a = 0 OR abs(arg.a) BETWEEN 1e-150 AND 1e150)"
        " AND (arg.b = 0 OR abs(arg.b) BETWEEN 1e-150 AND 1e150) THEN {} END"
        " FROM (SELECT {} AS a, {} AS b LIMIT 1) arg)",
        Sql(result),
        _double(left),
        _double(right),
    )


def _double(sql: Sql) -> Sql:
    return Sql("CAST({} AS double precision)", sql)


def _duration(sql: Sql) -> Value:
    return Value(duration=Duration(sql))


def _times(operator: Calculation, left: Value, right: Value) -> Value:
    """Calculate with a time: with another one (the starts count), or with a duration."""
    if left.time is not None and right.time is not None:
        if operator != "sub":
            return NOTHING
        if "far" in {left.time.range, right.time.range}:
            return _duration(_guarded("sub", left.time.start, right.time.start))
        return _duration(Sql("({} - {})", left.time.start, right.time.start))
    time, length = (left.time, right.duration) if left.time is not None else (right.time, left.duration)
    if time is None or length is None or operator not in {"add", "sub"} or (operator == "sub" and left.time is None):
        return NOTHING
    return Value(time=_move(time, length, cast("Literal['add', 'sub']", operator)))


def _move(time: Time, length: Duration, operator: Literal["add", "sub"]) -> Time:
    if time.range == "stored" and length.constant is not None and abs(length.constant) <= _LONGEST:
        by = Bound(length.constant if operator == "add" else -length.constant, "bigint")
        return Time(
            Sql("({} + {})", time.start, by), None if time.end is None else Sql("({} + {})", time.end, by), "near"
        )
    end = None if time.end is None else _guarded(operator, time.end, length.sql)
    return Time(_guarded(operator, time.start, length.sql), end, "far")


def _durations(operator: Calculation, left: Value, right: Value) -> Value:
    """Calculate where at least one operand is a duration and none a time."""
    one, other = left.duration, right.duration
    if one is not None and other is not None:
        if operator in {"add", "sub"}:
            return _duration(_guarded(operator, one.sql, other.sql))
        return number_value(_guarded("div", one.sql, other.sql)) if operator == "div" else NOTHING
    length, factor = (one, right.number) if one is not None else (other, left.number)
    if length is None or factor is None or not (operator == "mul" or (operator == "div" and one is not None)):
        return NOTHING
    known = _multiply(length, factor) if operator == "mul" else None
    return _duration(_guarded(operator, length.sql, factor.sql)) if known is None else duration_literal(known)


def _multiply(length: Duration, factor: Number) -> int | None:
    """Multiply constants here, so that a time computed from them is one to the engine's planner."""
    if length.constant is None or factor.constant is None:
        return None
    product = length.constant * factor.constant
    return round(product) if math.isfinite(product) and abs(product) <= _LONGEST else None
