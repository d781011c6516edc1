"""The order of an answer: ``orderBy`` with direction, distance and collation. Spec: CIM 009 4.23."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from stadtkern.errors import BadRequestData
from stadtkern.model.entity import Entity
from stadtkern.model.ids import Iri
from stadtkern.query.attribute_path import parse_path
from stadtkern.query.collation import collation_key, parse_collation
from stadtkern.query.filter import INSTANT_MEMBERS, Path
from stadtkern.query.geoquery import parse_geometry
from stadtkern.query.scanner import Scanner
from stadtkern.query.targets import GEOMETRY_KINDS, Target, compile_targets

MAX_TERMS = 10
"""Most members in one orderBy."""

_DIRECTIONS = ("asc", "desc", "dist-asc", "dist-desc")

_NUMBER, _TEXT, _OBJECT, _ARRAY, _BOOLEAN, _INSTANT, _NULL, _MISSING = range(8)
"""Ranks of data types, null and missing last in both directions. Spec: CIM 009 4.23.2."""


class OrderTerm(Struct, frozen=True, cache_hash=True):
    """One member to order by; ``distance`` compares the metres to the reference geometry instead of the value."""

    path: Path
    descending: bool = False
    distance: bool = False


class Order(Struct, frozen=True, cache_hash=True):
    """Members in turn.

    geometry: GeoJSON text, the reference for distances. collation: a checked tag; None compares by code point.
    """

    terms: tuple[OrderTerm, ...]
    geometry: str | None = None
    collation: str | None = None


def parse_order_by(
    order_by: str | Sequence[str],
    expand: Callable[[str], Iri],
    *,
    coordinates: str | Sequence[Any] | None = None,
    geometry: str | None = None,
    collation: str | None = None,
) -> Order:
    """Parse ``orderBy`` with its companions, as texts of a URL or members of OrderingParams.

    coordinates: ``orderFrom``, JSON text or parsed array; needed for distances. geometry: ``orderGeometry``, Point by
    default. Raises: BadRequestData, TooComplexQuery. Spec: CIM 009 4.23.3, 5.2.43.
    """
    scanner = Scanner(order_by if isinstance(order_by, str) else ",".join(order_by), "orderBy")
    terms = [_parse_term(scanner, expand)]
    while scanner.take(","):
        terms.append(_parse_term(scanner, expand))
    if not scanner.at_end:
        raise scanner.error("expected ';asc', ';desc', ';dist-asc', ';dist-desc', ',' or the end")
    if len(terms) > MAX_TERMS:
        raise BadRequestData(f"The orderBy parameter has more than {MAX_TERMS} members", pointer="orderBy:0")
    return Order(
        terms=tuple(terms),
        geometry=_parse_reference(terms, coordinates, geometry),
        collation=None if collation is None else parse_collation(collation),
    )


def _parse_term(scanner: Scanner, expand: Callable[[str], Iri]) -> OrderTerm:
    start = scanner.position
    path = parse_path(scanner, expand)
    direction = "asc"
    if scanner.take(";"):
        found = scanner.take_one_of(tuple(reversed(_DIRECTIONS)))
        if found is None:
            raise scanner.error(f"expected one of {', '.join(_DIRECTIONS)}")
        direction = found
    distance = direction.startswith("dist")
    if distance and (len(path.names) != 1 or path.member or path.value):
        raise scanner.error("distances need a GeoProperty of the entity", start)
    return OrderTerm(path, direction.endswith("desc"), distance)


def _parse_reference(
    terms: list[OrderTerm], coordinates: str | Sequence[Any] | None, geometry: str | None
) -> str | None:
    if coordinates is None:
        if any(term.distance for term in terms):
            raise BadRequestData("Ordering by distance needs the coordinates of a geometry", pointer="orderFrom:0")
        return None
    return parse_geometry(geometry or "Point", coordinates, "orderFrom", "orderGeometry")


class _Reversed:
    """A sort key that compares the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]


def sort_key(order: Order) -> Callable[[Entity], tuple[Any, ...]]:
    """Make the function that gives an entity's place in an order, for ``sorted`` or ``heapq.nsmallest``.

    Entities that are equal in all members are ordered by id, so that pages never overlap.
    """
    makers = [_term_key(term, order) for term in order.terms]

    def key(entity: Entity) -> tuple[Any, ...]:
        return (*[maker(entity) for maker in makers], entity.id)

    return key


def sort_entities(entities: Iterable[Entity], order: Order) -> list[Entity]:
    """Sort entities. Spec: CIM 009 4.23."""
    return sorted(entities, key=sort_key(order))


def _term_key(term: OrderTerm, order: Order) -> Callable[[Entity], tuple[Any, ...]]:
    targets = compile_targets(term.path)
    collate = collation_key(order.collation)
    measure = _measure(order.geometry) if term.distance and order.geometry is not None else None
    is_instant = term.path.member in INSTANT_MEMBERS

    def key(entity: Entity) -> tuple[Any, ...]:
        found = targets(entity)
        if not found:
            return (1, _MISSING)
        first = found[0]
        if measure is not None and first[0] in GEOMETRY_KINDS and (metres := measure(first)) is not None:
            return (0, 0, _turn(metres, term.descending))
        rank, value = _rank(first[1], collate, is_instant)
        if rank >= _NULL:
            return (1, rank)
        return (0, _turn((rank + 1, value), term.descending)) if measure is None else (0, 1, rank, value)

    return key


def _turn(key: Any, descending: bool) -> Any:
    return _Reversed(key) if descending else key


def _measure(geometry: str) -> Callable[[Target], float | None]:
    from stadtkern.query.geometry import distance_to

    to_reference = distance_to(geometry)
    return lambda target: to_reference(target[1])


def _rank(value: Any, collate: Callable[[str], Any], is_instant: bool) -> tuple[int, Any]:
    """Give the rank of a value's type and what it compares by within that type."""
    match value:
        case None:
            return _NULL, 0
        case bool():
            return _BOOLEAN, value
        case int() | float():
            return (_INSTANT if is_instant else _NUMBER), value
        case str():
            return _TEXT, collate(value)
        case list():
            return _ARRAY, msgspec.json.encode(value)
        case dict():
            typed = cast("dict[str, Any]", value).get("@value", value)
            return (
                (_OBJECT, msgspec.json.encode(cast("Any", value)))
                if typed is value
                else _rank(typed, collate, is_instant)
            )
        case _:
            return _NULL, 0
