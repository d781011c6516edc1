"""Reading options token by token: a cursor whose faults name the option and the character.

Tokens are cut off when they are asked for, because keys inside JSON properties have other characters than names.
Every pattern here steps forward only, so that reading is linear in the length of the text.
Spec: OGC 18-088 9.3.3.5; OData 4.0 ABNF.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from stadtkern.errors import BadRequestData
from stadtkern.query.scanner import check_storable

MAX_LENGTH = 32_768
"""Longest text of one option, in characters."""
MAX_NESTING = 50
"""Deepest nesting of brackets, signs, ``not`` and function calls."""
MAX_NODES = 2_000
"""Most nodes in one option."""
MAX_RELATIONS = 500
"""Most relations that the paths of one option go along, together."""

TokenKind = Literal["name", "text", "number", "period", "moment", "clock", "typed", "symbol", "end"]

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}"
_SECONDS = r":[0-9]{2}(?:[.,][0-9]{1,18})?"
_MOMENT = rf"{_DATE}(?:[Tt]{_CLOCK}(?:{_SECONDS})?(?:[Zz]|[+\- ][0-9]{{2}}:?[0-9]{{2}})?)?"
_PERIOD = r"P[0-9YMWDTHS.,]{1,40}"
_TEXT = r"'[^']*+(?:''[^']*+)*+'"
_TOKEN = re.compile(
    rf"""
      (?P<period>{_MOMENT}/(?:{_MOMENT}|{_PERIOD})|{_PERIOD}/{_MOMENT})
    | (?P<moment>{_MOMENT})
    | (?P<clock>{_CLOCK}{_SECONDS})
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<text>{_TEXT})
    | (?P<typed>(?i:duration|geography|geometry){_TEXT})
    | (?P<name>[$@]?[^\W\d][\w.@\-]*)
    | (?P<symbol>[()/,:;=*\[\]\-])
    """,
    re.VERBOSE,
)
_BLANK = re.compile(r"[ \t\r\n]*")
_KEY = re.compile(r"[\w@$\u0300-\u036f][\w.:@$\-\u0300-\u036f]*")


class Token(NamedTuple):
    """A piece of text; start and end are characters from 0."""

    kind: TokenKind
    text: str
    start: int
    end: int


class Tokens:
    """A cursor over the text of one option."""

    __slots__ = ("_ahead", "depth", "end", "nodes", "parameter", "relations", "text")

    def __init__(self, text: str, parameter: str) -> None:
        """Raises: BadRequestData when the text is too long, empty, or holds what cannot be stored."""
        self.text = text
        self.parameter = parameter
        self.end = 0
        """Where the last token that was taken ends."""
        self.depth = self.nodes = self.relations = 0
        self._ahead: Token | None = None
        if len(text) > MAX_LENGTH:
            raise BadRequestData(
                f"The {parameter} option is {len(text)} characters long; at most {MAX_LENGTH} are read",
                pointer=f"{parameter}:{MAX_LENGTH}",
            )
        if not text.strip():
            raise self.error("the option is empty")
        check_storable(text, parameter)

    def error(self, what: str, at: int | None = None, *, hint: str | None = None) -> BadRequestData:
        """Make the problem for a fault at a character, or at the next token."""
        place = self.peek_start() if at is None else at
        rest = self.text[place : place + 20]
        near = f" near {rest!r}" if rest else " at its end"
        return BadRequestData(
            f"The {self.parameter} option cannot be read at character {place}{near}: {what}",
            hint=hint,
            pointer=f"{self.parameter}:{place}",
        )

    def peek_start(self) -> int:
        """Tell where the next token starts."""
        found = _BLANK.match(self.text, self.end)
        return self.end if found is None else found.end()

    def peek(self) -> Token:
        """Give the next token and stay before it. Raises: BadRequestData where no token begins."""
        if self._ahead is None:
            self._ahead = self._cut(self.peek_start())
        return self._ahead

    def _cut(self, start: int) -> Token:
        if start >= len(self.text):
            return Token("end", "", start, start)
        found = _TOKEN.match(self.text, start)
        if found is None or found.lastgroup is None:
            what = "the text has no end" if self.text[start] == "'" else "this is no name, value or sign"
            raise self.error(what, start)
        kind: TokenKind = found.lastgroup  # pyright: ignore[reportAssignmentType]
        return Token(kind, found.group(), start, found.end())

    def next(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self.end = token.end
        self._ahead = None
        return token

    def sees(self, symbol: str) -> bool:
        """Tell whether a sign comes next."""
        token = self.peek()
        return token.kind == "symbol" and token.text == symbol

    def take(self, symbol: str) -> bool:
        """Step over a sign if it comes next."""
        found = self.sees(symbol)
        if found:
            self.next()
        return found

    def expect(self, symbol: str) -> None:
        """Step over a sign. Raises: BadRequestData if something else comes."""
        if not self.take(symbol):
            raise self.error(f"expected {symbol!r}")

    def take_word(self, *words: str) -> str | None:
        """Step over a name if it is one of these words in any case; gives it in lower case."""
        token = self.peek()
        word = token.text.lower()
        if token.kind != "name" or word not in words:
            return None
        self.next()
        return word

    def name(self, what: str) -> Token:
        """Take a name. Raises: BadRequestData if something else comes."""
        if self.peek().kind != "name":
            raise self.error(f"expected {what}")
        return self.next()

    def key(self) -> str:
        """Take a key of a JSON object, here and now: letters, digits and ``_ . : @ $ -``, or a quoted text."""
        self._ahead = None
        found = _KEY.match(self.text, self.end)
        if found is not None:
            self.end = found.end()
            return found.group()
        if self.peek().kind != "text":
            raise self.error("expected a key")
        return unquote(self.next().text)

    def inside(self) -> tuple[str | int, ...]:
        """Take the way inside a JSON property: ``/key``, ``[2]``, any number of times."""
        way: list[str | int] = []
        while True:
            if self.take("/"):
                way.append(self.key())
            elif self.sees("["):
                way.append(self._index())
            else:
                return tuple(way)
            self.count()

    def _index(self) -> int:
        self.expect("[")
        token = self.next()
        if token.kind != "number" or not token.text.isdecimal() or len(token.text) > 9:
            raise self.error("expected the number of an element, from 0", token.start)
        self.expect("]")
        return int(token.text)

    def enter(self, at: int) -> None:
        """Go one level deeper. Raises: BadRequestData."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.error(f"this is nested deeper than {MAX_NESTING} levels", at)

    def leave(self) -> None:
        """Come back one level."""
        self.depth -= 1

    def count(self) -> None:
        """Count one node. Raises: BadRequestData."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.error(f"there are more than {MAX_NODES} names, values and operators", self.end)

    def count_relation(self) -> None:
        """Count one step along a relation. Raises: BadRequestData."""
        self.relations += 1
        if self.relations > MAX_RELATIONS:
            raise self.error(f"its paths go along more than {MAX_RELATIONS} relations", self.end)


def unquote(text: str) -> str:
    """Give what stands between quotes; two quotes inside are one."""
    return text[1:-1].replace("''", "'")
