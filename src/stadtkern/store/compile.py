"""Filters as SQL: the only place where a request's conditions become SQL.

``compile_filter`` gives a boolean over the alias ``e`` of table ``entity``. Where SQL cannot say what the evaluator
says (patterns, geometry, texts as points in time, linked entities), the SQL selects a superset and ``exact`` is false:
the caller then decides each row with ``query.evaluate``.

Three-valued logic needs no NULL here. Each node is compiled for the answer that is wanted, *true* or *false*; ``Not``
swaps what is wanted of its part, so it never stands around anything inexact.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, LiteralString, NamedTuple, assert_never

from msgspec import Struct

from stadtkern.model.ids import Iri
from stadtkern.query.filter import (
    ANY_LANGUAGE,
    And,
    AnyOf,
    Exists,
    Fails,
    Filter,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Lacks,
    Linked,
    Not,
    Or,
    Path,
    ScopeMatches,
    Sure,
    Test,
)
from stadtkern.query.pattern import literal_prefix
from stadtkern.store.condition import Operand, Part, all_parts, any_part, element_test, negate, operand_of
from stadtkern.store.dialect import FALSE, TRUE, Bound, Dialect, EngineName, InstanceColumn, Sql, dialect_of, join

MAX_BOUNDED_IDS = 1_000
"""A list of so many ids is read by key."""
MAX_WALKED_TYPES = 20
"""So many types are walked side by side."""
_ALIASES: Final[tuple[LiteralString, ...]] = ("e", "e1", "e2", "e3", "e4")
_AFTER_ALL_TEXTS = "\U0010ffff"
_INSTANCE_COLUMNS: Final[dict[str, InstanceColumn]] = {
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "deleted_at",
    "expiresAt": "expires_at",
    "observedAt": "observed_at",
    "unitCode": "unit_code",
    "datasetId": "dataset_id",
    "valueType": "value_type",
}
_ENTITY_COLUMNS: Final[dict[str, LiteralString]] = {
    "id": ".id",
    "createdAt": ".created_at",
    "modifiedAt": ".modified_at",
    "deletedAt": ".deleted_at",
    "expiresAt": ".expires_at",
}


class Compiled(NamedTuple):
    """Boolean SQL over alias ``e``; not exact: it selects at least every match."""

    sql: Sql
    exact: bool


class Plan(Struct, frozen=True):
    """How to run a filter: ``SELECT … FROM {source} WHERE {where} AND e.state = 0 ORDER BY {key} LIMIT …``.

    source: tables, with alias ``e`` for entity. key: the column that pages go by. bounded: the work is limited by
    an index key and the page, so that it may run on the event loop. narrowed: some index narrows the search.
    """

    source: Sql
    key: Sql
    where: Sql
    exact: bool
    bounded: bool
    narrowed: bool


@lru_cache(maxsize=4096)
def compile_plan(filter: Filter | None, engine: EngineName) -> Plan:
    """Plan a filter: a type that must be there drives the search in the order of ``n``."""
    parts = _conjuncts(filter)
    driver = next((part for part in parts if _types(part)), None)
    ids = next((part for part in parts if isinstance(part, IdIn)), None)
    bounded = (ids is not None and len(ids.ids) <= MAX_BOUNDED_IDS) or all(part is driver for part in parts)
    narrowed = any(_narrows(part) for part in parts)
    source = None if driver is None or ids is not None else _walk_types(_types(driver), engine)
    if source is None:
        where = compile_filter(And(tuple(parts)), engine)
        return Plan(Sql("entity e"), Sql("e.n"), where.sql, where.exact, bounded, narrowed)
    rest = compile_filter(And(tuple(part for part in parts if part is not driver)), engine)
    return Plan(source, Sql("k.n"), rest.sql, rest.exact, bounded, narrowed)


def _types(part: Filter) -> list[Iri]:
    """Give the types of which an entity must have one, where that is all a condition says and they are few."""
    choices = part.parts if isinstance(part, Or) else (part,)
    types = [choice.type for choice in choices if isinstance(choice, HasType)]
    return types if len(types) == len(choices) <= MAX_WALKED_TYPES else []


def _walk_types(types: list[Iri], engine: EngineName) -> Sql | None:
    """Give tables that lead through the entities of these types in the order of ``n``, each once.

    SQLite merges the ordered halves of a UNION as it reads; PostgreSQL would sort them all, so it gets a semi-join.
    """
    if len(types) == 1:
        return Sql("(SELECT n FROM entity_type WHERE type = {}) k JOIN entity e ON e.n = k.n", Bound(types[0], "text"))
    if engine == "postgres":
        return None
    each = (Sql("SELECT n FROM entity_type WHERE type = {}", Bound(type, "text")) for type in types)
    return Sql("({}) k JOIN entity e ON e.n = k.n", join(" UNION ", each))


def _conjuncts(filter: Filter | None) -> list[Filter]:
    if filter is None:
        return []
    return [leaf for part in filter.parts for leaf in _conjuncts(part)] if isinstance(filter, And) else [filter]


def plan_bound(filter: Filter | None) -> bool:
    """Tell whether a query is bounded by an index key: a list of ids, or a few types and nothing else."""
    return compile_plan(filter, "sqlite").bounded


def _narrows(part: Filter) -> bool:
    match part:
        case IdIn() | HasType():
            return True
        case IdMatches(pattern):
            return bool(literal_prefix(pattern))
        case ScopeMatches(levels):
            return bool(levels) and levels[0] != "+"
        case Geo(relation=relation, max_distance=farthest):
            return relation != "disjoint" and (relation != "near" or farthest is not None)
        case Or(parts):
            return bool(parts) and all(_narrows(one) for one in parts)
        case And(parts):
            return any(_narrows(one) for one in parts)
        case _:
            return False


@lru_cache(maxsize=4096)
def compile_filter(filter: Filter, engine: EngineName) -> Compiled:
    """Compile a filter for an engine. The result is cached; ``Sql.render`` takes the instant of the request."""
    part = _Compiler(dialect_of(engine), 0).compile(filter, want=True)
    return Compiled(part.sql, part.exact)


class _Compiler:
    """Compiles for one engine; ``level`` counts the entities around: the alias of a linked entity is ``e1`` …"""

    __slots__ = ("dialect", "entity", "level", "n")

    def __init__(self, dialect: Dialect, level: int) -> None:
        self.dialect = dialect
        self.level = level
        self.entity = Sql(_ALIASES[level])
        self.n = Sql("{}.n", self.entity)

    def compile(self, filter: Filter, *, want: bool) -> Part:
        match filter:
            case And(parts):
                return self._several(parts, want=want, every=want)
            case Or(parts):
                types = _types(filter)
                if len(types) > 1:
                    known = self._has_type(types)
                    return known if want else negate(known)
                return self._several(parts, want=want, every=not want)
            case Not(part):
                return self.compile(part, want=not want)
            case Sure(part):
                sure = self.compile(part, want=True)
                return sure if want else negate(sure)
            case AnyOf(path, test):
                return self._any_of(path, test, want=want)
            case Linked():
                return self._linked(filter, want=want)
            case Geo():
                return self._geo(filter, want=want)
            case IdMatches(pattern):
                return self._id_matches(pattern, want=want)
            case _:
                known = self._known(filter)
                return known if want else negate(known)

    def _several(self, parts: Iterable[Filter], *, want: bool, every: bool) -> Part:
        compiled = [self.compile(part, want=want) for part in parts]
        return all_parts(compiled) if every else any_part(compiled)

    def _known(self, filter: IdIn | HasType | ScopeMatches | Exists) -> Part:
        """Compile a leaf that is never unknown."""
        match filter:
            case IdIn(ids):
                return Part(self.dialect.is_in(Sql("{}.id", self.entity), Bound(list(ids), "text[]")), True)
            case HasType(type):
                return self._has_type([type])
            case ScopeMatches():
                return self._scope(filter)
            case Exists(path):
                targets = self._targets(path)
                return Part(FALSE if targets is None else Sql("EXISTS ({})", targets), True)
            case _:
                assert_never(filter)

    def _has_type(self, types: list[Iri]) -> Part:
        if len(types) == 1:
            is_one = Sql("t.type = {}", Bound(types[0], "text"))
        else:
            is_one = self.dialect.is_in(Sql("t.type"), Bound(types, "text[]"))
        return Part(Sql("EXISTS (SELECT 1 FROM entity_type t WHERE {} AND t.n = {})", is_one, self.n), True)

    def _scope(self, filter: ScopeMatches) -> Part:
        levels = filter.levels
        if "+" in levels or not levels:
            condition = self._scope_pattern(filter)
        else:
            name = "/" + "/".join(levels)
            # "0" follows "/" in the order of code points, so this range is everything below the scope
            below = Sql("s.scope >= {} AND s.scope < {}", Bound(name + "/", "text"), Bound(name + "0", "text"))
            same = Sql("s.scope = {}", Bound(name, "text"))
            condition = Part(Sql("({} OR {})", same, below) if filter.below else same, True)
        found = Sql("{} IN (SELECT s.n FROM entity_scope s WHERE {})", self.n, condition.sql)
        return Part(found, condition.exact)

    def _scope_pattern(self, filter: ScopeMatches) -> Part:
        """Compile ``+``: with as many slashes as levels, the parts between the wildcards can hold none."""
        pieces = ("/" + "/".join(filter.levels)).split("/+")
        fits = self.dialect.starts_like(
            Sql("s.scope"), self.dialect.wildcard([piece + "/" for piece in pieces[:-1]] + [pieces[-1]])
        )
        slashes = Sql("length(s.scope) - length(replace(s.scope, '/', ''))")
        count = Bound(len(filter.levels), "bigint")
        if not filter.below:
            return Part(Sql("{} = {} AND {}", slashes, count, fits), True)
        only_wildcards = all(level == "+" for level in filter.levels)
        return Part(Sql("{} >= {}", slashes, count), only_wildcards)

    def _id_matches(self, pattern: str, *, want: bool) -> Part:
        prefix = literal_prefix(pattern) if want else ""
        if not prefix:
            return Part(TRUE, False)
        low, high = Bound(prefix, "text"), Bound(prefix + _AFTER_ALL_TEXTS, "text")
        return Part(Sql("({}.id >= {} AND {}.id < {})", self.entity, low, self.entity, high), False)

    def _any_of(self, path: Path, test: Test, *, want: bool) -> Part:
        targets = self._targets(path)
        if targets is None:
            return Part(FALSE, True)
        elements, operand = self._elements(path)
        if want:
            passing = _target_test(elements, operand, test, want=True)
            return Part(Sql("EXISTS (SELECT 1 FROM ({}) p WHERE {})", targets, passing.sql), passing.exact)
        failing = _target_test(elements, operand, test, want=False)
        sql = Sql("(EXISTS ({}) AND NOT EXISTS (SELECT 1 FROM ({}) p WHERE NOT {}))", targets, targets, failing.sql)
        return Part(sql, failing.exact)

    def _targets(self, path: Path) -> Sql | None:
        """Give the derived table of a path's targets; None for a path that leads nowhere."""
        if not path.names:
            return self._entity_member(path.member)
        instances = self.dialect.instances(self.n, Bound(path.names[0], "text"))
        for name in path.names[1:]:
            instances = self.dialect.sub_instances(instances, Bound(name, "text"))
        if path.member is None:
            return self._values(instances, path.value)
        if path.member == "objectType":
            return self.dialect.object_types(instances)
        column = _INSTANCE_COLUMNS.get(path.member)
        return None if column is None else self.dialect.column(instances, column)

    def _values(self, instances: Sql, keys: tuple[str, ...]) -> Sql:
        values = self.dialect.values(instances)
        if keys != (ANY_LANGUAGE,):
            for key in keys:
                values = self.dialect.member(values, Bound(key, "text"))
            return values
        others = self.dialect.member(self.dialect.not_languages(values), Bound(ANY_LANGUAGE, "text"))
        return Sql("{} UNION ALL {}", self.dialect.languages(values), others)

    def _entity_member(self, member: str | None) -> Sql | None:
        if member == "type":
            return Sql("SELECT 1 AS v WHERE EXISTS (SELECT 1 FROM entity_type t WHERE t.n = {})", self.n)
        if member == "scope":
            return Sql("SELECT 1 AS v WHERE EXISTS (SELECT 1 FROM entity_scope s WHERE s.n = {})", self.n)
        name = _ENTITY_COLUMNS.get(member or "")
        if name is None:
            return None
        column = Sql("{}{}", self.entity, Sql(name))
        return Sql("SELECT {} AS v WHERE {} IS NOT NULL", column, column)

    def _elements(self, path: Path) -> tuple[Sql, Operand]:
        """Give the derived table of the elements of target ``p``, and how to read one of them."""
        operand = operand_of(path, self.dialect)
        if not path.names and path.member == "type":
            return Sql("SELECT t.type AS v FROM entity_type t WHERE t.n = {}", self.n), operand
        if not path.names and path.member == "scope":
            return Sql("SELECT s.scope AS v FROM entity_scope s WHERE s.n = {}", self.n), operand
        if path.member is not None and path.member != "objectType":
            return Sql("SELECT p.v AS v"), operand
        of_languages = path.member is None and path.value in {(), (ANY_LANGUAGE,)}
        return self.dialect.elements(of_languages=of_languages), operand

    def _linked(self, filter: Linked, *, want: bool) -> Part:
        """Follow a relationship. Who may see the linked entity is not known here, so this only narrows."""
        targets = self._targets(filter.path)
        if targets is None:
            return Part(FALSE, True)
        if not want or self.level + 1 >= len(_ALIASES):
            return Part(Sql("EXISTS ({})", targets), False)
        inner = _Compiler(self.dialect, self.level + 1)
        condition = inner.compile(filter.part, want=True)
        if filter.types:
            condition = all_parts(
                [any_part([inner.compile(HasType(one), want=True) for one in filter.types]), condition]
            )
        elements, operand = self._elements(filter.path)
        if operand.text is None:
            return Part(FALSE, True)
        other = Sql(
            "EXISTS (SELECT 1 FROM entity {} WHERE {}.id = {} AND {})",
            inner.entity,
            inner.entity,
            operand.text[1],
            condition.sql,
        )
        some = Sql("EXISTS (SELECT 1 FROM ({}) q WHERE {} AND {})", elements, operand.text[0], other)
        return Part(Sql("EXISTS (SELECT 1 FROM ({}) p WHERE {})", targets, some), False)

    def _geo(self, filter: Geo, *, want: bool) -> Part:
        from stadtkern.query.geometry import search_box

        dialect, attribute = self.dialect, Bound(filter.attribute, "text")
        dataset = None if filter.dataset_id is None else Bound(filter.dataset_id, "text")
        box = search_box(filter) if want else None
        if box is None:
            return Part(dialect.box(self.n, attribute, dataset, None), False)
        near = None
        if filter.relation == "near" and filter.metric == "geodesic" and filter.max_distance is not None:
            metres = Bound(filter.max_distance * 1.002 + 1.0, "double precision")
            near = dialect.near(self.n, attribute, dataset, Bound(filter.geometry, "text"), metres)
            if near is not None and max(box.east - box.west, box.north - box.south) > 90:
                near = dialect.box(self.n, attribute, dataset, None)
        sides = [Bound(side, "double precision") for side in box]
        return Part(near if near is not None else dialect.box(self.n, attribute, dataset, sides), False)


def _target_test(elements: Sql, operand: Operand, test: Test, *, want: bool) -> Part:
    """Compile a test of target ``p`` for the wanted answer."""
    match test:
        case Lacks(inner):
            passes = element_test(operand, inner, want=True)
            some = Part(Sql("EXISTS (SELECT 1 FROM ({}) q WHERE {})", elements, passes.sql), passes.exact)
            return negate(some) if want else some
        case Fails(inner):
            return _target_test(elements, operand, inner, want=not want)
        case _:
            decided = element_test(operand, test, want=want)
            if want:
                return Part(Sql("EXISTS (SELECT 1 FROM ({}) q WHERE {})", elements, decided.sql), decided.exact)
            sql = Sql(
                "(EXISTS ({}) AND NOT EXISTS (SELECT 1 FROM ({}) q WHERE NOT {}))", elements, elements, decided.sql
            )
            return Part(sql, decided.exact)
