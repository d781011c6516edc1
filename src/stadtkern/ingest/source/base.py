"""What a source gives: records that can be used, and such as cannot."""

from __future__ import annotations

from typing import Any, NamedTuple

from stadtkern.ingest.mapping.run import Record


class Spoiled(NamedTuple):
    """A record that cannot be read."""

    number: int
    reason: str
    shown: Any = None


class Blank(NamedTuple):
    """A line without anything on it."""

    number: int


Read = Record | Spoiled | Blank
