"""What is posted as SensorThings is there in the next request, as SensorThings and as NGSI-LD, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.model.sensorthings import SETS
from tests.asgi_client import Client
from tests.sensorthings.bodies import (
    NO2,
    NOON,
    PROPERTY,
    SENSOR,
    count,
    create,
    feature,
    get,
    link,
    multi,
    ngsild,
    place,
    send,
    stream,
    thing,
)
from tests.sensorthings.conftest import BASE

SOSA = "http://www.w3.org/ns/sosa/"


async def test_thing_with_all_that_belongs_to_it_is_an_ngsi_ld_entity_with_history(client: Client) -> None:
    observations = [{"result": 20.50, "phenomenonTime": NOON}, {"result": 21, "phenomenonTime": "2026-03-01T13:00:00Z"}]
    body = thing(Locations=[place()], Datastreams=[stream(Observations=observations)])
    n = await create(client, "Things", body)
    shown = await get(
        client,
        f"Things({n})",
        {"$expand": "Locations,HistoricalLocations,Datastreams($expand=Sensor,ObservedProperty,Observations)"},
    )
    assert (shown["name"], shown["description"], shown["properties"]) == ("T", "t", {"floor": 1})
    assert [one["location"]["coordinates"] for one in shown["Locations"]] == [[10, 50]]
    assert len(shown["HistoricalLocations"]) == 1
    [found] = shown["Datastreams"]
    assert (found["Sensor"]["name"], found["ObservedProperty"]["definition"]) == ("S", NO2)
    assert {one["result"] for one in found["Observations"]} == {20.5, 21}
    assert found["phenomenonTime"] == "2026-03-01T12:00:00Z/2026-03-01T13:00:00Z"

    [entity] = await ngsild(client, "entities", {"type": f"{SOSA}Platform"})
    assert entity["name"]["value"] == "T"
    assert entity["location"]["value"]["coordinates"] == [10, 50]
    assert (entity[NO2]["value"], entity[NO2]["unitCode"]) == (21, "CEL")
    past = await ngsild(client, f"temporal/entities/{entity['id']}", {"attrs": NO2})
    assert {one["value"] for one in past[NO2]} == {20.5, 21}
    [sensor] = await ngsild(client, "entities", {"type": f"{SOSA}Sensor"})
    assert sensor["name"]["value"] == "S"


async def test_every_type_is_created_alone_and_linked(client: Client) -> None:
    oven = await create(client, "Things", thing())
    site = await create(client, "Locations", place(Things=[link(oven)]))
    sensor = await create(client, "Sensors", SENSOR)
    no2 = await create(client, "ObservedProperties", PROPERTY)
    links = {"Thing": link(oven), "Sensor": link(sensor)}
    air = await create(client, "Datastreams", stream(**links, ObservedProperty=link(no2)))
    both = await create(client, "MultiDatastreams", multi(**links, ObservedProperties=[link(no2), link(no2)]))
    spot = await create(client, "FeaturesOfInterest", feature())
    body = {"result": 1, "phenomenonTime": NOON, "Datastream": link(air), "FeatureOfInterest": link(spot)}
    value = await create(client, "Observations", body)
    pair = await create(client, "Observations", {"result": [1, 2], "MultiDatastream": link(both)})
    then = {"time": "2026-01-01T00:00:00Z", "Thing": link(oven), "Locations": [link(site)]}
    stay = await create(client, "HistoricalLocations", then)

    assert [one["@iot.id"] for one in (await get(client, f"Things({oven})/Locations"))["value"]] == [site]
    assert (await get(client, f"Datastreams({air})/Thing"))["@iot.id"] == oven
    assert (await get(client, f"MultiDatastreams({both})/Sensor"))["@iot.id"] == sensor
    assert (await get(client, f"Observations({value})/FeatureOfInterest"))["@iot.id"] == spot
    assert (await get(client, f"Observations({pair})/MultiDatastream"))["@iot.id"] == both
    assert (await get(client, f"Observations({pair})"))["resultTime"] is None
    assert (await get(client, f"HistoricalLocations({stay})/Thing"))["@iot.id"] == oven
    assert await count(client, f"Things({oven})/HistoricalLocations") == 2


async def test_what_a_client_knows_of_an_existing_entity_links_to_it(client: Client) -> None:
    """FROST's client sends whole entities with their ids."""
    oven = await create(client, "Things", thing(Locations=[place()]))
    sensor = await create(client, "Sensors", SENSOR)
    known = {"Thing": {**link(oven), **thing()}, "Sensor": {**link(sensor), **SENSOR}}
    air = await create(client, "Datastreams", stream(**known))
    await create(client, "Observations", {"result": 1, "Datastream": {**link(air), "name": "D"}})
    assert (await count(client, "Things"), await count(client, "Sensors")) == (1, 1)
    assert await count(client, f"Datastreams({air})/Observations") == 1


