"""Expressions of SensorThings' query language as SQL: conditions for ``$filter``, sort keys for ``$orderby``.

Texts and numbers of a client only ever become bound parameters. Logic has three values: where kinds do not fit, or
something is missing, the outcome is unknown, and what is unknown does not match. Each part of a condition is compiled
for the
answer that is wanted, *true* or *false*: so what lies across a relation becomes EXISTS, and ``not`` never stands around
it. Spec: OGC 18-088 9.3.3.5; OData 4.0 URL conventions 5.1.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast

from stadtkern.model.sensorthings import TYPES
from stadtkern.query.odata import tree
from stadtkern.store.dialect import EngineName, Sql, join
from stadtkern.store.sensorthings.arithmetic import Calculation, calculate, negate, round_number
from stadtkern.store.sensorthings.column_value import column_value
from stadtkern.store.sensorthings.compare import Comparison, compare, compare_with_list
from stadtkern.store.sensorthings.moment import PARTS, RELATIONS, compare_times, known_time, part_of_time
from stadtkern.store.sensorthings.scope import Scope
from stadtkern.store.sensorthings.shape import GEOMETRY_FUNCTIONS, apply_geometry, search_area
from stadtkern.store.sensorthings.text import TEXT_FUNCTIONS, apply_text
from stadtkern.store.sensorthings.value import (
    NOTHING,
    TRUE,
    UNKNOWN,
    Number,
    Value,
    balanced,
    boolean_value,
    literal_value,
)

_COMPARISONS: Final = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_REVERSED: Final = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_TO_MANY: Final = frozenset(one.name for type in TYPES.values() for one in type.relations.values() if one.many)
Place = tuple[str | None, tuple[str, ...]]
"""A variable, and the relations from it."""


def compile_filter(expression: tree.Expression, scope: Scope) -> Sql:
    """Compile a condition on the entity of a scope: true for each match, false or NULL for all others.

    Raises: BadRequestData.
    """
    return _Compiler(scope.engine, {None: scope}, {}).truth(expression, want=True)


def compile_order(expression: tree.Expression, scope: Scope) -> tuple[Sql, ...]:
    """Compile a sort key, all of whose parts are sorted the same way; NULL where there is no value.

    What may be of several kinds (JSON) has a part for each: truth values, numbers, texts. Raises: BadRequestData.
    """
    return tuple(sql for sql, _ in compile_keys(expression, scope))


def compile_keys(expression: tree.Expression, scope: Scope) -> tuple[tuple[Sql, bool], ...]:
    """Do the same, and tell of each part whether it is a text; all others are numbers. Raises: BadRequestData."""
    value = _Compiler(scope.engine, {None: scope}, {}).value(expression)
    keys = value.keys()
    return tuple((sql, sql is value.text) for sql in keys) or ((Sql("CAST(NULL AS bigint)"), False),)


class _Path(NamedTuple):
    """Tables joined one to the next, and the entity that they lead to.

    link: the first step as a column and the id that it equals, where nothing else in the conditions looks out of the
    tables: they are then read once, not for each row.
    """

    tables: list[Sql]
    conditions: list[Sql]
    scope: Scope
    link: tuple[Sql, Sql] | None = None

    def exists(self, condition: Sql = TRUE) -> Sql:
        """Whether the tables have rows for which a condition holds; never NULL."""
        tables = join(", ", self.tables)
        if self.link is None:
            return Sql("EXISTS (SELECT 1 FROM {} WHERE {})", tables, join(" AND ", [*self.conditions, condition]))
        reference, found = self.link
        inner = join(" AND ", [*self.conditions[1:], condition])
        return Sql("({} IN (SELECT {} FROM {} WHERE {}))", reference, found, tables, inner)

    def how_many(self) -> Sql:
        """The number of rows."""
        return Sql("(SELECT count(*) FROM {} WHERE {})", join(", ", self.tables), join(" AND ", self.conditions))

    def select(self, value: Sql) -> Sql:
        """A value of the only row; NULL where there is none."""
        return Sql(
            "(SELECT {} FROM {} WHERE {} LIMIT 1)", value, join(", ", self.tables), join(" AND ", self.conditions)
        )


class _Steps:
    """Tables that are joined one after the other."""

    __slots__ = ("_conditions", "_link", "_tables", "scope")

    def __init__(self, start: Scope) -> None:
        self.scope = start
        self._tables: list[Sql] = []
        self._conditions: list[Sql] = []
        self._link: tuple[Sql, Sql] | None = None

    def enter(self, relation: str) -> None:
        """Join what a relation of ``scope`` leads to."""
        step = self.scope.enter(relation)
        if not self._tables and step.reference is not None:
            found, _ = step.scope.column("id", ())
            self._link = (step.reference, found.sql)
        self._tables.append(step.table)
        self._conditions.append(step.on)
        self.scope = step.scope

    def path(self) -> _Path:
        """Give the tables, and where they end."""
        return _Path(self._tables, self._conditions, self.scope, self._link)


class _Compiler:
    """Compiles where these entities are known: by variable, and by place those that a statement around has joined."""

    __slots__ = ("engine", "joined", "scopes")

    def __init__(self, engine: EngineName, scopes: Mapping[str | None, Scope], joined: Mapping[Place, Scope]) -> None:
        self.engine: EngineName = engine
        self.scopes = scopes
        self.joined = joined

    # Conditions

    def truth(self, node: tree.Expression, *, want: bool) -> Sql:
        """Compile for the wanted answer: true where it is that."""
        match node:
            case tree.Binary(operator="and" | "or"):
                parts = [self.truth(part, want=want) for part in _chain(node)]
                return balanced("AND" if (node.operator == "and") is want else "OR", parts)
            case tree.Unary(operator="not"):
                return self.truth(node.operand, want=not want)
            case tree.AnyOf():
                found = self._any_of(node)
                return found if want else Sql("(NOT {})", found)
            case tree.Binary(operator="eq" | "ne"):
                return self._equality(node, want=want)
            case _:
                return self._leaf(node, want=want)

    def _equality(self, node: tree.Binary, *, want: bool) -> Sql:
        """Compile ``eq`` and ``ne``: with null it is never unknown, with a truth value it asks for that answer."""
        for constant, other in ((node.right, node.left), (node.left, node.right)):
            if isinstance(constant, tree.Literal) and constant.kind == "null":
                present = self._present(other)
                return present if (node.operator == "ne") is want else Sql("(NOT {})", present)
            if isinstance(constant, tree.Literal) and constant.kind == "boolean" and _is_condition(other):
                wanted = bool(constant.value) is (node.operator == "eq")
                return self.truth(other, want=wanted is want)
        return self._leaf(node, want=want)

    def _leaf(self, node: tree.Expression, *, want: bool) -> Sql:
        """Compile what has no parts that are conditions."""
        path, inner = self._join(node)
        decided = inner._decide(node, want=want)
        return decided if path is None else path.exists(decided)

    def _decide(self, node: tree.Expression, *, want: bool) -> Sql:
        known = self.logic(node)
        if not want:
            return Sql("(NOT {})", known)
        area = self._area(node)
        return known if area is None else Sql("({} AND {})", area, known)

    def _present(self, node: tree.Expression) -> Sql:
        """Whether a value is not null; what lies across a relation to nothing is."""
        path, inner = self._join(node)
        present = inner.value(node).is_present()
        return present if path is None else path.exists(present)

    def _any_of(self, node: tree.AnyOf) -> Sql:
        path = self._walk((node.outer, node.relations))
        if node.condition is None:
            return path.exists()
        scopes = {**self.scopes, node.variable: path.scope}
        joined = {place: scope for place, scope in self.joined.items() if place[0] != node.variable}
        condition = _Compiler(self.engine, scopes, joined).truth(node.condition, want=True)
        looks_out = _looks_out(node.condition, {node.variable})
        return (path._replace(link=None) if looks_out else path).exists(condition)

    def _area(self, node: tree.Expression) -> Sql | None:
        """Give an index's condition that holds wherever a geometric one does."""
        if isinstance(node, tree.Call) and node.name in GEOMETRY_FUNCTIONS:
            return search_area(node, [self.value(one) for one in node.arguments], self.engine)
        if not isinstance(node, tree.Binary) or node.operator not in _REVERSED:
            return None
        call, limit, operator = node.left, node.right, node.operator
        if isinstance(limit, tree.Call):
            call, limit, operator = limit, call, _REVERSED[operator]
        if not (isinstance(call, tree.Call) and call.name == "geo.distance" and operator in {"lt", "le"}):
            return None
        if not isinstance(limit, tree.Literal) or limit.kind != "number":
            return None
        reach = cast("float", limit.value)
        return search_area(call, [self.value(one) for one in call.arguments], self.engine, reach)

    # Relations

    def _walk(self, place: Place) -> _Path:
        """Join what lies between a variable's entity and the end of a path of relations."""
        variable, relations = place
        steps = _Steps(self.scopes[variable])
        for relation in relations:
            steps.enter(relation)
        return steps.path()

    def _join(self, node: tree.Expression) -> tuple[_Path | None, _Compiler]:
        """Join all that the paths in an expression lead to, each step once; and give the compiler that knows it."""
        members = list(_members(node))
        wanted = {(one.variable, one.relations) for one in members if one.relations} - self.joined.keys()
        if not wanted:
            return None, self
        steps = _Steps(self.scopes[None])
        joined = dict(self.joined)
        for variable, relations in sorted(wanted, key=_order):
            scope = self.scopes[variable]
            for length in range(1, len(relations) + 1):
                place = (variable, relations[:length])
                if place not in joined:
                    steps.scope = scope
                    steps.enter(relations[length - 1])
                    joined[place] = steps.scope
                scope = joined[place]
        path, inner = steps.path(), _Compiler(self.engine, self.scopes, joined)
        starts = {(one.variable, one.relations[:1]) for one in members}
        return path if len(starts) == 1 and not _has_own_tables(node) else path._replace(link=None), inner

    # Values

    def logic(self, node: tree.Expression) -> Sql:
        """Compile a condition as SQL of three values."""
        return self.value(node).boolean or UNKNOWN

    def value(self, node: tree.Expression) -> Value:
        """Compile any expression."""
        match node:
            case tree.Literal():
                return literal_value(node, self.engine)
            case tree.Member():
                return self._member(node)
            case tree.Unary(operator="not"):
                return boolean_value(Sql("(NOT {})", self.logic(node.operand)))
            case tree.Unary():
                return negate(self.value(node.operand))
            case tree.AnyOf():
                return boolean_value(self._any_of(node))
            case tree.Call():
                return self._call(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Listed():
                return NOTHING

    def _member(self, node: tree.Member) -> Value:
        if _is_count(node):
            path = self._walk((node.variable, node.relations))
            return Value(number=Number(path.how_many(), integer=True, exact=True), present=TRUE)
        scope = self.joined.get((node.variable, node.relations))
        if scope is None and node.relations:
            path = self._walk((node.variable, node.relations))
            return _read(path.scope, node).map(path.select)
        return _read(scope or self.scopes[node.variable], node)

    def _binary(self, node: tree.Binary) -> Value:
        if node.operator in {"and", "or"}:
            parts = [self.logic(part) for part in _chain(node)]
            return boolean_value(balanced("AND" if node.operator == "and" else "OR", parts))
        if node.operator == "in" and isinstance(node.right, tree.Listed):
            return boolean_value(compare_with_list(self.value(node.left), node.right, self.engine))
        if node.operator in {"eq", "ne"} and any(
            isinstance(side, tree.Literal) and side.kind == "null" for side in (node.left, node.right)
        ):
            return boolean_value(self._equality(node, want=True))
        left, right = self.value(node.left), self.value(node.right)
        if node.operator in _COMPARISONS:
            return boolean_value(compare(cast("Comparison", node.operator), left, right, self.engine))
        return calculate(cast("Calculation", node.operator), left, right)

    def _call(self, node: tree.Call) -> Value:
        values = [self.value(one) for one in node.arguments]
        name = node.name
        if name in TEXT_FUNCTIONS:
            return apply_text(name, values, self.engine)
        if name in GEOMETRY_FUNCTIONS:
            return apply_geometry(node, values, self.engine)
        if name in PARTS:
            return part_of_time(name, values[0], self.engine)
        if name in RELATIONS:
            first, second = values[0].time, values[1].time
            return NOTHING if first is None or second is None else boolean_value(compare_times(name, first, second))
        if name in {"round", "floor", "ceiling"}:
            return round_number(name, values[0])
        return known_time(name)


def _read(scope: Scope, node: tree.Member) -> Value:
    if node.property is None:
        column, _ = scope.column("id", ())
        return Value(number=Number(column.sql, integer=True, exact=True), present=TRUE)
    column, inside = scope.column(node.property, node.inside)
    return column_value(column, inside, scope.engine)


def _chain(node: tree.Binary) -> Iterator[tree.Expression]:
    """Give the operands of ``a and b and c``, however long it is."""
    waiting: list[tree.Expression] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tree.Binary) and part.operator == node.operator:
            waiting += (part.right, part.left)
        else:
            yield part


