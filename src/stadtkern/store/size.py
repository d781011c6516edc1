"""How large documents are, told without reading them, so that nobody loads more of them at once than memory bears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from stadtkern.model.ids import EntityId
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Database
from stadtkern.store.statements import array, statements

SLICE_BYTES = 8 * 1024 * 1024
"""Bytes of documents that are loaded, and made objects of, at once; a single larger one comes alone."""
INLINE = 100
_Key = TypeVar("_Key")


async def sizes_by_n(database: Database, grant: Grant, ns: Sequence[int]) -> dict[int, int]:
    """Give the bytes of the current states of entities by number."""
    del grant  # a size shows nothing that a page would not end by
    sql = statements("read.sql", database.engine)["sizes_by_n"]
    rows = await database.fetch(sql, array(database.engine, list(ns)), lane="key" if len(ns) <= INLINE else "scan")
    return {row[0]: int(row[1]) for row in rows}


async def sizes_by_id(database: Database, grant: Grant, ids: Sequence[EntityId]) -> dict[EntityId, int]:
    """Give the bytes of the current states of entities by id."""
    del grant
    sql = statements("read.sql", database.engine)["sizes_by_id"]
    names = array(database.engine, [str(one) for one in ids])
    rows = await database.fetch(sql, names, lane="key" if len(ids) <= INLINE else "scan")
    return {EntityId(row[0]): int(row[1]) for row in rows}


def slices(keys: Sequence[_Key], sizes: Mapping[_Key, int], most: int = SLICE_BYTES) -> Iterator[list[_Key]]:
    """Cut keys, in their order, into lists of at most so many bytes each; what is larger comes alone."""
    part: list[_Key] = []
    held = 0
    for key in keys:
        size = sizes.get(key, 0)
        if part and held + size > most:
            yield part
            part, held = [], 0
        part.append(key)
        held += size
    if part:
        yield part
