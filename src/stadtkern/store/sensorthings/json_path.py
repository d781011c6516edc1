"""Members of JSON as values: keys and indexes are bound, never part of the SQL."""

from __future__ import annotations

from typing import LiteralString

import msgspec

from stadtkern.store.dialect import Bound, EngineName, Sql
from stadtkern.store.sensorthings.value import NOTHING, Number, Value, text_of

_LARGEST_INDEX = 2**31 - 1


def json_value(json: Sql, inside: tuple[str | int, ...], engine: EngineName) -> Value:
    """Make the value of what lies inside a JSON text; nothing where there is no such member.

    inside: keys of objects (text) and places in arrays (from 0).
    """
    if any(isinstance(step, int) and not 0 <= step <= _LARGEST_INDEX for step in inside):
        return NOTHING
    return _in_sqlite(json, inside) if engine == "sqlite" else _in_postgres(json, inside)


def _in_sqlite(json: Sql, inside: tuple[str | int, ...]) -> Value:
    steps = (f"[{step}]" if isinstance(step, int) else f".{msgspec.json.encode(step).decode()}" for step in inside)
    path = Bound("$" + "".join(steps), "text")

    def read(template: LiteralString) -> Sql:
        return Sql(
            "(SELECT {} FROM (SELECT json_type(arg.j, {}) AS t, json_extract(arg.j, {}) AS v"
            " FROM (SELECT {} AS j LIMIT 1) arg LIMIT 1) arg)",
            Sql(template),
            path,
            path,
            json,
        )

    return Value(
        number=Number(read("CASE WHEN arg.t IN ('integer', 'real') THEN CAST(arg.v AS REAL) END")),
        text=read("CASE WHEN arg.t = 'text' THEN arg.v END"),
        boolean=read("CASE arg.t WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"),
        present=read("coalesce(arg.t, 'null') <> 'null'"),
    )


def _in_postgres(json: Sql, inside: tuple[str | int, ...]) -> Value:
    node = Sql("({})::jsonb", json)
    for step in inside:
        is_place = isinstance(step, int)
        node = Sql("({} -> {}::int)" if is_place else "({} -> {})", node, Bound(step, "bigint" if is_place else "text"))

    def read(template: LiteralString) -> Sql:
        return Sql("(SELECT {} FROM (SELECT {} AS j LIMIT 1) arg)", Sql(template), node)

    return Value(
        # what a double cannot hold is an error in the cast
        number=Number(
            read(
                "CASE WHEN jsonb_typeof(arg.j) <> 'number' THEN NULL WHEN abs(arg.j::numeric) < 2.5e-324 THEN 0"
                " WHEN abs(arg.j::numeric) < 1.7976931348623158e308 THEN arg.j::numeric::double precision END"
            )
        ),
        text=text_of(read("CASE WHEN jsonb_typeof(arg.j) = 'string' THEN arg.j #>> ARRAY[]::text[] END"), "postgres"),
        boolean=read("CASE WHEN jsonb_typeof(arg.j) = 'boolean' THEN arg.j::boolean END"),
        present=read("coalesce(jsonb_typeof(arg.j), 'null') <> 'null'"),
    )
