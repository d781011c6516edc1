"""Patterns from outside: RE2 only, so that no pattern can cost more than time linear in the text."""

from __future__ import annotations

from functools import lru_cache

import re2

from stadtkern.errors import BadRequestData
from stadtkern.query.scanner import Pattern, check_storable

MAX_PATTERN = 1_000
"""Longest pattern, in characters."""

_PROGRAM_BYTES = 1 << 20
_META = frozenset(r"\.+*?()[]{}|^$")
_REPEATS = frozenset("*?{+")


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str, parameter: str = "pattern") -> Pattern:
    """Compile a pattern; it is searched for, so ``^`` and ``$`` anchor it. Raises: BadRequestData."""
    if len(pattern) > MAX_PATTERN:
        raise BadRequestData(
            f"The pattern in {parameter} is {len(pattern)} characters long; at most {MAX_PATTERN} are read",
            pointer=parameter,
        )
    check_storable(pattern, parameter)
    options = re2.Options()
    options.max_mem = _PROGRAM_BYTES
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown fault"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise BadRequestData(
            f"The pattern in {parameter} is not a regular expression that is understood here: {text}",
            hint="patterns are RE2: no back references and no look-around",
            pointer=parameter,
        ) from error


def literal_prefix(pattern: str) -> str:
    """Give what every text that the pattern is found in must begin with; empty where that cannot be told."""
    if not pattern.startswith("^") or "|" in pattern:
        return ""
    body = pattern[1:]
    end = next((index for index, char in enumerate(body) if char in _META), len(body))
    if end < len(body) and body[end] in _REPEATS:
        end -= 1
    return body[: max(end, 0)]
