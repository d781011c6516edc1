"""How much one body may hold, beside its bytes: an attribute of seven bytes costs some kilobytes and 50 µs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stadtkern.errors import PayloadTooLarge

MAX_MEMBERS: Final = 5_000
"""Most members of one entity or one attribute; real ones have less than a hundred."""
MAX_INSTANCES: Final = 10_000
"""Most attribute instances, sub-attributes included, in one entity."""
MAX_DATASETS: Final = 1_000
"""Most instances of one attribute, each with a datasetId of its own; real ones have a few."""
MAX_HISTORY: Final = 500_000
"""The same in a temporal entity."""
MAX_BATCH_INSTANCES: Final = 200_000
"""The same in a batch."""


class Budget:
    """How many attribute instances, sub-attributes included, may still be read."""

    __slots__ = ("_left", "_most")

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def spend(self, pointer: str) -> None:
        """Take one. Raises: PayloadTooLarge."""
        self._left -= 1
        if self._left < 0:
            raise PayloadTooLarge(
                f"More than {self._most} attributes, with those inside attributes, are not read at once",
                hint="send them in parts",
                pointer=pointer,
            )


def check_members(tree: Mapping[str, Any], pointer: str) -> None:
    """Bound the members of an entity or an attribute. Raises: PayloadTooLarge."""
    if len(tree) > MAX_MEMBERS:
        raise PayloadTooLarge(f"{len(tree)} members are more than the {MAX_MEMBERS} that are read", pointer=pointer)
