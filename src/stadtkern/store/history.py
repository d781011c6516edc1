"""History as part of the write: series, observations and their monthly summaries.

What has history: every observed instance, and of the others each one that was superseded (the current one lies in the
document). A deletion leaves a tombstone. Observation ids come in blocks of 256 that belong to one series; the
series row
remembers its open block.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from stadtkern.model.change import Item
from stadtkern.model.entity import Instance, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.stream import Described
from stadtkern.store.chunk import add_to_chunks, month_of, recount
from stadtkern.store.document import encode_instance
from stadtkern.store.engine.base import Row, Transaction
from stadtkern.store.observation import COLUMNS, encode_observation, instance_time, tombstone
from stadtkern.store.series import save_described
from stadtkern.store.statements import EngineName, array, statements
from stadtkern.store.work import Work

BLOCK = 256
COPY_FROM_ROWS = 64
"""From so many rows on COPY beats one statement a row."""
SeriesKey = tuple[int, str, str]
"""Entity number, attribute, dataset id."""


class Pending(NamedTuple):
    """An instance on its way into history."""

    key: SeriesKey
    instance: Instance
    overwrites: bool = False
    """It takes the place of what there is of the same time."""
    late: bool = False
    """It is not the current instance."""


class Known(NamedTuple):
    """A stored instance that another one takes the place of."""

    id: int
    created_at: Instant


@dataclass(slots=True)
class Series:
    """One series row during a batch."""

    n: int
    observed: int
    unit: str | None
    block: int = 0
    used: int = BLOCK
    block_from: int | None = None
    block_to: int | None = None
    current_changed: bool = False
    current: str | None = None
    current_at: int | None = None

    def draw(self, time: int) -> int:
        """Take the next observation id and widen the open block's time range."""
        id_ = self.block * BLOCK + self.used
        self.used += 1
        self.block_from = time if self.block_from is None else min(self.block_from, time)
        self.block_to = time if self.block_to is None else max(self.block_to, time)
        return id_


async def save(transaction: Transaction, engine: EngineName, dirty: Sequence[Work], now: Instant) -> None:
    """Write the history of a batch."""
    pending: list[Pending] = []
    touched: dict[SeriesKey, Work] = {}
    for work in dirty:
        for item in work.items:
            if item.verb != "created" or item.previous is not None or _is_observed(item.new):
                _collect(work, item, now, pending, touched)
        if work.described:
            touched.update({(work.head.n, *key): work for key in work.described})
    pending = _without_overwritten(pending)
    removed = [(work.head.n,) for work in dirty if work.removed]
    if removed:
        await transaction.execute_many(statements("write.sql", engine)["clear_currents"], removed)
    if not touched:
        return
    series = await _open_series(transaction, engine, touched, pending, now)
    described = _describe(series, touched)
    known = await _take_known(transaction, engine, series, pending)
    rows = await _place(transaction, engine, series, pending, known, touched)
    _set_currents(series, touched)
    await _save_series(transaction, engine, list(series.values()))
    if described:
        await save_described(transaction, engine, described)
    await _save_observations(transaction, engine, rows, {(n, month_of(time)) for n, time in known})


def _collect(work: Work, item: Item, now: Instant, pending: list[Pending], touched: dict[SeriesKey, Work]) -> None:
    """Note which instances one change sends to history, and whether its series' current instance moves."""
    previous, new = item.previous, item.new
    key = (work.head.n, str(item.attribute), item.dataset_id)
    count = len(pending)
    if item.verb not in {"revised", "erased"} and not _is_same_scope(item):
        if previous is not None and previous.observed_at is None and item.verb in {"updated", "deleted"}:
            pending.append(Pending(key, previous))
        if new is not None and (new.observed_at is not None or item.verb == "recorded"):
            pending.append(Pending(key, new, item.overwrites, item.verb == "recorded"))
        if item.verb == "deleted" and previous is not None:
            pending.append(Pending(key, item.deletion or tombstone(previous, now), item.overwrites))
    if len(pending) > count or any(one is not None and one.observed_at is not None for one in (previous, new)):
        touched[key] = work


def _is_observed(instance: Instance | None) -> bool:
    """Tell what history has to know of a new attribute: most lie in the document, and nothing was before them."""
    return instance is not None and instance.observed_at is not None


def _is_same_scope(item: Item) -> bool:
    """Tell a scope that was written again: it is no attribute whose times move with every write."""
    return item.attribute == "scope" and item.previous is not None and item.previous == item.new


