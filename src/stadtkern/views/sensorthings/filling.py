"""How much one answer holds: a page ends early where it would be too large, an entity with too much in it is refused.

What is expanded is counted while it is rendered, since a few related entities inside of one another are soon
gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stadtkern.errors import TooManyResults
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Query
from stadtkern.views.sensorthings.addresses import next_link


class Budget:
    """The bytes that an answer may still hold."""

    __slots__ = ("left", "most")

    def __init__(self, most: int) -> None:
        self.most = self.left = most

    def spend(self, size: int) -> None:
        """Take bytes for what is expanded. Raises: TooManyResults."""
        self.left -= size
        if self.left < 0:
            raise TooManyResults(
                f"What is expanded in one entity has more than {self.most} bytes",
                hint="expand less, or with $top and $select",
            )


class Part(NamedTuple):
    """As much of a page as one answer holds. next: the address of what follows."""

    items: list[bytes]
    next: str | None


def fill(page: Page, query: Query, address: str, most: int, render: Callable[[Record, Budget], bytes]) -> Part:
    """Render as many entities of a page as one answer holds, at least one. address: of the set; most: bytes.

    Raises: TooManyResults (the first has too much in it).
    """
    items: list[bytes] = []
    left = most
    for record in page.records:
        try:
            item = render(record, Budget(left if items else most))
        except TooManyResults:
            if not items:
                raise
            return _early(items, query, address)
        left -= len(item)
        if items and left < 0:
            return _early(items, query, address)
        items.append(item)
    follows = page.more and query.top != 0
    return Part(items, next_link(address, query, len(items), page.after) if follows else None)


def _early(items: list[bytes], query: Query, address: str) -> Part:
    # the key of the page is that of its last entity: what begins within it is found by counting
    return Part(items, next_link(address, query, len(items), None))
