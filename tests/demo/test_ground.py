"""Districts tile the town, whatever the seed."""

from __future__ import annotations

from itertools import combinations

import pytest
import shapely

from stadtkern.demo.chance import source
from stadtkern.demo.ground import draw_position, is_inside, lay_out


@pytest.mark.parametrize("seed", [0, 1, 2, 99, -7])
def test_districts_tile_the_town(seed: int) -> None:
    ground = lay_out(seed)
    town = shapely.Polygon(ground.outline)
    districts = [shapely.Polygon(district.ring) for district in ground.districts]
    assert len(districts) == 7
    assert all(one.is_valid and one.exterior.is_ccw for one in (town, *districts))
    assert all(one.intersection(other).area == pytest.approx(0, abs=1e-15) for one, other in combinations(districts, 2))
    assert shapely.union_all(districts).symmetric_difference(town).area == pytest.approx(0, abs=1e-15)


def test_district_that_is_surrounded_touches_all_others() -> None:
    old_town, *others = [shapely.Polygon(district.ring) for district in lay_out(1).districts]
    assert all(old_town.touches(other) for other in others)


def test_draw_position_lies_within_the_district() -> None:
    chance = source(1, "test")
    for district in lay_out(1).districts:
        polygon = shapely.Polygon(district.ring)
        assert all(polygon.contains(shapely.Point(draw_position(chance, district))) for _ in range(50))


def test_is_inside_agrees_with_a_geometry_library() -> None:
    ground = lay_out(3)
    chance = source(3, "test")
    polygon = shapely.Polygon(ground.districts[1].ring)
    west, south, east, north = shapely.Polygon(ground.outline).bounds
    answers = [
        (is_inside(position, ground.districts[1].ring), polygon.contains(shapely.Point(position)))
        for position in ((chance.uniform(west, east), chance.uniform(south, north)) for _ in range(500))
    ]
    assert all(ours == theirs for ours, theirs in answers)
    assert {ours for ours, _ in answers} == {True, False}
