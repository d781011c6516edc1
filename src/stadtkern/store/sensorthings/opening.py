"""What has to be read before a query can be compiled: names of attributes, and which entities a Grant shows."""

from __future__ import annotations

from collections.abc import Iterator

from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import compile_matcher
from stadtkern.query.filter import Filter
from stadtkern.query.odata.tree import AnyOf, Binary, Call, Expression, Member, Query, Unary
from stadtkern.store.compile import compile_filter
from stadtkern.store.engine.base import Database
from stadtkern.store.read import load_candidates, unexpired
from stadtkern.store.select import refuse_unbounded, select_candidates
from stadtkern.store.sensorthings.reader import Reader
from stadtkern.store.sensorthings.sight import Sight, short_name
from stadtkern.store.statements import statements

CANDIDATES = 500
MAX_CANDIDATES = 50_000
"""Most entities that are looked at one by one, where the Grant's row filter cannot be said in SQL."""


async def open_reader(database: Database, grant: Grant, query: Query, now: Instant) -> Reader:
    """Prepare a reader for a query. Raises: TooComplexQuery (the Grant's row filter has to look at too many)."""
    visible = None
    if grant.row_filter is not None and not compile_filter(grant.row_filter, database.engine).exact:
        visible = await _visible(database, grant, grant.row_filter, now)
    attributes = await _attributes(database, grant) if _names_properties(query) else {}
    return Reader(database, Sight(database.engine, grant, attributes, visible), now)


async def _visible(database: Database, grant: Grant, row_filter: Filter, now: Instant) -> list[int]:
    """List the entities that the Grant shows, decided one by one."""
    decide = compile_matcher(row_filter)
    visible: list[int] = []
    seen = after = 0
    while True:
        ns = await select_candidates(database, grant, None, after=after, limit=CANDIDATES, now=now)
        for head, entity in await load_candidates(database, grant, ns, now):
            if decide(unexpired(entity, now)):
                visible.append(head.n)
        if len(ns) < CANDIDATES:
            return visible
        after = ns[-1]
        seen += len(ns)
        refuse_unbounded(seen, MAX_CANDIDATES)


async def _attributes(database: Database, grant: Grant) -> dict[str, tuple[Iri, ...]]:
    """Give the attributes of the tenant's entities that the Grant shows, by short name."""
    found: dict[str, tuple[Iri, ...]] = {}
    rows = await database.fetch(statements("sensorthings.sql", database.engine)["attributes"], lane="scan")
    for name in sorted(Iri(row[0]) for row in rows):
        if name not in grant.hidden:
            found[short_name(name)] = (*found.get(short_name(name), ()), name)
    return found


def _names_properties(query: Query) -> bool:
    """Tell whether a filter or an order looks into ``properties``, here or in what is expanded."""
    expressions = [one.expression for one in query.orderby]
    if query.filter is not None:
        expressions.append(query.filter)
    return (
        any(one.property == "properties" and one.inside for tree in expressions for one in _members(tree))
        or (query.distinct and any(one.name == "properties" for one in query.select or ()))
        or any(_names_properties(one.query) for one in query.expand)
    )


def _members(tree: Expression) -> Iterator[Member]:
    """Give all paths of an expression; however long a chain of operators is, it costs no stack."""
    waiting: list[Expression] = [tree]
    while waiting:
        match waiting.pop():
            case Member() as member:
                yield member
            case Unary(operand=operand):
                waiting.append(operand)
            case Binary(left=left, right=right):
                waiting += (left, right)
            case Call(arguments=arguments):
                waiting += arguments
            case AnyOf(condition=condition) if condition is not None:
                waiting.append(condition)
            case _:
                continue
