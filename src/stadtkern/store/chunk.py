"""Monthly summaries of series: how many observed instances a month has, and their extents in time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from stadtkern.store.engine.base import Transaction
from stadtkern.store.statements import EngineName, statements

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ChunkKey = tuple[int, int]
"""Series number, month number."""


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
