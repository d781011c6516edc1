"""What expressions are compiled against: the columns of one entity type, and where its relations lead, in SQL.

Whoever reads a set says what its properties are in SQL (``Column``) and how a relation is joined (``Joined``), with
the
rights of the Grant in it; ``expression`` makes conditions and sort keys of them and knows no table.
"""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

from stadtkern.store.dialect import EngineName, Sql

ColumnKind = Literal["id", "text", "json", "result", "time", "geometry"]


class Column(Struct, frozen=True):
    """A property in SQL: expressions without side effects, repeated where they are needed. NULL: it has no value.

    kind ``id``: sql is an integer. ``text``: a text. ``json``: the text of any JSON. ``result``: the text of any JSON,
    which may be NULL where ``number`` (double precision) is its value; where that is not NULL, it is. ``time``: sql is
    the start and ``end`` the end, microseconds UTC; an end of NULL, or none, makes it an instant. ``geometry``: the
    text
    of any JSON, and ``place`` is the number of the entity whose ``location`` (rows of ``geo``) has its geometry.
    """

    kind: ColumnKind
    sql: Sql
    number: Sql | None = None
    end: Sql | None = None
    place: Sql | None = None
    search: Sql | None = None
    """A plain column that equals ``place`` wherever that is not NULL: by it an index is searched."""


class Joined(Struct, frozen=True):
    """One step along a relation: ``table`` (with an alias of its own), the condition ``on``, and what is then there.

    reference: a column of where the step starts, never NULL, where ``on`` says no more than that it equals the id of
    what
    is then there. None where there is none such.
    """

    table: Sql
    on: Sql
    scope: Scope
    reference: Sql | None = None


class Scope(Protocol):
    """One entity of a statement, under its alias."""

    @property
    def engine(self) -> EngineName:
        """The engine that the SQL is for."""
        ...

    def column(self, property: str, inside: tuple[str | int, ...]) -> tuple[Column, tuple[str | int, ...]]:
        """Give a property's column, and what is left of the way inside its JSON. ``id`` is one of them."""
        ...

    def enter(self, relation: str) -> Joined:
        """Give one step to the entities of a relation that the Grant shows, each time under a new alias."""
        ...
