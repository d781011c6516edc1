"""Does a tenant's store agree with itself? One check of every invariant, told as sentences.

Everything that the write path keeps up by differences (index tables, summaries, counts, the current instances) is
computed anew here, from documents and observations, and compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from stadtkern.model.entity import Instance
from stadtkern.model.json import unraw
from stadtkern.store.document import DELETED, LIVE, Document
from stadtkern.store.engine.base import Database, Row
from stadtkern.store.observation import decode_observation

_BLOCK = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OBSERVATION = (
    "time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature"
)


@dataclass
class Contents:
    """All rows of a tenant, by what they belong to."""

    entities: dict[int, Row]
    documents: dict[int, Document]
    series: dict[int, Row]
    observations: dict[int, list[Row]]
    blocks: dict[int, Row]
    state: dict[int, dict[tuple[str, str], Instance]] = field(default_factory=dict)
    """The present instances of each entity, by attribute and dataset id."""


async def assert_consistent(database: Database) -> None:
    """Fail with every contradiction that the tenant's store holds."""
    found = await find_contradictions(database)
    assert not found, "\n".join(found[:20])


async def find_contradictions(database: Database) -> list[str]:
    """List what does not fit together, as sentences."""
    contents = await _read(database)
    found = [*_check_entities(contents), *_check_currents(contents), *_check_ids(contents)]
    found += _check_changes(contents, await database.fetch("SELECT entity, version FROM change"))
    found += _differ("summaries", _chunks(contents), await _stored_chunks(database))
    for table, expected in _derived(contents).items():
        rows = await database.fetch(f"SELECT {_DERIVED[table]} FROM {table}")
        found += _differ(table, Counter(expected), Counter(map(tuple, rows)))
    numbered = {row[0] for row in await database.fetch("SELECT attribute FROM observed_attribute")}
    unnumbered = {row[2] for row in contents.series.values()} - numbered
    found += [f"{name} has series but no number in observed_attribute" for name in sorted(unnumbered)]
    found += _differ("catalogue", _catalogue(contents), await _stored_catalogue(database))
    if database.engine == "sqlite":
        found += await _check_boxes(database)
    return found


_DERIVED = {
    "entity_type": "n, type",
    "entity_scope": "n, scope",
    "geo": "n, attribute, dataset_id",
    "link": "source, attribute, dataset_id, pos, target",
}


async def _read(database: Database) -> Contents:
    entities = await database.fetch(
        "SELECT n, id, version, state, created_at, modified_at, deleted_at, expires_at FROM entity"
    )
    series = await database.fetch(
        "SELECT n, entity, attribute, dataset_id, observed, current, current_at,"
        " block, used, block_from, block_to, unit FROM series"
    )
    observations: dict[int, list[Row]] = defaultdict(list)
    for row in await database.fetch(f"SELECT series, entity, {_OBSERVATION} FROM observation"):
        observations[row[0]].append(row[1:])
    documents = {
        n: msgspec.json.decode(text, type=Document) for n, text in await database.fetch("SELECT n, doc FROM doc")
    }
    blocks = await database.fetch("SELECT block, entity, series, time_from, time_to FROM id_block")
    contents = Contents(
        {row[0]: row for row in entities},
        documents,
        {row[0]: row for row in series},
        observations,
        {row[0]: row for row in blocks},
    )
    _assemble(contents)
    return contents


def _assemble(contents: Contents) -> None:
    for n, document in contents.documents.items():
        contents.state[n] = {
            (name, instance.dataset_id): instance for name, group in document.attributes.items() for instance in group
        }
    for row in contents.series.values():
        if row[5] is not None:
            current = msgspec.json.decode(row[5], type=Instance)
            contents.state.setdefault(row[1], {})[(row[2], row[3])] = current


