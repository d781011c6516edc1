"""Ordering texts for people: a small, dependency-free stand-in for the Unicode collation algorithm.

Base letters decide first, then accents, then case (lower before upper). Tags are those of RFC 6067 such as
``de-u-co-phonebk``. We honour the strength (``ks``) and the German phone
book; every other well-formed tag means the root order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import re2

from stadtkern.errors import BadRequestData

_TAG = re2.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_STRENGTH = {"level1": 1, "level2": 2, "level3": 3, "level4": 3, "identic": 4}
_PHONE_BOOK = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})

CollationKey = Callable[[str], Any]


def parse_collation(tag: str) -> str:
    """Check a collation tag and give it in lower case. Raises: BadRequestData. Spec: CIM 009 4.23.1, 5.7.2.4."""
    if len(tag) > 60 or _TAG.fullmatch(tag) is None:
        raise BadRequestData(
            f"The collation {tag[:40]!r} is not a language tag",
            hint="such as und or de-u-co-phonebk",
            pointer="collation:0",
        )
    strength = _keyword(tag.lower(), "ks")
    if strength is not None and strength not in _STRENGTH:
        raise BadRequestData(f"The collation strength {strength!r} is not known", pointer="collation:0")
    return tag.lower()


def _keyword(tag: str, key: str) -> str | None:
    """Find the value of a Unicode extension keyword in a tag."""
    parts = tag.split("-")
    if "u" not in parts or key not in parts[parts.index("u") :]:
        return None
    at = parts.index(key, parts.index("u")) + 1
    return parts[at] if at < len(parts) else ""


def collation_key(tag: str | None) -> CollationKey:
    """Give the function that makes sort keys of texts; None compares by code point."""
    if tag is None:
        return str
    strength = _STRENGTH[_keyword(tag, "ks") or "level3"]
    phone_book = tag.startswith("de") and _keyword(tag, "co") == "phonebk"

    def key(text: str) -> tuple[str, ...]:
        return _levels(text.translate(_PHONE_BOOK) if phone_book else text)[:strength] + (text,) * (strength == 4)

    return key


def _levels(text: str) -> tuple[str, str, str]:
    """Split a text into base letters, accents and case, each comparable by code point."""
    decomposed = unicodedata.normalize("NFKD", text)
    base: list[str] = []
    accents: list[str] = []
    for char in decomposed:
        if not unicodedata.combining(char):
            base.append(char)
            accents.append(" ")
        else:
            accents.append(char)
    letters = "".join(base)
    return letters.casefold(), "".join(accents), letters.swapcase()
