"""Expressions of mappings to trees, by recursive descent.

::

    expression = chosen [ "?" expression ":" expression ]
    chosen     = any { "??" any }               the first that is not null
    any        = all { "||" all }               also: or
    all        = compared { "&&" compared }     also: and
    compared   = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") sum ]
    sum        = product { ("+" | "-") product }
    product    = signed { ("*" | "/" | "%") signed }
    signed     = { "-" | "!" | "not" } member
    member     = value { "." name | "[" expression "]" }
    value      = literal | name | name "(" [ expression { "," expression } ] ")"
               | "(" expression ")" | "[" … "]" | "{" name ":" expression , … "}"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from typing import Literal as OneOf

from stadtkern.errors import BadRequestData
from stadtkern.ingest.expression.scan import Word, scan

MAX_DEPTH: Final = 32
"""Deepest nesting of an expression."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in the expression."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a member of the record."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object, or an element of a list: null where there is none."""

    of: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Unary:
    """Minus or not."""

    sign: OneOf["-", "!"]
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and what joins them."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Choice:
    """``condition ? yes : no``."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the library with its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values."""

    elements: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """An object: names and values."""

    members: tuple[tuple[str, Node], ...]


Node = Constant | Name | Member | Unary | Binary | Choice | Call | ListOf | ObjectOf

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_WORDS = {"and": "&&", "or": "||", "not": "!"}
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"??"}),
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_COMPARING = 3


def parse_expression(text: str) -> Node:
    """Parse one expression. Raises: BadRequestData (a sentence with the position)."""
    parser = _Parser(text)
    node = parser.parse(0)
    if parser.word.kind != "end":
        raise parser.unexpected("the end")
    return node


class _Parser:
    """Where the parser stands in one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [self._rename(word) for word in scan(text)]
        self._at = 0

    @staticmethod
    def _rename(word: Word) -> Word:
        """Take ``and``, ``or``, ``not`` and ``in`` as the signs they stand for."""
        if word.kind == "name" and word.value in _WORDS:
            return Word("sign", _WORDS[str(word.value)], word.at)
        return Word("sign", "in", word.at) if word.kind == "name" and word.value == "in" else word

    @property
    def word(self) -> Word:
        return self._words[self._at]

    def unexpected(self, wanted: str) -> BadRequestData:
        shown = "the end" if self.word.kind == "end" else repr(self.word.value)
        return BadRequestData(
            f"The expression {self._text[:200]!r} has {shown} at {self.word.at + 1} where {wanted} was expected"
        )

    def _next(self) -> Word:
        word = self.word
        self._at += 1
        return word

    def _has(self, sign: str) -> bool:
        return self.word.kind == "sign" and self.word.value == sign

    def _take(self, sign: str) -> bool:
        if not self._has(sign):
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self.unexpected(repr(sign))

    def parse(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise BadRequestData(f"The expression {self._text[:80]!r} is nested deeper than {MAX_DEPTH} levels")
        condition = self._parse_level(0, depth)
        if not self._take("?"):
            return condition
        yes = self.parse(depth + 1)
        self._expect(":")
        return Choice(condition, yes, self.parse(depth + 1))

    def _parse_level(self, level: int, depth: int) -> Node:
        if level == len(_LEVELS):
            return self._parse_signed(depth)
        node = self._parse_level(level + 1, depth)
        while self.word.kind == "sign" and self.word.value in _LEVELS[level]:
            sign = str(self._next().value)
            node = Binary(sign, node, self._parse_level(level + 1, depth))
            if level == _COMPARING:
                break
        return node

    def _parse_signed(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise BadRequestData(f"The expression {self._text[:80]!r} is nested deeper than {MAX_DEPTH} levels")
        if self._take("-"):
            return Unary("-", self._parse_signed(depth + 1))
        if self._take("!"):
            return Unary("!", self._parse_signed(depth + 1))
        return self._parse_member(depth)

    def _parse_member(self, depth: int) -> Node:
        node = self._parse_value(depth)
        while True:
            if self._take("."):
                if self.word.kind != "name":
                    raise self.unexpected("a name")
                node = Member(node, Constant(self._next().value))
            elif self._take("["):
                node = Member(node, self.parse(depth + 1))
                self._expect("]")
            else:
                return node

    def _parse_value(self, depth: int) -> Node:
        if self._take("("):
            node = self.parse(depth + 1)
            self._expect(")")
            return node
        if self._take("["):
            return ListOf(self._parse_list("]", depth))
        if self._take("{"):
            return self._parse_object(depth)
        if self.word.kind in ("number", "text"):
            return Constant(self._next().value)
        if self.word.kind != "name":
            raise self.unexpected("a value")
        name = str(self._next().value)
        if self._take("("):
            return Call(name, self._parse_list(")", depth))
        return Constant(_CONSTANTS[name]) if name in _CONSTANTS else Name(name)

    def _parse_list(self, end: str, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take(end):
            if found:
                self._expect(",")
            found.append(self.parse(depth + 1))
        return tuple(found)

    def _parse_object(self, depth: int) -> ObjectOf:
        found: list[tuple[str, Node]] = []
        while not self._take("}"):
            if found:
                self._expect(",")
            if self.word.kind not in ("name", "text"):
                raise self.unexpected("the name of a member")
            name = str(self._next().value)
            self._expect(":")
            found.append((name, self.parse(depth + 1)))
        return ObjectOf(tuple(found))