def _check_entities(contents: Contents) -> Iterator[str]:
    for n, (_, id_, version, state, created_at, modified_at, deleted_at, _expires) in contents.entities.items():
        document = contents.documents.get(n)
        if (state == DELETED) != (document is None):
            yield f"{id_} is in state {state} but has {'a' if document else 'no'} document"
        if document is not None and state != LIVE and document.attributes:
            yield f"{id_} is in state {state} but has present attributes"
        if (state == LIVE) != (deleted_at is None):
            yield f"{id_} is in state {state} and deleted at {deleted_at}"
        if version < 1 or created_at <= 0 or created_at > modified_at:
            yield f"{id_} has version {version}, created at {created_at}, modified at {modified_at}"
        if document is not None:
            yield from _check_document(id_, document)
    for n in contents.documents.keys() - contents.entities.keys():
        yield f"document {n} belongs to no entity"


def _check_document(id_: str, document: Document) -> Iterator[str]:
    if not document.types:
        yield f"{id_} has no type"
    for name, group in document.attributes.items():
        if not group or len({instance.dataset_id for instance in group}) < len(group):
            yield f"{name} of {id_} has no instance, or two with one dataset id, in the document"
        if any(instance.observed_at is not None for instance in group):
            yield f"{name} of {id_} is observed but lies in the document"


def _check_currents(contents: Contents) -> Iterator[str]:
    for n, entity, name, dataset_id, observed, current, current_at, *_ in contents.series.values():
        where = f"series {n} ({name} of entity {entity})"
        owner = contents.entities.get(entity)
        if owner is None or entity not in contents.documents:
            yield f"{where} belongs to no entity"
            continue
        rows = contents.observations.get(n, [])
        if any(row[6] for row in rows) and not observed:
            yield f"{where} has observations but is not marked observed"
        if current is None:
            if current_at is not None:
                yield f"{where} has no current instance but the time of one"
            continue
        yield from _check_current(contents, where, msgspec.json.decode(current, type=Instance), n, current_at)
        document = contents.documents[entity]
        if owner[3] != LIVE or any(i.dataset_id == dataset_id for i in document.attributes.get(name, [])):
            yield f"{where} has a current instance beside the one in the document, or of a deleted entity"


def _check_current(contents: Contents, where: str, current: Instance, n: int, current_at: int) -> Iterator[str]:
    if current.observed_at is None or current.observed_at != current_at:
        yield f"{where} has a current instance of {current.observed_at} at {current_at}"
    row = contents.series[n]
    kept = (
        replace(decode_observation(one[1:], row[3], row[11]), instance_id=None)
        for one in contents.observations.get(n, [])
        if one[1] == current_at
    )
    if not any(_same(one, current) for one in kept):
        yield f"{where} has a current instance that its history does not know"


def _same(one: Instance, other: Instance) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)


def _check_ids(contents: Contents) -> Iterator[str]:
    seen: set[int] = set()
    for n, rows in contents.observations.items():
        series = contents.series.get(n)
        if series is None:
            yield f"{len(rows)} observations belong to no series"
            continue
        for entity, time, id_, *_ in rows:
            if entity != series[1]:
                yield f"observation {id_} names entity {entity}, its series {series[1]}"
            if id_ in seen:
                yield f"observation id {id_} is used twice"
            seen.add(id_)
            yield from _check_block(contents, series, time, id_)


