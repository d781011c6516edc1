"""Geometries: relations, distances and lengths on the plane of degrees.

Where a stored geometry meets a constant one, a box search in the index comes first, so that no function is called for
each
row of a set. Spec: OGC 18-088 Table 23.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, LiteralString

from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings_terms import LOCATION
from stadtkern.query.odata import tree
from stadtkern.query.planar import constant_bounds, encode_constant
from stadtkern.store.dialect import Bound, EngineName, Sql, dialect_of
from stadtkern.store.sensorthings.value import NOTHING, Shape, Value, boolean_value, number_value

_RELATIONS: Final[dict[str, LiteralString]] = {
    "geo.intersects": "public.ST_Intersects({}, {})",
    "st_equals": "public.ST_Equals({}, {})",
    "st_disjoint": "public.ST_Disjoint({}, {})",
    "st_touches": "public.ST_Touches({}, {})",
    "st_within": "public.ST_Within({}, {})",
    "st_overlaps": "public.ST_Overlaps({}, {})",
    "st_crosses": "public.ST_Crosses({}, {})",
    "st_intersects": "public.ST_Intersects({}, {})",
    "st_contains": "public.ST_Contains({}, {})",
}
GEOMETRY_FUNCTIONS: Final = frozenset({"geo.distance", "geo.length", "st_relate", *_RELATIONS})
_MEETING: Final = (0, 1, 3, 4)
"""The places in a DE-9IM matrix where the two geometries themselves meet, not what is outside of them."""
_MATRIX: Final = re.compile(r"[0-2TF*]{9}", re.ASCII)


def apply_geometry(call: tree.Call, values: Sequence[Value], engine: EngineName) -> Value:
    """Apply one of ``GEOMETRY_FUNCTIONS``; nothing where an argument is no geometry. Raises: BadRequestData."""
    shapes = [_sql(value.shape, engine) for value in values[: 1 if call.name == "geo.length" else 2]]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return NOTHING
    match call.name:
        case "geo.length":
            own = "stadtkern_length({})" if engine == "sqlite" else "public.ST_Length({})"
            return number_value(Sql(own, known[0]))
        case "geo.distance":
            own = "stadtkern_distance({}, {})" if engine == "sqlite" else "public.ST_Distance({}, {})"
            return number_value(Sql(own, *known))
        case _:
            return boolean_value(_relate(call, known, engine))


def _relate(call: tree.Call, shapes: Sequence[Sql], engine: EngineName) -> Sql:
    pattern = Bound(_pattern(call) if call.name == "st_relate" else None, "text")
    if engine == "sqlite":
        return Sql("stadtkern_relate({}, {}, {}, {})", Bound(call.name, "text"), *shapes, pattern)
    if call.name == "st_relate":
        return Sql("public.ST_Relate({}, {}, {})", *shapes, pattern)
    return Sql(_RELATIONS[call.name], *shapes)


def _pattern(call: tree.Call) -> str:
    """Give the matrix of ``st_relate``. Raises: BadRequestData where it is none."""
    node = call.arguments[2]
    pattern = str(node.value).upper() if isinstance(node, tree.Literal) else ""
    if _MATRIX.fullmatch(pattern) is None:
        raise BadRequestData(
            "The third argument of st_relate is a text of nine signs out of 0 1 2 T F *", pointer=f"$filter:{node.at}"
        )
    return pattern


def _sql(shape: Shape | None, engine: EngineName) -> Sql | None:
    if shape is None:
        return None
    if shape.literal is not None:
        code = encode_constant(shape.literal)
        template = "{}" if engine == "sqlite" else "{}::public.geometry"
        return None if code is None else Sql(template, Bound(code, "text"))
    if shape.place is None:
        return None
    stored = Sql(
        "(SELECT g.geom FROM geo g WHERE g.n = {} AND g.attribute = {} AND g.dataset_id = '' LIMIT 1)",
        shape.place,
        Bound(str(LOCATION), "text"),
    )
    return stored if shape.wrap is None else shape.wrap(stored)


def search_area(call: tree.Call, values: Sequence[Value], engine: EngineName, reach: float = 0.0) -> Sql | None:
    """Give a condition, answered by the index, that holds wherever a relation does; None where there is none.

    reach: of ``geo.distance``, how many degrees there may be between the two.
    """
    shapes = [value.shape for value in values[:2] if value.shape is not None]
    places = [shape.search or shape.place for shape in shapes if shape.wrap is None]
    constants = [shape.literal for shape in shapes]
    place = next((one for one in places if one is not None), None)
    constant = next((one for one in constants if one is not None), None)
    if place is None or constant is None or not _must_meet(call) or reach < 0:
        return None
    bounds = constant_bounds(constant)
    if bounds is None:
        return None
    sides = (bounds.west - reach, bounds.south - reach, bounds.east + reach, bounds.north + reach)
    return dialect_of(engine).box(
        place, Bound(str(LOCATION), "text"), Bound("", "text"), [Bound(side, "double precision") for side in sides]
    )


def _must_meet(call: tree.Call) -> bool:
    if call.name == "st_relate":
        pattern = _pattern(call)
        return any(pattern[place] in "T012" for place in _MEETING)
    return call.name != "st_disjoint"
