"""The geoquery language. Spec: CIM 009 4.10."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData, Problem
from stadtkern.model.ids import Iri
from stadtkern.query.geoquery import MAX_POSITIONS, parse_geo_query, parse_geometry

pytestmark = pytest.mark.clause("CIM009 4.10")

LOCATION = Iri("https://example.org/location")
SQUARE = [[[100.0, 0.0], [101.0, 0.0], [101.0, 1.0], [100.0, 1.0], [100.0, 0.0]]]


@pytest.mark.parametrize(
    ("georel", "least", "most"),
    [
        ("near;maxDistance==2000", None, 2000.0),
        ("near;minDistance==0.5", 0.5, None),
        ("near;maxDistance==2e3", None, 2000.0),
        ("near;maxDistance:2000", None, 2000.0),
    ],
)
def test_parse_geo_query_reads_near(georel: str, least: float | None, most: float | None) -> None:
    geo = parse_geo_query(georel, "Point", "[8,40]", LOCATION)
    assert (geo.relation, geo.min_distance, geo.max_distance, geo.metric) == ("near", least, most, "geodesic")
    assert geo.attribute == LOCATION
    assert json.loads(geo.geometry) == {"type": "Point", "coordinates": [8.0, 40.0]}


@pytest.mark.parametrize("georel", ["within", "contains", "intersects", "equals", "disjoint", "overlaps"])
def test_parse_geo_query_reads_relations(georel: str) -> None:
    geo = parse_geo_query(georel, "Polygon", json.dumps(SQUARE), LOCATION)
    assert geo.relation == georel
    assert json.loads(geo.geometry) == {"type": "Polygon", "coordinates": SQUARE}


@pytest.mark.parametrize(
    "georel",
    [
        "near",
        "near;",
        "near;maxDistance",
        "near;maxDistance==0",
        "near;maxDistance==-100",
        "near;maxDistance==inf",
        "near;maxDistance==1e400",
        "near;maxDistance==1e-400",
        "near;maxDistance==5;minDistance==1",
        "near;maxDistance==5m",
        "touches",
        "Within",
        "",
        "near;maxDistance==" + "9" * 100_000,
    ],
)
def test_parse_geo_query_refuses_other_relations(georel: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_geo_query(georel, "Point", "[8,40]", LOCATION)
    assert str(caught.value.pointer).startswith("georel:")


@pytest.mark.parametrize(
    ("geometry", "coordinates"),
    [
        ("Point", [8, 40]),
        ("Point", [8, 40, 120.5]),
        ("MultiPoint", [[8, 40]]),
        ("LineString", [[8, 40], [9, 42]]),
        ("MultiLineString", [[[8, 40], [9, 42]], [[0, 0], [1, 1]]]),
        ("Polygon", SQUARE),
        ("MultiPolygon", [SQUARE, SQUARE]),
    ],
)
def test_parse_geometry_takes_every_type_as_text_or_tree(geometry: str, coordinates: Any) -> None:
    assert parse_geometry(geometry, json.dumps(coordinates)) == parse_geometry(geometry, coordinates)
    assert json.loads(parse_geometry(geometry, coordinates))["type"] == geometry


@pytest.mark.parametrize(
    ("geometry", "coordinates"),
    [
        ("GeometryCollection", "[]"),
        ("Circle", "[8,40]"),
        ("Point", "8,40"),
        ("Point", "[8]"),
        ("Point", "[8,40,1,2]"),
        ("Point", '["8","40"]'),
        ("Point", "[true,false]"),
        ("Point", "[null,null]"),
        ("Point", "[[8,40]]"),
        ("Point", "[]"),
        ("Point", "{}"),
        ("Point", "[181,0]"),
        ("Point", "[0,90.01]"),
        ("Point", "[1e400,0]"),
        ("Point", "[" + "9" * 400 + ",0]"),
        ("LineString", "[[8,40]]"),
        ("LineString", "[8,40]"),
        ("Polygon", "[[[0,0],[1,0],[0,0]]]"),
        ("Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"),
        ("Polygon", "[]"),
        ("Polygon", "[[]]"),
        ("MultiPolygon", json.dumps(SQUARE)),
        ("Point", "[" * 100_000),
        ("Point", "\ud800"),
        ("Point", ""),
    ],
)
def test_parse_geometry_refuses_what_is_no_geometry(geometry: str, coordinates: str) -> None:
    with pytest.raises(BadRequestData):
        parse_geometry(geometry, coordinates)


def test_parse_geometry_counts_positions() -> None:
    row = [[index / 100, 0] for index in range(MAX_POSITIONS + 1)]
    with pytest.raises(BadRequestData, match="more than 10000 positions"):
        parse_geometry("MultiPoint", row)
    assert parse_geometry("MultiPoint", row[1:])


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-200, 200) | st.floats(allow_nan=False) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=1), inner, max_size=2),
)


@given(geometry=st.sampled_from(["Point", "LineString", "Polygon", "MultiPolygon"]), tree=trees)
def test_parse_geometry_never_fails_otherwise(geometry: str, tree: Any) -> None:
    try:
        parse_geometry(geometry, tree)
    except Problem as problem:
        found = problem.status
    else:
        found = 400
    assert found == 400
