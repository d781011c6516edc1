"""Links alone, and the deletion of what a filter chooses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asgi_client import Client
from tests.sensorthings.bodies import (
    PROPERTY,
    ROOT,
    SENSOR,
    count,
    create,
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


async def _ids(client: Client, path: str) -> set[int]:
    return {one["@iot.id"] for one in (await get(client, path, {"$select": "id"}))["value"]}


async def _link(client: Client, method: str, path: str, body: Any = None) -> None:
    answer = await send(client, method, path, body)
    assert (answer.status, answer.body) == (204, b""), answer.text


async def test_locations_are_linked_and_unlinked_from_both_sides(client: Client) -> None:
    oven = await create(client, "Things", thing(Locations=[place()]))
    [first] = await _ids(client, f"Things({oven})/Locations")
    second, third = await create(client, "Locations", place(11)), await create(client, "Locations", place(12))
    await _link(client, "POST", f"Things({oven})/Locations/$ref", link(second))
    await _link(client, "POST", f"Locations({third})/Things/$ref", {"@id": f"{ROOT}/Things({oven})"})
    assert await _ids(client, f"Things({oven})/Locations") == {first, second, third}
    await _link(client, "POST", f"Things({oven})/Locations/$ref", {"@odata.id": f"Locations({third})"})
    assert await count(client, f"Things({oven})/HistoricalLocations") == 3
    await _link(client, "DELETE", f"Things({oven})/Locations({first})/$ref")
    await _link(client, "DELETE", f"Locations({second})/Things({oven})/$ref")
    assert await _ids(client, f"Things({oven})/Locations") == {third}
    [entity] = await ngsild(client, "entities", {"type": PLATFORM})
    assert entity["location"]["value"]["coordinates"] == [12, 50]
    address = f"{ROOT}/Locations({third})"
    answer = await client.ask("DELETE", f"/sta/v1.1/Things({oven})/Locations/$ref", query={"$id": address})
    assert answer.status == 204, answer.text
    assert await _ids(client, f"Things({oven})/Locations") == set()
    assert await count(client, "Locations") == 3
    [entity] = await ngsild(client, "entities", {"type": PLATFORM})
    assert "location" not in entity


async def test_links_of_datastreams_and_past_places(client: Client) -> None:
    oven = await create(client, "Things", thing(Locations=[place()]))
    air = await create(client, "Datastreams", stream(Thing=link(oven)))
    sensor = await create(client, "Sensors", {**SENSOR, "name": "other"})
    await _link(client, "PUT", f"Datastreams({air})/Sensor/$ref", link(sensor))
    assert (await get(client, f"Datastreams({air})/Sensor"))["name"] == "other"
    no2 = await create(client, "ObservedProperties", {**PROPERTY, "name": "other"})
    await _link(client, "POST", f"ObservedProperties({no2})/Datastreams/$ref", link(air))
    assert (await get(client, f"Datastreams({air})/ObservedProperty"))["name"] == "other"
    second = await create(client, "Locations", place(11))
    [stay] = await _ids(client, "HistoricalLocations")
    await _link(client, "POST", f"HistoricalLocations({stay})/Locations/$ref", link(second))
    assert await count(client, f"HistoricalLocations({stay})/Locations") == 2
    await _link(client, "DELETE", f"HistoricalLocations({stay})/Locations({second})/$ref")
    [left] = await _ids(client, f"HistoricalLocations({stay})/Locations")
    last = await send(client, "DELETE", f"HistoricalLocations({stay})/Locations({left})/$ref")
    assert (last.status, last.json["code"]) == (405, 405)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("DELETE", "Things({thing})/Datastreams({air})/$ref", None, 405),
        ("DELETE", "Datastreams({air})/Thing/$ref", None, 405),
        ("DELETE", "Datastreams({air})/Sensor/$ref", None, 405),
        ("DELETE", "Sensors({sensor})/Datastreams({air})/$ref", None, 405),
        ("DELETE", "Things({thing})/Locations/$ref", None, 400),
        ("DELETE", "Things({thing})/Locations(987654)/$ref", None, 404),
        ("DELETE", "Things/$ref", None, 405),
        ("POST", "Things({thing})/Locations/$ref", {}, 400),
        ("POST", "Things({thing})/Locations/$ref", [], 400),
        ("POST", "Things({thing})/Locations/$ref", {"@iot.id": "x"}, 400),
        ("POST", "Things({thing})/Locations/$ref", {"@iot.id": 987654}, 400),
        ("POST", "Things({thing})/Locations/$ref", {"@id": "Things(1)"}, 400),
        ("POST", "Things({thing})/Locations/$ref", {"@id": "Locations"}, 400),
        ("POST", "Things({thing})/Locations/$ref", {"@id": "http://elsewhere.example/x"}, 400),
        ("POST", "Things(987654)/Locations/$ref", {"@iot.id": 1}, 404),
        ("PUT", "Things({thing})/Locations/$ref", {"@iot.id": 1}, 405),
        ("POST", "Datastreams({air})/Sensor/$ref", {"@iot.id": 1}, 405),
        ("PUT", "Datastreams({air})/Sensor/$ref", {"@iot.id": 987654}, 400),
        ("PATCH", "Things({thing})/Locations/$ref", {"@iot.id": 1}, 405),
    ],
)
async def test_links_that_cannot_be(client: Client, method: str, path: str, body: Any, status: int) -> None:
    oven = await create(client, "Things", thing(Locations=[place()]))
    air = await create(client, "Datastreams", stream(Thing=link(oven)))
    [sensor] = await _ids(client, "Sensors")
    answer = await send(client, method, path.format(thing=oven, air=air, sensor=sensor), body)
    assert (answer.status, answer.json["code"]) == (status, status), answer.text
    assert (await count(client, "Things"), await count(client, "Datastreams")) == (1, 1)
    assert await count(client, f"Things({oven})/Locations") == 1


async def _measured(client: Client) -> int:
    values = [{"result": n, "phenomenonTime": f"2026-03-01T{n:02}:00:00Z"} for n in range(24)]
    oven = await create(client, "Things", thing(Locations=[place()]))
    return await create(client, "Datastreams", stream(Thing=link(oven), Observations=values))


async def test_observations_that_a_filter_chooses_are_deleted(client: Client) -> None:
    air = await _measured(client)
    other = await _measured(client)
    path = f"/sta/v1.1/Datastreams({air})/Observations"
    answer = await client.ask(
        "DELETE", path, query={"$filter": "phenomenonTime lt 2026-03-01T06:00:00Z or result eq 23"}
    )
    assert (answer.status, answer.body) == (200, b""), answer.text
    assert await count(client, f"Datastreams({air})/Observations") == 17
    assert await count(client, f"Datastreams({other})/Observations") == 24
    shown = await get(client, f"Datastreams({air})")
    assert shown["phenomenonTime"] == "2026-03-01T06:00:00Z/2026-03-01T22:00:00Z"
    everywhere = await client.ask("DELETE", "/sta/v1.1/Observations", query={"$filter": "result ge 10"})
    assert everywhere.status == 200
    assert await count(client, "Observations") == 4 + 10


async def test_entities_that_a_filter_chooses_are_deleted_with_what_belongs_to_them(client: Client) -> None:
    await _measured(client)
    keep = await create(client, "Things", thing(name="keep"))
    answer = await client.ask("DELETE", "/sta/v1.1/Things", query={"$filter": "name eq 'T'"})
    assert answer.status == 200, answer.text
    assert await _ids(client, "Things") == {keep}
    assert (await count(client, "Datastreams"), await count(client, "Observations")) == (0, 0)
    assert len(await ngsild(client, "entities", {"type": PLATFORM})) == 1


async def test_what_only_follows_from_ngsi_ld_stays(town: Client) -> None:
    before = await count(town, "ObservedProperties")
    answer = await town.ask("DELETE", "/sta/v1.1/ObservedProperties", query={"$filter": "name ne 'x'"})
    assert answer.status == 200
    assert before == await count(town, "ObservedProperties") > 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 405),
        ({"$filter": "result gt"}, 400),
        ({"$filter": "result ge 0", "$top": "5"}, 400),
        ({"$filter": "result ge 0", "$skip": "5"}, 400),
        ({"$filter": "result ge 0", "$count": "true"}, 400),
        ({"$filter": "result ge 0", "$expand": "Datastream"}, 400),
        ({"$filter": "result ge 0", "$orderby": "result"}, 400),
    ],
)
async def test_deletions_that_cannot_be(client: Client, query: dict[str, str], status: int) -> None:
    await create(client, "Datastreams", stream(Thing=thing(Locations=[place()]), Observations=[{"result": 1}]))
    answer = await client.ask("DELETE", "/sta/v1.1/Observations", query=query)
    assert (answer.status, answer.json["code"]) == (status, status), answer.text
    assert await count(client, "Observations") == 1


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("", "GET, OPTIONS"),
        ("Things", "DELETE, GET, POST, OPTIONS"),
        ("Things(1)", "DELETE, GET, PATCH, PUT, OPTIONS"),
        ("Things(1)/name", "GET, OPTIONS"),
        ("Datastreams(1)/Thing", "DELETE, GET, PATCH, PUT, OPTIONS"),
        ("Things(1)/Locations/$ref", "GET, DELETE, POST, OPTIONS"),
        ("MultiDatastreams(1)/ObservedProperties", "DELETE, GET, OPTIONS"),
    ],
)
async def test_options_name_the_methods(client: Client, path: str, allow: str) -> None:
    answer = await client.ask("OPTIONS", f"/sta/v1.1/{path}".rstrip("/"), headers={"origin": "https://map.example"})
    assert (answer.status, answer.headers["allow"]) == (204, allow)
    assert "Location" in answer.headers["access-control-expose-headers"]


async def test_ordered_properties_of_a_multidatastream_stay(client: Client) -> None:
    both = await create(client, "MultiDatastreams", multi(Thing=thing()))
    [first, _] = await _ids(client, f"MultiDatastreams({both})/ObservedProperties")
    for method, path, body in (
        ("POST", f"MultiDatastreams({both})/ObservedProperties", PROPERTY),
        ("DELETE", f"MultiDatastreams({both})/ObservedProperties({first})/$ref", None),
    ):
        assert (await send(client, method, path, body)).status == 405
    assert await count(client, f"MultiDatastreams({both})/ObservedProperties") == 2
