"""What an address and its options say, as values. Nodes are immutable and hashable.

``at`` is the character (from 0) of the text that a node was read from: faults point at it.
Spec: OGC 18-088 9.2 (resource path), 9.3 (options), 9.3.3.5 (filter); OData 4.0 ABNF.
"""

from __future__ import annotations

from typing import Literal as Choice

from msgspec import Struct

LiteralKind = Choice["number", "text", "boolean", "null", "instant", "interval", "duration", "geometry"]
Operator = Choice["eq", "ne", "gt", "ge", "lt", "le", "and", "or", "add", "sub", "mul", "div", "mod", "in"]


class Literal(Struct, frozen=True, gc=False):
    """A constant.

    value by kind: float; str; bool; None; instant: microseconds UTC (a bare date is its midnight UTC); interval:
    (start, end), microseconds, the end after the start; duration: microseconds, may be negative (a time of day such
    as ``06:30:00`` is the duration since midnight, as of ``time()``); geometry: GeoJSON text, EPSG:4326. Numbers,
    times, durations and geometries keep how they were written in ``text``; a text in quotes that is compared
    with a time or a number is read as one.
    """

    kind: LiteralKind
    value: float | str | bool | int | tuple[int, int] | None
    text: str = ""
    at: int = 0


class Member(Struct, frozen=True, gc=False):
    """A path: relations, then a property, then keys or array indexes inside a JSON property.

    ``Datastream/Thing/properties/rooms[2]/name`` is relations ("Datastream", "Thing"), property "properties",
    inside ("rooms", 2, "name"). A property of None is the entity itself (``Datastream eq null``) or, where the last
    relation leads to many, how many there are (``Datastreams/$count gt 1``). ``id`` and ``@iot.id`` are the property
    "id". variable: the lambda's variable that the path starts from, None for the entity that the
    filter is about (``$it``).
    """

    relations: tuple[str, ...]
    property: str | None
    inside: tuple[str | int, ...] = ()
    variable: str | None = None
    at: int = 0


class Call(Struct, frozen=True, gc=False):
    """A function of Table 23 (and the common extensions), its name in lower case: ``geo.distance``, ``st_within``."""

    name: str
    arguments: tuple[Expression, ...]
    at: int = 0


class Unary(Struct, frozen=True, gc=False):
    """``not`` or a minus sign."""

    operator: Choice["not", "-"]
    operand: Expression
    at: int = 0


class Binary(Struct, frozen=True, gc=False):
    """Two operands; of ``in`` the right one is a ``Listed``."""

    operator: Operator
    left: Expression
    right: Expression
    at: int = 0


class Listed(Struct, frozen=True, gc=False):
    """The list of ``in``: literals."""

    values: tuple[Literal, ...]
    at: int = 0


class AnyOf(Struct, frozen=True, gc=False):
    """``relations/any(variable: condition)``: some entity that the relations lead to fulfils the condition.

    A comparison whose path crosses a relation to many means the same (implicit any): the parser writes it as this
    node, with a made-up variable (``$1``) around the smallest comparison or boolean function that the path stands
    in. ``relations`` then ends at the last one to many; what follows is in the Member. Unprefixed paths in a
    condition start from the entity that the filter is about. A condition of None: is there any at all.
    """

    relations: tuple[str, ...]
    variable: str
    condition: Expression | None
    outer: str | None = None
    """The variable that ``relations`` start from; None for the entity that the filter is about."""
    at: int = 0


Expression = Literal | Member | Call | Unary | Binary | Listed | AnyOf


class Order(Struct, frozen=True, gc=False):
    """One part of ``$orderby``."""

    expression: Expression
    descending: bool = False
    text: str = ""
    """As it was written, for the links to next pages."""


class Selected(Struct, frozen=True, gc=False):
    """One part of ``$select``: a property with the way inside it, a relation's name, or ``id``."""

    name: str
    inside: tuple[str | int, ...] = ()


ResultFormat = Choice["json", "dataArray", "CSV", "GeoJSON"]
Metadata = Choice["full", "minimal", "none", "off"]
"""How many ``@iot`` members an answer has (FROST-Server's ``$resultMetadata``)."""


class Query(Struct, frozen=True, kw_only=True, gc=False):
    """The options of a set or of one ``$expand``. None: was not given."""

    filter: Expression | None = None
    orderby: tuple[Order, ...] = ()
    select: tuple[Selected, ...] | None = None
    distinct: bool = False
    expand: tuple[Expanded, ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool | None = None
    result_format: ResultFormat = "json"
    metadata: Metadata = "full"
    after: str | None = None
    """The key of the row behind which the page begins (``$skiptoken``), beside ``skip`` which clients read."""
    text: tuple[tuple[str, str], ...] = ()
    """The options as they were given, in their order, without top, skip and skiptoken: for links to next pages."""


class Expanded(Struct, frozen=True, gc=False):
    """One relation that is shown in place; ``A/B`` is A with B in its query."""

    relation: str
    query: Query
    at: int = 0


class Step(Struct, frozen=True, gc=False):
    """One step of an address: the set it starts in or a relation, and which entity of it."""

    name: str
    id: int | None = None
    at: int = 0


class Target(Struct, frozen=True, gc=False):
    """What an address leads to.

    steps: the first names a set, the others relations; where the last one leads to many and has no id, it is a set.
    property: of the entity that the steps lead to, with the way inside it. value: ``/$value``; ref: ``/$ref``.
    """

    steps: tuple[Step, ...]
    property: str | None = None
    inside: tuple[str | int, ...] = ()
    value: bool = False
    ref: bool = False
