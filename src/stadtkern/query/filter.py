"""The Filter tree: what every query language is parsed to, and what SQL and the evaluator are made from.

Three-valued (Kleene) logic: a filter is true, false or unknown for an entity, and only *true* is a match. A path that
leads nowhere and a comparison of different types are unknown. Nodes are immutable, hashable, and their ``repr`` is
stable, so that filters can be keys of caches. ``docs/filters.md`` is the table of semantics.

::

    Filter
    ├── And(parts)  Or(parts)  Not(part)     Kleene; And(()) is true, Or(()) is false
    ├── Sure(part)                           unknown becomes false
    ├── IdIn  IdMatches  HasType  ScopeMatches
    ├── Exists(path)                         never unknown
    ├── AnyOf(path, test)                    some target at the path passes; unknown when there is none
    ├── Geo(attribute, …)
    └── Linked(path, types, part)            some entity that the relationship points to matches

    Test (of one target)
    ├── Is(op, literal)  Between(low, high)  OneOf(literals)  Matches(pattern)  IsNull()
    └── Lacks(test)  Fails(test)             two ways to negate, see there

A *target* is what a path leads to in one attribute instance. Its *elements* are the members of an array, the values of
a language map, or the target itself. The first row of tests asks for some element that passes (Kleene ``or``).
"""

from __future__ import annotations

from typing import Literal as Choice

from msgspec import Struct

from stadtkern.model.ids import EntityId, Iri

LiteralKind = Choice["number", "text", "instant", "boolean"]
Comparison = Choice["==", "<", "<=", ">", ">="]
Member = Choice[
    "id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt", "observedAt", "unitCode", "datasetId",
    "valueType", "objectType",
]  # fmt: skip
"""Core members a path can end in. ``id`` and ``scope`` belong to entities, the last five to attribute instances."""

INSTANT_MEMBERS: frozenset[str] = frozenset({"createdAt", "modifiedAt", "deletedAt", "expiresAt", "observedAt"})
"""Members that compare as points in time."""

ANY_LANGUAGE = "*"
"""In ``Path.value`` on a language map: any of its languages (CIM 009 4.9)."""

GeoRelation = Choice["near", "within", "contains", "intersects", "equals", "disjoint", "overlaps"]
Metric = Choice["geodesic", "planar"]


class Literal(Struct, frozen=True, cache_hash=True):
    """A typed constant: float, str, int (instant, microseconds UTC) or bool, as the kind says."""

    kind: LiteralKind
    value: float | str | int | bool


def number(value: float) -> Literal:
    """Make a number; numbers compare as doubles."""
    return Literal("number", float(value))


def text(value: str) -> Literal:
    """Make a text; texts compare by code point."""
    return Literal("text", value)


def instant(value: int) -> Literal:
    """Make a point in time from microseconds since 1970, UTC."""
    return Literal("instant", value)


def boolean(value: bool) -> Literal:
    """Make a truth value; only equality is defined for it."""
    return Literal("boolean", value)


class Path(Struct, frozen=True, cache_hash=True):
    """Where a test looks: attribute, sub-attributes, then either a core member or keys inside the JSON value.

    names: expanded attribute name, then sub-attribute names; empty for members of the entity itself.
    member: the core member of the entity or instance reached; None means the instance's value.
    value: object keys inside the value; arrays are not entered by a key. Every instance (dataset id) gives one target.
    """

    names: tuple[Iri, ...]
    member: Member | None = None
    value: tuple[str, ...] = ()


class Is(Struct, frozen=True, cache_hash=True):
    """Compare one scalar with a literal; unknown when their types differ."""

    op: Comparison
    literal: Literal


class Between(Struct, frozen=True, cache_hash=True):
    """Both ends belong to the range; the literals are of one kind."""

    low: Literal
    high: Literal


class OneOf(Struct, frozen=True, cache_hash=True):
    """Equal to one of the literals: the Kleene ``or`` of the comparisons."""

    literals: tuple[Literal, ...]


class Matches(Struct, frozen=True, cache_hash=True):
    """A text in which the RE2 pattern is found; unknown for anything but text."""

    pattern: str


class IsNull(Struct, frozen=True, cache_hash=True):
    """JSON null. (A missing path is not null: there is no element.)"""


ElementTest = Is | Between | OneOf | Matches | IsNull


class Lacks(Struct, frozen=True, cache_hash=True):
    """No element of the target is known to pass: elements of another type lack it too. Never unknown."""

    test: ElementTest


class Fails(Struct, frozen=True, cache_hash=True):
    """The Kleene negation within one target: every element fails; unknown where one of another type is among them."""

    test: ElementTest


Test = ElementTest | Lacks | Fails


class And(Struct, frozen=True, cache_hash=True):
    """All parts are true. Without parts: true."""

    parts: tuple[Filter, ...]


class Or(Struct, frozen=True, cache_hash=True):
    """Some part is true. Without parts: false."""

    parts: tuple[Filter, ...]


class Not(Struct, frozen=True, cache_hash=True):
    """The part is false; unknown stays unknown."""

    part: Filter


