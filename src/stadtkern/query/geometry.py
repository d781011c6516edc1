"""Geometry for filters: relations on the plane of degrees, distances in metres on the WGS84 ellipsoid.

Edges are great circles for distances, as in PostGIS' ``geography``, and straight in degrees for the relations.
Shapely, numpy and pyproj are imported at the first use: most requests never need them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, cast

import msgspec

from stadtkern.query.box import WORLD, Box, bulge
from stadtkern.query.filter import Geo

MEAN_RADIUS = 6_371_008.8
"""Metres; IUGG mean radius of the Earth."""
_LEAST_RADIUS = 6_335_439.0
"""Metres; the least radius of curvature of WGS84, so that angles made with it are never too small."""
_STEP = 0.02
"""Degrees: longest piece of an edge when its great circle is followed (error below 0.05 m at 60° of latitude)."""
_MAX_PIECES = 20_000
_MAX_PAIRS = 4_000_000


Relation = Callable[[Any], bool | None]
"""Takes a decoded GeoJSON geometry; None where it is none."""


@lru_cache(maxsize=1)
def _shapely() -> Any:
    import shapely

    return shapely


@lru_cache(maxsize=1)
def _numpy() -> Any:
    import numpy

    return numpy


@lru_cache(maxsize=1)
def _geod() -> Any:
    from pyproj import Geod

    return Geod(ellps="WGS84")


def load_shape(geometry: Any) -> Any | None:
    """Make the valid, flat Shapely geometry of decoded GeoJSON, or None where it is not one.

    Rings that cross themselves are repaired: they are kept as they came and only repaired to be compared.
    """
    shapely = _shapely()
    try:
        kind, coordinates = geometry["type"], geometry["coordinates"]
        if kind == "Point":
            shape = shapely.Point(float(coordinates[0]), float(coordinates[1]))
        else:
            from shapely.geometry import shape as from_mapping

            shape = shapely.force_2d(from_mapping(geometry))
        if shape.is_empty:
            return None
        return shape if shape.is_valid else shapely.make_valid(shape)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, shapely.errors.ShapelyError):
        return None


def compile_relation(geo: Geo) -> Relation:
    """Make the predicate of a Geo filter for one decoded target geometry. Spec: CIM 009 4.10."""
    if geo.relation == "near":
        return _near(geo)
    reference = load_shape(msgspec.json.decode(geo.geometry))
    if reference is None:
        return lambda geometry: None
    _shapely().prepare(reference)
    test: Callable[[Any], bool] = {
        "within": reference.contains,
        "contains": reference.within,
        "intersects": reference.intersects,
        "equals": reference.equals,
        "disjoint": reference.disjoint,
        "overlaps": reference.overlaps,
    }[geo.relation]

    def relation(geometry: Any) -> bool | None:
        target = load_shape(geometry)
        try:
            return None if target is None else bool(test(target))
        except _shapely().errors.ShapelyError:
            return None

    return relation


def _near(geo: Geo) -> Relation:
    measure = distance_to(geo.geometry) if geo.metric == "geodesic" else planar_distance_to(geo.geometry)

    def relation(geometry: Any) -> bool | None:
        distance = measure(geometry)
        if distance is None:
            return None
        farther = geo.min_distance is None or distance > geo.min_distance
        return farther and (geo.max_distance is None or distance <= geo.max_distance)

    return relation


def planar_distance_to(reference: str) -> Callable[[Any], float | None]:
    """Make the function that measures degrees on the plane to a reference (GeoJSON text)."""
    fixed = load_shape(msgspec.json.decode(reference))

    def distance(geometry: Any) -> float | None:
        target = load_shape(geometry)
        return None if target is None or fixed is None else float(fixed.distance(target))

    return distance


def distance_to(reference: str) -> Callable[[Any], float | None]:
    """Make the function that measures metres on the ellipsoid to a reference (GeoJSON text), 0 where they touch.

    The function takes decoded GeoJSON and gives None where that is no geometry.
    """
    shape = load_shape(msgspec.json.decode(reference))
    fixed = None if shape is None else _Sphere(shape)

    def distance(geometry: Any) -> float | None:
        target = load_shape(geometry)
        return None if target is None or fixed is None else _distance(fixed, _Sphere(target))

    return distance


class _Sphere:
    """A geometry with what its distances need, made when first asked for."""

    __slots__ = ("_arcs", "_outline", "_vertices", "is_point", "shape")

    def __init__(self, shape: Any) -> None:
        self.shape = shape
        self.is_point = shape.geom_type == "Point"
        self._outline: Any = None
        self._vertices: Any = None
        self._arcs: Any = None

    @property
    def outline(self) -> Any:
        """The shape with its edges replaced by pieces of great circles, on the plane of degrees."""
        if self._outline is None:
            self._outline = self.shape if self.is_point else _follow_great_circles(self.shape)
        return self._outline

    @property
    def vertices(self) -> Any:
        """Unit vectors, shape (n, 3)."""
        if self._vertices is None:
            self._vertices = _to_sphere(_shapely().get_coordinates(self.shape))
        return self._vertices

    @property
    def arcs(self) -> Any:
        """Start and end vectors of the edges, shape (m, 2, 3); a point is an arc without length."""
        if self._arcs is None:
            self._arcs = _to_sphere(_edges(self.shape))
        return self._arcs


def _to_sphere(degrees: Any) -> Any:
    np = _numpy()
    radians = np.radians(degrees)
    longitude, latitude = radians[..., 0], radians[..., 1]
    across = np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=-1)


def _edges(shape: Any) -> Any:
    """Give all edges as (m, 2, 2) degrees; single points as edges without length."""
    np, shapely = _numpy(), _shapely()
    found: list[Any] = []
    for part in shapely.get_parts(shapely.get_parts([shape]) if shape.geom_type == "GeometryCollection" else [shape]):
        rings = shapely.get_rings(part) if part.geom_type == "Polygon" else [part]
        for ring in rings:
            row = shapely.get_coordinates(ring)
            found.append(np.stack([row[:-1], row[1:]], axis=1) if len(row) > 1 else np.stack([row, row], axis=1))
    return np.concatenate(found)


def _follow_great_circles(shape: Any) -> Any:
    """Insert positions on the great circles of long edges."""
    np, shapely = _numpy(), _shapely()
    edges = _edges(shape)
    spans = np.abs(edges[:, 1] - edges[:, 0]).max(axis=1)
    if spans.max() <= _STEP:
        return shape
    step = max(_STEP, float(spans.sum()) / _MAX_PIECES)

    def bend(row: Any) -> Any:
        pieces = [_bend_edge(row[index], row[index + 1], step) for index in range(len(row) - 1)]
        return np.concatenate([*pieces, row[-1:]])

    return _map_rows(shape, bend) if shapely.get_num_coordinates(shape) > 1 else shape


def _bend_edge(start: Any, end: Any, step: float) -> Any:
    """Give the start and the positions between the ends of one edge."""
    np = _numpy()
    count = min(math.ceil(float(np.abs(end - start).max()) / step), _MAX_PIECES)
    if count <= 1:
        return start[None, :]
    first, last = _to_sphere(start), _to_sphere(end)
    angle = math.acos(max(-1.0, min(1.0, float(first @ last))))
    if angle < 1e-12 or angle > math.pi - 1e-9:
        return start[None, :]
    share = np.arange(count)[:, None] / count
    vectors = (np.sin((1 - share) * angle) * first + np.sin(share * angle) * last) / math.sin(angle)
    between = np.stack(
        [np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])), np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))],
        axis=1,
    )
    between[0] = start
    return between


def _map_rows(shape: Any, bend: Callable[[Any], Any]) -> Any:
    """Rebuild lines and polygons with each row of positions changed."""
    shapely = _shapely()
    match shape.geom_type:
        case "LineString" | "LinearRing":
            return shapely.LineString(bend(shapely.get_coordinates(shape)))
        case "Polygon":
            rings = [bend(shapely.get_coordinates(ring)) for ring in shapely.get_rings(shape)]
            bent = shapely.Polygon(rings[0], rings[1:])
            return bent if bent.is_valid else shapely.make_valid(bent)
        case "MultiLineString" | "MultiPolygon" | "GeometryCollection":
            return shapely.union_all([_map_rows(part, bend) for part in shapely.get_parts(shape)])
        case _:
            return shape


def _distance(one: _Sphere, other: _Sphere) -> float:
    if one.is_point and other.is_point:
        return _metres(one.shape.x, one.shape.y, other.shape.x, other.shape.y)
    if one.outline.intersects(other.outline):
        return 0.0
    if len(one.vertices) * len(other.arcs) + len(other.vertices) * len(one.arcs) > _MAX_PAIRS:
        return _rough_distance(one.outline, other.outline)
    pairs = [_closest(one.vertices, other.arcs), _closest(other.vertices, one.arcs)]
    _, point, foot = min(pairs, key=lambda pair: pair[0])
    return _metres(*_to_degrees(point), *_to_degrees(foot))


def _metres(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    return float(_geod().inv(longitude, latitude, other_longitude, other_latitude)[2])


def _to_degrees(vector: Any) -> tuple[float, float]:
    x, y, z = (float(part) for part in vector)
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def _rough_distance(one: Any, other: Any) -> float:
    """Measure between the closest positions on a plane with shortened longitudes: for very large geometries only."""
    shapely = _shapely()
    _, south, _, north = shapely.total_bounds([one, other])
    scale = max(math.cos(math.radians((south + north) / 2)), 0.01)
    flat = [shapely.transform(shape, partial(_stretch, scale)) for shape in (one, other)]
    row = shapely.get_coordinates(shapely.shortest_line(*flat)) / [scale, 1.0]
    return _metres(*row[0], *row[1])


def _stretch(scale: float, row: Any) -> Any:
    return row * [scale, 1.0]


def _closest(points: Any, arcs: Any) -> tuple[float, Any, Any]:
    """Find the closest pair of a point and a position on an arc: (squared chord, point, foot), unit vectors."""
    np = _numpy()
    start, end = arcs[:, 0], arcs[:, 1]
    normal = np.cross(start, end)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 1e-15)
    best: tuple[float, Any, Any] = (math.inf, None, None)
    for chunk in np.array_split(points, max(1, len(points) * len(arcs) // 1_000_000 + 1)):
        if len(chunk):
            best = min(best, _closest_of(chunk, start, end, normal), key=lambda found: found[0])
    return best


def _closest_of(points: Any, start: Any, end: Any, normal: Any) -> tuple[float, Any, Any]:
    np = _numpy()
    height = points @ normal.T
    foot = points[:, None, :] - height[..., None] * normal[None, :, :]
    norm = np.linalg.norm(foot, axis=2, keepdims=True)
    foot = np.divide(foot, norm, out=np.zeros_like(foot), where=norm > 1e-12)
    after_start = np.einsum("pak,ak->pa", foot, np.cross(normal, start))
    before_end = np.einsum("pak,ak->pa", foot, np.cross(end, normal))
    has_length = np.any(normal != 0, axis=1)
    on_arc = (after_start >= 0) & (before_end >= 0) & has_length[None, :] & (norm[..., 0] > 1e-12)
    nearer_start = np.einsum("pk,ak->pa", points, start) >= np.einsum("pk,ak->pa", points, end)
    ends = np.where(nearer_start[..., None], start[None, :, :], end[None, :, :])
    closest = np.where(on_arc[..., None], foot, ends)
    chords = ((points[:, None, :] - closest) ** 2).sum(axis=2)
    point, arc = np.unravel_index(int(chords.argmin()), chords.shape)
    return float(chords[point, arc]), points[point], closest[point, arc]


def _bulging_box(shape: Any) -> Box:
    box = Box(*(float(side) for side in shape.bounds))
    if shape.geom_type in {"Point", "MultiPoint"}:
        return box
    edges = _edges(shape)
    return bulge(box, float(_numpy().abs(edges[:, 1, 0] - edges[:, 0, 0]).max()))


def search_box(geo: Geo) -> Box | None:
    """Give a box that every geometry for which a Geo filter is true must touch; None when there is no such box.

    The boxes of the geometries themselves must come from ``box.index_box``.
    """
    if geo.relation == "disjoint" or (geo.relation == "near" and geo.max_distance is None):
        return None
    shape = load_shape(msgspec.json.decode(geo.geometry))
    if shape is None:
        return None
    if geo.relation != "near":
        return Box(*(float(side) for side in shape.bounds))
    box = _bulging_box(shape)
    reach = cast("float", geo.max_distance)
    if geo.metric == "planar":
        return Box(box.west - reach, box.south - reach, box.east + reach, box.north + reach)
    return _widen(box, reach)


def _widen(box: Box, metres: float) -> Box:
    """Widen a box by a distance on the Earth; around the poles and the date line it takes in all longitudes."""
    angle = metres * 1.001 / _LEAST_RADIUS
    if angle >= 1.5:
        return WORLD
    south, north = box.south - math.degrees(angle), box.north + math.degrees(angle)
    if south <= -89.9 or north >= 89.9:
        return Box(-180.0, max(south, -90.0), 180.0, min(north, 90.0))
    across = math.cos(math.radians(max(abs(south), abs(north))))
    sideways = math.degrees(math.asin(min(1.0, math.sin(angle) / across)))
    west, east = box.west - sideways, box.east + sideways
    if west < -180.0 or east > 180.0:
        west, east = -180.0, 180.0
    return Box(west, south, east, north)
