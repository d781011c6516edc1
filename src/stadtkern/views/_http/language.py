"""The languages of the pages, and the choice between them."""

from __future__ import annotations

from typing import Final, Literal

from stadtkern.views._http.description import Text
from stadtkern.views._http.message import Request

Language = Literal["en", "de"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "de")
NAMES: Final[dict[Language, str]] = {"en": "English", "de": "Deutsch"}
_MAX_RANGES: Final = 32


def language_of(request: Request) -> Language:
    """Choose the language of a page that was asked for."""
    return choose_language(dict(request.query).get("lang"), request.header("accept-language"))


def say(language: Language, text: Text) -> str:
    """Give a text in a language."""
    return text.de if language == "de" else text.en


def choose_language(asked: str | None, accepted: str | None) -> Language:
    """Choose: what the address asks for, else the reader's first known language (RFC 9110 12.5.4), else English."""
    for language in LANGUAGES:
        if asked == language:
            return language
    best: tuple[float, Language] = (0.0, "en")
    for part in (accepted or "").split(",")[:_MAX_RANGES]:
        tag, _, parameters = part.partition(";")
        weight = _weight(parameters.strip())
        for language in LANGUAGES:
            if tag.strip().lower().split("-")[0] == language and weight > best[0]:
                best = (weight, language)
    return best[1]


def _weight(parameter: str) -> float:
    text = parameter.removeprefix("q=")
    digits = text.replace(".", "", 1)
    return float(text) if digits.isascii() and digits.isdecimal() and len(text) <= 6 else 1.0
