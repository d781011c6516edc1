"""Distances of the evaluator against those of PostGIS' geography: within 0.1 %."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stadtkern.query.geometry import distance_to
from tests.postgres_server import PostgresServer

DISTANCE = """SELECT ST_Distance(ST_SetSRID(ST_GeomFromGeoJSON($1), 4326)::geography,
                                 ST_SetSRID(ST_GeomFromGeoJSON($2), 4326)::geography)"""


class Oracle:
    """Asks PostGIS."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.connection = self.loop.run_until_complete(asyncpg.connect(url))

    def distance(self, one: dict[str, Any], other: dict[str, Any]) -> float:
        return self.loop.run_until_complete(self.connection.fetchval(DISTANCE, json.dumps(one), json.dumps(other)))

    def close(self) -> None:
        self.loop.run_until_complete(self.connection.close())
        self.loop.close()


@pytest.fixture(scope="module")
def oracle(postgres_server: PostgresServer) -> Iterator[Oracle]:
    name = postgres_server.create_database()
    asked = Oracle(postgres_server.database_url(name))
    yield asked
    asked.close()
    postgres_server.drop_database(name)


def point(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def line(*positions: tuple[float, float]) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": positions}


def polygon(*positions: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*positions, positions[0]]]}


SQUARE = polygon((13.0, 52.0), (14.0, 52.0), (14.0, 53.0), (13.0, 53.0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (point(13.4, 52.5), point(13.5, 52.5)),
        (point(-179.9, 0.0), point(179.9, 0.0)),
        (point(0.0, 89.9), point(180.0, 89.9)),
        (point(10.0, 60.009), line((0.0, 60.0), (10.0, 60.0))),
        (point(5.0, 60.3), line((0.0, 60.0), (10.0, 60.0))),
        (point(0.0, 85.0), line((1.0, 85.0), (0.0, 85.6))),
        (point(15.0, 52.5), SQUARE),
        (point(13.5, 53.1), SQUARE),
        (line((14.1, 52.0), (14.5, 53.0)), SQUARE),
        (line((12.0, 51.0), (12.5, 54.0)), line((13.0, 50.0), (13.2, 55.0))),
        (polygon((14.5, 52.2), (15.0, 52.2), (15.0, 52.8)), SQUARE),
        ({"type": "MultiPoint", "coordinates": [[0.0, 0.0], [15.0, 52.0]]}, SQUARE),
        ({"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}, point(12.9, 52.9)),
    ],
)
def test_distance_agrees_with_postgis(oracle: Oracle, one: dict[str, Any], other: dict[str, Any]) -> None:
    expected = oracle.distance(one, other)
    assert expected > 100
    assert distance_to(json.dumps(one))(other) == pytest.approx(expected, rel=1e-3)
    assert distance_to(json.dumps(other))(one) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (point(13.5, 52.5), SQUARE),
        (line((12.0, 52.5), (15.0, 52.5)), SQUARE),
        (line((13.2, 52.2), (13.4, 52.4)), SQUARE),
        (line((0.0, 0.0), (1.0, 1.0)), line((0.0, 1.0), (1.0, 0.0))),
        (point(13.4, 52.5), point(13.4, 52.5)),
        (polygon((13.2, 52.2), (13.4, 52.2), (13.4, 52.4)), SQUARE),
    ],
)
def test_distance_is_zero_where_they_touch(oracle: Oracle, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert oracle.distance(one, other) == pytest.approx(0, abs=1e-6)
    assert distance_to(json.dumps(one))(other) == pytest.approx(0, abs=1e-6)


position = st.tuples(st.floats(8, 12), st.floats(48, 54)).map(lambda at: (round(at[0], 4), round(at[1], 4)))
shape = position.map(lambda at: point(*at)) | st.lists(position, min_size=2, max_size=4, unique=True).map(
    lambda row: line(*row)
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(one=shape, other=shape)
def test_distance_agrees_with_postgis_for_any_points_and_lines(
    oracle: Oracle, one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert distance_to(json.dumps(one))(other) == pytest.approx(oracle.distance(one, other), rel=1e-3, abs=0.5)


def test_distance_is_measured_from_polygons_with_holes() -> None:
    outer = [[13.0, 52.0], [14.0, 52.0], [14.0, 53.0], [13.0, 53.0], [13.0, 52.0]]
    hole = [[13.4, 52.4], [13.6, 52.4], [13.6, 52.6], [13.4, 52.6], [13.4, 52.4]]
    holed = json.dumps({"type": "Polygon", "coordinates": [outer, hole]})
    inside_hole = distance_to(holed)(point(13.5, 52.5))
    assert inside_hole is not None
    assert 6_000 < inside_hole < 7_500
    assert distance_to(holed)(point(13.2, 52.2)) == 0


def test_distance_of_very_many_positions_is_still_found() -> None:
    one = line(*((10 + index / 5000, 50 + (index % 2) / 1000) for index in range(5000)))
    other = line(*((10 + index / 5000, 50.1 + (index % 2) / 1000) for index in range(5000)))
    metres = distance_to(json.dumps(one))(other)
    assert metres == pytest.approx(11_012, rel=1e-2)


def test_distance_is_unknown_for_what_is_no_geometry() -> None:
    measure = distance_to(json.dumps(point(1.0, 2.0)))
    assert [measure(value) for value in (None, 5, {}, {"type": "Point"}, {"type": "Blob", "coordinates": []})] == [
        None
    ] * 5
