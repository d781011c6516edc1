"""Monthly summaries of series: how many observed instances a month has, and their extents in time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from stadtkern.store.engine.base import Transaction
from stadtkern.store.statements import EngineName, statements

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ChunkKey = tuple[int, int]
"""Series number, month number."""
_NO_SPAN = (None, None, None)


async def add_to_chunks(
    transaction: Transaction, engine: EngineName, rows: Iterable[tuple[Any, ...]], stale: set[ChunkKey]
) -> None:
    """Add new observations, as rows of ``observation.COLUMNS``, to the summaries of their months.

    stale: summaries to leave out, which are computed anew.
    """
    chunks: dict[ChunkKey, list[int]] = {}
    spans: dict[ChunkKey, list[int | None]] = {}
    for row in rows:
        if not row[7] or row[6] is not None:
            continue
        time, recorded, end, result = row[2], row[5] or row[4], row[12], row[13]
        key = (row[1], month_of(time))
        if key in stale:
            continue
        chunk = chunks.setdefault(key, [0, time, time, recorded, recorded])
        last = time if end is None else end
        chunk[0] += 1
        chunk[1:] = min(chunk[1], time), max(chunk[2], last), min(chunk[3], recorded), max(chunk[4], recorded)
        if end is not None or result is not None:
            _widen(spans.setdefault(key, [None, None, None]), time, end, result)
    if chunks:
        rows = [(*key, *chunk, *spans.get(key, _NO_SPAN)) for key, chunk in sorted(chunks.items())]
        await transaction.execute_rows(statements("write.sql", engine)["add_to_chunk"], rows)


def _widen(span: list[int | None], time: int, end: int | None, result: int | None) -> None:
    """Take one observation into the extent of result times and the longest stretch."""
    first, last, longest = span
    if result is not None:
        span[0] = result if first is None else min(first, result)
        span[1] = result if last is None else max(last, result)
    if end is not None:
        span[2] = end - time if longest is None else max(longest, end - time)


async def recount(transaction: Transaction, engine: EngineName, chunks: Iterable[ChunkKey]) -> None:
    """Compute summaries anew after instances changed or went."""
    sql = statements("history.sql", engine)
    for series, month in sorted(set(chunks)):
        start, end = month_bounds(month)
        await transaction.execute(sql["delete_chunk"], series, month)
        await transaction.execute(sql["recount_chunk"], series, month, start, end)


def month_of(instant: int) -> int:
    """Number the month of an instant in UTC: years since 0 times twelve, plus months."""
    moment = _EPOCH + timedelta(microseconds=instant)
    return moment.year * 12 + moment.month - 1


def month_bounds(month: int) -> tuple[int, int]:
    """Give the first instant of a month and that of the next one."""
    return _month_start(month), _month_start(month + 1)


def _month_start(month: int) -> int:
    year, index = divmod(month, 12)
    # proleptic Gregorian day count, valid beyond datetime's year 9999
    shifted_year, shifted_month = (year - 1, index + 10) if index < 2 else (year, index - 2)
    era_days = 365 * shifted_year + shifted_year // 4 - shifted_year // 100 + shifted_year // 400
    days = era_days + (153 * shifted_month + 2) // 5 - 719468
    return days * 86_400_000_000
