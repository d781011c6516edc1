"""Find what a write in the terms of SensorThings is about: entities and series by number, observations by id.

What the Grant does not show is not found; where only the entity decides, the write itself judges it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec

from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.sensorthings_terms import LOCATIONS
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database
from stadtkern.store.history import BLOCK
from stadtkern.store.read import decode_rows
from stadtkern.store.statements import array, statements

_FILE = "sensorthings_write.sql"
SLICE = 256
"""Rows of a cascade that are looked for at once."""


class Stream(NamedTuple):
    """A (Multi)Datastream as observations are written to it.

    size: how many values a result has, None where it is one value. feature: the number of the first Location of the
    Thing, if it has one; placed: the Thing has a geometry of its own.
    """

    n: int
    thing: EntityId
    thing_n: int
    attribute: Iri
    dataset_id: str
    unit: str | None
    size: int | None
    feature: int | None
    placed: bool


class Instance(NamedTuple):
    """An instance of history by its id."""

    thing: EntityId
    attribute: Iri
    dataset_id: str
    series: int
    id: int


Key = tuple[EntityId, Iri, str]
"""Entity, attribute, dataset id."""


async def load_entities(database: Database, grant: Grant, numbers: Sequence[int], now: Instant) -> dict[int, Entity]:
    """Give the live entities of these numbers that the Grant shows."""
    sql = statements(_FILE, database.engine)["entities"]
    rows = await database.fetch(sql, array(database.engine, list(numbers)), now)
    return {head.n: entity for head, entity in decode_rows(grant, rows, now)}


async def load_streams(database: Database, grant: Grant, numbers: Sequence[int], now: Instant) -> dict[int, Stream]:
    """Give the Datastreams and MultiDatastreams of these numbers, those that the Grant hides included.

    Whoever asks for several holders at once tells what each of them may see, by the attribute.
    """
    del grant
    sql = statements(_FILE, database.engine)["streams"]
    rows = await database.fetch(sql, array(database.engine, list(numbers)), now, str(LOCATIONS))
    found: dict[int, Stream] = {}
    for n, attribute, dataset_id, unit, multi, measurement, thing_n, thing, feature, placed in rows:
        size = _size(measurement) if multi else None
        found[n] = Stream(n, thing, thing_n, Iri(attribute), dataset_id, unit, size, feature, bool(placed))
    return found


def _size(measurement: str | None) -> int:
    members: dict[str, Any] = msgspec.json.decode(measurement or "{}")
    return len(cast("list[Any]", members.get("observedProperties", [])))


async def load_taken(database: Database, grant: Grant, entities: Sequence[int]) -> dict[int, set[tuple[str, str]]]:
    """Tell which attributes and dataset ids of entities are Datastreams already, by the entity's number."""
    del grant  # what is hidden is taken all the same
    sql = statements(_FILE, database.engine)["taken"]
    taken: dict[int, set[tuple[str, str]]] = {}
    for entity, attribute, dataset_id in await database.fetch(sql, array(database.engine, list(entities))):
        taken.setdefault(entity, set()).add((attribute, dataset_id))
    return taken


async def load_attributes(database: Database, grant: Grant, numbers: Sequence[int]) -> dict[int, Iri]:
    """Give the attributes that are ObservedProperties without an entity, by their numbers."""
    sql = statements(_FILE, database.engine)["attributes"]
    rows = await database.fetch(sql, array(database.engine, list(numbers)))
    return {n: Iri(attribute) for n, attribute in rows if attribute not in grant.hidden}


async def find_instance(database: Database, grant: Grant, id_: int, now: Instant) -> Instance | None:
    """Find an Observation or a HistoricalLocation by its id."""
    sql = statements(_FILE, database.engine)
    rows = await database.fetch(sql["locate"], id_ // BLOCK, now)
    if not rows or rows[0][3] in grant.hidden:
        return None
    series, thing, n, attribute, dataset_id, start, end = rows[0]
    if not await database.fetch(sql["is_there"], series, start, end, id_):
        return None
    if grant.row_filter is not None and n not in await load_entities(database, grant, [n], now):
        return None
    return Instance(thing, Iri(attribute), dataset_id, series, id_)


async def streams_of(database: Database, grant: Grant, relation: str, number: int) -> list[Key]:
    """Give some series that name an entity as their ``sensor`` or ``property``, as long as there are any."""
    del grant  # a cascade leaves nothing behind that points nowhere
    sql = statements(_FILE, database.engine)[f"streams_of_{relation}"]
    found = [(row[0], Iri(row[1]), row[2]) for row in await database.fetch(sql, number, SLICE)]
    return found or (await _multi_streams_of(database, number) if relation == "property" else [])


async def _multi_streams_of(database: Database, number: int) -> list[Key]:
    sql = statements(_FILE, database.engine)["multi_streams"]
    after, found = 0, list[Key]()
    while len(found) < SLICE:
        rows = await database.fetch(sql, after, SLICE)
        if not rows:
            break
        after = rows[-1][0]
        for _n, thing, attribute, dataset_id, measurement in rows:
            if number in msgspec.json.decode(measurement or "{}").get("observedProperties", []):
                found.append((thing, Iri(attribute), dataset_id))
    return found


async def observations_of(database: Database, grant: Grant, feature: int) -> list[tuple[EntityId, Iri, int]]:
    """Give some Observations of an entity, as long as there are any."""
    del grant
    sql = statements(_FILE, database.engine)["observations_of_feature"]
    return [(row[0], Iri(row[1]), row[2]) for row in await database.fetch(sql, feature, SLICE)]


async def things_at(database: Database, grant: Grant, location: EntityId, after: int) -> list[int]:
    """Give the numbers of Things that are at a Location now, in order, after a number."""
    del grant
    sql = statements(_FILE, database.engine)["things_at"]
    return [row[0] for row in await database.fetch(sql, location, str(LOCATIONS), after, SLICE)]


async def stays_at(database: Database, grant: Grant, location: EntityId) -> list[tuple[EntityId, int]]:
    """Give some HistoricalLocations that name a Location, as long as there are any: the Thing and the id."""
    del grant
    sql = statements(_FILE, database.engine)
    quoted, after, found = msgspec.json.encode(location).decode(), 0, list[tuple[EntityId, int]]()
    while len(found) < SLICE:
        rows = await database.fetch(sql["named_places"], str(LOCATIONS), after, SLICE)
        if not rows:
            break
        after = rows[-1][0]
        for series, thing in rows:
            stays = await database.fetch(sql["stays"], series, quoted, SLICE)
            found.extend((thing, row[0]) for row in stays)
    return found
