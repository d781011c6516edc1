"""The end of old rows of the change log, and up to where it went: a reader must know whether it missed anything."""

from __future__ import annotations

from stadtkern.model.instant import Instant
from stadtkern.model.subscription import START, Position
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database, Row
from stadtkern.store.statements import statements


async def trim(database: Database, grant: Grant, before: Instant, most: int) -> int:
    """Drop those of the oldest rows that are older than an instant, and tell how many."""
    del grant  # what anybody wrote grows old alike
    sql = statements("trimming.sql", database.engine)
    async with database.transaction() as transaction:
        gone = [Position(*row) for row in await transaction.fetch(sql["trim"], before, most)]
        if gone:
            last = max(_position(await transaction.fetch(sql["trimmed"])), *gone)
            await transaction.execute(sql["note"], "trimmed.x", last.x)
            await transaction.execute(sql["note"], "trimmed.seq", last.seq)
    return len(gone)


async def trimmed(database: Database, grant: Grant) -> Position:
    """Give the last position that was dropped: who read up to there, or further, missed nothing."""
    del grant
    return _position(await database.fetch(statements("trimming.sql", database.engine)["trimmed"]))


def _position(rows: list[Row]) -> Position:
    values: dict[str, int] = {kind: value for kind, value in rows}
    return Position(values["trimmed.x"], values["trimmed.seq"]) if values else START
