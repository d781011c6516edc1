"""The index tables beside the documents: where geometries lie and what relationships point at.

Both are derived from instances and only used to find entities; what is shown always comes from the instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from stadtkern.model.change import Item
from stadtkern.model.entity import Instance
from stadtkern.model.json import unraw
from stadtkern.query.box import index_box
from stadtkern.store.engine.base import Transaction
from stadtkern.store.statements import EngineName, statements
from stadtkern.store.work import Work

Place = tuple[int, str, str]
"""Entity number, attribute, dataset id."""
_LINKS = {"Relationship", "ListRelationship"}
_PLACED = {"GeoProperty", *_LINKS}


async def save(transaction: Transaction, engine: EngineName, dirty: Sequence[Work]) -> None:
    """Bring ``geo`` and ``link`` in step with the changes of a batch."""
    geometries, links = _Moves(), _Moves()
    for work in dirty:
        if work.removed:
            geometries.cleared.append((work.head.n,))
            links.cleared.append((work.head.n,))
        for item in work.items:
            if item.verb == "recorded" or not _is_placed(item):
                continue
            place = (work.head.n, str(item.attribute), item.dataset_id)
            geometries.note(place, item.previous, item.new, {"GeoProperty"})
            links.note(place, item.previous, item.new, _LINKS)
    if geometries:
        await _save_geometries(transaction, engine, geometries)
    if links:
        await _save_links(transaction, engine, links)


def _is_placed(item: Item) -> bool:
    """Tell whether a change concerns an index table at all; most are of plain properties."""
    previous, new = item.previous, item.new
    return (previous is not None and previous.kind in _PLACED) or (new is not None and new.kind in _PLACED)


class _Moves:
    """What leaves and what arrives in one index table; the last instance at a place wins."""

    def __init__(self) -> None:
        self.cleared: list[tuple[int]] = []
        self.stale: dict[Place, None] = {}
        self.fresh: dict[Place, Instance] = {}

    def __bool__(self) -> bool:
        return bool(self.cleared or self.stale or self.fresh)

    def note(self, place: Place, previous: Instance | None, new: Instance | None, kinds: set[str]) -> None:
        if previous is not None and previous.kind in kinds:
            self.stale[place] = None
            self.fresh.pop(place, None)
        if new is not None and new.kind in kinds:
            self.fresh[place] = new


async def _save_geometries(transaction: Transaction, engine: EngineName, moves: _Moves) -> None:
    sql = statements("write.sql", engine)
    if engine == "sqlite":
        if moves.cleared:
            await transaction.execute_many(sql["delete_all_geo_box"], moves.cleared)
        if moves.stale:
            await transaction.execute_many(sql["delete_geo_box"], list(moves.stale))
    if moves.cleared:
        await transaction.execute_many(sql["delete_all_geo"], moves.cleared)
    if moves.stale:
        await transaction.execute_many(sql["delete_geo"], list(moves.stale))
    if not moves.fresh:
        return
    rows = [(*place, bytes(instance.value).decode()) for place, instance in moves.fresh.items()]
    await transaction.execute_rows(sql["insert_geo"], rows)
    if engine == "sqlite":
        boxes = [(place, index_box(unraw(instance.value))) for place, instance in moves.fresh.items()]
        edges = [(*place, box.west, box.east, box.south, box.north) for place, box in boxes]
        await transaction.execute_many(sql["insert_geo_box"], edges)


async def _save_links(transaction: Transaction, engine: EngineName, moves: _Moves) -> None:
    sql = statements("write.sql", engine)
    if moves.cleared:
        await transaction.execute_many(sql["delete_all_links"], moves.cleared)
    if moves.stale:
        await transaction.execute_many(sql["delete_link"], list(moves.stale))
    rows = [
        (*place, position, target)
        for place, instance in moves.fresh.items()
        for position, target in enumerate(_targets(unraw(instance.value)))
    ]
    if rows:
        await transaction.execute_rows(sql["insert_link"], rows)


def _targets(value: Any) -> list[str]:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [target for target in values if isinstance(target, str)]
