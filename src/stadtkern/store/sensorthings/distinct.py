"""Distinct selections: each combination of the selected values once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, LiteralString

import msgspec
from msgspec import Raw

from stadtkern.model.sensorthings import TYPES
from stadtkern.model.sensorthings_answer import Record
from stadtkern.query.odata.tree import Query, Selected
from stadtkern.store.dialect import Bound, Sql, join
from stadtkern.store.sensorthings.column import EntityScope, element_of
from stadtkern.store.sensorthings.page import Chosen
from stadtkern.store.sensorthings.reader import Reader
from stadtkern.store.sensorthings.shown import Decode, columns_of, decoder

_NAMES: Final[tuple[LiteralString, ...]] = tuple(
    f"d{ten}{one}" for ten in ("0", "1", "2") for one in ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
)


async def read_distinct(reader: Reader, chosen: Chosen, query: Query, limit: int, offset: int) -> list[Record]:
    """Give rows of values, in the order of the values."""
    parts = [_part(reader, chosen, one) for one in query.select or ()]
    columns = [column for _, columns, _ in parts for column in columns][: len(_NAMES)]
    names = [Sql(name) for name in _NAMES[: len(columns)]]
    statement = Sql(
        "SELECT DISTINCT {} FROM {} WHERE {} ORDER BY {} LIMIT {} OFFSET {}",
        join(", ", [Sql("{} AS {}", column, name) for column, name in zip(columns, names, strict=True)]),
        chosen.table,
        chosen.where,
        join(", ", names),
        Bound(limit, "bigint"),
        Bound(offset, "bigint"),
    )
    return [_record(chosen, parts, row) for row in await reader.fetch(statement)]


def _part(reader: Reader, chosen: Chosen, selected: Selected) -> tuple[Selected, tuple[Sql, ...], Decode]:
    scope = EntityScope(reader.sight, chosen.type, chosen.row)
    column, rest = scope.column(selected.name, selected.inside)
    interval = selected.name != "id" and TYPES[chosen.type].properties[selected.name].type == "interval"
    if not selected.inside:
        return selected, columns_of(column), decoder(column, interval=interval)
    inner = column.sql
    for key in rest:
        inner = element_of(reader.sight, inner, key)
    return selected, (inner,), lambda values: None if values[0] is None else Raw(values[0].encode())


def _record(chosen: Chosen, parts: Sequence[tuple[Selected, tuple[Sql, ...], Decode]], row: Sequence[Any]) -> Record:
    values: dict[str, Raw | None] = {}
    place = 0
    for selected, columns, decode in parts:
        value = decode(row[place : place + len(columns)])
        place += len(columns)
        values[selected.name] = _around(values.get(selected.name), selected.inside, value)
    return Record(type=chosen.type, id=0, values=values)


def _around(before: Raw | None, way: tuple[str | int, ...], value: Raw | None) -> Raw | None:
    """Put a value into the objects of its way, beside what is there."""
    if not way:
        return value
    tree: dict[str, Any] = msgspec.json.decode(before) if before is not None else {}
    inner = tree
    for key in way[:-1]:
        inner = inner.setdefault(str(key), {})
    inner[str(way[-1])] = value
    return Raw(msgspec.json.encode(tree))
