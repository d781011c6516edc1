"""Random operations from a seed: small pools of names, datasets and values, so that operations meet one another."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.operation import (
    AppendAttributes,
    BatchUpdateEntity,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    DocumentOperation,
    MergeEntity,
    PartialUpdateAttribute,
    PurgeAttributes,
    ReplaceAttribute,
    ReplaceEntity,
    UpdateAttributes,
    UpsertEntity,
)
from tests.unit.apply.builders import CAR, GPS, ID, NAME, SOURCE, SPEED, VAN

NULL = "urn:ngsi-ld:null"
NAMES = [SPEED, NAME, SOURCE]
DATASETS = ["", "", GPS, "urn:x:1"]
VALUES: list[Any] = [1, 2.5, "a", "urn:a:b", [1], {}, {"a": 1}, {"a": NULL, "b": 2}, {"a": {"b": 1, "c": NULL}}]
KINDS: list[Any] = ["Property", "Property", "Property", "LanguageProperty", "Relationship"]
TIMES = [None, None, Instant(1), Instant(1_500_000), Instant(2_500_000)]
MAKERS: list[Callable[[Random], DocumentOperation]] = [
    lambda r: CreateEntity(ID, _entity(r, _whole)),
    lambda r: UpsertEntity(ID, _entity(r, _whole), r.choice(["replace", "update"])),
    lambda r: ReplaceEntity(ID, _entity(r, _whole)),
    lambda r: MergeEntity(ID, _entity(r, _any), r.choice(TIMES), r.choice([None, "de"])),
    lambda r: AppendAttributes(ID, _entity(r, _whole), r.random() < 0.6),
    lambda r: UpdateAttributes(ID, _entity(r, _whole_or_null), r.random() < 0.8),
    lambda r: BatchUpdateEntity(ID, _entity(r, _whole_or_null), r.random() < 0.8),
    lambda r: PartialUpdateAttribute(ID, r.choice(NAMES), _group(r, _any, 2)),
    lambda r: PartialUpdateAttribute(ID, r.choice(NAMES), _group(r, _part, 2)),
    lambda r: ReplaceAttribute(ID, r.choice(NAMES), _group(r, _whole, 2)),
    lambda r: DeleteAttribute(ID, r.choice([*NAMES, Iri("scope")]), r.choice(DATASETS), r.random() < 0.2),
    lambda r: DeleteEntity(ID, r.choice([None, Instant(2_000_000), Instant(3_000_000)])),
    lambda r: PurgeAttributes(ID, drop=frozenset(r.sample(NAMES, 1)) if r.random() < 0.8 else None),
    lambda r: PurgeAttributes(ID, keep=frozenset(r.sample(NAMES, 2))),
]


def some_operation(random: Random) -> DocumentOperation:
    return random.choice(MAKERS)(random)


def some_steps(seed: int, count: int = 12) -> list[tuple[DocumentOperation, int]]:
    """Operations, each with a pause before it in microseconds; the first creates the entity."""
    random = Random(seed)
    first: DocumentOperation = CreateEntity(ID, _entity(random, _whole))
    return [(first, 0), *((some_operation(random), random.choice([0, 1, 700_000])) for _ in range(count))]


def _entity(random: Random, make: Callable[[Random, str], InstancePatch]) -> EntityPatch:
    names = random.sample(NAMES, random.choice([0, 1, 1, 2, 3]))
    return EntityPatch(
        types=random.choice([[CAR], [VAN], [CAR, VAN], [VAN, VAN]]),
        scope=random.choice([None, None, [], ["/a"], ["/a", "/b"]]),
        attributes={name: _group(random, make, 3) for name in names},
        expires_at=random.choice([*[None] * 6, Instant(1_800_000), Instant(9_000_000)]),
        expires_removed=random.random() < 0.1,
    )


def _group(random: Random, make: Callable[[Random, str], InstancePatch], most: int) -> list[InstancePatch]:
    datasets = list(dict.fromkeys(random.choices(DATASETS, k=random.randint(1, most))))
    return [make(random, dataset) for dataset in datasets]


def _whole(random: Random, dataset_id: str, depth: int = 1) -> InstancePatch:
    return InstancePatch(
        kind=random.choice(KINDS),
        value=raw(random.choice(VALUES)),
        dataset_id=dataset_id,
        observed_at=random.choice(TIMES),
        unit_code=random.choice([None, "KMH"]),
        expires_at=random.choice([*[None] * 9, Instant(1_700_000)]),
        extra=random.choice([{}, {"ngsildproof": raw(1)}]),
        subs=_subs(random, lambda r, d: _whole(r, d, depth - 1)) if depth else {},
    )


def _part(random: Random, dataset_id: str, depth: int = 1) -> InstancePatch:
    return InstancePatch(
        value=random.choice([msgspec.UNSET, raw(random.choice(VALUES))]),
        dataset_id=dataset_id,
        observed_at=random.choice(TIMES),
        removed=frozenset(random.choice([[], [], ["observedAt"], ["unitCode", "ngsildproof"]])),
        subs=_subs(random, _any) if depth else {},
        simplified=random.random() < 0.2,
    )


def _subs(random: Random, make: Callable[[Random, str], InstancePatch]) -> dict[Iri, list[InstancePatch]]:
    names = random.sample(NAMES, random.choice([0, 0, 1, 2]))
    return {name: _group(random, make, 2) for name in names}


def _null(random: Random, dataset_id: str) -> InstancePatch:
    return InstancePatch(dataset_id=dataset_id, deleted=True)


def _any(random: Random, dataset_id: str) -> InstancePatch:
    return random.choice([_whole, _whole, _part, _null])(random, dataset_id)


def _whole_or_null(random: Random, dataset_id: str) -> InstancePatch:
    return random.choice([_whole, _whole, _null])(random, dataset_id)
