"""What real clients stumble over and no standard says, as they see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from stadtkern.model.sensorthings import SETS
from tests.asgi_client import Client
from tests.sensorthings.conftest import BASE, HOURS, STATIONS, write

ROOT = f"{BASE}/sta/v1.1"
SOSA = "http://www.w3.org/ns/sosa/"
NOON = "2026-03-01T12:00:00Z"
TOP = re.compile(r"[$|%24]top=([0-9]+)")
SKIP = re.compile(r"[$|%24]skip=([0-9]+)")


async def _get(client: Client, address: str) -> Any:
    """Ask for an address as it stands, escaped as it is."""
    path, _, query = address.removeprefix(ROOT).partition("?")
    answer = await client.ask("GET", f"/sta/v1.1/{path.removeprefix('/')}", query=query)
    assert answer.status == 200, answer.text
    return answer.json


async def _create(client: Client, id: str, type: str, **attributes: Any) -> None:
    await write(client, "POST", "/ngsi-ld/v1/entities", {"id": id, "type": type, **attributes})


def _observed(value: Any, time: str = NOON, **members: Any) -> Any:
    return {"value": value, "observedAt": time, **members}


def _ids(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        if "@iot.id" in tree:
            yield tree["@iot.id"]
        tree = [*tree.values()]
    if isinstance(tree, list):
        for inner in tree:
            yield from _ids(inner)


async def test_top_and_skip_can_be_read_out_of_every_next_link(town: Client) -> None:
    """Masterportal reads them by a pattern, also where pages go by keys."""
    address: str | None = "Observations?$top=5&$orderby=result%20desc"
    read = [(5, 0)]
    while (address := (await _get(town, address)).get("@iot.nextLink")) is not None:
        top, skip = TOP.search(address), SKIP.search(address)
        assert top is not None
        assert skip is not None
        read.append((int(top[1]), int(skip[1])))
    assert read == [(5, 0), (5, 5), (5, 10)]


async def test_next_link_of_an_expanded_set_is_a_page_of_the_set_alone(town: Client) -> None:
    """Its name is the relation's, its address the set's; the count is there when it was asked for."""
    for count in ("", ";$count=true"):
        expand = f"Observations($top=1;$orderby=phenomenonTime%20desc{count})"
        [stream] = (
            await _get(town, f"Datastreams?$top=1&$filter=ObservedProperty/name%20eq%20'no2'&$expand={expand}")
        )["value"]
        assert ("Observations@iot.count" in stream) == bool(count)
        link = stream["Observations@iot.nextLink"]
        assert link.startswith(f"{stream['@iot.selfLink']}/Observations?$top=1&$skip=1&")
        [second] = (await _get(town, link))["value"]
        assert second["phenomenonTime"] == f"2026-03-01T{HOURS[-2]}:00:00Z"


@pytest.mark.parametrize("function", ["geo.intersects", "st_intersects", "st_within"])
async def test_filters_look_into_the_geometry_of_places_and_features(town: Client, function: str) -> None:
    """QGIS asks for the type inside GeoJSON, writes Well-Known Text in any case, and wants absolute links."""
    for name, place in STATIONS.items():
        location = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}}
        await _create(town, f"urn:x:{name}", f"{SOSA}FeatureOfInterest", name={"value": name}, location=location)
    area = "geography'pOlYgOn%20((9%2053,%2011%2053,%2011%2054,%209%2054,%209%2053))'"
    for set, place in (("Locations", "location"), ("FeaturesOfInterest", "feature")):
        point = f"({place}/type%20eq%20'Point'%20or%20{place}/geometry/type%20eq%20'Point')"
        assert await _get(town, f"{set}?$top=0&$count=true&$filter={point}") == {"@iot.count": 3, "value": []}
        page = await _get(town, f"{set}?$top=1&$orderby=name&$filter={point}%20and%20({function}({place},{area}))")
        assert [one["name"] for one in page["value"]] == ["forest"]
        assert page["@iot.nextLink"].startswith(f"{ROOT}/{set}?")
        following = await _get(town, page["@iot.nextLink"])
        assert [one["name"] for one in following["value"]] == ["harbour"]
        assert "@iot.nextLink" not in following


async def test_ids_are_small_whole_numbers_and_each_once_in_its_set(town: Client) -> None:
    """QGIS reads 32 bits of them and takes things with the same number for one."""
    for name in SETS:
        found = [one["@iot.id"] for one in (await _get(town, name))["value"]]
        assert len(set(found)) == len(found)
        assert all(isinstance(id, int) and 0 < id < 2**31 for id in found)
    expand = "Locations,Datastreams($expand=Sensor,ObservedProperty,Observations($expand=FeatureOfInterest))"
    everything = list(_ids(await _get(town, f"Things?$expand={expand}")))
    assert len(everything) > 30
    assert all(isinstance(id, int) and 0 < id < 2**31 for id in everything)


async def test_id_of_a_past_place_is_read_rightly_by_scripts(client: Client) -> None:
    """JavaScript loses digits above 2^53; such places are in no list, which is what QGIS reads."""
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [10, 53]}, "observedAt": NOON}
    await _create(client, "urn:x:bus", "Bus", location=place, speed=_observed(1))
    moved = {"type": "Point", "coordinates": [11, 53]}
    change = {"location": {"type": "GeoProperty", "value": moved, "observedAt": "2026-03-01T13:00:00Z"}}
    await write(client, "PATCH", "/ngsi-ld/v1/entities/urn:x:bus/attrs", change)
    first, second = (await _get(client, "HistoricalLocations?$orderby=time&$expand=Locations"))["value"]
    [[past], [present]] = first["Locations"], second["Locations"]
    assert 2**31 < past["@iot.id"] < 2**53
    assert (past["location"], present["location"]) == (place["value"], moved)
    assert (await _get(client, past["@iot.selfLink"]))["location"] == place["value"]
    assert [one["@iot.id"] for one in (await _get(client, "Locations"))["value"]] == [present["@iot.id"]]


async def test_results_of_any_type_are_shown_as_they_are(client: Client) -> None:
    results = [{"a": [1, 2.50]}, [1, "x"], "text", True, 20, 20.0]
    for n, result in enumerate(results):
        compound = isinstance(result, (dict, list))
        body = {"type": "JsonProperty", "json": result} if compound else {"value": result}
        await _create(client, f"urn:x:{n}", "Lamp", state={**body, "observedAt": NOON})
    page = await client.ask("GET", "/sta/v1.1/Observations", query="$select=result,phenomenonTime")
    assert [one["result"] for one in page.json["value"]] == results
    assert [one["phenomenonTime"] for one in page.json["value"]] == [NOON] * len(results)
    assert '"result":20.0}' in page.text.replace('"phenomenonTime":"2026-03-01T12:00:00Z",', "")


async def test_expanded_sets_are_whole_up_to_a_hundred(client: Client) -> None:
    """QGIS follows no links inside of entities."""
    lamps = [{"id": f"urn:x:{n}", "type": "Lamp", "on": _observed(n)} for n in range(101)]
    await write(client, "POST", "/ngsi-ld/v1/entityOperations/create", lamps)
    whole = await _get(client, "ObservedProperties?$expand=Datastreams($filter=Observations/result%20lt%20100)")
    assert len(whole["value"][0]["Datastreams"]) == 100
    assert "Datastreams@iot.nextLink" not in whole["value"][0]
    more = await _get(client, "ObservedProperties?$expand=Datastreams")
    assert len(more["value"][0]["Datastreams"]) == 100
    assert len((await _get(client, more["value"][0]["Datastreams@iot.nextLink"]))["value"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        "$filter=substringof('for',name)+and+(name+ne+'a/b')",
        "$filter=substringof(%27for%27,name)%20and%20(name%20ne%20'a/b')",
        "%24filter=substringof%28%27for%27%2Cname%29%20and%20%28name%20ne%20%27a%2Fb%27%29",
    ],
)
async def test_blanks_quotes_and_brackets_come_raw_or_escaped(town: Client, query: str) -> None:
    assert [one["name"] for one in (await _get(town, f"Things?{query}"))["value"]] == ["forest"]


@pytest.mark.parametrize("offset", ["%2B01:00", "+01:00", "%2b0100", "-00:00"])
async def test_plus_sign_of_an_offset_is_no_blank(town: Client, offset: str) -> None:
    hour = HOURS[-1] + (0 if offset[0] == "-" else 1)
    found = await _get(town, f"Observations?$filter=phenomenonTime%20ge%202026-03-01T{hour}:00:00{offset}")
    assert {one["phenomenonTime"] for one in found["value"]} == {NOON}


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "application/json"}, {"accept": "*/*"}, {"accept": "application/json;odata.metadata=full"}],
)
async def test_answers_are_json_whatever_the_request_says_it_is(town: Client, headers: dict[str, str]) -> None:
    answer = await town.ask("GET", "/sta/v1.1/Things", headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("encoding", ["application/geo+json", "application/vnd.geo+json"])
async def test_both_names_of_geojson_are_kept_and_found(client: Client, encoding: str) -> None:
    location = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [10, 53]}}
    type = "http://purl.org/dc/terms/Location"
    await _create(client, "urn:x:1", type, encodingType={"value": encoding}, location=location)
    for address in ("Locations", f"Locations?$filter=encodingType%20eq%20'{encoding.replace('+', '%2B')}'"):
        [one] = (await _get(client, address))["value"]
        assert (one["encodingType"], one["location"]) == (encoding, location["value"])
    near = "Locations?$filter=geo.distance(location,geography'POINT(10%2053)')%20lt%201"
    assert len((await _get(client, near))["value"]) == 1


async def test_pages_of_other_origins_read_links_and_places_of_what_they_made(town: Client) -> None:
    origin = {"origin": "https://maps.example"}
    answer = await town.ask("GET", "/sta/v1.1/Things", headers=origin)
    assert answer.headers["access-control-allow-origin"] in ("*", origin["origin"])
    assert {"Location", "Link"} <= set(re.split(", *", answer.headers["access-control-expose-headers"]))
    asked = await town.ask("OPTIONS", "/sta/v1.1/Things", headers={**origin, "access-control-request-method": "GET"})
    assert asked.status in (200, 204)
    assert "GET" in asked.headers["access-control-allow-methods"]
    plain = await town.ask("OPTIONS", "/sta/v1.1/Things(1)/Datastreams")
    assert (plain.status, "GET" in plain.headers["allow"]) == (204, True)
