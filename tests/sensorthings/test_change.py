"""What is changed and deleted as SensorThings is so in the next request, as SensorThings and as NGSI-LD."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asgi_client import Answer, Client
from tests.sensorthings.bodies import (
    NO2,
    NOON,
    PROPERTY,
    SENSOR,
    UNIT,
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

PLATFORM = "http://www.w3.org/ns/sosa/Platform"
JSON_PATCH = "application/json-patch+json"


async def _change(client: Client, path: str, body: Any, method: str = "PATCH") -> None:
    answer = await send(client, method, path, body)
    assert (answer.status, answer.body) == (200, b""), answer.text


async def _patch(client: Client, path: str, *steps: Any) -> Answer:
    return await send(client, "PATCH", path, list(steps), content_type=JSON_PATCH)


async def _all(client: Client) -> dict[str, int]:
    """One of each, all linked."""
    oven = await create(client, "Things", thing(Locations=[place()]))
    [site] = (await get(client, f"Things({oven})/Locations"))["value"]
    sensor = await create(client, "Sensors", SENSOR)
    no2 = await create(client, "ObservedProperties", PROPERTY)
    links = {"Thing": link(oven), "Sensor": link(sensor)}
    air = await create(client, "Datastreams", stream(**links, ObservedProperty=link(no2)))
    both = await create(client, "MultiDatastreams", multi(**links, ObservedProperties=[link(no2), link(no2)]))
    spot = await create(client, "FeaturesOfInterest", feature())
    body = {"result": 1, "phenomenonTime": NOON, "Datastream": link(air), "FeatureOfInterest": link(spot)}
    value = await create(client, "Observations", body)
    [stay] = (await get(client, f"Things({oven})/HistoricalLocations"))["value"]
    return {
        "Things": oven,
        "Locations": site["@iot.id"],
        "Sensors": sensor,
        "ObservedProperties": no2,
        "Datastreams": air,
        "MultiDatastreams": both,
        "FeaturesOfInterest": spot,
        "Observations": value,
        "HistoricalLocations": stay["@iot.id"],
    }


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Things": ({"name": "U"}, {"name": "U", "description": "t", "properties": {"floor": 1}}),
    "Locations": ({"location": {"type": "Point", "coordinates": [11, 51]}}, {"name": "L"}),
    "Sensors": ({"metadata": {"a": 1}, "properties": {"b": 2}}, {"name": "S", "metadata": {"a": 1}}),
    "ObservedProperties": ({"description": "other"}, {"name": "NO2", "description": "other"}),
    "Datastreams": ({"name": "E", "properties": {"x": 1}}, {"name": "E", "unitOfMeasurement": UNIT}),
    "MultiDatastreams": ({"description": "e"}, {"name": "M", "description": "e"}),
    "FeaturesOfInterest": ({"feature": {"type": "Point", "coordinates": [1, 2]}}, {"name": "L"}),
    "Observations": ({"result": 2.50, "parameters": {"p": 1}}, {"result": 2.5, "phenomenonTime": NOON}),
    "HistoricalLocations": ({"time": NOON}, {"time": NOON}),
}


async def test_every_type_is_changed_in_part_and_the_rest_stays(client: Client) -> None:
    ids = await _all(client)
    for name, (change, expected) in CHANGES.items():
        path = f"{name}({ids[name]})"
        await _change(client, path, {"@iot.id": 5, **change})
        shown = await get(client, path)
        assert {**shown, **change, **expected} == shown, name
    [entity] = await ngsild(client, "entities", {"type": PLATFORM})
    assert entity["name"]["value"] == "U"
    assert entity["location"]["value"]["coordinates"] == [11, 51]
    assert entity[NO2]["value"] == 2.5


async def test_every_type_is_replaced_by_what_is_put(client: Client) -> None:
    ids = await _all(client)
    for name, id_ in ids.items():
        path = f"{name}({id_})"
        shown = await get(client, path)
        await _change(client, path, shown, "PUT")  # links of the answer are passed over
        assert await get(client, path) == shown
    body = {"name": "U", "description": "u"}
    await _change(client, f"Things({ids['Things']})", body, "PUT")
    assert "properties" not in await get(client, f"Things({ids['Things']})")
    assert await count(client, f"Things({ids['Things']})/Locations") == 1
    await _change(client, f"Observations({ids['Observations']})", {"phenomenonTime": NOON, "parameters": {}}, "PUT")
    assert (await get(client, f"Observations({ids['Observations']})"))["result"] is None
    answer = await send(client, "PUT", f"Things({ids['Things']})", {"name": "V"})
    assert (answer.status, answer.json["pointer"]) == (400, "/description")
    assert (await get(client, f"Things({ids['Things']})"))["name"] == "U"


async def test_json_patch_changes_what_it_names(client: Client) -> None:
    ids = await _all(client)
    path = f"Things({ids['Things']})"
    answer = await _patch(
        client,
        path,
        {"op": "test", "path": "/name", "value": "T"},
        {"op": "replace", "path": "/name", "value": "U"},
        {"op": "add", "path": "/properties/rooms", "value": ["a"]},
        {"op": "add", "path": "/properties/rooms/-", "value": "b"},
        {"op": "remove", "path": "/properties/floor"},
    )
    assert answer.status == 200, answer.text
    shown = await get(client, path)
    assert (shown["name"], shown["description"], shown["properties"]) == ("U", "t", {"rooms": ["a", "b"]})
    assert (await _patch(client, path, {"op": "remove", "path": "/properties"})).status == 200
    assert "properties" not in await get(client, path)
    value = f"Observations({ids['Observations']})"
    assert (await _patch(client, value, {"op": "add", "path": "/resultTime", "value": NOON})).status == 200
    assert (await get(client, value))["resultTime"] == NOON
    assert (await _patch(client, value, {"op": "replace", "path": "/resultTime", "value": None})).status == 200
    assert (await get(client, value))["resultTime"] is None


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        ([{"op": "remove", "path": "/name"}], "/name"),
        ([{"op": "replace", "path": "/name", "value": 5}], "/name"),
        ([{"op": "add", "path": "/colour", "value": "red"}], "/colour"),
        ([{"op": "replace", "path": "/name", "value": "U"}, {"op": "test", "path": "/name", "value": "T"}], "/1/value"),
        ([{"op": "replace", "path": "", "value": []}], ""),
        ({"name": "U"}, ""),
        ([{"op": "copy", "from": "", "path": "/properties/x"}] * 40, ""),
    ],
)
async def test_json_patch_that_cannot_be_changes_nothing(client: Client, steps: Any, pointer: str) -> None:
    n = await create(client, "Things", thing())
    answer = await send(client, "PATCH", f"Things({n})", steps, content_type=JSON_PATCH)
    assert answer.status in {400, 413}, answer.text
    assert answer.json.get("pointer", "").startswith(pointer)
    assert (await get(client, f"Things({n})"))["name"] == "T"


async def test_links_are_changed_with_their_entity(client: Client) -> None:
    ids = await _all(client)
    sensor = await create(client, "Sensors", {**SENSOR, "name": "other"})
    path = f"Datastreams({ids['Datastreams']})"
    await _change(client, path, {"Sensor": link(sensor)})
    assert (await get(client, f"{path}/Sensor"))["name"] == "other"
    site = await create(client, "Locations", place(12))
    await _change(client, f"Things({ids['Things']})", {"Locations": [link(site)]})
    assert [one["@iot.id"] for one in (await get(client, f"Things({ids['Things']})/Locations"))["value"]] == [site]
    assert await count(client, f"Things({ids['Things']})/HistoricalLocations") == 2
    [entity] = await ngsild(client, "entities", {"type": PLATFORM})
    assert entity["location"]["value"]["coordinates"] == [12, 50]


async def test_entity_at_the_end_of_a_way_is_changed(client: Client) -> None:
    ids = await _all(client)
    await _change(client, f"Observations({ids['Observations']})/Datastream/Thing", {"name": "U"})
    assert (await get(client, f"Things({ids['Things']})"))["name"] == "U"
    await _change(client, f"Things({ids['Things']})/Datastreams({ids['Datastreams']})", {"name": "E"})
    assert (await get(client, f"Datastreams({ids['Datastreams']})"))["name"] == "E"
    assert (await send(client, "PATCH", f"Things({ids['Things']})/Datastreams(987)", {"name": "F"})).status == 404


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("name", list(CHANGES))
async def test_what_is_not_there_is_not_found(client: Client, method: str, name: str) -> None:
    body = None if method == "DELETE" else {}
    answer = await send(client, method, f"{name}(987654)", body)
    assert answer.status == (400 if method == "PUT" and name != "Observations" else 404), answer.text


async def test_representation_of_what_was_changed(client: Client) -> None:
    n = await create(client, "Things", thing())
    answer = await send(client, "PATCH", f"Things({n})", {"name": "U"}, prefer="return=representation")
    assert (answer.status, answer.json["name"], answer.json["@iot.id"]) == (200, "U", n)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": 5}, "/name"),
        ({"name": None}, "/name"),
        ({"colour": "red"}, "/colour"),
        ({"Datastreams": [{"name": "new"}]}, "/Datastreams"),
        ({"Locations": [{"@iot.id": 987654}]}, "/Locations/0"),
        ([], ""),
    ],
)
async def test_bad_changes_change_nothing(client: Client, body: Any, pointer: str) -> None:
    n = await create(client, "Things", thing(Locations=[place()]))
    before = await get(client, f"Things({n})", {"$expand": "Locations"})
    change = {"description": "changed", **body} if isinstance(body, dict) else body
    answer = await send(client, "PATCH", f"Things({n})", change)
    assert answer.status == 400, answer.text
    assert answer.json.get("pointer", "").startswith(pointer)
    assert await get(client, f"Things({n})", {"$expand": "Locations"}) == before


@pytest.mark.parametrize(
    ("deleted", "gone"),
    [
        ("Things", {"Things", "Datastreams", "MultiDatastreams", "HistoricalLocations", "Observations"}),
        ("Locations", {"Locations", "HistoricalLocations"}),
        ("Sensors", {"Sensors", "Datastreams", "MultiDatastreams", "Observations"}),
        ("ObservedProperties", {"ObservedProperties", "Datastreams", "MultiDatastreams", "Observations"}),
        ("Datastreams", {"Datastreams", "Observations"}),
        ("MultiDatastreams", {"MultiDatastreams"}),
        ("FeaturesOfInterest", {"FeaturesOfInterest", "Observations"}),
        ("Observations", {"Observations"}),
        ("HistoricalLocations", {"HistoricalLocations"}),
    ],
)
async def test_deletion_takes_along_what_cannot_be_without(client: Client, deleted: str, gone: set[str]) -> None:
    ids = await _all(client)
    answer = await send(client, "DELETE", f"{deleted}({ids[deleted]})")
    assert (answer.status, answer.body) == (200, b""), answer.text
    left = {name for name, id_ in ids.items() if (await send(client, "GET", f"{name}({id_})")).status == 200}
    assert left == set(ids) - gone
    assert (await send(client, "DELETE", f"{deleted}({ids[deleted]})")).status == 404
    entities = await ngsild(client, "entities", {"type": PLATFORM})
    assert len(entities) == ("Things" not in gone)
    if entities and "Observations" in gone:
        past = await client.ask("GET", f"/ngsi-ld/v1/temporal/entities/{entities[0]['id']}", query={"attrs": NO2})
        assert NO2 not in past.json


async def test_extents_follow_what_is_changed_and_deleted(client: Client) -> None:
    times = ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z"]
    values = [{"result": n, "phenomenonTime": time} for n, time in enumerate(times)]
    await create(client, "Things", thing(Locations=[place()], Datastreams=[stream(Observations=values)]))
    [air] = (await get(client, "Datastreams"))["value"]
    path = f"Datastreams({air['@iot.id']})"
    assert air["phenomenonTime"] == f"{times[0]}/{times[2]}"
    found = (await get(client, f"{path}/Observations", {"$orderby": "phenomenonTime"}))["value"]
    assert (await send(client, "DELETE", f"Observations({found[0]['@iot.id']})")).status == 200
    assert (await get(client, path))["phenomenonTime"] == f"{times[1]}/{times[2]}"
    await _change(client, f"Observations({found[2]['@iot.id']})", {"phenomenonTime": "2026-03-01T13:00:00Z"})
    assert (await get(client, path))["phenomenonTime"] == f"{times[1]}/2026-03-01T13:00:00Z"
    assert await count(client, f"{path}/Observations") == 2


async def test_requests_of_frosts_client(client: Client) -> None:
    """create(), update(), patch(), delete(): PUT with all that the client holds, JSON Patch as a list."""
    oven = await create(client, "Things", {"name": "Oven", "description": "hot"})
    sent = {"@iot.id": oven, "name": "Stove", "description": "hot", "properties": {"a": 1}}
    await _change(client, f"Things({oven})", sent, "PUT")
    sensor = await create(client, "Sensors", SENSOR)
    held = {"Thing": sent, "Sensor": {**link(sensor), **SENSOR}}
    air = await create(client, "Datastreams", stream(**held))
    shown = await get(client, f"Datastreams({air})")
    whole = {name: value for name, value in shown.items() if not name.endswith(("Link", "phenomenonTime"))}
    await _change(client, f"Datastreams({air})", {**whole, **held, "name": "E"}, "PUT")
    assert (await get(client, f"Datastreams({air})"))["name"] == "E"
    answer = await _patch(client, f"Things({oven})", {"op": "replace", "path": "/properties", "value": {"b": 2}})
    assert answer.status == 200
    assert (await get(client, f"Things({oven})"))["properties"] == {"b": 2}
    assert (await send(client, "DELETE", f"Things({oven})")).status == 200
    assert (await send(client, "GET", f"Things({oven})")).status == 404
