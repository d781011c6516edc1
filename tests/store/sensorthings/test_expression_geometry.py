"""Geometric conditions over stored geometries, alike on both engines."""

from __future__ import annotations

from typing import Any

from stadtkern.broker.tenants import OpenTenant
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.json import raw
from stadtkern.model.operation import CreateEntity
from tests.store.sensorthings.constant_rows import Rows, matches
from tests.store.stores import ROOM, succeed

SHAPES: dict[str, dict[str, Any] | None] = {
    "inside": {"type": "Point", "coordinates": [10.5, 53.5]},
    "edge": {"type": "Point", "coordinates": [10, 53.5]},
    "outside": {"type": "Point", "coordinates": [14, 53.5]},
    "line": {"type": "LineString", "coordinates": [[9.5, 53.5], [10.5, 53.5]]},
    "same": {"type": "Polygon", "coordinates": [[[10, 53], [11, 53], [11, 54], [10, 54], [10, 53]]]},
    "half": {"type": "Polygon", "coordinates": [[[10.5, 53], [12, 53], [12, 54], [10.5, 54], [10.5, 53]]]},
    "beside": {"type": "Polygon", "coordinates": [[[11, 53], [12, 53], [12, 54], [11, 54], [11, 53]]]},
    "around": {"type": "Polygon", "coordinates": [[[9, 52], [12, 52], [12, 55], [9, 55], [9, 52]]]},
    "broken": {"type": "Polygon", "coordinates": [[[20, 0], [22, 2], [22, 0], [20, 2], [20, 0]]]},
    "none": None,
}
SQUARE = "geography'Polygon ((10 53, 11 53, 11 54, 10 54, 10 53))'"
ALL = {name for name, shape in SHAPES.items() if shape}
CASES: list[tuple[str, set[str]]] = [
    (f"geo.intersects(location, {SQUARE})", {"inside", "edge", "line", "same", "half", "beside", "around"}),
    (f"st_intersects({SQUARE}, location)", {"inside", "edge", "line", "same", "half", "beside", "around"}),
    (f"not geo.intersects(location, {SQUARE})", {"outside", "broken"}),
    (f"st_within(location, {SQUARE})", {"inside", "same"}),
    (f"st_within({SQUARE}, location)", {"same", "around"}),
    (f"st_contains(location, {SQUARE})", {"same", "around"}),
    (f"st_contains({SQUARE}, location)", {"inside", "same"}),
    (f"st_equals(location, {SQUARE})", {"same"}),
    (f"not st_equals(location, {SQUARE})", ALL - {"same"}),
    (f"st_disjoint(location, {SQUARE})", {"outside", "broken"}),
    (f"st_touches(location, {SQUARE})", {"edge", "beside"}),
    (f"st_overlaps(location, {SQUARE})", {"half"}),
    (f"st_crosses(location, {SQUARE})", {"line"}),
    (f"st_crosses({SQUARE}, location)", {"line"}),
    (f"st_relate(location, {SQUARE}, 'T*F**F***')", {"inside", "same"}),
    (f"st_relate(location, {SQUARE}, 'FF*FF****')", {"outside", "broken"}),
    ("geo.distance(location, geography'POINT (13 53.5)') lt 1.5", {"outside", "half", "beside", "around"}),
    ("geo.distance(location, geography'POINT (13 53.5)') le 1", {"outside", "half", "beside", "around"}),
    ("geo.distance(location, geography'POINT (13 53.5)') lt 1", set()),
    ("1 gt geo.distance(geography'POINT (13 53.5)', location)", set()),
    ("geo.distance(location, geography'POINT (13 53.5)') gt 2.9", {"edge", "broken"}),
    ("not (geo.distance(location, geography'POINT (13 53.5)') le 2.9)", {"edge", "broken"}),
    ("geo.distance(location, geography'POINT (13 53.5)') mul 2 lt 2.5", {"outside", "half", "beside", "around"}),
    ("geo.distance(location, geography'POINT (13 53.5)') lt -1", set()),
    ("geo.length(location) eq 1", {"line"}),
    ("geo.length(location) eq 0", ALL - {"line"}),
    ("geo.length(geography'LINESTRING (0 0, 3 4)') eq 5", ALL | {"none"}),
    ("geo.distance(location, location) eq 0", ALL),
    ("geo.intersects(location, geography'POINT (21.9 1)')", {"broken"}),
    ("st_within(geography'POINT (21 1.9)', location)", set()),
    (f"Things/any(t: t/Locations/any(l: st_within(l/location, {SQUARE})))", {"inside", "same"}),
    (f"Things/Locations/any(l: not st_equals(l/location, {SQUARE}))", ALL - {"same"}),
]


async def placed(tenant: OpenTenant) -> dict[str, int]:
    """The numbers of entities that have these geometries."""
    for name, shape in SHAPES.items():
        place = {} if shape is None else {Iri("location"): [InstancePatch(kind="GeoProperty", value=raw(shape))]}
        await succeed(
            tenant, CreateEntity(EntityId(f"urn:ngsi-ld:Room:{name}"), EntityPatch(types=[ROOM], attributes=place))
        )
    rows = await tenant.database.fetch("SELECT id, n FROM entity")
    return {row[0].rpartition(":")[2]: row[1] for row in rows}


async def test_geometric_conditions(tenant: OpenTenant) -> None:
    numbers = await placed(tenant)
    names = {number: name for name, number in numbers.items()}
    rows: Rows = {
        "Location": [{"n": number, "thing": number, "name": name} for name, number in numbers.items()],
        "Thing": [{"n": number, "name": name} for name, number in numbers.items()],
    }
    found = [(text, {names[n] for n in await matches(tenant.database, rows, "Location", text)}) for text, _ in CASES]
    assert [pair for pair, wanted in zip(found, CASES, strict=True) if pair != wanted] == []
