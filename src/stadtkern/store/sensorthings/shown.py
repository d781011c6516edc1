"""What is shown of an entity: which SQL a property is read by, and how its JSON text is made of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from stadtkern.model.entity import Instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant, render_instant
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_terms import PROPERTIES
from stadtkern.query.odata.tree import Query, Selected
from stadtkern.store.dialect import Sql
from stadtkern.store.document import decode_document
from stadtkern.store.observation import shortest_number
from stadtkern.store.sensorthings.column import EntityScope, own_attributes
from stadtkern.store.sensorthings.scope import Column
from stadtkern.store.sensorthings.sight import Row, Sight, short_name

Decode = Callable[[Sequence[Any]], Raw | None]
_encode = msgspec.json.encode
_members: Final = msgspec.json.Decoder(dict[str, Raw])
_NULL: Final = Raw(b"null")


class Shown(NamedTuple):
    """One property of a row: its name, the SQL it is read by, and what makes JSON of these values."""

    name: str
    columns: tuple[Sql, ...]
    decode: Decode


def shown_properties(sight: Sight, type: TypeName, row: Row, query: Query, now: Instant) -> list[Shown]:
    """Give the properties that a query selects, in the order of the type's table."""
    chosen = _chosen(query.select)
    return [
        _shown(sight, type, row, name, chosen.get(name), now)
        for name in TYPES[type].properties
        if query.select is None or name in chosen
    ]


def _chosen(select: tuple[Selected, ...] | None) -> dict[str, list[tuple[str | int, ...]]]:
    """Give the selected properties with the ways inside them; an empty way is all of it."""
    chosen: dict[str, list[tuple[str | int, ...]]] = {}
    for one in select or ():
        chosen.setdefault(one.name, []).append(one.inside)
    return chosen


def _shown(
    sight: Sight, type: TypeName, row: Row, name: str, ways: list[tuple[str | int, ...]] | None, now: Instant
) -> Shown:
    columns, decode = _reading(sight, type, row, name, now)
    if ways is None or () in ways:
        return Shown(name, columns, decode)
    narrowed = ways

    def narrow(values: Sequence[Any]) -> Raw | None:
        return _narrow(decode(values), narrowed)

    return Shown(name, columns, narrow)


def _reading(sight: Sight, type: TypeName, row: Row, name: str, now: Instant) -> tuple[tuple[Sql, ...], Decode]:
    if name == "properties" and type in _DOCUMENTED:
        return (_document(type, row),), lambda values: _properties(sight, type, values[0], now)
    column, _ = EntityScope(sight, type, row).column("validText" if name == "validTime" else name, ())
    return columns_of(column), decoder(column, interval=TYPES[type].properties[name].type == "interval")


_DOCUMENTED: Final = frozenset({"Thing", "Location", "Sensor", "ObservedProperty", "FeatureOfInterest"})


def _document(type: TypeName, row: Row) -> Sql:
    document = Sql("(SELECT d.doc FROM doc d WHERE d.n = {})", row["entity"])
    if type in {"Location", "FeatureOfInterest"}:
        return Sql("CASE WHEN {} = 1 THEN {} END", row["described"], document)
    return document


def columns_of(column: Column) -> tuple[Sql, ...]:
    """Give the SQL that a property is read by."""
    return tuple(one for one in (column.sql, column.number, column.end) if one is not None)


def decoder(column: Column, *, interval: bool) -> Decode:
    """Give what makes JSON of the values of ``columns_of``. interval: an instant is written as one, too."""
    match column.kind:
        case "id" | "text":
            return lambda values: None if values[0] is None else Raw(_encode(values[0]))
        case "json" | "geometry":
            return lambda values: _json(values[0])
        case "result":
            return _result
        case "time":
            return _interval if interval else _time


def _json(text: str | None) -> Raw | None:
    return None if text is None or text == "null" else Raw(text.encode())


def _result(values: Sequence[Any]) -> Raw | None:
    text, number = values
    if text is not None:
        return Raw(text.encode())
    return _NULL if number is None else Raw(shortest_number(number))


def _time(values: Sequence[Any]) -> Raw | None:
    if values[0] is None:
        return None
    return _interval(values) if len(values) > 1 and values[1] is not None else Raw(_encode(render_instant(values[0])))


def _interval(values: Sequence[Any]) -> Raw | None:
    start, end = values
    return None if start is None else Raw(_encode(f"{render_instant(start)}/{render_instant(end)}"))


def _properties(sight: Sight, type: TypeName, text: str | None, now: Instant) -> Raw | None:
    """Put together what clients wrote as ``properties`` and what else the document says of the entity."""
    if text is None:
        return None
    attributes = {
        name: present
        for name, instances in decode_document(text).attributes.items()
        if sight.shows(name) and (present := _unexpired(instances, now)) is not None
    }
    members: dict[str, Raw] = {}
    own = attributes.get(PROPERTIES)
    if own is not None and bytes(own.value)[:1] == b"{":
        members.update(_members.decode(own.value))
    others = {name: one for name, one in attributes.items() if name not in own_attributes(type)}
    for name, instance in others.items():
        members[_key(name, others, members)] = instance.value
    return Raw(_encode(members)) if members else None


def _unexpired(instances: list[Instance], now: Instant) -> Instance | None:
    return next((one for one in instances if one.expires_at is None or one.expires_at > now), None)


def _key(name: Iri, others: dict[Iri, Instance], taken: dict[str, Raw]) -> str:
    """Give an attribute's short name, or the whole where that says nothing or something else has it."""
    short = short_name(name)
    alone = short not in taken and not any(other != name and short_name(other) == short for other in others)
    return short if alone else name


def _narrow(value: Raw | None, ways: Sequence[tuple[str | int, ...]]) -> Raw | None:
    """Keep of a JSON value what the ways lead to, in objects around it."""
    if value is None:
        return None
    tree = msgspec.json.decode(value)
    kept: dict[str, Any] = {}
    for way in ways:
        _keep(tree, way, kept)
    return Raw(_encode(kept))


def _keep(tree: Any, way: tuple[str | int, ...], kept: dict[str, Any]) -> None:
    """Copy one way of a tree; an index of an array stands as its key."""
    try:
        for key in way[:-1]:
            tree = tree[key]
            kept = kept.setdefault(str(key), {})
        kept[str(way[-1])] = tree[way[-1]]
    except (LookupError, TypeError):
        return
