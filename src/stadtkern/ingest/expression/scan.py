"""The words of an expression: names, numbers, texts, signs."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import re2

from stadtkern.errors import BadRequestData

MAX_LENGTH: Final = 4_000
"""Longest expression, in characters."""
WordKind = Literal["name", "number", "text", "sign", "end"]


class Word(NamedTuple):
    """One word: ``value`` is a name, a sign, or what a literal means; ``at`` is where it stands."""

    kind: WordKind
    value: str | int | float
    at: int


_WORD = re2.compile(
    r"(\s+)"
    r"|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(\$?[\pL_][\pL\pN_]*)"
    r"|(\?\?|&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])"
)
_BLANK, _NUMBER, _NAME = 1, 2, 3
"""Groups of the pattern; the fourth is a sign."""
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


def scan(text: str) -> list[Word]:
    """Split an expression into words, with an ``end`` behind the last. Raises: BadRequestData (with the position)."""
    if len(text) > MAX_LENGTH:
        raise BadRequestData(f"The expression is longer than {MAX_LENGTH} characters")
    words: list[Word] = []
    at = 0
    while at < len(text):
        if text[at] in "'\"":
            value, end = _scan_text(text, at)
            words.append(Word("text", value, at))
        else:
            word, end = _scan_word(text, at)
            if word is not None:
                words.append(word)
        at = end
    words.append(Word("end", "", len(text)))
    return words


def _scan_word(text: str, at: int) -> tuple[Word | None, int]:
    match = _WORD.match(text, at)
    if match is None:
        raise BadRequestData(f"The expression {text[:200]!r} has the unknown character {text[at]!r} at {at + 1}")
    end = match.end()
    part = text[at:end]
    if match.start(_BLANK) >= 0:
        return None, end
    if match.start(_NUMBER) >= 0:
        whole = part.isdigit() and len(part) <= 18
        return Word("number", int(part) if whole else float(part), at), end
    return Word("name" if match.start(_NAME) >= 0 else "sign", part, at), end


def _scan_text(text: str, at: int) -> tuple[str, int]:
    """Read a text between quotation marks; a backslash takes the next character as it is, or as n and t."""
    mark, parts, place = text[at], list[str](), at + 1
    while place < len(text):
        character = text[place]
        if character == mark:
            return "".join(parts), place + 1
        if character == "\\" and place + 1 < len(text):
            place += 1
            # an unknown escape keeps its backslash, so that patterns can be written as they are: '\d+'
            parts.append(_ESCAPES.get(text[place], "\\" + text[place]))
        else:
            parts.append(character)
        place += 1
    raise BadRequestData(f"The expression {text[:200]!r} has a text without an end at {at + 1}")