async def test_navigation_links_of_any_depth_take_what_belongs_there(client: Client) -> None:
    oven = await create(client, "Things", thing())
    site = await create(client, f"Things({oven})/Locations", place())
    air = await create(client, f"Things({oven})/Datastreams", stream())
    first = await create(client, f"Datastreams({air})/Observations", {"result": 1})
    second = await create(client, f"Things({oven})/Datastreams({air})/Observations", {"result": 2})
    third = await create(client, f"Observations({first})/Datastream/Observations", {"result": 3})
    spot = await create(client, "FeaturesOfInterest", feature())
    fourth = await create(client, f"FeaturesOfInterest({spot})/Observations", {"result": 4, "Datastream": link(air)})
    listed = (await get(client, f"Datastreams({air})/Observations", {"$select": "id"}))["value"]
    assert {one["@iot.id"] for one in listed} == {first, second, third, fourth}
    assert (await get(client, f"Observations({fourth})/FeatureOfInterest"))["@iot.id"] == spot
    assert (await get(client, f"Observations({first})/FeatureOfInterest"))["@iot.id"] == site
    other = await create(client, f"Locations({site})/Things", thing(name="U"))
    assert await count(client, f"Locations({site})/Things") == 2
    assert other != oven


async def test_representation_is_answered_to_who_wants_it(client: Client) -> None:
    answer = await send(client, "POST", "Things", thing(), prefer="return=representation")
    assert answer.status == 201
    assert answer.json["@iot.selfLink"] == answer.headers["location"]
    assert answer.json["properties"] == {"floor": 1}
    assert answer.headers["preference-applied"] == "return=representation"
    assert (await send(client, "POST", "Things", thing(), prefer="return=minimal")).body == b""


async def test_values_of_ngsi_ld_are_observations_in_the_next_request(town: Client) -> None:
    [air] = (await get(town, "Datastreams", {"$filter": "Thing/name eq 'harbour' and ObservedProperty/name eq 'no2'"}))[
        "value"
    ]
    path = f"Datastreams({air['@iot.id']})"
    await create(town, f"{path}/Observations", {"result": 99, "phenomenonTime": "2026-03-01T14:00:00Z"})
    entity = await ngsild(town, "entities/urn:ngsi-ld:AirQualityObserved:harbour")
    assert (entity["no2"]["value"], entity["no2"]["unitCode"]) == (99, "GQ")
    later = {"no2": {"type": "Property", "value": 100, "observedAt": "2026-03-01T15:00:00Z"}}
    address = "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:harbour/attrs"
    assert (await town.ask("PATCH", address, body=later)).status == 204
    assert await count(town, f"{path}/Observations") == 5
    assert (await get(town, path))["phenomenonTime"] == "2026-03-01T10:00:00Z/2026-03-01T15:00:00Z"
    deletion = await town.ask("DELETE", "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:harbour")
    assert deletion.status == 204
    assert (await send(town, "POST", f"{path}/Observations", {"result": 1})).status in {400, 404}


