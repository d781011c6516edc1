"""Load and save whole batches of entities inside one transaction: the two ends of the write path.

Between them the broker applies operations in memory. ``save`` folds: however many operations touched an entity,
its row,
document, series and summaries are written once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from stadtkern.model.change import TYPE, Item
from stadtkern.model.entity import NO_DATASET, Instance
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.policy.grant import Grant
from stadtkern.store import catalogue, history, placement
from stadtkern.store.document import (
    DELETED,
    HISTORY,
    LIVE,
    Head,
    decode_row,
    encode_document,
    encode_instance,
    encode_remains,
    image_item,
)
from stadtkern.store.engine.base import Transaction
from stadtkern.store.observation import instance_time
from stadtkern.store.statements import EngineName, array, statements
from stadtkern.store.work import Work

MAX_LOGGED_RECORDS = 16
"""Values that one commit adds to one series and that the change log still lists one by one."""
MAX_LOGGED_VALUE = 4096
"""Longest instance, in characters, that the change log repeats as the new value."""


async def load(
    transaction: Transaction, engine: EngineName, grant: Grant, ids: Sequence[EntityId]
) -> dict[EntityId, Work]:
    """Lock and load entities; those that do not exist come with a head whose ``n`` is 0."""
    del grant  # rows outside the Grant are judged by the broker, which must tell "hidden" from "absent"
    await transaction.lock(ids)
    rows = await transaction.fetch(statements("write.sql", engine)["load"], array(engine, list(ids)))
    works: dict[EntityId, Work] = {}
    for row in rows:
        head, entity = decode_row(row)
        works[head.id] = Work(head, entity, entity)
    for id_ in ids:
        if id_ not in works:
            none = Instant(0)
            works[id_] = Work(Head(0, id_, 0, DELETED, none, none, None, None), None, None)
    return works


async def save(transaction: Transaction, engine: EngineName, works: Iterable[Work], now: Instant) -> None:
    """Write all that changed: slim rows, documents, index tables, series, history, summaries and the change log."""
    dirty = [work for work in works if work.dirty]
    if not dirty:
        return
    await _insert_new(transaction, engine, dirty, now)
    for work in dirty:
        work.head = _next_head(work, now)
    sql = statements("write.sql", engine)
    await transaction.execute_rows(sql["update_entity"], [_entity_row(work.head) for work in dirty])
    await _save_documents(transaction, engine, dirty)
    await placement.save(transaction, engine, dirty)
    await catalogue.save(transaction, engine, dirty)
    await history.save(transaction, engine, dirty, now)
    await transaction.execute_rows(sql["insert_change"], [_change_row(work, now) for work in dirty])
    if engine == "postgres":
        await transaction.execute(sql["notify"])
    for work in dirty:
        work.settle()


async def _insert_new(transaction: Transaction, engine: EngineName, dirty: list[Work], now: Instant) -> None:
    new = {work.head.id: work for work in dirty if work.head.n == 0}
    if not new:
        return
    rows = msgspec.json.encode([{"id": id_, "at": now} for id_ in new]).decode()
    for id_, n in await transaction.fetch(statements("write.sql", engine)["insert_entities"], rows):
        work = new[id_]
        work.head = msgspec.structs.replace(work.head, n=n)


def _next_head(work: Work, now: Instant) -> Head:
    head, entity = work.head, work.after
    if entity is None:
        # what has only a past and is added to was deleted when it was deleted
        deleted_at = now if work.face is not None else head.deleted_at
        return Head(head.n, head.id, head.version + 1, HISTORY, head.created_at or now, now, deleted_at, None)
    return Head(head.n, head.id, head.version + 1, LIVE, entity.created_at, entity.modified_at, None, entity.expires_at)


def _entity_row(head: Head) -> tuple[Any, ...]:
    return (
        head.version,
        head.state,
        head.created_at,
        head.modified_at,
        head.deleted_at,
        head.expires_at,
        head.n,
    )


def _needs_document(work: Work) -> bool:
    """Tell whether the document itself changed, not only observed instances beside it."""
    before, after = work.before, work.after
    if before is None or after is None:
        return True
    if before.types != after.types or before.scope != after.scope:
        return True
    return any(
        (item.previous is not None and item.previous.observed_at is None)
        or (item.new is not None and item.new.observed_at is None and item.verb != "recorded")
        for item in work.items
    )


async def _save_documents(transaction: Transaction, engine: EngineName, dirty: list[Work]) -> None:
    sql = statements("write.sql", engine)
    docs = [(work.head.n, encode_document(work.after)) for work in dirty if work.after and _needs_document(work)]
    if docs:
        await transaction.execute_rows(sql["save_doc"], docs)
    # what is gone keeps its types and scopes: its history is still found by them
    gone = [(work.head.n, encode_remains(work.face)) for work in dirty if work.after is None and work.face]
    if gone:
        await transaction.execute_rows(sql["save_doc"], gone)
    await _save_names(transaction, engine, dirty)


async def _save_names(transaction: Transaction, engine: EngineName, dirty: list[Work]) -> None:
    """Keep ``entity_type`` and ``entity_scope`` in step with the current state."""
    sql = statements("write.sql", engine)
    for member, delete, insert in (
        ("types", "delete_types", "insert_type"),
        ("scope", "delete_scopes", "insert_scope"),
    ):
        stale: list[tuple[int]] = []
        fresh: list[tuple[str, int]] = []
        for work in dirty:
            old: list[str] = getattr(work.before, member) if work.before else []
            new: list[str] = getattr(work.face, member) if work.face else []
            # an earlier life of the entity left its names behind
            reborn = work.before is None and work.face is not None and work.head.version > 1
            if old == new and not reborn:
                continue
            if old or reborn:
                stale.append((work.head.n,))
            fresh.extend((name, work.head.n) for name in new)
        if stale:
            await transaction.execute_many(sql[delete], stale)
        if fresh:
            await transaction.execute_rows(sql[insert], fresh)


def _change_row(work: Work, now: Instant) -> tuple[Any, ...]:
    gone = work.after is None and work.face is not None
    kind = "deleted" if gone else "created" if work.created else "updated"
    if kind == "created" and work.before is None and work.head.version == 1:
        # a new entity's values are its document: names alone, or registers of a million rows would be stored twice
        items: list[list[Any]] = [[item.attribute, item.dataset_id, item.verb, None, None] for item in work.items]
    else:
        items = [*_log(work.items), *_log_types(work)]
    if kind == "deleted" and work.before is not None:
        items.append(image_item(work.before))
    head = work.head
    return (now, head.n, head.id, head.version, kind, msgspec.json.encode(items).decode())


def _log_types(work: Work) -> list[list[Any]]:
    """Tell other types, which no attribute's item does; and always that an entity was there before a new life of it."""
    before, after = work.before, work.after
    if before is None or after is None or (before.types == after.types and before.created_at == after.created_at):
        return []
    previous, new = (
        Instance(kind="Property", value=raw(one.types), created_at=one.created_at, modified_at=one.modified_at)
        for one in (before, after)
    )
    return [[TYPE, NO_DATASET, "updated", previous, new]]


