"""What a town's days look like, in numbers that a person would nod at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import mean

import pytest

from stadtkern.demo import rhythm
from stadtkern.demo.local_time import local_time
from stadtkern.demo.rhythm import Reading
from stadtkern.demo.weather import Climate

_CLIMATE = Climate(1)
_MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
_FOUR_WEEKS = [int((_MONDAY + timedelta(minutes=30 * step)).timestamp()) * 1_000_000 for step in range(48 * 28)]


def _on(hours: tuple[float, float], weekdays: Iterable[int]) -> list[int]:
    """The moments of four weeks within hours of the town's clock, on some days of the week (0 is Monday)."""
    days = set(weekdays)
    found = [
        moment
        for moment in _FOUR_WEEKS
        if hours[0] <= local_time(moment).hour < hours[1] and local_time(moment).weekday in days
    ]
    assert len(found) >= 4
    return found


def _mean(read: Reading, moments: list[int], position: int = 0) -> float:
    return mean(read(moment)[position] for moment in moments)


def test_car_park_is_full_at_noon_and_empty_at_night() -> None:
    read = rhythm.car_park(1, "parking:markt", 200, 0.0)
    assert _mean(read, _on((12, 13), range(5))) < 20
    assert _mean(read, _on((2, 5), range(7))) > 160
    assert _mean(read, _on((12, 13), [6])) > 100


def test_car_park_of_commuters_is_empty_at_the_weekend() -> None:
    read = rhythm.car_park(1, "parking:campus", 200, 1.0)
    assert _mean(read, _on((9, 15), range(5))) < 40
    assert _mean(read, _on((9, 15), [5, 6])) > 100


def test_car_park_never_has_more_free_spots_than_spots() -> None:
    read = rhythm.car_park(1, "parking:markt", 210, 0.0)
    assert all(0 <= read(moment)[0] <= 210 for moment in _FOUR_WEEKS)


def test_bicycles_have_rush_hours_on_weekdays_only() -> None:
    read = rhythm.bicycle_counter(_CLIMATE, 1, "bicycles:campus", 400)
    rush = _mean(read, _on((7, 8.5), range(5)))
    assert rush > 3 * _mean(read, _on((10, 11), range(5)))
    assert rush > 5 * _mean(read, _on((7, 8.5), [5, 6]))
    assert _mean(read, _on((1, 4), range(7))) < 25


def test_bicycles_stay_at_home_when_it_rains() -> None:
    read = rhythm.bicycle_counter(_CLIMATE, 1, "bicycles:campus", 400)
    rush = _on((7, 9), range(5)) + _on((16, 18), range(5))
    wet = [moment for moment in rush if _CLIMATE.at(moment).rain_mm_h > 0.3]
    dry = [moment for moment in rush if _CLIMATE.at(moment).rain_mm_h == 0]
    assert wet
    assert _mean(read, wet) < 0.65 * _mean(read, dry)


def test_air_is_worse_at_the_main_road_in_the_rush_hour() -> None:
    road = rhythm.air_station(_CLIMATE, 1, "air:ring", 1.5)
    park = rhythm.air_station(_CLIMATE, 1, "air:hain", 0.2)
    rush = _on((7, 9), range(5))
    assert _mean(road, rush) > 2 * _mean(road, _on((2, 4), range(5)))
    assert _mean(road, rush) > 2 * _mean(park, rush)


def test_air_has_most_ozone_on_sunny_afternoons() -> None:
    park = rhythm.air_station(_CLIMATE, 1, "air:hain", 0.2)
    assert _mean(park, _on((13, 17), range(7)), 1) > 1.4 * _mean(park, _on((2, 5), range(7)), 1)


def test_air_is_cleaner_in_the_wind() -> None:
    road = rhythm.air_station(_CLIMATE, 1, "air:ring", 1.5)
    rush = _on((7, 9), range(5))
    windy = [moment for moment in rush if _CLIMATE.at(moment).wind_m_s > 3.5]
    calm = [moment for moment in rush if _CLIMATE.at(moment).wind_m_s < 1.5]
    assert windy
    assert calm
    assert _mean(road, windy) < _mean(road, calm)


def test_waste_container_fills_and_is_emptied_in_the_morning() -> None:
    read = rhythm.waste_container(1, "container:0001", 7, 0.9)
    levels = [(moment, read(moment)[0]) for moment in _FOUR_WEEKS]
    emptied = [after for (_, before), after in pairwise(levels) if after[1] < before - 0.1]
    assert all(earlier[1] <= later[1] or later in emptied for earlier, later in pairwise(levels))
    assert len(emptied) == 4
    assert all(5.9 < local_time(moment).hour < 6.6 for moment, _ in emptied)
    assert 0.5 < max(level for _, level in levels) <= 1


def test_charging_station_has_between_none_and_all_sockets_free() -> None:
    read = rhythm.charging_station(1, "charging:rathaus", 8)
    values = {read(moment)[0] for moment in _FOUR_WEEKS}
    assert values <= set(range(9))
    assert len(values) > 5


@pytest.mark.parametrize(
    ("position", "least", "most"),
    [(0, -25, 42), (1, 0.2, 1), (2, 0, 30), (3, 0, 359), (4, 0, 40), (5, 930, 1060)],
    ids=["temperature", "humidity", "wind", "direction", "rain", "pressure"],
)
def test_weather_stays_possible_all_year(position: int, least: float, most: float) -> None:
    read = rhythm.weather_station(_CLIMATE, 1, "weather:marktplatz", 0)
    start = _FOUR_WEEKS[0]
    values = [read(start + 5 * 3_600_000_000 * step)[position] for step in range(2 * 1753)]
    assert least <= min(values) < max(values) <= most


def test_weather_is_warmer_by_day_and_in_summer() -> None:
    read = rhythm.weather_station(_CLIMATE, 1, "weather:marktplatz", 0)
    half_a_year = 183 * 24 * 3_600_000_000
    assert _mean(read, _on((14, 17), range(7))) > _mean(read, _on((3, 6), range(7))) + 2
    assert _mean(read, _FOUR_WEEKS) > _mean(read, [moment + half_a_year for moment in _FOUR_WEEKS]) + 10


def test_weather_rains_at_times() -> None:
    share = mean(_CLIMATE.at(moment).rain_mm_h > 0.1 for moment in _FOUR_WEEKS)
    assert 0.02 < share < 0.3


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: rhythm.car_park(seed, "a", 200, 0.5),
        lambda seed: rhythm.bicycle_counter(Climate(seed), seed, "a", 200),
        lambda seed: rhythm.air_station(Climate(seed), seed, "a", 1),
        lambda seed: rhythm.weather_station(Climate(seed), seed, "a", 0),
        lambda seed: rhythm.waste_container(seed, "a", 7, 0.9),
        lambda seed: rhythm.charging_station(seed, "a", 8),
    ],
)
def test_readings_depend_on_seed_and_moment_only(make: Callable[[int], Reading]) -> None:
    some = _FOUR_WEEKS[::17]
    backwards = [make(1)(moment) for moment in reversed(some)]
    assert [make(1)(moment) for moment in some] == backwards[::-1]
    assert [make(2)(moment) for moment in some] != backwards[::-1]
