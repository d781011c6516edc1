"""Sets of SensorThings whose rows are constants in the statement, so that a test says all that an expression meets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any, LiteralString

from stadtkern.model.instant import parse_instant
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.query.odata import tree
from stadtkern.query.odata.expression import parse_filter
from stadtkern.store.dialect import Bound, EngineName, ParamType, Sql, join
from stadtkern.store.engine.base import Database
from stadtkern.store.sensorthings.expression import compile_filter, compile_order
from stadtkern.store.sensorthings.scope import Column, Joined

COLUMNS: dict[TypeName, dict[LiteralString, ParamType]] = {
    "Thing": {"n": "bigint", "name": "text", "description": "text", "properties": "text"},
    "Location": {"n": "bigint", "thing": "bigint", "name": "text", "location": "text"},
    "Datastream": {"n": "bigint", "thing": "bigint", "name": "text", "properties": "text"},
    "Observation": {
        "n": "bigint",
        "stream": "bigint",
        "start": "bigint",
        "stop": "bigint",
        "result_time": "bigint",
        "num": "double precision",
        "value": "text",
        "parameters": "text",
    },
}
RELATIONS: dict[tuple[str, str], tuple[TypeName, LiteralString]] = {
    ("Observation", "Datastream"): ("Datastream", "{}.stream = {}.n"),
    ("Datastream", "Thing"): ("Thing", "{}.thing = {}.n"),
    ("Datastream", "Observations"): ("Observation", "{}.n = {}.stream"),
    ("Thing", "Datastreams"): ("Datastream", "{}.n = {}.thing"),
    ("Thing", "Locations"): ("Location", "{}.n = {}.thing"),
    ("Location", "Things"): ("Thing", "{}.thing = {}.n"),
}
DIGITS: tuple[LiteralString, ...] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
ALIASES: tuple[LiteralString, ...] = tuple(f"a{ten}{one}" for ten in DIGITS for one in DIGITS)
Rows = dict[TypeName, list[dict[str, Any]]]


def _cell(value: Any, name: LiteralString, kind: ParamType) -> Sql:
    cell = Sql("CAST(NULL AS {})", Sql(kind)) if value is None else Sql("{}", Bound(value, kind))
    return Sql("{} AS {}", cell, Sql(name))


class ConstantScope:
    """One row of such a set."""

    def __init__(self, engine: EngineName, rows: Rows, type: TypeName, numbers: itertools.count[int]) -> None:
        self.engine: EngineName = engine
        self.rows = rows
        self.type: TypeName = type
        self.numbers = numbers
        self.alias = Sql(ALIASES[next(numbers)])

    def table(self) -> Sql:
        """The rows as a derived table; the first of them are none, and say what the columns are."""
        columns = COLUMNS[self.type]
        table = Sql("SELECT {} WHERE 1 = 0", join(", ", [_cell(None, name, kind) for name, kind in columns.items()]))
        for row in self.rows.get(self.type, []):
            cells = [_cell(row.get(name), name, kind) for name, kind in columns.items()]
            table = Sql("{} UNION ALL SELECT {}", table, join(", ", cells))
        return Sql("({}) {}", table, self.alias)

    def column(self, property: str, inside: tuple[str | int, ...]) -> tuple[Column, tuple[str | int, ...]]:
        def of(name: LiteralString) -> Sql:
            return Sql("{}.{}", self.alias, Sql(name))

        match property:
            case "id":
                return Column("id", of("n")), inside
            case "phenomenonTime":
                return Column("time", of("start"), end=of("stop")), inside
            case "resultTime":
                return Column("time", of("result_time")), inside
            case "result":
                return Column("result", of("value"), number=of("num")), inside
            case "parameters":
                return Column("json", of("parameters")), inside
            case "properties":
                return Column("json", of("properties")), inside
            case "location":
                return Column("geometry", of("location"), place=of("n")), inside
            case "name":
                return Column("text", of("name")), inside
            case _:
                return Column("text", of("description")), inside

    def enter(self, relation: str) -> Joined:
        type, condition = RELATIONS[self.type, relation]
        scope = ConstantScope(self.engine, self.rows, type, self.numbers)
        reference = Sql("{}.thing", self.alias) if (self.type, relation) == ("Datastream", "Thing") else None
        return Joined(scope.table(), Sql(condition, self.alias, scope.alias), scope, reference)


def instant(text: str) -> int:
    """Microseconds of a date-time."""
    return parse_instant(text)


def encode(value: Any) -> str:
    """JSON as the store keeps it."""
    return json.dumps(value, ensure_ascii=False)


async def matches(
    database: Database, rows: Rows, type: TypeName, expression: str | tree.Expression, now: int = 0
) -> list[int]:
    """The ids of what a filter lets through, in their order."""
    node = parse_filter(expression, TYPES[type]) if isinstance(expression, str) else expression
    scope = ConstantScope(database.engine, rows, type, itertools.count())
    condition = compile_filter(node, scope)
    statement = Sql("SELECT {}.n FROM {} WHERE {} ORDER BY 1", scope.alias, scope.table(), condition)
    text, params = statement.render(database.engine, now)
    return [row[0] for row in await database.fetch(text, *params, lane="scan")]


async def keys(database: Database, rows: Rows, type: TypeName, expression: tree.Expression) -> list[Sequence[Any]]:
    """The id and the sort keys of each row, in the order of the ids."""
    scope = ConstantScope(database.engine, rows, type, itertools.count())
    parts = compile_order(expression, scope)
    statement = Sql("SELECT {}.n, {} FROM {} ORDER BY 1", scope.alias, join(", ", parts), scope.table())
    text, params = statement.render(database.engine, 0)
    return [tuple(row) for row in await database.fetch(text, *params, lane="scan")]


async def decide(database: Database, rows: Rows, type: TypeName, text: str, now: int = 0) -> bool | None:
    """What a filter says of the only row of a set: true, false (then its opposite matches), None for unknown."""
    node = parse_filter(text, TYPES[type])
    if await matches(database, rows, type, node, now):
        assert await matches(database, rows, type, tree.Unary("not", node), now) == []
        return True
    return False if await matches(database, rows, type, tree.Unary("not", node), now) else None
