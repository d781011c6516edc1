"""Related entities shown in place: for all entities of a level at once, each relation in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_answer import COUNT_LIMIT, Page, Record
from stadtkern.query.odata.tree import Expanded, Query
from stadtkern.store.dialect import Bound, Sql, join
from stadtkern.store.sensorthings.order import key_columns, order_by
from stadtkern.store.sensorthings.page import LINKING, Chosen, Found, choose, rows_of
from stadtkern.store.sensorthings.reader import Reader, is_summed, stored_count
from stadtkern.store.sensorthings.relation import natural_order, related_source, relation_join
from stadtkern.store.sensorthings.sight import COLUMN_TYPES, KnownRow, Row, Sight

NESTED: Final = 100
"""How many related entities are shown in place: where a query does not say, and at most."""
LEVEL: Final = 20_000
"""About so many entities one level of a whole answer has at most: the more parents, the fewer each one shows."""
AT_ONCE: Final = 100
"""Parents of one statement on SQLite, where each has its own part of it."""
Shown = Mapping[int, Page | Record | None]


async def expand(reader: Reader, type: TypeName, found: Sequence[Found], query: Query) -> None:
    """Fill ``related`` of the records with what a query expands, level by level. Raises: TooComplexQuery."""
    if not found:
        return
    parents = {one.record.id: one.row for one in found}
    for expanded in query.expand:
        shown = await _related(reader, type, parents, expanded)
        for one in found:
            one.record.related[expanded.relation] = shown[one.record.id]


async def _related(reader: Reader, type: TypeName, parents: Mapping[int, KnownRow], expanded: Expanded) -> Shown:
    relation = TYPES[type].relations[expanded.relation]
    query = expanded.query
    if not relation.many:
        found = await _children(reader, type, parents, relation.name, query, 1)
        await expand(reader, relation.target, found, query)
        records = {one.parent: one.record for one in reversed(found)}
        return {n: records.get(n) for n in parents}
    limit = _limit(query, len(parents))
    found = await _children(reader, type, parents, relation.name, query, limit + 1) if limit else []
    groups: dict[int, list[Found]] = {n: [] for n in parents}
    for one in found:
        groups[one.parent].append(one)
    kept = {n: group[:limit] for n, group in groups.items()}
    await expand(reader, relation.target, [one for group in kept.values() for one in group], query)
    counts = await _counts(reader, type, parents, relation.name, query) if query.count else {}
    return {
        n: Page(records=[one.record for one in kept[n]], count=counts.get(n), more=len(group) > limit)
        for n, group in groups.items()
    }


def _limit(query: Query, parents: int) -> int:
    return min(NESTED if query.top is None else query.top, NESTED, max(1, LEVEL // parents))


async def _children(
    reader: Reader, type: TypeName, parents: Mapping[int, KnownRow], relation: str, query: Query, limit: int
) -> list[Found]:
    """Read the first related entities of each parent, in their order."""
    rows = list(parents.values())
    if reader.database.engine == "postgres":
        chosen, select = _laterally(reader, type, rows, relation, query, limit)
        return await reader.read(chosen, select, query)
    if not TYPES[type].relations[relation].many:
        chosen, select = _joined(reader, type, rows, relation, query)
        return await reader.read(chosen, select, query)
    if type != "HistoricalLocation":
        chosen, select = _correlated(reader, type, rows, relation, query, limit)
        return await reader.read(chosen, select, query)
    found: list[Found] = []
    for start in range(0, len(rows), AT_ONCE):
        chosen, select = _one_by_one(reader, type, rows[start : start + AT_ONCE], relation, query, limit)
        found += await reader.read(chosen, select, query)
    return found


def _choose(reader: Reader, type: TypeName, relation: str, query: Query, parent: Row, child: Row) -> Chosen:
    sight = reader.sight
    table = related_source(sight, type, relation, child, parent)
    first = natural_order(sight, type, relation, parent, child)
    return choose(sight, TYPES[type].relations[relation].target, child, table, query, first)


def _laterally(
    reader: Reader, type: TypeName, parents: Sequence[KnownRow], relation: str, query: Query, limit: int
) -> tuple[Chosen, Sql]:
    """Let PostgreSQL take the page of each parent by itself."""
    parent, child, each = reader.sight.row(), reader.sight.row(), reader.sight.row()
    chosen = _choose(reader, type, relation, query, parent, child)
    related = chosen.also(relation_join(reader.sight, type, relation, parent, child))
    rows = rows_of(reader.sight, related, limit, query.skip, parent["n"])
    table = _parents(reader.sight, type, parents, parent)
    return chosen, Sql("SELECT {}.* FROM {} CROSS JOIN LATERAL ({}) {}", each.alias, table, rows, each.alias)


def _joined(
    reader: Reader, type: TypeName, parents: Sequence[KnownRow], relation: str, query: Query
) -> tuple[Chosen, Sql]:
    """Give what each parent has one of."""
    parent, child = reader.sight.row(), reader.sight.row()
    # SQLite looks from one table of a join into another only through conditions
    table = related_source(reader.sight, type, relation, child)
    chosen = choose(reader.sight, TYPES[type].relations[relation].target, child, table, query)
    return chosen, Sql(
        "SELECT {} AS parent, {}.*, {} FROM {} CROSS JOIN {} WHERE {} AND {}",
        parent["n"],
        child.alias,
        key_columns(chosen.keys),
        _parents(reader.sight, type, parents, parent),
        table,
        relation_join(reader.sight, type, relation, parent, child),
        chosen.where,
    )


def _correlated(
    reader: Reader, type: TypeName, parents: Sequence[KnownRow], relation: str, query: Query, limit: int
) -> tuple[Chosen, Sql]:
    """Let SQLite choose the page of each parent in a condition, which may look at the parent as a table may not."""
    sight, parent, child, one = reader.sight, reader.sight.row(), reader.sight.row(), reader.sight.row()
    inner = _choose(reader, type, relation, query, parent, one)
    wanted = inner.also(relation_join(sight, type, relation, parent, one))
    chosen = _choose(reader, type, relation, query, parent, child)
    # so that the planner finds it, the place of an observation is told in the order of its index
    place = Sql("n") if chosen.type != "Observation" else Sql("series, {}.time, {}.n", child.alias, child.alias)
    inner_place = Sql("n") if chosen.type != "Observation" else Sql("series, {}.time, {}.n", one.alias, one.alias)
    return chosen, Sql(
        "SELECT {} AS parent, {}.*, {} FROM {} CROSS JOIN {} WHERE ({}.{}) IN"
        " (SELECT {}.{} FROM {} WHERE {} ORDER BY {} LIMIT {} OFFSET {})",
        parent["n"],
        child.alias,
        key_columns(chosen.keys),
        _parents(sight, type, parents, parent),
        chosen.table,
        child.alias,
        place,
        one.alias,
        inner_place,
        wanted.table,
        wanted.where,
        order_by(wanted.keys, sight.engine, [key.sql for key in wanted.keys]),
        Bound(limit, "bigint"),
        Bound(query.skip, "bigint"),
    )


def _one_by_one(
    reader: Reader, type: TypeName, parents: Sequence[KnownRow], relation: str, query: Query, limit: int
) -> tuple[Chosen, Sql]:
    """Give SQLite a part of the statement for each parent: each is limited by itself."""
    child, sight = reader.sight.row(), reader.sight
    where = choose(sight, TYPES[type].relations[relation].target, child, Sql(""), query).where
    parts: list[Sql] = []
    chosen: Chosen | None = None
    for parent in parents:
        chosen = _choose(reader, type, relation, query, parent, child)
        related = chosen._replace(where=where).also(relation_join(sight, type, relation, parent, child))
        parts.append(Sql("SELECT * FROM ({})", rows_of(sight, related, limit, query.skip, parent["n"])))
    if chosen is None:
        raise ValueError("there are no parents")
    return chosen, join(" UNION ALL ", parts)


def _parents(sight: Sight, type: TypeName, parents: Sequence[KnownRow], row: Row) -> Sql:
    """Give the parents as a table under the name of ``row``."""
    names = LINKING[type]
    text = Bound(msgspec.json.encode([one.values for one in parents]).decode(), "text")
    if sight.engine == "sqlite":
        members: list[Sql] = [Sql("j.value ->> '$." + name + "' AS " + name) for name in names]
        return Sql("(SELECT {} FROM json_each({}) j) {}", join(", ", members), text, row.alias)
    columns: list[Sql] = [Sql(name + (" text" if name in COLUMN_TYPES else " bigint")) for name in names]
    return Sql("jsonb_to_recordset(({})::jsonb) AS {}({})", text, row.alias, join(", ", columns))


async def _counts(
    reader: Reader, type: TypeName, parents: Mapping[int, KnownRow], relation: str, query: Query
) -> dict[int, int]:
    """Count all related entities of each parent."""
    parent, child, sight = reader.sight.row(), reader.sight.row(), reader.sight
    target = TYPES[type].relations[relation].target
    if query.filter is None and is_summed(type, relation):
        each = stored_count(parent["n"])
    else:
        table = related_source(sight, type, relation, child)
        chosen = choose(sight, target, child, table, query)
        where = chosen.also(relation_join(sight, type, relation, parent, child)).where
        each = Sql(
            "(SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} LIMIT {}) counted)",
            table,
            where,
            Bound(COUNT_LIMIT + 1, "bigint"),
        )
    table = _parents(sight, type, list(parents.values()), parent)
    return {n: int(count) for n, count in await reader.fetch(Sql("SELECT {}, {} FROM {}", parent["n"], each, table))}