def _members(node: tree.Expression) -> Iterator[tree.Member]:
    """Give the paths in an expression, without those in lambdas and of counts, which have tables of their own."""
    match node:
        case tree.Member():
            if not _is_count(node):
                yield node
        case tree.Call():
            for one in node.arguments:
                yield from _members(one)
        case tree.Unary():
            yield from _members(node.operand)
        case tree.Binary():
            yield from _members(node.left)
            yield from _members(node.right)
        case _:
            return


def _has_own_tables(node: tree.Expression) -> bool:
    """Tell whether an expression has lambdas or counts in it."""
    match node:
        case tree.AnyOf():
            return True
        case tree.Member():
            return _is_count(node)
        case tree.Call():
            return any(_has_own_tables(one) for one in node.arguments)
        case tree.Unary():
            return _has_own_tables(node.operand)
        case tree.Binary():
            return _has_own_tables(node.left) or _has_own_tables(node.right)
        case _:
            return False


def _looks_out(node: tree.Expression, known: set[str]) -> bool:
    """Tell whether a lambda's condition has paths that start elsewhere than at these variables."""
    match node:
        case tree.Member():
            return node.variable not in known
        case tree.AnyOf():
            inside = node.condition is not None and _looks_out(node.condition, {*known, node.variable})
            return inside or node.outer not in known
        case tree.Call():
            return any(_looks_out(one, known) for one in node.arguments)
        case tree.Unary():
            return _looks_out(node.operand, known)
        case tree.Binary():
            return any(_looks_out(part, known) for part in (node.left, node.right))
        case _:
            return False


def _is_count(node: tree.Member) -> bool:
    """Tell ``Datastreams/$count`` from an entity: the names of relations to many are those of no relation to one."""
    return node.property is None and bool(node.relations) and node.relations[-1] in _TO_MANY


def _order(place: Place) -> tuple[str, tuple[str, ...]]:
    return (place[0] or "", place[1])


def _is_condition(node: tree.Expression) -> bool:
    """Tell whether an expression has parts that ``truth`` knows better than ``logic``."""
    match node:
        case tree.AnyOf() | tree.Unary(operator="not"):
            return True
        case tree.Binary():
            return node.operator in _COMPARISONS | {"and", "or", "in"}
        case tree.Call():
            return node.name in GEOMETRY_FUNCTIONS - {"geo.distance", "geo.length"} or node.name in RELATIONS
        case _:
            return False
