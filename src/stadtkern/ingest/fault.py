"""What is wrong with one record: a reason that goes into the report, never a traceback."""

from __future__ import annotations


class Fault(Exception):
    """A record, or one value of it, cannot be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
