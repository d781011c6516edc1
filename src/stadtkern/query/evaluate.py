"""Deciding a filter in memory: for subscriptions and streams, and as the oracle for SQL.

A filter is compiled once into closures; each gives True, False or None (unknown).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol, assert_never, cast

import msgspec

from stadtkern.errors import BadRequestData
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import parse_instant
from stadtkern.query.filter import (
    And,
    AnyOf,
    Between,
    Exists,
    Fails,
    Filter,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Is,
    IsNull,
    Lacks,
    Linked,
    Literal,
    Matches,
    Not,
    OneOf,
    Or,
    ScopeMatches,
    Sure,
    Test,
)
from stadtkern.query.pattern import compile_pattern
from stadtkern.query.targets import GEOMETRY_KINDS, INSTANT_KIND, URI_KINDS, Target, compile_targets, elements

Kleene = bool | None
Lookup = Callable[[EntityId], Entity | None]
"""Gives an entity that a relationship points to, or None where the holder of the Grant cannot see it."""

_Node = Callable[[Entity, Lookup | None], Kleene]
_TargetTest = Callable[[Target], Kleene]
_ElementTest = Callable[[str, Any], Kleene]
"""Takes the target's kind and one element."""


class Matcher(Protocol):
    """Tells whether an entity matches a filter."""

    def __call__(self, entity: Entity, linked: Lookup | None = None, /) -> bool: ...


def matches(filter: Filter, entity: Entity, *, linked: Lookup | None = None) -> bool:
    """Tell whether an entity matches: the filter is true, neither false nor unknown.

    linked: how to load entities behind relationships; without it every ``Linked`` is unknown.
    """
    return compile_matcher(filter)(entity, linked)


@lru_cache(maxsize=4096)
def compile_matcher(filter: Filter) -> Matcher:
    """Compile a filter; the result is cached by the filter's value. Raises: BadRequestData for a bad pattern."""
    node = _compile(filter)

    def matcher(entity: Entity, linked: Lookup | None = None, /) -> bool:
        return node(entity, linked) is True

    return matcher


def decide(filter: Filter, entity: Entity, *, linked: Lookup | None = None) -> Kleene:
    """Give the three-valued answer: True, False, or None for unknown."""
    return _compile(filter)(entity, linked)


def _compile(filter: Filter) -> _Node:
    match filter:
        case And(parts):
            return _all([_compile(part) for part in parts])
        case Or(parts):
            return _any([_compile(part) for part in parts])
        case Not(part):
            return _negated(_compile(part))
        case Sure(part):
            return _sure(_compile(part))
        case AnyOf(path, test):
            return _any_target(compile_targets(path), _compile_test(test))
        case Exists(path):
            targets = compile_targets(path)
            return lambda entity, linked: bool(targets(entity))
        case Linked():
            return _compile_linked(filter)
        case Geo():
            return _compile_geo(filter)
        case IdIn() | IdMatches() | HasType() | ScopeMatches():
            return _compile_key(filter)
        case _:
            assert_never(filter)


def _all(parts: list[_Node]) -> _Node:
    def conjunction(entity: Entity, linked: Lookup | None) -> Kleene:
        result: Kleene = True
        for part in parts:
            decided = part(entity, linked)
            if decided is False:
                return False
            if decided is None:
                result = None
        return result

    return conjunction


def _any(parts: list[_Node]) -> _Node:
    def disjunction(entity: Entity, linked: Lookup | None) -> Kleene:
        return _some(part(entity, linked) for part in parts)

    return disjunction


def _some(decisions: Iterable[Kleene]) -> Kleene:
    """The Kleene ``or``; of nothing: false."""
    result: Kleene = False
    for decided in decisions:
        if decided:
            return True
        if decided is None:
            result = None
    return result


def _negated(part: _Node) -> _Node:
    def negation(entity: Entity, linked: Lookup | None) -> Kleene:
        decided = part(entity, linked)
        return None if decided is None else not decided

    return negation


def _sure(part: _Node) -> _Node:
    return lambda entity, linked: part(entity, linked) is True


def _any_target(targets: Callable[[Entity], list[Target]], test: _TargetTest) -> _Node:
    def some_target(entity: Entity, linked: Lookup | None) -> Kleene:
        del linked
        found = targets(entity)
        if len(found) == 1:
            return test(found[0])
        return _some(map(test, found)) if found else None

    return some_target


def _compile_key(filter: IdIn | IdMatches | HasType | ScopeMatches) -> _Node:
    match filter:
        case IdIn(ids):
            known = frozenset(ids)
            return lambda entity, linked: entity.id in known
        case IdMatches(pattern):
            search = compile_pattern(pattern, "idPattern").search
            return lambda entity, linked: search(entity.id) is not None
        case HasType(type):
            return lambda entity, linked: type in entity.types
        case ScopeMatches():
            return lambda entity, linked: any(scope_matches(filter, scope) for scope in entity.scope)
        case _:
            assert_never(filter)


