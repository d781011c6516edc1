"""Addresses as they come over the wire: percent escapes of paths, and query strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, unquote

from stadtkern.errors import InvalidRequest

MAX_TARGET: Final = 32 * 1024
"""Longest path and query, bytes; browsers and proxies stop far earlier."""
MAX_PARAMETERS: Final = 200
_PLAIN_QUERY: Final = re.compile(rb"(?:[A-Za-z0-9_.~:,;=/@!$*()-]|&(?!&|$))+")
"""Query strings without escapes, blanks or empty parts: split without decoding."""


def unquote_parts(parts: Sequence[str]) -> list[str]:
    """Decode percent escapes. Raises: InvalidRequest."""
    try:
        segments = [unquote(part, errors="strict") for part in parts]
    except UnicodeDecodeError as error:
        raise InvalidRequest("The address holds percent escapes that are not UTF-8") from error
    if any("\0" in segment for segment in segments):
        raise InvalidRequest("The address contains the character U+0000")
    return segments


def read_query(text: bytes) -> list[tuple[str, str]]:
    """Read a query string. Raises: InvalidRequest."""
    if not text:
        return []
    if _PLAIN_QUERY.fullmatch(text) and text.count(b"&") < MAX_PARAMETERS:
        parts = [part.split("=", 1) for part in text.decode("ascii").split("&")]
        return [(part[0], part[1] if len(part) > 1 else "") for part in parts]
    try:
        pairs = parse_qsl(
            text.decode("ascii", "replace"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:
        raise InvalidRequest(
            "The query string cannot be read: too many parameters, or escapes that are not UTF-8"
        ) from error
    if any("\0" in value or "\0" in name for name, value in pairs):
        raise InvalidRequest("A query parameter contains the character U+0000")
    return pairs
