"""What the standard says of each kind of entity, asked of a running application.

Spec: OGC 18-088 8.1 (control information), 8.2 (properties and relations of the Sensing entities).
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.asgi_client import Client
from tests.sensorthings.conftest import BASE, write

ROOT = f"{BASE}/sta/v1.1"
ONE, MANY = "one", "many"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
URI = r"[a-z]+:\S+"

# by set: its mandatory properties and what they look like (a type or a pattern), its relations, and how the set is
# called from their other side
MODEL: dict[str, tuple[dict[str, Any], dict[str, str], set[str]]] = {
    "Things": (
        {"name": str, "description": str},
        {"Locations": MANY, "HistoricalLocations": MANY, "Datastreams": MANY, "MultiDatastreams": MANY},
        {"Thing", "Things"},
    ),
    "Locations": (
        {"name": str, "description": str, "encodingType": "application/geo\\+json", "location": dict},
        {"Things": MANY, "HistoricalLocations": MANY},
        {"Locations"},
    ),
    "HistoricalLocations": ({"time": TIME}, {"Thing": ONE, "Locations": MANY}, {"HistoricalLocations"}),
    "Datastreams": (
        {"name": str, "description": str, "unitOfMeasurement": dict, "observationType": URI},
        {"Thing": ONE, "Sensor": ONE, "ObservedProperty": ONE, "Observations": MANY},
        {"Datastream", "Datastreams"},
    ),
    "Sensors": (
        {"name": str, "description": str, "encodingType": str, "metadata": str},
        {"Datastreams": MANY, "MultiDatastreams": MANY},
        {"Sensor"},
    ),
    "ObservedProperties": (
        {"name": str, "description": str, "definition": URI},
        {"Datastreams": MANY, "MultiDatastreams": MANY},
        {"ObservedProperty", "ObservedProperties"},
    ),
    "Observations": (
        {"phenomenonTime": f"{TIME}(/{TIME})?", "result": object, "resultTime": (str, type(None))},
        {"Datastream": ONE, "FeatureOfInterest": ONE},
        {"Observations"},
    ),
    "FeaturesOfInterest": (
        {"name": str, "description": str, "encodingType": "application/geo\\+json", "feature": dict},
        {"Observations": MANY},
        {"FeatureOfInterest"},
    ),
}


@pytest.fixture
async def full(town: Client) -> Client:
    """The town with an entity in each set: a bus that moves, and a feature that somebody described."""
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [10, 53]}}
    body = {"id": "urn:x:bus", "type": "Bus", "location": {**place, "observedAt": "2026-03-01T10:00:00Z"}}
    await write(
        town, "POST", "/ngsi-ld/v1/entities", body | {"speed": {"value": 1, "observedAt": "2026-03-01T10:00:00Z"}}
    )
    feature = {"id": "urn:x:lake", "type": "http://www.w3.org/ns/sosa/FeatureOfInterest", "name": {"value": "Lake"}}
    await write(town, "POST", "/ngsi-ld/v1/entities", feature | {"location": place})
    return town


async def _get(client: Client, address: str) -> Any:
    assert address.startswith(ROOT)
    path, _, query = address.removeprefix(BASE).partition("?")
    answer = await client.ask("GET", path, query=query)
    assert answer.status == 200, answer.text
    return answer.json


@pytest.mark.parametrize("name", MODEL)
async def test_entities_have_their_control_information(full: Client, name: str) -> None:
    entities = (await _get(full, f"{ROOT}/{name}"))["value"]
    assert entities
    for entity in entities:
        assert entity["@iot.selfLink"] == f"{ROOT}/{name}({entity['@iot.id']})"
        assert await _get(full, entity["@iot.selfLink"]) == entity
        links = {key.removesuffix("@iot.navigationLink") for key in entity if key.endswith("@iot.navigationLink")}
        assert links == set(MODEL[name][1])


@pytest.mark.parametrize("name", MODEL)
async def test_entities_have_their_mandatory_properties(full: Client, name: str) -> None:
    for entity in (await _get(full, f"{ROOT}/{name}"))["value"]:
        for property, kind in MODEL[name][0].items():
            if isinstance(kind, str):
                assert re.fullmatch(kind, entity[property]), entity[property]
            else:
                assert isinstance(entity[property], kind)


@pytest.mark.parametrize("name", MODEL)
async def test_every_relation_leads_there_and_back(full: Client, name: str) -> None:
    _, relations, names = MODEL[name]
    for entity in (await _get(full, f"{ROOT}/{name}"))["value"]:
        for relation, many in relations.items():
            found = await _get(full, entity[f"{relation}@iot.navigationLink"])
            for one in found["value"] if many == MANY else [found]:
                [back] = [one[f"{name}@iot.navigationLink"] for name in names if f"{name}@iot.navigationLink" in one]
                related = await _get(full, back)
                assert entity["@iot.id"] in [one["@iot.id"] for one in related.get("value", [related])]


async def test_unit_has_name_symbol_and_definition(full: Client) -> None:
    streams = (await _get(full, f"{ROOT}/Datastreams"))["value"]
    assert {tuple(sorted(one["unitOfMeasurement"])) for one in streams} == {("definition", "name", "symbol")}