def scope_matches(query: ScopeMatches, scope: str) -> bool:
    """Tell whether one scope (``/A/B``) fits a query. Spec: CIM 009 4.19."""
    levels = scope.lstrip("/").split("/")
    wanted = query.levels
    if len(levels) < len(wanted) or (len(levels) > len(wanted) and not query.below):
        return False
    return all(want in ("+", level) for want, level in zip(wanted, levels, strict=False))


def _compile_linked(filter: Linked) -> _Node:
    targets = compile_targets(filter.path)
    inner = _compile(filter.part)
    types = frozenset(filter.types)

    def some_linked(entity: Entity, linked: Lookup | None) -> Kleene:
        if linked is None:
            return None
        decided: list[Kleene] = []
        for target in targets(entity):
            for id_ in elements(target):
                other = linked(EntityId(id_)) if isinstance(id_, str) and target[0] in URI_KINDS else None
                if other is not None and (not types or not types.isdisjoint(other.types)):
                    decided.append(inner(other, linked))
        return _some(decided) if decided else None

    return some_linked


def _compile_geo(filter: Geo) -> _Node:
    relation: Callable[[Any], Kleene] | None = None

    def some_geometry(entity: Entity, linked: Lookup | None) -> Kleene:
        nonlocal relation
        del linked
        instances = [
            instance
            for instance in entity.attributes.get(filter.attribute, ())
            if instance.kind in GEOMETRY_KINDS and filter.dataset_id in (None, instance.dataset_id)
        ]
        if not instances:
            return None
        if relation is None:
            from stadtkern.query.geometry import compile_relation

            relation = compile_relation(filter)
        return _some(relation(msgspec.json.decode(instance.value)) for instance in instances)

    return some_geometry


def _compile_test(test: Test) -> _TargetTest:
    match test:
        case Lacks(inner):
            passes = _compile_element(inner)
            return lambda target: not any(passes(target[0], item) for item in elements(target))
        case Fails(inner):
            passes = _compile_element(inner)
            return lambda target: _not(_some_element(target, passes))
        case _:
            passes = _compile_element(test)
            return lambda target: _some_element(target, passes)


def _not(decided: Kleene) -> Kleene:
    return None if decided is None else not decided


def _some_element(target: Target, passes: _ElementTest) -> Kleene:
    kind, value = target
    if type(value) in _SCALARS:
        return passes(kind, value)
    items = elements(target)
    return _some(passes(kind, item) for item in items) if items else None


_SCALARS = frozenset({str, int, float, bool})


def _compile_element(test: Is | Between | OneOf | Matches | IsNull) -> _ElementTest:
    match test:
        case Is(op, literal):
            return _compile_is(op, literal)
        case Between(low, high):
            above, below = _compile_is(">=", low), _compile_is("<=", high)
            return lambda kind, value: _both(above(kind, value), below(kind, value))
        case OneOf(literals):
            choices = [_compile_is("==", literal) for literal in literals]
            return lambda kind, value: _some(choice(kind, value) for choice in choices)
        case Matches(pattern):
            search = compile_pattern(pattern).search
            return lambda kind, value: (
                search(value) is not None if isinstance(value, str) and kind not in URI_KINDS else None
            )
        case IsNull():
            return lambda kind, value: value is None
        case _:
            assert_never(test)


def _both(one: Kleene, other: Kleene) -> Kleene:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compile_is(op: str, literal: Literal) -> _ElementTest:
    compare, wanted = _COMPARE[op], literal.value
    match literal.kind:
        case "number":
            return _number_test(compare, cast("float", wanted))
        case "text":
            return _text_test(compare, cast("str", wanted), ordered=op != "==")
        case "boolean":
            return lambda kind, value: compare(value, wanted) if isinstance(value, bool) and op == "==" else None
        case "instant":
            return _instant_test(compare, cast("int", wanted))
        case _:
            assert_never(literal.kind)


def _number_test(compare: Callable[[Any, Any], bool], wanted: float) -> _ElementTest:
    def test(kind: str, value: Any) -> Kleene:
        if not isinstance(value, int | float) or isinstance(value, bool) or kind == INSTANT_KIND:
            return None
        return compare(float(value), wanted)

    return test


def _text_test(compare: Callable[[Any, Any], bool], wanted: str, *, ordered: bool) -> _ElementTest:
    def test(kind: str, value: Any) -> Kleene:
        if not isinstance(value, str) or (ordered and kind in URI_KINDS):
            return None
        return compare(value, wanted)

    return test


def _instant_test(compare: Callable[[Any, Any], bool], wanted: int) -> _ElementTest:
    def test(kind: str, value: Any) -> Kleene:
        if kind == INSTANT_KIND:
            return compare(value, wanted)
        if not isinstance(value, str) or kind in URI_KINDS:
            return None
        try:
            return compare(parse_instant(value), wanted)
        except BadRequestData:
            return None

    return test