def _check_block(contents: Contents, series: Row, time: int, id_: int) -> Iterator[str]:
    block = contents.blocks.get(id_ // _BLOCK)
    if block is None or block[2] != series[0]:
        yield f"observation {id_} of series {series[0]} lies in no block of it"
        return
    is_open = series[7] == block[0]
    first, last = (series[9], series[10]) if is_open else (block[3], block[4])
    if first is None or not first <= time <= last:
        yield f"observation {id_} is of {time}, its block says {first} to {last}"
    if is_open and id_ % _BLOCK >= series[8]:
        yield f"observation {id_} lies beyond the used part of its block"


def _chunks(contents: Contents) -> dict[tuple[int, int], tuple[int | None, ...]]:
    rows: dict[tuple[int, int], list[tuple[int, int, int | None, int | None]]] = defaultdict(list)
    for n, observations in contents.observations.items():
        for _, time, _, created, modified, deleted, observed, *_, end, result, _feature in observations:
            if observed and deleted is None:
                moment = _EPOCH + timedelta(microseconds=time)
                month = moment.year * 12 + moment.month - 1
                rows[n, month].append((time, modified or created, end, result))
    return {key: _summary(entries) for key, entries in rows.items()}


def _summary(entries: list[tuple[int, int, int | None, int | None]]) -> tuple[int | None, ...]:
    recorded = [at for _, at, _, _ in entries]
    results = [result for *_, result in entries if result is not None]
    return (
        len(entries),
        min(time for time, *_ in entries),
        max(time if end is None else end for time, _, end, _ in entries),
        min(recorded),
        max(recorded),
        min(results, default=None),
        max(results, default=None),
        max((end - time for time, _, end, _ in entries if end is not None), default=None),
    )


async def _stored_chunks(database: Database) -> dict[tuple[int, int], tuple[int | None, ...]]:
    rows = await database.fetch(
        "SELECT series, month, count, first, last, recorded_first, recorded_last, result_first, result_last, longest"
        " FROM series_chunk"
    )
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _derived(contents: Contents) -> dict[str, list[tuple[Any, ...]]]:
    """What the index tables must hold, by table."""
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _DERIVED}
    for n, document in contents.documents.items():
        rows["entity_type"] += [(n, name) for name in document.types]
        rows["entity_scope"] += [(n, name) for name in dict.fromkeys(document.scope)]
    for n, instances in contents.state.items():
        for (name, dataset_id), instance in instances.items():
            if instance.kind == "GeoProperty":
                rows["geo"].append((n, name, dataset_id))
            if instance.kind in {"Relationship", "ListRelationship"}:
                value = unraw(instance.value)
                targets = value if isinstance(value, list) else [value]
                rows["link"] += [(n, name, dataset_id, p, t) for p, t in enumerate(targets) if isinstance(t, str)]
    return rows


def _catalogue(contents: Contents) -> dict[tuple[str, str, str], int]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for n, document in contents.documents.items():
        if contents.entities[n][3] != LIVE:
            continue
        members = {(name, instance.kind) for (name, _), instance in contents.state[n].items()}
        for type_ in ("", *document.types):
            counts.update([(type_, "", ""), *((type_, *member) for member in members)])
    return counts


async def _stored_catalogue(database: Database) -> dict[tuple[str, str, str], int]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for type_, attribute, kind, delta in await database.fetch("SELECT type, attribute, kind, delta FROM catalogue"):
        counts[type_, attribute, kind] += delta
    return {key: count for key, count in counts.items() if count}


def _check_changes(contents: Contents, changes: list[Row]) -> Iterator[str]:
    """Every version of an entity has exactly one row in the change log."""
    versions: dict[int, list[int]] = defaultdict(list)
    for entity, version in changes:
        versions[entity].append(version)
    for n, row in contents.entities.items():
        if sorted(versions[n]) != list(range(1, row[2] + 1)):
            yield f"{row[1]} has version {row[2]}, the change log has {sorted(versions[n])[-5:]}"


async def _check_boxes(database: Database) -> list[str]:
    """The R*Tree has one box for each geometry, around all its positions."""
    found: list[str] = []
    boxes = {row[0]: row[1:] for row in await database.fetch("SELECT id, west, east, south, north FROM geo_box")}
    for id_, geometry in await database.fetch("SELECT id, geom FROM geo"):
        west, east, south, north = boxes.pop(id_, (1, -1, 1, -1))
        for longitude, latitude in _positions(msgspec.json.decode(geometry)["coordinates"]):
            if not (west <= longitude <= east and south <= latitude <= north):
                found.append(f"geometry {id_} lies outside of its box")
    return found + [f"box {id_} belongs to no geometry" for id_ in boxes]


def _positions(coordinates: list[Any]) -> Iterator[tuple[float, float]]:
    if coordinates and isinstance(coordinates[0], int | float):
        yield coordinates[0], coordinates[1]
        return
    for part in coordinates:
        yield from _positions(part)


def _differ(what: str, expected: dict[Any, Any], stored: dict[Any, Any]) -> list[str]:
    return [
        f"{what}: {key} should be {expected.get(key)} and is {stored.get(key)}"
        for key in expected.keys() | stored.keys()
        if expected.get(key) != stored.get(key)
    ]
