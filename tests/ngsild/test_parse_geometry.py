"""GeoJSON geometries: what is accepted, and where the fault is said to be."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.errors import BadRequestData
from stadtkern.model import geometry
from stadtkern.model.geometry import check_geometry

BOWTIE = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]


@pytest.mark.clause("CIM009 4.7.1")
@pytest.mark.parametrize(
    ("type_", "coordinates"),
    [
        ("Point", [7.6, 51.9]),
        ("Point", [7.6, 51.9, 60.5]),
        ("MultiPoint", [[7.6, 51.9]]),
        ("LineString", [[0, 0], [180, 90]]),
        ("MultiLineString", [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]),
        pytest.param("Polygon", BOWTIE, id="self-crossing ring"),
        ("MultiPolygon", [BOWTIE, BOWTIE]),
    ],
)
def test_check_geometry_accepts(type_: str, coordinates: Any) -> None:
    check_geometry({"type": type_, "coordinates": coordinates, "bbox": [0, 0, 1, 1]}, "/location/value")


@pytest.mark.parametrize(
    ("geometry", "pointer"),
    [
        (5, ""),
        ({"type": "GeometryCollection", "geometries": []}, "/type"),
        ({"type": "Feature", "geometry": None}, "/type"),
        ({"type": ["Point"], "coordinates": [1, 2]}, "/type"),
        ({"type": "Point"}, "/coordinates"),
        ({"type": "Point", "coordinates": []}, "/coordinates"),
        ({"type": "Point", "coordinates": ["7.6", "51.9"]}, "/coordinates"),
        ({"type": "Point", "coordinates": [True, False]}, "/coordinates"),
        ({"type": "Point", "coordinates": [[1, 2]]}, "/coordinates"),
        ({"type": "Point", "coordinates": [405000.5, 5757000.1]}, "/coordinates"),
        ({"type": "LineString", "coordinates": [[0, 0]]}, "/coordinates"),
        ({"type": "LineString", "coordinates": [[0, 0], [0, 91]]}, "/coordinates/1"),
        ({"type": "LineString", "coordinates": [[0, 0], 5]}, "/coordinates"),
        ({"type": "Polygon", "coordinates": []}, "/coordinates"),
        ({"type": "MultiPoint", "coordinates": []}, "/coordinates"),
        ({"type": "MultiLineString", "coordinates": []}, "/coordinates"),
        ({"type": "MultiPolygon", "coordinates": []}, "/coordinates"),
        ({"type": "MultiPolygon", "coordinates": [BOWTIE, []]}, "/coordinates/1"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, "/coordinates/0"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1]]]}, "/coordinates/0"),
        ({"type": "MultiPolygon", "coordinates": [BOWTIE, [[5]]]}, "/coordinates/1/0"),
    ],
)
def test_check_geometry_refuses_with_pointer(geometry: Any, pointer: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        check_geometry(geometry, "/g")
    assert caught.value.pointer == f"/g{pointer}"


def test_check_geometry_refuses_too_many_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "MAX_POSITIONS", 3)
    with pytest.raises(BadRequestData, match="more than 3 positions"):
        check_geometry({"type": "MultiPoint", "coordinates": [[0, 0]] * 4}, "")
