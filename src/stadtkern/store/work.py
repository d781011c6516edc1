"""What a batch does to one entity: the value that the two ends of the write path share."""

from __future__ import annotations

from dataclasses import dataclass, field

from stadtkern.model.change import Item
from stadtkern.model.entity import Entity
from stadtkern.store.document import Head


@dataclass(slots=True)
class Work:
    """One entity during a batch: as loaded, as it is now, and what happened in between."""

    head: Head
    before: Entity | None
    after: Entity | None
    items: list[Item] = field(default_factory=list[Item])
    dirty: bool = False
    created: bool = False
    """A current state was made where none was (again, or for the first time)."""

    @property
    def removed(self) -> bool:
        """Whether the current state is gone that was there."""
        return self.before is not None and self.after is None
