"""The change log: what every commit did to which entity, in the order that all readers see.

A row is there as soon as the write is, since both are one transaction. Rows hold what is needed to tell how an entity
was at any of them: the state now, with what came later taken back (``broker.rewind``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.subscription import Position
from stadtkern.policy.grant import Grant
from stadtkern.store.document import Head, decode_row
from stadtkern.store.engine.base import Database, Row
from stadtkern.store.statements import array, statements

RowKind = Literal["created", "updated", "deleted", "erased"]
"""``erased``: with its history."""
LoggedVerb = Literal["created", "updated", "deleted", "recorded", "revised", "erased", "described", "series", "before"]
"""``model.change.Verb`` tells of most; ``series`` counts values that went to history, ``before`` is of what is gone."""
INLINE = 200
"""Up to so many rows are read on the event loop."""
NOTHING = Raw(b"null")


class LoggedItem(Struct, frozen=True, array_like=True):
    """One entry of a row: JSON texts of instances, null where there is none or where it was too long to repeat."""

    attribute: Iri
    dataset_id: str
    verb: LoggedVerb
    previous: Raw = NOTHING
    new: Raw = NOTHING


class ChangeRow(Struct, frozen=True):
    """What one commit did to one entity.

    at: when (UTC). n: the entity's number. version: the entity's after it. The items of a new entity hold names alone.
    """

    position: Position
    at: Instant
    n: int
    id: EntityId
    version: int
    kind: RowKind
    items: list[LoggedItem]


_items_decoder = msgspec.json.Decoder(list[LoggedItem])


async def read_changes(database: Database, grant: Grant, after: Position, limit: int) -> list[ChangeRow]:
    """Give rows after a position, in order; what is committed later never sorts before what was given.

    On PostgreSQL a long transaction holds back what is committed after its start, until it ends.
    """
    del grant  # the log is the same for everybody; who may know of an entity is judged by its state
    sql = statements("changelog.sql", database.engine)["read"]
    rows = await database.fetch(sql, after.x, after.seq, limit, lane="key" if limit <= INLINE else "scan")
    return [_decode(row) for row in rows]


async def find_change(database: Database, grant: Grant, position: Position) -> ChangeRow | None:
    """Give the row at a position; None where it is not kept any longer."""
    del grant
    rows = await database.fetch(statements("changelog.sql", database.engine)["find"], position.seq)
    return _decode(rows[0]) if rows and rows[0][0] == position.x else None


async def later_changes(
    database: Database, grant: Grant, entity_n: int, after: Position, limit: int
) -> list[ChangeRow]:
    """Give what was done to one entity after a row, in order; transactions that others may still overtake included."""
    del grant
    sql = statements("changelog.sql", database.engine)["later"]
    rows = await database.fetch(sql, entity_n, after.seq, limit, lane="key" if limit <= INLINE else "scan")
    return [_decode(row) for row in rows]


async def next_end(database: Database, grant: Grant, entity_n: int, after: Position) -> ChangeRow | None:
    """Give the first deletion of an entity after a row."""
    del grant
    rows = await database.fetch(statements("changelog.sql", database.engine)["next_end"], entity_n, after.seq)
    return _decode(rows[0]) if rows else None


async def head(database: Database, grant: Grant) -> Position:
    """Give the position of now: every row up to it can be read, every later commit is after it."""
    del grant
    rows = await database.fetch(statements("changelog.sql", database.engine)["head"])
    return Position(rows[0][0], rows[0][1])


async def oldest(database: Database, grant: Grant) -> Position | None:
    """Give the position of the first row that is kept; None where there is none."""
    del grant
    rows = await database.fetch(statements("changelog.sql", database.engine)["oldest"])
    return Position(rows[0][0], rows[0][1]) if rows else None


async def load_states(database: Database, grant: Grant, ns: Sequence[int]) -> dict[int, tuple[Head, Entity | None]]:
    """Give entities as they are stored now, by number: whole, whatever has expired included; None for those that went.

    For working out earlier states only, which what a Grant hides is then taken from.
    """
    del grant
    sql = statements("changelog.sql", database.engine)["states"]
    rows = await database.fetch(sql, array(database.engine, list(ns)), lane="key" if len(ns) <= INLINE else "scan")
    return {head.n: (head, entity) for head, entity in map(decode_row, rows)}


def _decode(row: Row) -> ChangeRow:
    x, seq, at, n, id_, version, kind, items = row
    return ChangeRow(Position(x, seq), at, n, id_, version, kind, _items_decoder.decode(items))
