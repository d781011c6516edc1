"""Select entities by a filter: SQL narrows by indexes; where it cannot decide, the evaluator does.

Without an order, pages are walked by the entity's number (keyset). A filter that names types walks
``entity_type``, so that
page 1 of a type costs the same whatever else is stored.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, cast

from stadtkern.errors import TooComplexQuery
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.query.filter import Filter, all_of, hide_attributes
from stadtkern.store.compile import Plan, compile_plan
from stadtkern.store.dialect import NOW, Bound, EngineName, Sql
from stadtkern.store.engine.base import Database, Lane

MAX_COUNT = 100_000
"""Counts are exact up to here; above, the answer is this number and one (see ``Selection.count``)."""
INLINE_ROWS = 2_000
"""Rows that a walk along a key may pass inline on the event loop."""


Row = tuple[int, int, Instant]
"""What a cache needs to know of an entity on a page: its number, its version, and when that was written."""


def effective_filter(grant: Grant, filter: Filter | None) -> Filter | None:
    """Give the filter as it reads under the Grant: hidden attributes do not exist, hidden rows do not match."""
    shown = None if filter is None else hide_attributes(filter, grant.hidden)
    return all_of(shown, grant.row_filter)


def plan(database: Database, grant: Grant, filter: Filter | None) -> Plan:
    """Plan a selection."""
    return compile_plan(effective_filter(grant, filter), database.engine)


def _lane(chosen: Plan, rows: int) -> Lane:
    return "key" if chosen.bounded and rows <= INLINE_ROWS else "scan"


def _live(now: Instant) -> Sql:
    return Sql("e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > {})", Bound(now, "bigint"))


async def select_rows(
    database: Database, grant: Grant, filter: Filter | None, *, after: int, limit: int, offset: int, now: Instant
) -> list[Row]:
    """Give numbers, versions and their times of a page of matches in order of their number; for exact plans only."""
    page = _page_statement(effective_filter(grant, filter), database.engine)
    values = {_NOW: now, _AFTER: after, _LIMIT: limit, _OFFSET: offset}
    params = [values[param] if isinstance(param, _Slot) else param for param in page.params]
    lane: Lane = "key" if page.bounded and offset + limit <= INLINE_ROWS else "scan"
    rows = await database.fetch(page.text, *params, lane=lane)
    return cast("list[Row]", list(map(tuple, rows)))


class _Slot:
    """Stands in a prepared statement for a value that each request brings."""


_NOW, _AFTER, _LIMIT, _OFFSET = _Slot(), _Slot(), _Slot(), _Slot()


class _Prepared(NamedTuple):
    text: str
    params: list[object]
    bounded: bool


@lru_cache(maxsize=1024)
def _page_statement(filter: Filter | None, engine: EngineName) -> _Prepared:
    chosen = compile_plan(filter, engine)
    if not chosen.exact:
        raise ValueError("this filter needs the evaluator")
    statement = Sql(
        "SELECT e.n, e.version, e.modified_at FROM {} WHERE e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > {})"
        " AND ({}) AND {} > {} ORDER BY {} LIMIT {} OFFSET {}",
        chosen.source,
        NOW,
        chosen.where,
        chosen.key,
        Bound(_AFTER, "bigint"),
        chosen.key,
        Bound(_LIMIT, "bigint"),
        Bound(_OFFSET, "bigint"),
    )
    text, params = statement.render(engine, _NOW)
    return _Prepared(text, params, chosen.bounded)


async def count_rows(database: Database, grant: Grant, filter: Filter | None, now: Instant) -> int:
    """Count matches, up to ``MAX_COUNT`` + 1; for exact plans only."""
    chosen = plan(database, grant, filter)
    statement = Sql(
        "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} AND ({}) LIMIT {}) AS counted",
        chosen.source,
        _live(now),
        chosen.where,
        Bound(MAX_COUNT + 1, "bigint"),
    )
    text, params = statement.render(database.engine, now)
    return int((await database.fetch(text, *params, lane="scan"))[0][0])


async def select_candidates(
    database: Database, grant: Grant, filter: Filter | None, *, after: int, limit: int, now: Instant
) -> list[int]:
    """Give the numbers of candidates in their order: all matches, and where the plan is inexact more than those."""
    chosen = plan(database, grant, filter)
    statement = Sql(
        "SELECT e.n FROM {} WHERE {} AND ({}) AND {} > {} ORDER BY {} LIMIT {}",
        chosen.source,
        _live(now),
        chosen.where,
        chosen.key,
        Bound(after, "bigint"),
        chosen.key,
        Bound(limit, "bigint"),
    )
    text, params = statement.render(database.engine, now)
    return [row[0] for row in await database.fetch(text, *params, lane=_lane(chosen, limit * 4))]


class Found(NamedTuple):
    """An entity with a past or a present."""

    n: int
    id: EntityId


async def select_pasts(
    database: Database, grant: Grant, filter: Filter | None, *, after: int, limit: int
) -> list[Found]:
    """Give entities that have a present or a past, by conditions on id, type and scope, in order of their number."""
    chosen = plan(database, grant, filter)
    statement = Sql(
        "SELECT e.n, e.id FROM {} WHERE e.state < 2 AND ({}) AND {} > {} ORDER BY {} LIMIT {}",
        chosen.source,
        chosen.where,
        chosen.key,
        Bound(after, "bigint"),
        chosen.key,
        Bound(limit, "bigint"),
    )
    text, params = statement.render(database.engine, 0)
    rows = await database.fetch(text, *params, lane=_lane(chosen, limit * 4))
    return [Found(row[0], EntityId(row[1])) for row in rows]


def refuse_unbounded(seen: int, most: int) -> None:
    """End a search that has looked at more candidates than one request may. Raises: TooComplexQuery."""
    if seen > most:
        raise TooComplexQuery(
            f"The query had to look at more than {most} entities one by one",
            hint="narrow it by type, id or area, or by an attribute that can be compared by the store",
        )
