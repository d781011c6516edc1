"""Which types and attributes there are, kept up with every commit, so that discovery never reads documents.

Commits only append differences: writers of different entities never meet at one counter. Maintenance folds the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from msgspec import Struct

from stadtkern.model.entity import AttributeKind, Entity
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store.document import decode_row
from stadtkern.store.engine.base import Database, Transaction
from stadtkern.store.statements import EngineName, statements
from stadtkern.store.work import Work

SLICE = 200
"""Expired entities that are read at once."""
FOLD_FROM = 2_000
"""Rows from which on folding pays."""
_ENTITY = ("", "")
"""Stands for the entity itself, where others name an attribute and its kind."""


class CatalogueEntry(Struct, frozen=True):
    """How many live entities of a type have an attribute of a kind; without attribute: how many there are.

    Without type: over all types, each entity once.
    """

    type: Iri | None
    attribute: Iri | None
    kind: AttributeKind | None
    count: int


async def save(transaction: Transaction, engine: EngineName, dirty: Sequence[Work]) -> None:
    """Note what a batch changed."""
    deltas: Counter[tuple[str, str, str]] = Counter()
    for work in dirty:
        if _may_differ(work):
            deltas.update(_members(work.after))
            deltas.subtract(_members(work.before))
    rows = [(*key, delta) for key, delta in deltas.items() if delta]
    if rows:
        await transaction.execute_rows(statements("catalogue.sql", engine)["add"], rows)


def _may_differ(work: Work) -> bool:
    """Tell quickly whether types, attributes or kinds changed; new values alone do not count."""
    before, after = work.before, work.after
    if before is None or after is None or before.types != after.types:
        return True
    if before.attributes.keys() != after.attributes.keys():
        return True
    return any(
        item.previous is None or item.new is None or item.previous.kind != item.new.kind
        for item in work.items
        if item.verb != "recorded"
    )


def _members(entity: Entity | None) -> list[tuple[str, str, str]]:
    if entity is None:
        return []
    names = {(str(name), one.kind) for name, group in entity.attributes.items() for one in group}
    # the empty type counts over all types: an entity with two of them counts once there
    types: list[str] = ["", *entity.types]
    return [(type_, attribute, kind) for type_ in types for attribute, kind in (_ENTITY, *names)]


async def load_catalogue(database: Database, grant: Grant, now: Instant) -> list[CatalogueEntry]:
    """List types and attributes as the Grant shows them.

    The catalogue knows no rows: a Grant with a row filter must be answered from the entities instead (see the broker).
    It counts transient entities until they are swept up: those whose time is over are taken off here.
    """
    rows = await database.fetch(statements("catalogue.sql", database.engine)["totals"])
    totals = Counter({(type_, attribute, kind): count for type_, attribute, kind, count in rows})
    async for entity in _walk_expired(database, now):
        totals.subtract(_members(entity))
    return [_entry(*key, count) for key, count in totals.items() if count > 0 and key[1] not in grant.hidden]


async def _walk_expired(database: Database, now: Instant) -> AsyncIterator[Entity]:
    sql = statements("catalogue.sql", database.engine)["expired"]
    after = 0
    while True:
        rows = await database.fetch(sql, now, after, SLICE, lane="scan" if after else "key")
        for row in rows:
            head, entity = decode_row(row)
            after = head.n
            if entity is not None:
                yield entity
        if len(rows) < SLICE:
            return


def _entry(type_: str, attribute: str, kind: Any, count: int) -> CatalogueEntry:
    return CatalogueEntry(Iri(type_) if type_ else None, Iri(attribute) if attribute else None, kind or None, count)


class Tally:
    """Counts what some entities have, one after the other, in the same form: for a Grant that shows only some rows."""

    def __init__(self) -> None:
        self._totals: Counter[tuple[str, str, str]] = Counter()

    def add(self, entity: Entity) -> None:
        """Count one entity."""
        self._totals.update(_members(entity))

    def entries(self) -> list[CatalogueEntry]:
        """Give the sums."""
        return [_entry(*key, count) for key, count in sorted(self._totals.items())]


async def fold_catalogue(database: Database, grant: Grant) -> bool:
    """Replace many differences by their sums, when there are many."""
    del grant
    sql = statements("catalogue.sql", database.engine)
    if (await database.fetch(sql["size"]))[0][0] < FOLD_FROM:
        return False
    async with database.transaction() as transaction:
        totals: Counter[tuple[str, str, str]] = Counter()
        for type_, attribute, kind, delta in await transaction.fetch(sql["take_all"]):
            totals[type_, attribute, kind] += delta
        if rows := [(*key, total) for key, total in totals.items() if total]:
            await transaction.execute_rows(sql["add"], rows)
    return True
