"""The town as a whole: big enough, linked up, labelled as invented, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import shapely
import shapely.geometry

from stadtkern.demo.patch import LICENSE, term
from stadtkern.demo.town import CITY, Town, build_town
from stadtkern.demo.vocabulary import german_context
from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import EntityPatch
from stadtkern.model.instant import Instant
from stadtkern.model.json import unraw

_NOON = Instant(1_781_000_000_000_000)


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town(1)


def _value(entity: EntityPatch, name: str) -> Any:
    return unraw(entity.attributes[term(name)][0].value)


def _type(entity: EntityPatch) -> str:
    return entity.types[0].rpartition("/")[2]


def test_town_has_some_thousand_entities_of_all_kinds(town: Town) -> None:
    counts = Counter(map(_type, town.entities))
    assert counts["Tree"] > 2_000
    assert counts.keys() == {
        "City",
        "District",
        "WeatherObserved",
        "AirQualityObserved",
        "OffStreetParking",
        "EVChargingStation",
        "TrafficFlowObserved",
        "WasteContainer",
        "Tree",
    }
    assert len({entity.id for entity in town.entities}) == len(town.entities)
    assert town.entities[0].id == CITY


def test_town_is_the_same_for_the_same_seed(town: Town) -> None:
    again, other = build_town(1), build_town(2)
    assert again.entities == town.entities
    assert [one.measure(_NOON) for one in again.sensors] == [one.measure(_NOON) for one in town.sensors]
    assert other.entities != town.entities
    assert [one.measure(_NOON) for one in other.sensors] != [one.measure(_NOON) for one in town.sensors]


def test_town_relationships_lead_to_entities_of_their_type(town: Town) -> None:
    types = {entity.id: entity.types[0] for entity in town.entities}
    links = Counter[str]()
    for entity in town.entities:
        for name, (instance,) in entity.attributes.items():
            if instance.kind == "Relationship":
                assert types[unraw(instance.value)] == unraw(instance.object_type)
                links[name.rpartition("/")[2]] += 1
    assert links.keys() == {"refDistrict", "refCity", "refParking", "refWeatherObserved"}


def test_town_places_everything_in_its_district(town: Town) -> None:
    districts = {
        one.id: shapely.geometry.shape(_value(one, "location")) for one in town.entities if _type(one) == "District"
    }
    placed = [one for one in town.entities if term("refDistrict") in one.attributes]
    assert len(placed) == len(town.entities) - len(districts) - 1
    for entity in placed:
        district = _value(entity, "refDistrict")
        assert districts[district].contains(shapely.geometry.shape(_value(entity, "location")))
        assert entity.scope == [f"/Kernstadt/{district.rpartition(':')[2]}"]


def test_town_says_that_it_is_invented(town: Town) -> None:
    assert {_value(entity, "license") for entity in town.entities} == {LICENSE}
    assert all("does not exist" in _value(entity, "source") for entity in town.entities)


def test_town_trees_grow_with_age(town: Town) -> None:
    trees = [one for one in town.entities if _type(one) == "Tree"]
    heights = {one.id: _value(one, "height") for one in trees}
    old = [heights[one.id] for one in trees if _value(one, "plantingYear") < 1960]
    young = [heights[one.id] for one in trees if _value(one, "plantingYear") > 2014]
    assert 0.5 < min(heights.values()) < max(heights.values()) < 40
    assert min(len(old), len(young)) > 100
    assert sum(old) / len(old) > 2 * sum(young) / len(young)


def test_town_names_things_in_german_and_english(town: Town) -> None:
    for entity in town.entities:
        name = "commonName" if _type(entity) == "Tree" else "name"
        if _type(entity) != "WasteContainer":
            assert entity.attributes[term(name)][0].kind == "LanguageProperty"
            assert _value(entity, name).keys() == {"de", "en"}


def test_sensors_measure_with_unit_and_time(town: Town) -> None:
    units = {
        name.rpartition("/")[2]: one.unit_code
        for sensor in town.sensors
        for name, one in sensor.measure(_NOON).items()
        if one.observed_at == _NOON
    }
    assert {name: units[name] for name in ("no2", "temperature", "windSpeed", "fillingLevel")} == {
        "no2": "GQ",
        "temperature": "CEL",
        "windSpeed": "MTS",
        "fillingLevel": "C62",
    }
    assert len(units) == 14


def test_german_context_translates_terms_that_the_town_uses(town: Town) -> None:
    context = compile_context(german_context())
    used = {name for entity in town.entities for name in (*entity.types, *entity.attributes)}
    used |= {name for sensor in town.sensors for name, _ in sensor.attributes}
    terms = german_context()
    assert isinstance(terms, dict)
    assert set(terms.values()) <= used
    assert len(set(terms.values())) == len(terms)
    assert context.compact_iri(term("AirQualityObserved")) == "Luftmessung"
    assert context.expand_term("stickstoffdioxid") == term("no2")
