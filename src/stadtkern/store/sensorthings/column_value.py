"""Columns as values."""

from __future__ import annotations

from msgspec.structs import replace

from stadtkern.store.dialect import EngineName, Sql
from stadtkern.store.sensorthings.json_path import json_value
from stadtkern.store.sensorthings.scope import Column
from stadtkern.store.sensorthings.value import Number, Shape, Time, Value, text_of


def column_value(column: Column, inside: tuple[str | int, ...], engine: EngineName) -> Value:
    """Make the value of a property, or of what lies inside its JSON."""
    match column.kind:
        case "id":
            return Value(number=Number(column.sql, integer=True, exact=True))
        case "text":
            return Value(text=text_of(column.sql, engine))
        case "time":
            return Value(time=Time(column.sql, column.end))
        case "result" if column.number is not None and not inside:
            return _result(column.sql, column.number, engine)
        case "geometry" if not inside:
            return replace(json_value(column.sql, (), engine), shape=Shape(place=column.place, search=column.search))
        case _:
            return json_value(column.sql, inside, engine)


def _result(json: Sql, number: Sql, engine: EngineName) -> Value:
    """Make the value of a result: a number has a column of its own, so that it is compared without reading JSON."""
    value = json_value(json, (), engine)
    present = Sql("({} IS NOT NULL OR {})", number, value.is_present())
    return replace(value, number=Number(number), present=present)