def _log(items: Sequence[Item]) -> list[list[Any]]:
    """Write what changed; many values recorded for one series become one entry with their number and their times.

    Otherwise the log of an import would be larger than the import.
    """
    if len(items) <= MAX_LOGGED_RECORDS:
        return [_logged(item) for item in items]
    recorded = Counter((item.attribute, item.dataset_id) for item in items if item.verb == "recorded")
    many = {key for key, count in recorded.items() if count > MAX_LOGGED_RECORDS}
    logged = [
        _logged(item) for item in items if item.verb != "recorded" or (item.attribute, item.dataset_id) not in many
    ]
    for attribute, dataset_id in sorted(many):
        times = [
            instance_time(item.new)
            for item in items
            if item.new is not None
            and item.verb == "recorded"
            and (item.attribute, item.dataset_id) == (attribute, dataset_id)
        ]
        summary = {"count": len(times), "from": min(times), "to": max(times)}
        logged.append([attribute, dataset_id, "series", None, summary])
    return logged


def _logged(item: Item) -> list[Any]:
    new = None if item.new is None else encode_instance(item.new)
    previous = None if item.previous is None else msgspec.Raw(encode_instance(item.previous))
    shown = None if new is None or len(new) > MAX_LOGGED_VALUE else msgspec.Raw(new)
    return [item.attribute, item.dataset_id, item.verb, previous, shown]
