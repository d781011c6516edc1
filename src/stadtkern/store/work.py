"""What a batch does to one entity: the value that the two ends of the write path share."""

from __future__ import annotations

from dataclasses import dataclass, field

from stadtkern.model.change import Item
from stadtkern.model.entity import Entity
from stadtkern.model.stream import Described
from stadtkern.store.document import Head


@dataclass(slots=True)
class Numbers:
    """The numbers that saving gives out, for those who have to tell them.

    series: by attribute and dataset id. observations: ids by the identity of the instances, which the items hold on to.
    """

    series: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    observations: dict[int, int] = field(default_factory=dict[int, int])


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
    last: Entity | None = None
    """The last current state, where the batch made one and took it away again."""
    described: dict[tuple[str, str], Described] = field(default_factory=dict[tuple[str, str], Described])
    """What is to be said of series from now on, by attribute and dataset id."""
    numbers: Numbers | None = None
    """Where to note the numbers that are given out, if somebody asks."""

    @property
    def removed(self) -> bool:
        """Whether the current state is gone that was there."""
        return self.before is not None and self.after is None

    @property
    def face(self) -> Entity | None:
        """What the entity is, or was last: its types and scope are what its history is found by."""
        return self.after or self.last or self.before

    def move(self, after: Entity | None) -> None:
        """Take the state that an operation left."""
        if after is None and self.after is not None:
            self.last = self.after
        self.created |= self.after is None and after is not None
        self.after, self.dirty = after, True

    def settle(self) -> None:
        """Take what was saved as the new start: what follows in the same transaction is saved on top of it."""
        self.before, self.last, self.items = self.after, None, []
        self.described = {}
        self.dirty = self.created = False
