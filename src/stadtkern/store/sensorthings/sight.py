"""What every piece of a SensorThings query has in common: the engine, what the Grant shows, and names for tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, LiteralString

from stadtkern.errors import TooComplexQuery
from stadtkern.model.ids import Iri
from stadtkern.policy.grant import Grant
from stadtkern.store.compile import compile_filter
from stadtkern.store.dialect import NOW, TRUE, Bound, Dialect, EngineName, ParamType, Sql, dialect_of

_DIGITS: Final[tuple[LiteralString, ...]] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_ALIASES: Final[tuple[LiteralString, ...]] = tuple(f"x{ten}{one}" for ten in _DIGITS for one in _DIGITS)
MAX_TABLES: Final = len(_ALIASES)
"""Most tables that one query may name."""


class Row:
    """A row that other pieces of SQL look at, by the columns that ``source`` gives its type."""

    __slots__ = ("alias",)

    def __init__(self, alias: Sql) -> None:
        self.alias: Final = alias

    def __getitem__(self, column: LiteralString) -> Sql:
        return Sql("{}.{}", self.alias, Sql(column))


class KnownRow(Row):
    """A row that was read before: its columns are bound values."""

    __slots__ = ("_bound", "values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(Sql("known"))
        self.values: Final = values
        self._bound: dict[str, Sql] = {}

    def __getitem__(self, column: LiteralString) -> Sql:
        # made when it is asked for: of most rows that are read nobody asks
        bound = self._bound.get(column)
        if bound is None:
            bound = self._bound[column] = Sql("{}", Bound(self.values[column], COLUMN_TYPES.get(column, "bigint")))
        return bound


COLUMN_TYPES: Final[dict[str, ParamType]] = {
    "iri": "text",
    "attribute": "text",
    "places": "text",
    "geometry": "text",
    "measurement": "text",
}
"""What the columns of sources hold that are no numbers."""


class Sight:
    """One query under one Grant.

    attributes: by short name the attributes that entities of the tenant have (see ``short_name``), for
    ``properties/x``; without what the Grant hides.
    visible: the numbers of the entities that the Grant shows, where its row filter cannot be said in SQL.
    """

    __slots__ = ("_used", "attributes", "dialect", "engine", "hidden", "rows")

    def __init__(
        self,
        engine: EngineName,
        grant: Grant,
        attributes: Mapping[str, tuple[Iri, ...]] | None = None,
        visible: list[int] | None = None,
    ) -> None:
        self.engine: Final[EngineName] = engine
        self.dialect: Final[Dialect] = dialect_of(engine)
        self.hidden: Final = grant.hidden
        self.attributes: Final[Mapping[str, tuple[Iri, ...]]] = attributes or {}
        self.rows: Final = _rows(self.dialect, grant, visible)
        """Boolean over alias ``e`` of table entity: it lives and the Grant shows it."""
        self._used = 0

    def row(self) -> Row:
        """Name one more table. Raises: TooComplexQuery beyond ``MAX_TABLES``."""
        if self._used == MAX_TABLES:
            raise TooComplexQuery(
                "The query names too many relations", hint="take some paths out of $filter or $orderby"
            )
        self._used += 1
        return Row(Sql(_ALIASES[self._used - 1]))

    def shows(self, attribute: str) -> bool:
        """Tell whether the Grant shows an attribute."""
        return attribute not in self.hidden


def _rows(dialect: Dialect, grant: Grant, visible: list[int] | None) -> Sql:
    if visible is not None:
        shown = dialect.is_in(Sql("e.n"), Bound(visible, "bigint[]"))
    elif grant.row_filter is not None:
        compiled = compile_filter(grant.row_filter, dialect.engine)
        if not compiled.exact:
            raise ValueError("this row filter needs the list of what it shows")
        shown = compiled.sql
    else:
        shown = TRUE
    return Sql("e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > {}) AND ({})", NOW, shown)


def short_name(iri: str) -> str:
    """Give the part of an IRI after its last slash or hash; the whole where nothing follows it."""
    return iri[max(iri.rfind("/"), iri.rfind("#")) + 1 :] or iri