BAD: list[tuple[str, Any, int, str]] = [
    ("Things", thing(colour="red"), 400, "/colour"),
    ("Things", {"name": "T"}, 400, "/description"),
    ("Things", thing(name=5), 400, "/name"),
    ("Things", thing(name=None), 400, "/name"),
    ("Things", thing(properties=[1]), 400, "/properties"),
    ("Things", thing(name="a\0b"), 400, ""),
    ("Things", [thing()], 400, ""),
    ("Things", b'{"name": "T", "description": ', 400, ""),
    ("Things", b'{"name": "\xff", "description": "t"}', 400, ""),
    (
        "Things",
        b'{"name": "T", "description": "t", "properties": {"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}}",
        400,
        "",
    ),
    ("Things", thing(Locations=[link(987654)]), 400, "/Locations/0"),
    ("Things", thing(Locations=[place(location={"type": "Point", "coordinates": ["x"]})]), 400, ""),
    ("Things", thing(Datastreams=[stream(), stream(Sensor=link(987654))]), 400, "/Datastreams/1/Sensor"),
    (
        "Things",
        thing(Datastreams=[stream(Observations=[{"phenomenonTime": NOON}])]),
        400,
        "/Datastreams/0/Observations/0/result",
    ),
    ("Things", thing(Datastreams=[stream(Observations=[{"result": 1, "phenomenonTime": "noon"}])]), 400, ""),
    ("Datastreams", stream(), 400, "/Thing"),
    ("MultiDatastreams", multi(Thing=thing(), unitOfMeasurements=[]), 400, "/unitOfMeasurements"),
    ("Observations", {"result": 1}, 400, "/Datastream"),
    ("Observations", {"result": 1, "Datastream": link(987654)}, 400, "/Datastream"),
    ("Observations", {"result": 1, "Datastream": {"@iot.id": "x"}}, 400, "/Datastream/@iot.id"),
    ("Observations", {"result": 1, "Datastream": link(1), "MultiDatastream": link(2)}, 400, "/Datastream"),
    ("HistoricalLocations", {"time": NOON, "Thing": thing(), "Locations": []}, 400, "/Locations"),
    ("Things(987654)/Datastreams", stream(), 404, ""),
    ("Things(987654)/Datastreams(1)/Observations", {"result": 1}, 404, ""),
    ("Datastreams(987654)/Observations", {"result": 1}, 404, ""),
    ("Things(1)", thing(), 405, ""),
    ("Things(1)/name", thing(), 405, ""),
    ("Datastreams(1)/Thing", thing(), 405, ""),
    ("HistoricalLocations(1)/Locations", place(), 405, ""),
    ("Nothings", thing(), 404, ""),
]


@pytest.mark.parametrize("number", range(len(BAD)), ids=lambda number: f"{number}-{BAD[number][0]}-{BAD[number][3]}")
async def test_bad_input_is_refused_and_leaves_nothing(client: Client, number: int) -> None:
    path, body, status, pointer = BAD[number]
    answer = await send(client, "POST", path, body, content_type="application/json")
    assert answer.status == status, answer.text
    problem = answer.json
    assert (problem["code"], problem["type"]) == (status, "error")
    assert len(problem["message"]) > 10
    assert problem.get("pointer", "").startswith(pointer), problem
    for name in SETS:
        assert await count(client, name) == 0, name
    assert await ngsild(client, "entities", {"local": "true"}) == []


@pytest.mark.parametrize(
    "given", ["", "text/plain", "application/x-www-form-urlencoded", "application/json-patch+json"]
)
async def test_other_media_types_are_refused(client: Client, given: str) -> None:
    headers = {"content_type": given} if given else {}
    answer = await send(client, "POST", "Things", b'{"name": "T", "description": "t"}', **headers)
    assert (answer.status, answer.json["code"]) == (415, 415)
    assert await count(client, "Things") == 0


async def test_body_beyond_the_limit_is_refused(client: Client) -> None:
    limit = client.application.settings.max_body
    answer = await send(client, "POST", "Things", b" " * (limit + 1), content_type="application/json")
    assert (answer.status, answer.json["code"]) == (413, 413)


async def test_long_body_is_taken(client: Client) -> None:
    text = "x" * 10_000_000
    n = await create(client, "Things", thing(properties={"text": text}))
    assert (await get(client, f"Things({n})"))["properties"]["text"] == text


async def test_links_lead_to_the_tenant_behind_the_proxy(client: Client) -> None:
    answer = await client.ask("POST", "/t/north/sta/v1.1/Things", body=thing())
    assert answer.headers["location"].startswith(f"{BASE}/t/north/sta/v1.1/Things(")
    assert await count(client, "Things") == 0
    in_north = await client.ask("GET", "/sta/v1.1/Things", headers={"NGSILD-Tenant": "north"})
    assert [one["name"] for one in in_north.json["value"]] == ["T"]
