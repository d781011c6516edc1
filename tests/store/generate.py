"""Random batches on a few entities from a seed, history and its edits included."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from msgspec.structs import replace

from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw
from stadtkern.model.operation import (
    AppendAttributes,
    CreateEntity,
    DeleteHistory,
    DeleteHistoryAttribute,
    DeleteHistoryInstance,
    MergeEntity,
    Operation,
    PatchHistoryInstance,
    RecordHistory,
    UpsertEntity,
)
from stadtkern.store.engine.base import Database
from tests.unit.apply.builders import CAR, GPS, NAME, SOURCE, SPEED, VAN
from tests.unit.apply.generate import some_operation

PLACE = Iri("https://example.org/place")
NEAR = Iri("https://example.org/near")
NAMES = [SPEED, NAME, SOURCE, PLACE, NEAR]
DAY = 24 * 3600 * 1_000_000
GEOMETRIES: list[Any] = [
    {"type": "Point", "coordinates": [7.6, 51.9]},
    {"type": "Point", "coordinates": [7.6, 51.9, 60.5]},
    {"type": "LineString", "coordinates": [[7, 51], [8, 52]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]},
    {"type": "MultiPoint", "coordinates": [[-170, -80], [170, 80]]},
]
TARGETS: list[Any] = ["urn:x:1", ["urn:x:1", "urn:x:2"], ["urn:x:2"]]


def some_batch(random: Random, ids: list[EntityId], stored: list[tuple[str, Iri, int]]) -> list[Operation]:
    """Up to eight operations. stored: instances (entity, attribute, id) that edits may aim at."""
    return [_some(random, random.choice(ids), stored) for _ in range(random.choice([1, 1, 2, 3, 8]))]


async def stored_instances(database: Database) -> list[tuple[str, Iri, int]]:
    """What an edit of history can aim at."""
    rows = await database.fetch(
        "SELECT e.id, s.attribute, o.id FROM observation o JOIN series s ON s.n = o.series"
        " JOIN entity e ON e.n = s.entity ORDER BY o.id"
    )
    return [(row[0], Iri(row[1]), row[2]) for row in rows]


def _some(random: Random, id_: EntityId, stored: list[tuple[str, Iri, int]]) -> Operation:
    kind = random.random()
    if kind < 0.45:
        return replace(some_operation(random), id=id_)
    if kind < 0.85 or not stored:
        return random.choice(_MAKERS)(random, id_)
    entity, attribute, instance = random.choice(stored)
    if random.random() < 0.5:
        return DeleteHistoryInstance(EntityId(entity), attribute, instance)
    return PatchHistoryInstance(EntityId(entity), attribute, instance, _part(random))


def _entity(random: Random) -> EntityPatch:
    return EntityPatch(
        types=random.choice([[CAR], [VAN], [CAR, VAN]]),
        scope=random.choice([None, None, ["/a"], ["/a/b", "/c"]]),
        attributes={name: _group(random, name) for name in random.sample(NAMES, random.randint(1, 3))},
    )


def _group(random: Random, name: Iri) -> list[InstancePatch]:
    return [_instance(random, name, dataset) for dataset in random.sample(["", GPS], random.choice([1, 1, 2]))]


def _instance(random: Random, name: Iri, dataset_id: str) -> InstancePatch:
    kind, value = _value(random, name)
    return InstancePatch(
        kind=kind,
        value=raw(value),
        dataset_id=dataset_id,
        observed_at=some_time(random),
        unit_code=random.choice([None, None, "KMH", "CEL"]),
    )


def _value(random: Random, name: Iri) -> tuple[Any, Any]:
    if name == PLACE and random.random() < 0.9:
        return "GeoProperty", random.choice(GEOMETRIES)
    if name == NEAR and random.random() < 0.9:
        return random.choice([("Relationship", "urn:x:1"), ("ListRelationship", ["urn:x:2", "urn:x:3"])])
    return "Property", random.choice([1, 2.5, -0.5, "text", [1, 2], {"a": 1}, True])


def some_time(random: Random) -> Instant | None:
    """No observation time, one in the past weeks, the same one again, or one in a far future."""
    recent = Instant(now() - random.randrange(40 * DAY))
    return random.choice([None, recent, recent, Instant(1_700_000_000_000_000), Instant(now() + DAY * 3)])


def _part(random: Random) -> InstancePatch:
    return random.choice(
        [
            InstancePatch(observed_at=some_time(random), unit_code="MTS"),
            InstancePatch(unit_code="XX"),
            InstancePatch(removed=frozenset({"observedAt"})),
            InstancePatch(),
        ]
    )


def _history(random: Random, id_: EntityId) -> RecordHistory:
    name = random.choice(NAMES)
    instances = [_instance(random, name, "") for _ in range(random.choice([1, 3, 80, 300]))]
    entity = EntityPatch(types=[CAR], attributes={name: instances})
    return RecordHistory(id_, entity, random.random() < 0.7, random.choice(["write", "leave", "replace", "replace"]))


_MAKERS: list[Callable[[Random, EntityId], Operation]] = [
    lambda r, i: CreateEntity(i, _entity(r)),
    lambda r, i: UpsertEntity(i, _entity(r), r.choice(["replace", "update"])),
    lambda r, i: AppendAttributes(i, _entity(r)),
    lambda r, i: MergeEntity(i, _entity(r)),
    lambda r, i: MergeEntity(i, _entity(r)),
    _history,
    _history,
    lambda r, i: DeleteHistoryAttribute(i, r.choice(NAMES), r.choice(["", GPS]), r.random() < 0.5),
    lambda r, i: DeleteHistory(i),
]
