"""What expressions compute with: JSON values and moments; and how they compare, add and become texts.

Null goes through: an operation on null is null. Texts are never taken as numbers; ``number()`` reads them.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from stadtkern.ingest.fault import Fault
from stadtkern.model.instant import render_instant

MAX_TEXT: Final = 1_000_000
"""Longest text that an expression may make, in characters."""
_NUMBERS: Final = frozenset({int, float})
_LIMIT: Final = 1 << 63


class Moment(int):
    """A point in time as a value of an expression: microseconds since 1970, UTC."""

    __slots__ = ()


def kind_of(value: Any) -> str:
    """Name a value's kind for a person."""
    if value is None:
        return "nothing"
    for type_, name in _KINDS:
        if isinstance(value, type_):
            return name
    return "a value of another kind"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (Moment, "a time"),
    (int, "a number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


def show(value: Any) -> str:
    """Show a value in a reason, shortened."""
    return f"{value!r:.60}" if isinstance(value, str) else f"{render_text(value)!s:.60}"


def is_number(value: Any) -> bool:
    """Tell whether a value can be reckoned with."""
    return type(value) is int or type(value) is float


def render_text(value: Any) -> str | None:
    """Write a value as text: whole numbers without a point, times as ISO 8601 in UTC, lists and objects as JSON."""
    if value is None or type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if isinstance(value, Moment):
        return render_instant(value)
    if type(value) is float and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return msgspec.json.encode(value, enc_hook=_encode_hook).decode()


def _encode_hook(value: object) -> object:
    raise Fault(f"{type(value).__name__} is not a JSON value")


def is_true(value: Any) -> bool:
    """Take a value as a condition: true, or false and null. Raises: Fault (anything else)."""
    if value is True:
        return True
    if value is False or value is None:
        return False
    raise Fault(f"a condition is {kind_of(value)} ({show(value)}), not true or false")


def is_same(left: Any, right: Any) -> bool:
    """Compare two values; different kinds are different, true is not 1."""
    if type(left) is bool or type(right) is bool:
        return left is right
    return bool(left == right)


def is_less(left: Any, right: Any) -> bool:
    """Order numbers, texts or times. Raises: Fault (values that have no order)."""
    moments = isinstance(left, Moment) + isinstance(right, Moment)
    if moments == 2 or (is_number(left) and is_number(right)) or (type(left) is str and type(right) is str):
        return left < right
    raise Fault(f"{kind_of(left)} ({show(left)}) cannot be compared with {kind_of(right)} ({show(right)})")


def is_in(left: Any, right: Any) -> bool:
    """Tell whether a list holds a value, an object a member, a text a part."""
    if isinstance(right, list):
        return any(is_same(left, one) for one in cast("list[Any]", right))
    if isinstance(right, dict) or (type(right) is str and type(left) is str):
        return left in cast("dict[Any, Any] | str", right)
    raise Fault(f"'in' needs a list, an object or a text, not {kind_of(right)}")


def add(left: Any, right: Any) -> Any:
    """Add numbers, join texts. Raises: Fault."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        return check_number(left + right)
    if type(left) is str and type(right) is str:
        if len(left) + len(right) > MAX_TEXT:
            raise Fault(f"a text would be longer than {MAX_TEXT} characters")
        return left + right
    raise _no_numbers("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """Subtract numbers. Raises: Fault."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        return check_number(left - right)
    raise _no_numbers("-", left, right)


def multiply(left: Any, right: Any) -> Any:
    """Multiply numbers. Raises: Fault."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        return check_number(left * right)
    raise _no_numbers("*", left, right)


def divide(left: Any, right: Any) -> Any:
    """Divide numbers; the result is a fraction. Raises: Fault."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        if not right:
            raise Fault(f"{show(left)} cannot be divided by zero")
        return check_number(left / right)
    raise _no_numbers("/", left, right)


def remain(left: Any, right: Any) -> Any:
    """Give the rest of a division; it has the divisor's sign. Raises: Fault."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        if not right:
            raise Fault(f"{show(left)} cannot be divided by zero")
        return check_number(left % right)
    raise _no_numbers("%", left, right)


def _no_numbers(sign: str, left: Any, right: Any) -> Fault:
    wrong = right if is_number(left) else left
    return Fault(f"'{sign}' needs numbers, not {kind_of(wrong)} ({show(wrong)})")


def check_number(value: Any) -> Any:
    """Refuse numbers that JSON or the store could not hold. Raises: Fault.

    Whole numbers beyond 64 bits become fractions, so that nothing in an expression grows without bounds.
    """
    if type(value) is float:
        if value - value == 0.0:
            return value
        raise Fault("a number is not finite")
    return value if -_LIMIT <= value < _LIMIT else float(value)
