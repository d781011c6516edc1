"""Change sets: what they make, change and delete is there afterwards, or none of it; and who may do what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client
from tests.sensorthings.batch_bodies import NOON, PROPERTY, SENSOR, datastream, link, location, thing
from tests.sensorthings.batches import change_set, http, multipart, run, send, statuses

TOKEN = "an-administrators-token-that-is-long-enough"
SETS = ("Things", "Locations", "HistoricalLocations", "Datastreams", "Sensors", "ObservedProperties", "Observations")


async def _counts(client: Client) -> dict[str, int]:
    return {name: (await _get(client, f"{name}?$count=true&$top=0"))["@iot.count"] for name in SETS}


async def _get(client: Client, address: str) -> Any:
    path, _, query = address.partition("?")
    answer = await client.ask("GET", f"/sta/v1.1/{path}", query=query.replace(" ", "%20"))
    assert answer.status == 200, answer.text
    return answer.json


async def _post(client: Client, address: str, body: Any) -> int:
    answer = await client.ask("POST", f"/sta/v1.1/{address}", body=body)
    assert answer.status == 201, answer.text
    return int(answer.headers["location"].rpartition("(")[2].rstrip(")"))


def _station(name: str = "") -> list[str]:
    """Give requests that make a station with all that belongs to it, linked by names."""
    links = {"Sensor": link("$sensor"), "ObservedProperty": link("$property")}
    return [
        http("POST Sensors HTTP/1.1", SENSOR, name="sensor"),
        http("POST ObservedProperties HTTP/1.1", PROPERTY, name="property"),
        http("POST Locations HTTP/1.1", location(), name="place"),
        http("POST Things HTTP/1.1", thing(name, Locations=[link("$place")]), name="thing"),
        http("POST $thing/Datastreams HTTP/1.1", datastream("first", **links), name="first"),
        http("POST Datastreams HTTP/1.1", datastream("second", Thing=link("$thing"), **links), name="second"),
        http("POST Datastreams($first)/Observations", {"result": 1.10, "phenomenonTime": NOON}, name="value"),
        http("POST Observations", {"result": 2, "Datastream": link("$second"), "FeatureOfInterest": link("$place")}),
    ]


async def test_single_requests_of_a_batch_name_what_others_made(client: Client) -> None:
    found = await run(client, *_station("alone"), http("GET $first/Observations?$expand=FeatureOfInterest"))
    assert statuses(found) == [201] * 8 + [200]
    [value] = found[-1].json["value"]
    assert (value["@iot.id"], value["FeatureOfInterest"]["@iot.id"]) == (found[6].id, found[2].id)
    assert b'"result":1.1,' in found[-1].body or b'"result": 1.1' in found[-1].body


async def test_requests_of_a_change_set_name_what_it_makes(client: Client) -> None:
    [made, read] = await run(client, change_set(*_station("together")), http("GET $first/Thing?$expand=Locations"))
    assert statuses(made) == [201] * 8
    assert [one.name for one in made] == ["sensor", "property", "place", "thing", "first", "second", "value", ""]
    assert (read.json["@iot.id"], read.json["Locations"][0]["@iot.id"]) == (made[3].id, made[2].id)
    for one, name in ((made[4], "first"), (made[5], "second")):
        stream = await _get(client, f"Datastreams({one.id})?$expand=Sensor,ObservedProperty,Observations")
        assert stream["name"] == name
        assert stream["Sensor"]["@iot.id"] == made[0].id
        assert stream["ObservedProperty"]["@iot.id"] == made[1].id
        assert len(stream["Observations"]) == 1
    assert (await _get(client, f"Observations({made[7].id})/FeatureOfInterest"))["@iot.id"] == made[2].id


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        (http("POST Things", {"name": "x"}), 400, "needs description"),
        (http("POST Things", "{"), 400, "JSON"),
        (http("POST Datastreams(99)/Observations", {"result": 1}), 404, "no Datastream with the id 99"),
        (http("POST Datastreams", datastream(Thing=link("$nobody"))), 400, "'nobody'"),
        (http("POST $thing/Datastreams", datastream(Sensor=link("$thing"), ObservedProperty=PROPERTY)), 400, "Sensor"),
        (http("POST Things", thing(Locations=[link(-1)])), 400, "Location"),
        (http("POST Things", thing(Locations=[link(-3000)])), 400, "no id"),
        (http("PATCH Things(99)", {"name": "x"}), 404, "no Thing with the id 99"),
        (http("PATCH $thing", {"name": "x"}), 501, "made by the same change set"),
        (http("DELETE Things(99)"), 404, "no Thing with the id 99"),
        (http("DELETE $thing"), 501, "made by the same change set"),
        (http("DELETE Things?$filter=true"), 405, "whole set"),
        (http("DELETE Things(1)/Locations?$filter=true"), 405, "whole set"),
        (http("DELETE Sensors(2147483647)"), 501, "follows from the values"),
        (http("GET Things"), 400, "cannot read"),
        (http("POST Things(1)"), 405, "not allowed"),
        (http("POST Nothing", {}), 404, "no set"),
        (http("POST Things", thing(), Content_Type="text/plain"), 415, "text/plain"),
    ],
)
async def test_a_change_set_that_fails_is_one_answer_and_leaves_nothing(
    client: Client, wrong: str, status: int, words: str
) -> None:
    before = await _counts(client)
    found = await run(client, change_set(*_station("lost"), wrong), http("GET $thing"), http("GET Things"))
    assert statuses(found) == [status, 400, 200]
    assert words in found[0].json["message"]
    assert await _counts(client) == before


async def test_what_fails_when_it_is_written_takes_all_with_it(client: Client) -> None:
    thing_id = await _post(client, "Things", thing())
    before = await _counts(client)
    gone = http(f"DELETE Things({thing_id})")
    late = http(f"PATCH Things({thing_id})", {"name": "late"}, name="late")
    found = await run(client, change_set(*_station(), gone, late))
    assert statuses(found) == [404]
    assert found[0].name == "late"
    assert await _counts(client) == before


async def test_changes_and_deletions_belong_to_a_change_set(client: Client) -> None:
    links = {"Sensor": SENSOR, "ObservedProperty": PROPERTY}
    streams = [datastream(name, **links) for name in ("kept", "gone")]
    thing_id = await _post(client, "Things", thing(Locations=[location()], Datastreams=streams))
    place = (await _get(client, f"Things({thing_id})/Locations"))["value"][0]["@iot.id"]
    found = (await _get(client, f"Things({thing_id})/Datastreams?$orderby=name desc"))["value"]
    kept, gone = (one["@iot.id"] for one in found)
    value = await _post(client, f"Datastreams({kept})/Observations", {"result": 1, "phenomenonTime": NOON})
    [found] = await run(
        client,
        change_set(
            http(f"PATCH Things({thing_id})", {"name": "renamed"}),
            http(f"PATCH Observations({value})", {"result": 5}),
            http(f"PATCH Locations({place})", location(20)),
            http(f"DELETE Datastreams({gone})"),
            http(f"POST Datastreams({kept})/Observations", {"result": 6}),
            http("POST Locations", location(30), name="next"),
            http(f"PUT Things({thing_id})", thing("put", Locations=[link("$next")])),
        ),
    )
    assert statuses(found) == [200, 200, 200, 200, 201, 201, 200]
    shown = await _get(client, f"Things({thing_id})?$expand=Datastreams,Locations")
    assert shown["name"] == "put"
    assert [one["name"] for one in shown["Datastreams"]] == ["kept"]
    assert shown["Locations"][0]["location"]["coordinates"] == [30, 50]
    assert (await _get(client, f"Locations({place})"))["location"]["coordinates"] == [20, 50]
    assert (await _get(client, f"Observations({value})"))["result"] == 5


async def test_a_location_that_moves_in_a_change_set_moves_its_things(client: Client) -> None:
    things = [await _post(client, "Things", thing(name, Locations=[location()])) for name in "ab"]
    places = [(await _get(client, f"Things({one})/Locations"))["value"][0]["@iot.id"] for one in things]
    moved = [http(f"PATCH Locations({place})", location(20)) for place in places]
    assert statuses(await run(client, change_set(*moved))) == [[200, 200]]
    found = await client.ask("GET", "/ngsi-ld/v1/entities", query="type=http://www.w3.org/ns/sosa/Platform")
    assert [one["location"]["value"]["coordinates"] for one in found.json] == [[20, 50], [20, 50]]


async def test_what_takes_others_with_it_is_deleted_outside_of_change_sets(client: Client) -> None:
    streams = [datastream(Sensor=SENSOR, ObservedProperty=PROPERTY)]
    thing_id = await _post(client, "Things", thing(Datastreams=streams))
    sensor = (await _get(client, "Sensors?$filter=name eq 'S'"))["value"][0]["@iot.id"]
    [found] = await run(client, change_set(http(f"DELETE Things({thing_id})"), http(f"DELETE Sensors({sensor})")))
    assert found.status == 501
    assert "request of its own" in found.json["hint"]
    assert statuses(await run(client, change_set(http(f"DELETE Things({thing_id})")))) == [[200]]
    assert statuses(await run(client, change_set(http(f"DELETE Sensors({sensor})")))) == [[200]]


async def test_a_change_set_has_a_bounded_number_of_writes(client: Client) -> None:
    values = [{"result": one, "FeatureOfInterest": location_feature()} for one in range(3000)]
    streams = [datastream(Sensor=SENSOR, ObservedProperty=PROPERTY, Observations=values[:3000])]
    parts = [http("POST Things", thing(Datastreams=streams))] * 2
    [found] = await run(client, change_set(*parts))
    assert found.status == 413
    assert (await _counts(client))["Things"] == 0


def location_feature() -> dict[str, Any]:
    """A FeatureOfInterest."""
    place = location()
    return {**{name: place[name] for name in ("name", "description", "encodingType")}, "feature": place["location"]}


@pytest.mark.parametrize("kind", ["read", "source", "write"])
async def test_each_request_is_judged_for_what_it_does(database_url: str, tmp_path: Path, kind: str) -> None:
    settings = Settings(data=tmp_path, database_url=database_url, admin_token=TOKEN, anonymous="none")
    async with run_client(settings) as client:
        await _check_rights(client, kind)


async def _check_rights(client: Client, kind: str) -> None:
    streams = [datastream(Sensor=SENSOR, ObservedProperty=PROPERTY)]
    body = thing(Locations=[location()], Datastreams=streams)
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert (await client.ask("POST", "/sta/v1.1/Things", headers=headers, body=body)).status == 201
    read = await client.ask("GET", "/sta/v1.1/Datastreams", headers=headers)
    stream = read.json["value"][0]["@iot.id"]
    types = {"types": ["http://www.w3.org/ns/sosa/Platform"]} if kind == "source" else {}
    made = await client.ask("POST", "/v1/keys", headers=headers, body={"name": kind, "kind": kind, **types})
    key = made.json["key"]
    observe = http(f"POST Datastreams({stream})/Observations", {"result": 1})
    found = await run(
        client,
        http("GET Things"),
        observe,
        change_set(observe, observe),
        http("POST Sensors", SENSOR),
        authorization=f"Bearer {key}",
    )
    expected = {
        "read": [200, 403, 403, 403],
        "source": [403, 201, [201, 201], 403],
        "write": [200, 201, [201] * 2, 201],
    }
    assert statuses(found) == expected[kind]
    assert (await send(client, multipart(observe))).status == 401
    assert (await send(client, multipart(observe), authorization="Bearer unknown")).status == 401
