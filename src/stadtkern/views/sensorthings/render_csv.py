"""Sets as comma-separated values (RFC 4180), for spreadsheets.

A row an entity; what is expanded stands in columns of its own (``Thing/name``), and an entity with several related
ones has a row for each. Texts that a spreadsheet would run as a formula get an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from typing import Final, NamedTuple

import re2
from msgspec import Raw

from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Query
from stadtkern.views.sensorthings.filling import Budget, Part, fill
from stadtkern.views.sensorthings.way import Way, follow, is_null, plain_text, way_text

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re2.compile(r"[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?")
_INSIDE: Final = {"unitOfMeasurement": ("name", "symbol", "definition")}
"""Objects whose members are known have a column for each."""


class _Column(NamedTuple):
    name: str
    inside: Way = ()


def check_csv(type: TypeName, query: Query) -> None:
    """Refuse two relations to many side by side, whose rows would be multiplied. Raises: BadRequestData."""
    relations = TYPES[type].relations
    many = [one.relation for one in query.expand if relations[one.relation].many]
    if len(many) > 1:
        raise BadRequestData(
            f"As CSV, of the relations {' and '.join(many)} one can be expanded at a time", pointer="$expand:0"
        )
    for one in query.expand:
        check_csv(relations[one.relation].target, one.query)


def render_csv(page: Page, type: TypeName, query: Query, address: str, most: int) -> tuple[bytes, Part]:
    """Render a page with its line of names. most: bytes, beyond which it ends early; the Part tells what follows."""

    def render(record: Record, budget: Budget) -> bytes:
        return _lines(_rows(record, type, query, budget))

    part = fill(page, query, address, most, render)
    return _lines(iter([list(_names(type, query, ""))])) + b"".join(part.items), part


def _lines(rows: Iterator[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _columns(type: TypeName, query: Query) -> list[_Column]:
    if query.select is not None:
        own = TYPES[type].properties
        return [_Column(one.name, one.inside) for one in query.select if one.name == "id" or one.name in own]
    columns = [_Column("id")]
    for name in TYPES[type].properties:
        columns.extend(_Column(name, (inner,)) for inner in _INSIDE.get(name, ()))
        if name not in _INSIDE:
            columns.append(_Column(name))
    return columns


def _names(type: TypeName, query: Query, prefix: str) -> Iterator[str]:
    for column in _columns(type, query):
        yield prefix + way_text((column.name, *column.inside))
    for one in query.expand:
        yield from _names(TYPES[type].relations[one.relation].target, one.query, f"{prefix}{one.relation}/")


def _rows(record: Record | None, type: TypeName, query: Query, budget: Budget) -> Iterator[list[str]]:
    """Give the rows of an entity, one of blanks where there is none."""
    own = [_cell(record, column) for column in _columns(type, query)]
    parts: list[list[list[str]]] = []
    for one in query.expand:
        target = TYPES[type].relations[one.relation].target
        found = record.related.get(one.relation) if record is not None else None
        related = (found.records or [None]) if isinstance(found, Page) else [found]
        parts.append([row for inner in related for row in _rows(inner, target, one.query, budget)])
    for combined in itertools.product(*parts):
        row = own + list(itertools.chain.from_iterable(combined))
        if query.expand:
            budget.spend(sum(map(len, row)))
        yield row


def _cell(record: Record | None, column: _Column) -> str:
    if record is None:
        return ""
    if column.name == "id":
        return str(record.id)
    value = record.values.get(column.name)
    if value is not None and column.inside:
        value = follow(value, column.inside)
    return "" if value is None or is_null(value) else _text(value)


def _text(value: Raw) -> str:
    """Write a value. Numbers are no formulas, whether as numbers or as texts."""
    text = plain_text(value)
    if text is None:
        return bytes(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) and _NUMBER.fullmatch(text) is None else text
