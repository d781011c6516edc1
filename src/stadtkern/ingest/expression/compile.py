"""Trees of expressions to closures: compiled once, then a few calls for each value.

A closure takes the *slots*, a list that the caller fills: the record in slot 0, then the variables in the places that
``Names`` gave them. What is no variable is a member of the record. The variables that every mapping has begin with
``$``, so that no member of a record is hidden by them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, assert_never, cast

from stadtkern.errors import BadRequestData
from stadtkern.ingest.expression import values
from stadtkern.ingest.expression.parse import (
    Binary,
    Call,
    Choice,
    Constant,
    ListOf,
    Member,
    Name,
    Node,
    ObjectOf,
    Unary,
    parse_expression,
)
from stadtkern.ingest.expression.values import is_less, is_same, is_true

Slots = list[Any]
Evaluate = Callable[[Slots], Any]
RECORD: Final = 0
"""The slot of the record."""


class Names:
    """The variables of a mapping and their slots."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {"$row": RECORD}
        self.size = 1

    def add(self, name: str) -> int:
        """Give a variable a slot; one that exists keeps its own."""
        if name not in self._slots:
            self._slots[name] = self.size
            self.size += 1
        return self._slots[name]

    def __str__(self) -> str:
        return ", ".join(sorted(self._slots))

    def find(self, name: str) -> int | None:
        """Give a variable's slot; None where there is no such variable."""
        return self._slots.get(name)

    @contextmanager
    def bound(self, name: str) -> Generator[int]:
        """Bind a name inside one expression, to a slot of its own."""
        outer = self._slots.get(name)
        self._slots[name] = slot = self.size
        self.size += 1
        try:
            yield slot
        finally:
            if outer is None:
                del self._slots[name]
            else:
                self._slots[name] = outer


class Form(Protocol):
    """A function of the library that decides itself how its arguments are compiled."""

    def __call__(self, compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
        """Compile one call. Raises: BadRequestData."""
        ...


class Compiler:
    """Compiles expressions with one set of variables and functions."""

    def __init__(self, names: Names, functions: Mapping[str, Form]) -> None:
        self.names = names
        self._functions = functions

    def compile(self, text: str) -> Evaluate:
        """Compile one expression. Raises: BadRequestData."""
        return self.compile_node(parse_expression(text))

    def compile_node(self, node: Node) -> Evaluate:
        """Compile a part of an expression. Raises: BadRequestData."""
        match node:
            case Constant(value):
                return lambda slots: value
            case Name(name):
                return self._compile_name(name)
            case Member():
                return self._compile_member(node)
            case Unary(sign, operand):
                return _compile_unary(sign, self.compile_node(operand))
            case Binary(sign, left, right):
                return _compile_binary(sign, self.compile_node(left), self.compile_node(right))
            case Choice(condition, yes, no):
                return _compile_choice(*map(self.compile_node, (condition, yes, no)))
            case Call(function, arguments):
                return self._compile_call(function, arguments)
            case ListOf(elements):
                parts = [self.compile_node(one) for one in elements]
                return lambda slots: [part(slots) for part in parts]
            case ObjectOf(members):
                pairs = [(name, self.compile_node(one)) for name, one in members]
                return lambda slots: {name: part(slots) for name, part in pairs}
            case _:
                assert_never(node)

    def _compile_name(self, name: str) -> Evaluate:
        slot = self.names.find(name)
        if slot is not None:
            return lambda slots: slots[slot]
        if name.startswith("$"):
            raise BadRequestData(f"There is no variable {name}", hint=f"there are {self.names}")

        def member_of_record(slots: Slots) -> Any:
            record: Any = slots[RECORD]
            return cast("dict[str, Any]", record).get(name) if type(record) is dict else None

        return member_of_record

    def _compile_member(self, node: Member) -> Evaluate:
        of, key = self.compile_node(node.of), node.key
        if isinstance(key, Constant):
            return _fixed_member(of, key.value)
        found = self.compile_node(key)
        return lambda slots: member(of(slots), found(slots))

    def _compile_call(self, function: str, arguments: tuple[Node, ...]) -> Evaluate:
        form = self._functions.get(function)
        if form is None:
            known = ", ".join(sorted(self._functions))
            raise BadRequestData(f"There is no function {function}()", hint=f"there are {known}")
        return form(self, arguments)


def _fixed_member(of: Evaluate, key: Any) -> Evaluate:
    if type(key) is not str:
        return lambda slots: member(of(slots), key)

    def evaluate(slots: Slots) -> Any:
        value = of(slots)
        return cast("dict[str, Any]", value).get(key) if type(value) is dict else None

    return evaluate


def member(value: Any, key: Any) -> Any:
    """Give a member of an object or an element of a list; null where there is none. -1 is the last element."""
    if type(value) is dict:
        return cast("dict[Any, Any]", value).get(key) if type(key) is str else None
    if type(value) is list and type(key) is int:
        elements = cast("list[Any]", value)
        return elements[key] if -len(elements) <= key < len(elements) else None
    return None


def _compile_unary(sign: str, operand: Evaluate) -> Evaluate:
    if sign == "!":
        return lambda slots: not is_true(operand(slots))

    def negative(slots: Slots) -> Any:
        value = operand(slots)
        return None if value is None else values.subtract(0, value)

    return negative


def _compile_choice(condition: Evaluate, yes: Evaluate, no: Evaluate) -> Evaluate:
    return lambda slots: yes(slots) if is_true(condition(slots)) else no(slots)


def _compile_binary(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    special = _SPECIAL.get(sign)
    if special is not None:
        return special(left, right)
    work = _BINARY[sign]

    def evaluate(slots: Slots) -> Any:
        first = left(slots)
        if first is None:
            return None
        second = right(slots)
        return None if second is None else work(first, second)

    return evaluate


def _compile_default(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(slots: Slots) -> Any:
        value = left(slots)
        return right(slots) if value is None else value

    return evaluate


_SPECIAL: dict[str, Callable[[Evaluate, Evaluate], Evaluate]] = {
    "??": _compile_default,
    "&&": lambda left, right: lambda slots: is_true(left(slots)) and is_true(right(slots)),
    "||": lambda left, right: lambda slots: is_true(left(slots)) or is_true(right(slots)),
    "==": lambda left, right: lambda slots: is_same(left(slots), right(slots)),
    "!=": lambda left, right: lambda slots: not is_same(left(slots), right(slots)),
}
"""Signs that null does not simply go through."""

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "<": is_less,
    ">": lambda left, right: is_less(right, left),
    "<=": lambda left, right: not is_less(right, left),
    ">=": lambda left, right: not is_less(left, right),
    "in": values.is_in,
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.remain,
}
