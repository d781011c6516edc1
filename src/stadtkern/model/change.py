"""What an operation did: the outcome that the write path stores, answers with and tells others about."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from stadtkern.model.entity import Entity, Instance
from stadtkern.model.ids import Iri

SCOPE = Iri("scope")
"""The pseudo attribute ``scope`` (CIM 009 4.18), a core term."""
TYPE = Iri("type")
"""Likewise the entity's types, where they are told of together with attributes."""

Verb = Literal["created", "updated", "deleted", "recorded", "revised", "erased", "described"]
"""``recorded``: went to history only; ``revised``: history was edited, and with it what is current; ``erased``:
gone without a trace; ``described``: what is said of the series as a Datastream changed, and no value.
"""


class Item(Struct, frozen=True, gc=False):
    """One attribute instance that changed.

    ``previous``/``new``: the current instance before and after; ``recorded`` means that an instance went
    to history only (its time is older than the current one's) and ``new`` is that instance.
    For the pseudo attribute ``scope`` they are Properties whose value is the list of scopes.
    ``deletion``: how history keeps the deletion, where somebody said when it was.
    ``overwrites``: ``new`` takes the place of what history has of the same time.
    """

    attribute: Iri
    dataset_id: str
    verb: Verb
    previous: Instance | None = None
    new: Instance | None = None
    overwrites: bool = False
    deletion: Instance | None = None


class NotUpdated(Struct, frozen=True, gc=False):
    """An attribute that an operation left alone, and why (CIM 009 5.2.19)."""

    attribute: Iri
    reason: str
    forbidden: bool = False
    """The credentials do not allow it, whatever is there."""


class Outcome(Struct, frozen=True, gc=False):
    """The answer to one operation, ready for any view."""

    created: bool = False
    changed: bool = True
    updated: list[Iri] = []
    """Attributes that were applied, in the order they came, ``scope`` and ``type`` included."""
    not_updated: list[NotUpdated] = []
    deleted: bool = False
    known: int = 0
    """Instances left out because an equal one is there; see ``operation.Repeated``."""
    corrected: int = 0
    """Instances that took the place of another one with the same time."""
    n: int = 0
    """The entity's number. This and what follows is told only to those who ask the writer for numbers."""
    series: int = 0
    """The number of the last series that was written to."""
    observations: list[int] = []
    """The ids of the instances that went to history, in the order they were given in."""


class Change(Struct, frozen=True, gc=False):
    """The effect of one operation on one entity, made by a pure function.

    ``after`` is None when the entity's current state is gone. ``items`` tell what to store in history and the
    change log.
    """

    before: Entity | None
    after: Entity | None
    items: list[Item]
    outcome: Outcome