def _without_overwritten(pending: list[Pending]) -> list[Pending]:
    """Let instances take the places of others in the same batch that are of the same time."""
    if not any(one.overwrites for one in pending):
        return pending
    places: dict[tuple[SeriesKey, Instant], int] = {}
    kept: list[Pending] = []
    for one in pending:
        time = one.instance.observed_at
        place = None if time is None else places.get((one.key, time))
        if one.overwrites and place is not None:
            kept[place] = one
            continue
        if time is not None:
            places[one.key, time] = len(kept)
        kept.append(one)
    return kept


async def _open_series(
    transaction: Transaction,
    engine: EngineName,
    touched: dict[SeriesKey, Work],
    pending: list[Pending],
    now: Instant,
) -> dict[SeriesKey, Series]:
    """Load the series of a batch and make those that are missing."""
    sql = statements("write.sql", engine)
    known: dict[SeriesKey, Series] = {}
    entities = array(engine, sorted({key[0] for key in touched}))
    for row in await transaction.fetch(sql["load_series"], entities):
        key = (row[0], row[1], row[2])
        if key in touched:
            known[key] = _read_series(row)
    first = {one.key: one.instance for one in reversed(pending)}
    missing = [_new_series(key, first.get(key), now) for key in touched if key not in known]
    if missing:
        rows = await transaction.fetch(sql["insert_series"], msgspec.json.encode(missing).decode())
        units = {(row["entity"], row["attribute"], row["dataset_id"]): row["unit"] for row in missing}
        for entity, attribute, dataset_id, n in rows:
            key = (entity, attribute, dataset_id)
            known[key] = Series(n, 0, units[key])
        await number_attributes(transaction, engine, {row["attribute"] for row in missing})
    return known


async def number_attributes(transaction: Transaction, engine: EngineName, attributes: Iterable[str]) -> None:
    """Number the attributes of new series: such a number is the ObservedProperty of those that name none.

    In one order everywhere: two writers who number the same two must not wait for one another.
    """
    named = array(engine, sorted(set(attributes)))
    await transaction.execute(statements("write.sql", engine)["number_attributes"], named)


def _read_series(row: Row) -> Series:
    _entity, _attribute, _dataset_id, n, observed, _created, current_at, block, used, block_from, block_to, unit = row
    return Series(n, observed, unit, block, used if block else BLOCK, block_from, block_to, current_at=current_at)


def _new_series(key: SeriesKey, first: Instance | None, now: Instant) -> dict[str, Any]:
    unit = None if first is None else first.unit_code
    return {"entity": key[0], "attribute": key[1], "dataset_id": key[2], "observed": 0, "at": now, "unit": unit}


def _describe(series: dict[SeriesKey, Series], touched: dict[SeriesKey, Work]) -> list[tuple[int, Described]]:
    """Give what is to be said of series, and let them be observed: a Datastream may wait for its first value."""
    found: list[tuple[int, Described]] = []
    for key, work in touched.items():
        one = series[key]
        described = work.described.get(key[1:]) if work.described else None
        if described is not None:
            one.observed, one.unit = 1, described.unit
            found.append((one.n, described))
        if work.numbers is not None:
            work.numbers.series[key[1:]] = one.n
    return found


async def _take_known(
    transaction: Transaction, engine: EngineName, series: dict[SeriesKey, Series], pending: list[Pending]
) -> dict[tuple[int, int], Known]:
    """Take the stored instances out that are to be overwritten, by series and time; of several the last one."""
    wanted = [
        {"series": series[one.key].n, "time": one.instance.observed_at}
        for one in pending
        if one.overwrites and one.instance.observed_at is not None and series[one.key].block
    ]
    if not wanted:
        return {}
    sql = statements("history.sql", engine)
    rows = await transaction.fetch(sql["find_same"], msgspec.json.encode(wanted).decode())
    known = {(n, time): Known(id_, created_at) for n, time, id_, created_at in rows}
    await transaction.execute_many(sql["delete_observation"], [(*key, one.id) for key, one in known.items()])
    return known


