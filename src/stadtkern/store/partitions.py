"""Partitions of ``observation`` on PostgreSQL: made ahead of time, never inside a write.

A tenant starts with one partition for the present years and a catch-all at both ends. Maintenance cuts the next
stretch out of
the upper catch-all before it begins: a year, or a month where the years hold more than ``BUSY_ROWS`` rows.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stadtkern.errors import Unavailable
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database, Transaction
from stadtkern.store.engine.errors import TryAgain

BUSY_ROWS = 50_000_000
AHEAD = timedelta(days=45)
RETRIES = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOUND = re.compile(r"FROM \((MINVALUE|'?-?\d+'?)\) TO \((MAXVALUE|'?-?\d+'?)\)")


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: its table, its bounds in microseconds (None: open) and about how many rows it has."""

    table: str
    start: int | None
    end: int | None
    rows: int


async def ensure_partitions(database: Database, grant: Grant, now: Instant) -> list[str]:
    """Make the partitions that the coming weeks need and give the names of the new ones. Nothing to do on SQLite.

    Raises: Unavailable, where others use the table so much that it cannot be changed.
    """
    if database.engine != "postgres":
        return []
    present = await list_partitions(database, grant)
    if present and _next_cut(present, now) is None:
        return []
    for _ in range(RETRIES):
        with contextlib.suppress(TryAgain):
            return await _make(database, grant, now)
    raise Unavailable("The history is in use and cannot be given a new partition now; try again")


async def _make(database: Database, grant: Grant, now: Instant) -> list[str]:
    made: list[str] = []
    async with database.transaction() as transaction:
        await transaction.execute("SELECT pg_advisory_xact_lock(77, 3)")
        present = await list_partitions(transaction, grant)
        if not present:
            made += await _make_first(transaction, now)
            present = await list_partitions(transaction, grant)
        while (cut := _next_cut(present, now)) is not None:
            made.append(await _cut(transaction, present, *cut))
            present = await list_partitions(transaction, grant)
    return made


async def list_partitions(source: Database | Transaction, grant: Grant) -> list[Partition]:
    """List the partitions by their start."""
    del grant
    rows = await source.fetch(
        "SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid), greatest(c.reltuples, 0)::bigint"
        " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'observation'::regclass"
    )
    found: list[Partition] = []
    for table, bound, count in rows:
        match = _BOUND.search(bound)
        if match is not None:
            found.append(Partition(table, _read_bound(match[1]), _read_bound(match[2]), count))
    return sorted(found, key=lambda one: -(1 << 63) if one.start is None else one.start)


def _read_bound(text: str) -> int | None:
    return None if text.endswith("VALUE") else int(text.strip("'"))


def _instant(year: int, month: int = 1) -> int:
    return (datetime(year, month, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


async def _make_first(transaction: Transaction, now: Instant) -> list[str]:
    year = (_EPOCH + timedelta(microseconds=now)).year
    start, end = _instant(year - 1), _instant(year + 1)
    tables = (
        ("observation_past", None, start),
        (f"observation_{year - 1}", start, end),
        ("observation_future", end, None),
    )
    for table, lower, upper in tables:
        await _create(transaction, table, lower, upper)
    return [table for table, _, _ in tables]


async def _create(transaction: Transaction, table: str, start: int | None, end: int | None) -> None:
    lower = "MINVALUE" if start is None else str(start)
    upper = "MAXVALUE" if end is None else str(end)
    await transaction.execute(f"CREATE TABLE {table} PARTITION OF observation FOR VALUES FROM ({lower}) TO ({upper})")


def _next_cut(present: list[Partition], now: Instant) -> tuple[int, int, str] | None:
    """Tell the next stretch to cut out of the upper catch-all: start, end, table; None while there is time."""
    future = present[-1]
    if future.start is None or future.end is not None:
        return None
    begin = _EPOCH + timedelta(microseconds=future.start)
    today = _EPOCH + timedelta(microseconds=now)
    if begin - today > AHEAD:
        return None
    last = present[-2] if len(present) > 1 else future
    if last.rows > BUSY_ROWS:
        after = _instant(begin.year + begin.month // 12, begin.month % 12 + 1)
        return future.start, after, f"observation_{begin.year}_{begin.month:02d}"
    return (
        future.start,
        _instant(begin.year + 1),
        f"observation_{begin.year}" + (f"_{begin.month:02d}" if begin.month > 1 else ""),
    )


async def _cut(transaction: Transaction, present: list[Partition], start: int, end: int, table: str) -> str:
    """Move the catch-all's lower bound up to ``end``; the few rows from beyond that came early move along."""
    future = present[-1].table
    await transaction.execute(f"ALTER TABLE observation DETACH PARTITION {future}")
    await _create(transaction, table, start, end)
    # own table names and numbers: nothing of a client gets here
    early = f"DELETE FROM {future} WHERE time < {end} RETURNING *"  # noqa: S608
    await transaction.execute(f"WITH early AS ({early}) INSERT INTO observation SELECT * FROM early")  # noqa: S608
    await transaction.execute(
        f"ALTER TABLE observation ATTACH PARTITION {future} FOR VALUES FROM ({end}) TO (MAXVALUE)"
    )
    return table
