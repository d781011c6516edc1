"""Facts folded to operations: one history a slice and entity, however many records it came from.

What is without a time goes by UpsertEntity, what has one by RecordHistory; both leave out what is there already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from msgspec import Raw, UnsetType

from stadtkern.ingest.mapping.run import Facts
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import RecordHistory, Repeated, UpsertEntity

MOST_INSTANCES: Final = 1_000
"""Instances in one operation."""
SLICE_INSTANCES: Final = 20_000
SLICE_BYTES: Final = 8 * 1024 * 1024
"""A slice is complete when it has so many instances, or values of so many bytes."""
SLICE_ENTITIES: Final = 2_000

_Observed = dict[tuple[str, Instant], InstancePatch]


class Part(NamedTuple):
    """One operation, how many instances it carries, and the first and the last record that it came from."""

    operation: UpsertEntity | RecordHistory
    instances: int
    first: int
    last: int


@dataclass(slots=True)
class _Entity:
    """What a slice says about one entity."""

    first: int
    last: int
    types: dict[Iri, None] = field(default_factory=dict[Iri, None])
    scope: list[str] | None = None
    expires_at: Instant | None = None
    still: dict[Iri, dict[str, InstancePatch]] = field(default_factory=dict[Iri, dict[str, InstancePatch]])
    observed: dict[Iri, _Observed] = field(default_factory=dict[Iri, _Observed])


class Collector:
    """One slice in the making."""

    def __init__(self, repeated: Repeated) -> None:
        self._repeated: Repeated = repeated
        self._entities: dict[EntityId, _Entity] = {}
        self._instances = 0
        self._bytes = 0
        self.doubled = 0
        """Instances that came with the same time as another one of the slice, and another value; the last one counts.
        """
        self.equal = 0
        """Instances that came twice in the slice."""

    @property
    def full(self) -> bool:
        """Whether the slice should be written now."""
        return self._instances >= SLICE_INSTANCES or self._bytes >= SLICE_BYTES or len(self._entities) >= SLICE_ENTITIES

    def add(self, facts: Facts, number: int) -> int:
        """Take what record ``number`` says about an entity; give how many instances it had."""
        entity = self._entities.get(facts.id)
        if entity is None:
            entity = self._entities[facts.id] = _Entity(number, number)
        entity.last = number
        for name in facts.types:
            entity.types[name] = None
        if facts.scope is not None:
            entity.scope = facts.scope
        if facts.expires_at is not None:
            entity.expires_at = facts.expires_at
        for name, patch in facts.attributes:
            self._put(entity, name, patch)
        return len(facts.attributes)

    def _put(self, entity: _Entity, name: Iri, patch: InstancePatch) -> None:
        value = patch.value
        self._bytes += 0 if isinstance(value, UnsetType) else len(bytes(value))
        if patch.observed_at is None:
            still = entity.still.setdefault(name, {})
            self._instances += patch.dataset_id not in still
            still[patch.dataset_id] = patch
            return
        observed = entity.observed.get(name)
        if observed is None:
            observed = entity.observed[name] = {}
        key = (patch.dataset_id, patch.observed_at)
        before = observed.get(key)
        observed[key] = patch
        if before is None:
            self._instances += 1
        elif _bytes(before.value) == _bytes(value):
            self.equal += 1
        else:
            self.doubled += 1

    def take(self) -> list[Part]:
        """Give the operations of the slice and begin a new one."""
        parts = [part for id_, entity in self._entities.items() for part in self._parts(id_, entity)]
        self._entities = {}
        self._instances = self._bytes = 0
        return parts

    def _parts(self, id_: EntityId, entity: _Entity) -> Iterable[Part]:
        types = list(entity.types)
        still = {name: list(group.values()) for name, group in entity.still.items()}
        if still or entity.scope is not None or entity.expires_at is not None or not entity.observed:
            patch = EntityPatch(id=id_, types=types, scope=entity.scope, attributes=still, expires_at=entity.expires_at)
            count = sum(map(len, still.values()))
            yield Part(
                UpsertEntity(id_, patch, "update", "write" if self._repeated == "write" else "leave"),
                count,
                entity.first,
                entity.last,
            )
        for attributes, count in _divide(entity.observed):
            patch = EntityPatch(types=types, attributes=attributes)
            yield Part(RecordHistory(id_, patch, repeated=self._repeated), count, entity.first, entity.last)


def _bytes(value: Raw | UnsetType) -> bytes:
    return b"" if isinstance(value, UnsetType) else bytes(value)


def _divide(observed: dict[Iri, _Observed]) -> Iterable[tuple[dict[Iri, list[InstancePatch]], int]]:
    """Divide a history into operations of at most ``MOST_INSTANCES`` instances."""
    attributes: dict[Iri, list[InstancePatch]] = {}
    count = 0
    for name, group in observed.items():
        instances = list(group.values())
        start = 0
        while start < len(instances):
            taken = instances[start : start + MOST_INSTANCES - count]
            attributes[name] = taken
            count += len(taken)
            start += len(taken)
            if count == MOST_INSTANCES:
                yield attributes, count
                attributes, count = {}, 0
    if count:
        yield attributes, count