class Sure(Struct, frozen=True, cache_hash=True):
    """The part is true; where it is unknown this is false. ``Not(Sure(x))`` therefore matches what ``x`` does not."""

    part: Filter


class IdIn(Struct, frozen=True, cache_hash=True):
    """The entity has one of these ids."""

    ids: tuple[EntityId, ...]


class IdMatches(Struct, frozen=True, cache_hash=True):
    """The RE2 pattern is found in the entity's id."""

    pattern: str


class HasType(Struct, frozen=True, cache_hash=True):
    """The entity has this (expanded) type."""

    type: Iri


class ScopeMatches(Struct, frozen=True, cache_hash=True):
    """One of the entity's scopes fits.

    levels: level names, ``+`` stands for exactly one level. below: the scope itself and all below it (``#``).
    """

    levels: tuple[str, ...]
    below: bool = False


class Exists(Struct, frozen=True, cache_hash=True):
    """The path leads to a target, be it null or an empty array; true or false, never unknown."""

    path: Path


class AnyOf(Struct, frozen=True, cache_hash=True):
    """Some target at the path passes the test: Kleene ``or`` over all instances; unknown if none."""

    path: Path
    test: Test


class Geo(Struct, frozen=True, cache_hash=True):
    """Some instance of a GeoProperty stands in the relation to the geometry; unknown where there is none.

    geometry: GeoJSON text, longitude and latitude in degrees. Distances in metres (``geodesic``) or degrees
    (``planar``), for ``near`` only: min_distance < distance <= max_distance. dataset_id: None for every instance.
    """

    attribute: Iri
    relation: GeoRelation
    geometry: str
    min_distance: float | None = None
    max_distance: float | None = None
    metric: Metric = "geodesic"
    dataset_id: str | None = None


class Linked(Struct, frozen=True, cache_hash=True):
    """Some entity that the relationship points to is true for the part; unknown when none can be seen.

    path: the relationship, possibly of a sub-attribute. types: only targets with one of these types; empty means any.
    """

    path: Path
    part: Filter
    types: tuple[Iri, ...] = ()


Filter = And | Or | Not | Sure | IdIn | IdMatches | HasType | ScopeMatches | Exists | AnyOf | Geo | Linked

EVERYTHING = And(())
NOTHING = Or(())
UNKNOWN = AnyOf(Path(()), IsNull())
"""A path without a name leads nowhere."""


def all_of(*filters: Filter | None) -> Filter | None:
    """Join conditions with ``and``, leaving out None; None when nothing is left."""
    parts: list[Filter] = []
    for part in filters:
        if isinstance(part, And):
            parts.extend(part.parts)
        elif part is not None:
            parts.append(part)
    if not parts:
        return None if all(part is None for part in filters) else EVERYTHING
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def any_of(*filters: Filter) -> Filter:
    """Join conditions with ``or``."""
    return filters[0] if len(filters) == 1 else Or(filters)


def leaves(filter: Filter) -> list[Filter]:
    """List the nodes that look at the entity, left to right (the inside of ``Linked`` is not entered)."""
    found: list[Filter] = []
    stack: list[Filter] = [filter]
    while stack:
        node = stack.pop()
        if isinstance(node, And | Or):
            stack.extend(reversed(node.parts))
        elif isinstance(node, Not | Sure):
            stack.append(node.part)
        else:
            found.append(node)
    return found


def attribute_names(filter: Filter) -> frozenset[Iri]:
    """Give the attributes of the entity itself that a filter looks at (not those of linked entities)."""
    return frozenset(name for leaf in leaves(filter) for name in _names(leaf)[:1])


def _names(leaf: Filter) -> tuple[Iri, ...]:
    match leaf:
        case Exists(path) | AnyOf(path) | Linked(path):
            return path.names
        case Geo(attribute):
            return (attribute,)
        case _:
            return ()


def link_depth(filter: Filter) -> int:
    """Count how many relationships in a row a filter follows; 0 when it looks at the entity alone."""
    return max((1 + link_depth(leaf.part) for leaf in leaves(filter) if isinstance(leaf, Linked)), default=0)


def hide_attributes(filter: Filter, hidden: frozenset[Iri]) -> Filter:
    """Rewrite a filter so that hidden attributes do not exist for it, in linked entities and as sub-attributes too."""
    if not hidden:
        return filter
    match filter:
        case And(parts):
            return And(tuple(hide_attributes(part, hidden) for part in parts))
        case Or(parts):
            return Or(tuple(hide_attributes(part, hidden) for part in parts))
        case Not(part):
            return Not(hide_attributes(part, hidden))
        case Sure(part):
            return Sure(hide_attributes(part, hidden))
        case _:
            return _hide_leaf(filter, hidden)


def _hide_leaf(leaf: Filter, hidden: frozenset[Iri]) -> Filter:
    if not hidden.isdisjoint(_names(leaf)):
        return NOTHING if isinstance(leaf, Exists) else UNKNOWN
    if isinstance(leaf, Linked):
        return Linked(leaf.path, hide_attributes(leaf.part, hidden), leaf.types)
    return leaf