async def _place(
    transaction: Transaction,
    engine: EngineName,
    series: dict[SeriesKey, Series],
    pending: list[Pending],
    known: dict[tuple[int, int], Known],
    touched: dict[SeriesKey, Work],
) -> list[tuple[Any, ...]]:
    """Give every pending instance an id and make its row."""
    waiting: dict[SeriesKey, list[Instance]] = {}
    rows: list[tuple[Any, ...]] = []
    for one in pending:
        same = known.get((series[one.key].n, one.instance.observed_at or 0)) if one.overwrites else None
        if same is None:
            waiting.setdefault(one.key, []).append(one.instance)
            continue
        instance = replace(one.instance, created_at=same.created_at) if one.late else one.instance
        rows.append(encode_observation(one.key[0], series[one.key].n, same.id, instance, series[one.key].unit))
    blocks = await _draw_blocks(transaction, engine, series, waiting)
    for key, instances in waiting.items():
        one = series[key]
        numbers = touched[key].numbers
        for instance in instances:
            if one.used >= BLOCK:
                one.block, one.used, one.block_from, one.block_to = blocks[one.n].pop(), 0, None, None
            time = instance_time(instance) if instance.deleted_at is None else instance.deleted_at
            if instance.observed_at is not None:
                one.observed = 1
            id_ = one.draw(time)
            if numbers is not None:
                numbers.observations[id(instance)] = id_
            rows.append(encode_observation(key[0], one.n, id_, instance, one.unit))
    return rows


async def _draw_blocks(
    transaction: Transaction,
    engine: EngineName,
    series: dict[SeriesKey, Series],
    waiting: dict[SeriesKey, list[Instance]],
) -> dict[int, list[int]]:
    """Draw as many id blocks as the batch needs, and close those it fills."""
    sql = statements("write.sql", engine)
    wanted: list[dict[str, int]] = []
    full: list[tuple[int | None, int | None, int]] = []
    for key, instances in waiting.items():
        one = series[key]
        beyond = len(instances) - (BLOCK - one.used)
        if beyond <= 0:
            continue
        wanted.extend({"entity": key[0], "series": one.n} for _ in range(-(-beyond // BLOCK)))
        if one.block:
            full.append(_range_with(one, instances))
    if full:
        await transaction.execute_many(sql["close_block"], full)
    blocks: dict[int, list[int]] = {}
    if wanted:
        for n, block in await transaction.fetch(sql["insert_blocks"], msgspec.json.encode(wanted).decode()):
            blocks.setdefault(n, []).append(block)
    for drawn in blocks.values():
        # taken from the end: ids grow in the order of writing, and the block that stays open comes first
        drawn.sort(reverse=True)
    await _close_passed(transaction, sql["close_block"], series, waiting, blocks)
    return blocks


def _range_with(one: Series, instances: list[Instance]) -> tuple[int, int, int]:
    """Give the time range that a block will have when the batch has filled it."""
    times = [instance_time(instance) for instance in instances]
    if one.block_from is not None and one.block_to is not None:
        times += [Instant(one.block_from), Instant(one.block_to)]
    return min(times), max(times), one.block


async def _close_passed(
    transaction: Transaction,
    statement: str,
    series: dict[SeriesKey, Series],
    waiting: dict[SeriesKey, list[Instance]],
    blocks: dict[int, list[int]],
) -> None:
    """Blocks that one batch draws and fills at once get the range of the whole batch: wider than needed, never
    wrong.
    """
    passed: list[tuple[int, int, int]] = []
    for key, instances in waiting.items():
        drawn = blocks.get(series[key].n, [])
        if len(drawn) > 1:
            times = [instance_time(instance) for instance in instances]
            passed.extend((min(times), max(times), block) for block in drawn[1:])
    if passed:
        await transaction.execute_many(statement, passed)


def _set_currents(series: dict[SeriesKey, Series], touched: dict[SeriesKey, Work]) -> None:
    """Note the current instance of every touched series: the observed one of the current state, or none."""
    for key, work in touched.items():
        one = series[key]
        after = work.after
        instance = None if after is None else find_instance(after.attributes.get(Iri(key[1]), []), key[2])
        observed = instance is not None and instance.observed_at is not None
        one.current_changed = True
        one.current = encode_instance(instance) if observed and instance is not None else None
        one.current_at = instance.observed_at if observed and instance is not None else None


async def _save_series(transaction: Transaction, engine: EngineName, series: list[Series]) -> None:
    rows = [
        (one.observed, one.current, one.current_at, one.block, one.used, one.block_from, one.block_to, one.n)
        for one in series
    ]
    await transaction.execute_rows(statements("write.sql", engine)["update_series"], rows)


async def _save_observations(
    transaction: Transaction, engine: EngineName, rows: list[tuple[Any, ...]], stale: set[tuple[int, int]]
) -> None:
    """Write rows, and add them to the summaries of their months. stale: summaries that must be counted anew."""
    if not rows:
        return
    rows.sort(key=lambda row: (row[1], row[2], row[3]))
    if len(rows) >= COPY_FROM_ROWS:
        await transaction.copy("observation", COLUMNS, rows)
    else:
        await transaction.execute_rows(statements("history.sql", engine)["insert_observation"], rows)
    await add_to_chunks(transaction, engine, rows, stale)
    await recount(transaction, engine, stale)
