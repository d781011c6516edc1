"""Functions that SQLite lacks, for the statements of ``store.sensorthings``. All give the same for the same arguments.

They never raise: what an argument cannot be makes the result NULL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from stadtkern.query import planar
from stadtkern.store.dialect import NUMBER_IN_TEXT

_NUMBER: Final = re.compile(NUMBER_IN_TEXT, re.ASCII)


def _lower(text: Any) -> str | None:
    return text.lower() if isinstance(text, str) else None


def _upper(text: Any) -> str | None:
    return text.upper() if isinstance(text, str) else None


def _number(text: Any) -> float | None:
    return float(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


FUNCTIONS: Final[dict[str, tuple[Callable[..., Any], int]]] = {
    "stadtkern_lower": (_lower, 1),
    "stadtkern_upper": (_upper, 1),
    "stadtkern_number": (_number, 1),
    "stadtkern_relate": (planar.relate, 4),
    "stadtkern_distance": (planar.distance, 2),
    "stadtkern_length": (planar.length, 1),
}
"""By name: the function and how many arguments it takes."""
