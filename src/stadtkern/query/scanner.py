"""Reading the small query languages: a cursor over one parameter whose errors name parameter and position."""

from __future__ import annotations

from typing import Protocol

import re2

from stadtkern.errors import BadRequestData, TooComplexQuery

MAX_LENGTH = 16_384
"""Longest text of one query parameter, in characters."""
MAX_DEPTH = 64
"""Deepest nesting of parentheses or braces."""
MAX_LEAVES = 500
"""Most terms in one expression."""

_NAME = re2.compile(r"[\p{L}_@][\p{L}\p{N}_\-]*(?::[\p{L}\p{N}_][\p{L}\p{N}_\-/#%]*)*")
_WHOLE_URI = re2.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*://|(?i:urn:))[^\s=!<>~;|,(){}\[\]\"]+")
"""In an expression: up to an operator, a bracket or a separator."""
_LISTED_URI = re2.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s|,{}]+")
"""In a list of names nothing else ends it."""
_URI_HINT = "a URI with one of = ! < > ~ ; | , ( ) { } [ ] cannot stand here: give it a term in the @context"


class Found(Protocol):
    """What a pattern found."""

    def group(self, group: int | str = 0, /) -> str: ...


class Pattern(Protocol):
    """A compiled RE2 pattern."""

    def search(self, text: str, /) -> Found | None: ...
    def match(self, text: str, /) -> Found | None: ...
    def fullmatch(self, text: str, /) -> Found | None: ...


def check_storable(text: str, parameter: str) -> None:
    """Refuse characters that no stored text can hold, so that no engine ever sees them. Raises: BadRequestData."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
        raise BadRequestData(
            f"The {parameter} parameter contains the character U+0000 or a lone surrogate", pointer=parameter
        )


class Scanner:
    """A cursor over the text of one parameter."""

    __slots__ = ("_uri_end", "depth", "leaves", "parameter", "position", "text")

    def __init__(self, text: str, parameter: str) -> None:
        """Raises: BadRequestData when the text is too long or empty."""
        if len(text) > MAX_LENGTH:
            raise BadRequestData(
                f"The {parameter} parameter is {len(text)} characters long; at most {MAX_LENGTH} are read",
                hint="split the query, or narrow it by type or id",
                pointer=f"{parameter}:{MAX_LENGTH}",
            )
        self.text = text
        self.parameter = parameter
        self.position = 0
        self.depth = 0
        self.leaves = 0
        self._uri_end = -1
        if not text.strip():
            raise self.error("the parameter is empty")
        check_storable(text, parameter)

    def error(self, what: str, position: int | None = None) -> BadRequestData:
        """Make the problem for a fault here, or at another position."""
        at = self.position if position is None else position
        rest = self.text[at : at + 20]
        near = f" near {rest!r}" if rest else " at its end"
        return BadRequestData(
            f"The {self.parameter} parameter cannot be read at position {at}{near}: {what}",
            hint=_URI_HINT if at == self._uri_end and rest else None,
            pointer=f"{self.parameter}:{at}",
        )

    @property
    def at_end(self) -> bool:
        """Whether everything was read."""
        return self.position >= len(self.text)

    def peek(self) -> str:
        """Give the next character, or an empty text at the end."""
        return self.text[self.position : self.position + 1]

    def take(self, token: str) -> bool:
        """Step over a token if it comes next."""
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def take_one_of(self, tokens: tuple[str, ...]) -> str | None:
        """Step over the first of these tokens that comes next."""
        return next((token for token in tokens if self.take(token)), None)

    def expect(self, token: str) -> None:
        """Step over a token. Raises: BadRequestData if something else comes."""
        if not self.take(token):
            raise self.error(f"expected {token!r}")

    def match(self, pattern: Pattern, window: int = 512) -> str | None:
        """Step over what the pattern matches here, within so many characters."""
        found = pattern.match(self.text[self.position : self.position + window])
        if found is None or not found.group():
            return None
        self.position += len(found.group())
        return found.group()

    def name(self, *, listed: bool = False) -> str:
        """Read an attribute's name: letters, digits, ``_``, ``-``, a prefix, or a whole URI (``…://``, ``urn:``).

        Dots belong to a whole URI and to nothing else. listed: in a list, where a URI may hold operators and brackets.
        Spec: CIM 009 4.9 (AttrName), 4.6.2 (supported names).
        """
        found = self.match(_LISTED_URI if listed else _WHOLE_URI)
        if found is not None:
            self._uri_end = self.position
        found = found or self.match(_NAME)
        if found is None:
            raise self.error("expected a name")
        return found

    def enter(self) -> None:
        """Go one level deeper. Raises: TooComplexQuery."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooComplexQuery(
                f"The {self.parameter} parameter is nested deeper than {MAX_DEPTH} levels",
                pointer=f"{self.parameter}:{self.position}",
            )

    def leave(self) -> None:
        """Come back one level."""
        self.depth -= 1

    def count_leaf(self) -> None:
        """Count one term. Raises: TooComplexQuery."""
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise TooComplexQuery(
                f"The {self.parameter} parameter has more than {MAX_LEAVES} terms",
                pointer=f"{self.parameter}:{self.position}",
            )
