"""The language filter: which of a LanguageProperty's languages a reader sees.

Spec: CIM 009 4.15, RFC 4647 (lookup), RFC 9110 12.5.4 (syntax and ranking).
"""

from __future__ import annotations

from collections.abc import Mapping

import re2
from msgspec import Struct

from stadtkern.errors import BadRequestData

ANY = "*"
NONE = "@none"
_RANGE = re2.compile(
    r"(\*|@none|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?"
)
_MAX_RANGES = 50


class LanguageFilter(Struct, frozen=True):
    """Language ranges in lower case, best first; hashable, so that it can be part of a cache key."""

    ranges: tuple[str, ...]

    def choose(self, languages: Mapping[str, object]) -> str | None:
        """Choose a language tag among those of a map, or any where none fits; None for an empty map.

        A range fits a tag that is equal, or begins with it (``en`` and ``en-US``); failing that, the range is
        cut from the right (``nl-BE``, then ``nl``).
        """
        by_tag = {tag.lower(): tag for tag in languages}
        for range_ in self.ranges:
            tag = _any(by_tag) if range_ == ANY else _look_up(range_, by_tag)
            if tag is not None:
                return by_tag[tag]
        fallback = NONE if NONE in by_tag else _any(by_tag)
        return None if fallback is None else by_tag[fallback]


def parse_lang(text: str) -> LanguageFilter:
    """Parse the ``lang`` parameter, such as ``fr-CH,fr;q=0.9,*;q=0.5``.

    Raises: BadRequestData. Spec: CIM 009 4.15 (the syntax of Accept-Language, RFC 9110 12.5.4).
    """
    ranked: list[tuple[float, str]] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip()) if len(part) <= 100 else None
        if match is None or len(ranked) >= _MAX_RANGES:
            raise BadRequestData(
                f"The lang parameter is wrong at {part.strip()[:40]!r}",
                hint="such as fr-CH,fr;q=0.9,*;q=0.5",
                pointer="lang:0",
            )
        quality = float(match.group(2) or 1)
        if quality > 0:
            ranked.append((quality, match.group(1).lower()))
    ranked.sort(key=lambda entry: -entry[0])
    return LanguageFilter(tuple(range_ for _, range_ in ranked))


def _look_up(range_: str, by_tag: Mapping[str, str]) -> str | None:
    while range_:
        if range_ in by_tag:
            return range_
        longer = next((tag for tag in by_tag if tag.startswith(f"{range_}-")), None)
        if longer is not None:
            return longer
        range_ = range_.rpartition("-")[0]
    return None


def _any(by_tag: Mapping[str, str]) -> str | None:
    return next(iter(by_tag), None)
