"""One statement for one page of a set: its rows in their order, with all that is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, LiteralString, NamedTuple

from stadtkern.model.instant import Instant
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_answer import Record
from stadtkern.query.odata.tree import Expression, Query
from stadtkern.store.dialect import TRUE, Bound, Sql, join
from stadtkern.store.sensorthings.column import EntityScope
from stadtkern.store.sensorthings.expression import compile_filter
from stadtkern.store.sensorthings.of_streams import split
from stadtkern.store.sensorthings.order import Key, beyond, key_columns, order_by, order_keys, read_after, read_keys
from stadtkern.store.sensorthings.shown import Shown, shown_properties
from stadtkern.store.sensorthings.sight import KnownRow, Row, Sight
from stadtkern.store.sensorthings.source import source

LINKING: Final[dict[TypeName, tuple[LiteralString, ...]]] = {
    "Thing": ("n", "iri"),
    "Location": ("n", "iri", "implied"),
    "HistoricalLocation": ("n", "series", "time", "thing", "places", "place"),
    "Datastream": ("n", "thing", "sensor", "observed_property", "attribute"),
    "MultiDatastream": ("n", "thing", "sensor", "measurement"),
    "Sensor": ("n", "iri"),
    "ObservedProperty": ("n", "iri", "attribute"),
    "Observation": ("n", "series", "time", "thing", "feature", "multi"),
    "FeatureOfInterest": ("n", "iri"),
}
"""What has to be known of a row to find what it is related to, and for its Record."""


class Found(NamedTuple):
    """A row of a page: its record, what it is found by again, and the values of its order."""

    record: Record
    row: KnownRow
    keys: Sequence[Any]
    parent: int
    """The id of the entity that it is related to, where several were asked for at once; else 0."""


class Chosen(NamedTuple):
    """What a page is taken from: a table under a name, the condition on it, and its order."""

    type: TypeName
    row: Row
    table: Sql
    where: Sql
    keys: list[Key]
    begins: Sql = TRUE
    """The condition that a row comes after the last one of the page before."""
    begins_at: Sequence[Any] | None = None
    """That row's keys."""

    def also(self, condition: Sql) -> Chosen:
        """Give the same with a further condition."""
        return self._replace(where=Sql("({} AND {})", condition, self.where))


def choose(sight: Sight, type: TypeName, row: Row, table: Sql, query: Query, first: Sql | None = None) -> Chosen:
    """Put together what a query asks of a set. first: how it is ordered where the query does not say.

    Raises: BadRequestData.
    """
    scope = EntityScope(sight, type, row)
    where = TRUE if query.filter is None else _where(sight, type, row, query.filter)
    keys = order_keys(type, query, row, scope)
    if first is not None and not query.orderby:
        keys = [Key(first, False, True), *keys]
    if query.after is None:
        return Chosen(type, row, table, where, keys)
    last = read_after(type, query, keys)
    return Chosen(type, row, table, where, keys, beyond(keys, last), last)


def _where(sight: Sight, type: TypeName, row: Row, filter: Expression) -> Sql:
    if type != "Observation":
        return compile_filter(filter, EntityScope(sight, type, row))
    on_stream, others = split(filter)
    where = [compile_filter(one, EntityScope(sight, type, row)) for one in others]
    if on_stream:
        stream = sight.row()
        conditions = [compile_filter(one, EntityScope(sight, "Datastream", stream)) for one in on_stream]
        table = source(sight, "Datastream", stream)
        where.append(
            Sql("{} IN (SELECT {} FROM {} WHERE {})", row["series"], stream["n"], table, join(" AND ", conditions))
        )
    return Sql("({})", join(" AND ", where))


def rows_of(sight: Sight, chosen: Chosen, limit: int, offset: int, parent: Sql | None = None) -> Sql:
    """Give the SELECT of a page's rows: all columns of the table, the keys, and ``parent`` as a column of that name."""
    return Sql(
        "SELECT {} AS parent, {}.*, {} FROM {} WHERE {} AND {} ORDER BY {} LIMIT {} OFFSET {}",
        parent or Sql("0"),
        chosen.row.alias,
        key_columns(chosen.keys),
        chosen.table,
        chosen.where,
        chosen.begins,
        order_by(chosen.keys, sight.engine, [key.sql for key in chosen.keys]),
        Bound(limit, "bigint"),
        Bound(offset, "bigint"),
    )


class Reading(NamedTuple):
    """A statement, and what its rows mean."""

    statement: Sql
    type: TypeName
    keys: int
    shown: list[Shown]


def shown_rows(sight: Sight, type: TypeName, rows: Sql, keys: Sequence[Key], query: Query, now: Instant) -> Reading:
    """Give the statement that shows the rows of a derived table (as ``rows_of`` makes it), in their order."""
    row = sight.row()
    shown = shown_properties(sight, type, row, query, now)
    columns = [row["parent"], *(row[name] for name in LINKING[type]), *read_keys(keys, row)]
    columns += [column for one in shown for column in one.columns]
    statement = Sql(
        "SELECT {} FROM ({}) {} ORDER BY {}",
        join(", ", columns),
        rows,
        row.alias,
        order_by(keys, sight.engine, read_keys(keys, row)),
    )
    return Reading(statement, type, len(keys), shown)


def decode(reading: Reading, row: Sequence[Any]) -> Found:
    """Read one row of a reading's statement."""
    names = LINKING[reading.type]
    linking: dict[str, Any] = {str(name): value for name, value in zip(names, row[1:], strict=False)}
    place = 1 + len(names)
    keys = row[place : place + reading.keys]
    place += reading.keys
    values: dict[str, Any] = {}
    for one in reading.shown:
        values[one.name] = one.decode(row[place : place + len(one.columns)])
        place += len(one.columns)
    record = Record(
        type=reading.type,
        id=linking["n"],
        values=values,
        related={},
        stream=_stream(linking) if reading.type == "Observation" else None,
        iri=linking.get("iri"),
    )
    return Found(record, KnownRow(linking), keys, row[0])


def _stream(linking: dict[str, Any]) -> tuple[TypeName, int]:
    return ("MultiDatastream" if linking["multi"] else "Datastream", linking["series"])
