"""Named SQL statements from the files in ``sql/``, each written once for both engines.

A statement starts with ``-- name: load_head(id)``: its name and its parameters in call order; the comment lines
that follow
say what it is for. In the text ``:id`` is a parameter and ``@macro(…)`` one of the dialect's macros:

=================  =======================================  ======================================
macro              SQLite                                   PostgreSQL
=================  =======================================  ======================================
``@in(:a, type)``  ``IN (SELECT value FROM json_each(?1))`` ``= ANY($1::type[])``
``@big(:a)``       ``?1``                                   ``$1::bigint``
``@text(:a)``      ``?1``                                   ``$1::text``
``@least(a, b)``   ``min(a, b)``                            ``least(a, b)``
``@greatest(a,b)`` ``max(a, b)``                            ``greatest(a, b)``
``@has(text, part)`` ``instr(text, part) > 0``             ``strpos(text, part) > 0``
``@least_known``   likewise, of the one that is not null    ``least(a, b)``
``@rows(a type,…)`` ``VALUES (?1, …)``                       ``SELECT * FROM unnest($1::type[], …)``
=================  =======================================  ======================================

A statement with ``@rows``, or with ``unnest`` in its block for PostgreSQL, is run by ``Transaction.execute_rows``: once
a row on SQLite, once for all rows on PostgreSQL.

``@currents(e)`` joins the current instances of an entity's observed attributes, each behind its attribute's name, by
the control characters 30 and 31, which JSON text cannot contain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, LiteralString

import msgspec

EngineName = Literal["sqlite", "postgres"]

_HEAD = re.compile(r"^-- name: (\w+)\(([^)]*)\)\s*$", re.MULTILINE)
_ONLY = re.compile(r"-- only: (\w+)\n(.*?)-- end[^\n]*\n?", re.DOTALL)
_PARAM = re.compile(r"(?<![:\w]):([a-z_]+)")
_MACRO = re.compile(r"@(\w+)\(([^()]*)\)")
_CURRENTS: dict[EngineName, LiteralString] = {
    "sqlite": "(SELECT group_concat(s.attribute || char(31) || s.current, char(30) ORDER BY s.n) FROM series s"
    " WHERE s.entity = {0}.n AND s.current IS NOT NULL)",
    "postgres": "(SELECT string_agg(s.attribute || chr(31) || s.current, chr(30) ORDER BY s.n) FROM series s"
    " WHERE s.entity = {0}.n AND s.current IS NOT NULL)",
}
_MACROS: dict[str, Mapping[EngineName, str]] = {
    "currents": _CURRENTS,
    "in": {"sqlite": "IN (SELECT value FROM json_each({0}))", "postgres": "= ANY({0}::{1}[])"},
    "big": {"sqlite": "{0}", "postgres": "{0}::bigint"},
    "text": {"sqlite": "{0}", "postgres": "{0}::text"},
    "least": {"sqlite": "min({0}, {1})", "postgres": "least({0}, {1})"},
    "greatest": {"sqlite": "max({0}, {1})", "postgres": "greatest({0}, {1})"},
    "least_known": {
        "sqlite": "min(coalesce({0}, {1}), coalesce({1}, {0}))",
        "postgres": "least({0}, {1})",
    },
    "has": {"sqlite": "instr({0}, {1}) > 0", "postgres": "strpos({0}, {1}) > 0"},
    "greatest_known": {
        "sqlite": "max(coalesce({0}, {1}), coalesce({1}, {0}))",
        "postgres": "greatest({0}, {1})",
    },
}


def for_engine(text: str, engine: EngineName) -> str:
    """Keep the blocks of SQL that are meant for this engine."""
    return _ONLY.sub(lambda block: block[2] if block[1] == engine else "", text)


class Statements:
    """All statements of one file in one engine's dialect: ``statements["load_head"]`` is the SQL text."""

    def __init__(self, file: str, engine: EngineName) -> None:
        text = resources.files("stadtkern.store").joinpath("sql", file).read_text(encoding="utf-8")
        self._sql: dict[str, str] = {}
        parts = _HEAD.split(for_engine(text, engine))
        for name, params, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            if name in self._sql:
                raise ValueError(f"{file} has the statement {name} twice")
            self._sql[name] = _compile(body, [part.strip() for part in params.split(",") if part.strip()], engine)

    def __getitem__(self, name: str) -> str:
        return self._sql[name]

    def names(self) -> list[str]:
        """List the statements' names."""
        return list(self._sql)


@cache
def statements(file: str, engine: EngineName) -> Statements:
    """Load a file of statements once."""
    return Statements(file, engine)


def _compile(body: str, params: list[str], engine: EngineName) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    text = "\n".join(lines).strip().rstrip(";")

    def expand(match: re.Match[str]) -> str:
        arguments = [part.strip() for part in match[2].split(",")]
        if match[1] == "rows":
            return _rows([argument.split(" ", 1) for argument in arguments], engine)
        return _MACROS[match[1]][engine].format(*arguments)

    sign = "?" if engine == "sqlite" else "$"
    return _PARAM.sub(lambda match: f"{sign}{params.index(match[1]) + 1}", _MACRO.sub(expand, text))


def _rows(columns: list[list[str]], engine: EngineName) -> str:
    """Write where the rows of ``execute_rows`` come from; columns: parameter and type."""
    if engine == "sqlite":
        return f"VALUES ({', '.join(f':{name}' for name, _ in columns)})"
    return f"SELECT * FROM unnest({', '.join(f':{name}::{type_}[]' for name, type_ in columns)})"  # noqa: S608 - names of parameters and types, from our files


def array(engine: EngineName, values: list[Any]) -> Any:
    """Give a list in the form ``@in`` takes: JSON text on SQLite, the list itself on PostgreSQL."""
    return msgspec.json.encode(values).decode() if engine == "sqlite" else values
