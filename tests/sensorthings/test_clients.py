"""Requests as real clients send them, and what these clients do with the answers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from tests.asgi_client import Client
from tests.sensorthings.conftest import BASE, HOURS, STATIONS, write

ROOT = f"{BASE}/sta/v1.1"
POINTS = "location/type eq 'Point' or location/geometry/type eq 'Point'"
AROUND = "Polygon ((9 53, 11 53, 11 54, 9 54, 9 53))"
LATEST = "Observations($orderby=phenomenonTime desc;$top=1)"


async def _get(client: Client, address: str) -> Any:
    """Ask as a client does: blanks and quotes in any form, addresses of answers as they are."""
    path, _, query = address.removeprefix(ROOT).partition("?")
    escaped = quote(query, safe="=&$()',;:/+%?@!*-._~")
    answer = await client.ask("GET", f"/sta/v1.1{'/' if path and path[0] != '/' else ''}{path}", query=escaped)
    assert answer.status == 200, answer.text
    return answer.json


async def _id(client: Client, set: str, name: str) -> int:
    found = await _get(client, f"{set}?$filter=name eq '{name}'")
    return found["value"][0]["@iot.id"]


def _names(body: Any) -> list[str]:
    return sorted(one["name"] for one in body["value"])


# QGIS: the provider "sensorthings"


async def test_qgis_finds_the_sets(town: Client) -> None:
    answer = await town.ask("GET", "/sta/v1.1", headers={"user-agent": "Mozilla/5.0 QGIS/34006"})
    assert answer.headers["content-type"] == "application/json"
    assert {"name": "Locations", "url": f"{ROOT}/Locations"} in answer.json["value"]


async def test_qgis_counts_points(town: Client) -> None:
    found = await _get(town, f"Locations?$top=0&$count=true&$filter={POINTS}")
    assert found == {"@iot.count": len(STATIONS), "value": []}


async def test_qgis_reads_the_points_of_an_area(town: Client) -> None:
    area = f"(geo.intersects(location, geography'{AROUND}'))"
    found = await _get(town, f"Locations?$top=200&$count=false&$filter=({POINTS}) and {area}")
    assert _names(found) == ["forest", "harbour"]
    assert "@iot.count" not in found
    assert "@iot.nextLink" not in found
    assert all(0 < one["@iot.id"] < 2**31 for one in found["value"])


async def test_qgis_adds_the_filter_of_its_user(town: Client) -> None:
    found = await _get(town, f"Locations?$top=200&$count=false&$filter=({POINTS}) and (name eq 'forest')")
    assert _names(found) == ["forest"]


async def test_qgis_expands_from_locations_to_the_latest_value(town: Client) -> None:
    expand = f"Things($expand=Datastreams($expand={LATEST}))"
    found = await _get(town, f"Locations?$top=200&$count=false&$filter=({POINTS})&$expand={expand}")
    for location in found["value"]:
        assert location["location"]["coordinates"] == STATIONS[location["name"]]
        [thing] = location["Things"]
        values = {
            datastream["name"].rpartition(" ")[2]: [one["result"] for one in datastream["Observations"]]
            for datastream in thing["Datastreams"]
        }
        assert values == {"no2": [20], "pm10": [7]}


async def test_qgis_reads_instants_as_instants(town: Client) -> None:
    found = await _get(town, "Observations?$top=200&$count=false")
    assert all("/" not in one["phenomenonTime"] for one in found["value"])


# Masterportal


class Masterportal:
    """Follows links as it does: those in which top <= skip are taken for what nobody wanted."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.asked = 0

    async def get(self, address: str) -> list[Any]:
        result: list[Any] = []
        waiting: list[tuple[str, list[Any]]] = [(address, result)]
        while waiting:
            link, into = waiting.pop(0)
            if self.asked and 0 < self._number("top", link) <= self._number("skip", link):
                continue
            body = await _get(self._client, link)
            self.asked += 1
            found = body["value"] if isinstance(body.get("value"), list) else [body]
            into.extend(found)
            if "@iot.nextLink" in body:
                waiting.append((body["@iot.nextLink"], into))
            self._collect(found, waiting)
        return result

    def _collect(self, tree: Any, waiting: list[tuple[str, list[Any]]]) -> None:
        if isinstance(tree, dict):
            for name in [name for name in tree if name.endswith("@iot.nextLink")]:
                waiting.append((tree.pop(name), tree[name.removesuffix("@iot.nextLink")]))
        for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
            self._collect(inner, waiting)

    @staticmethod
    def _number(name: str, link: str) -> int:
        found = re.search(rf"[$|%24]{name}=([0-9]+)", link)
        return int(found[1]) if found else 0


async def test_masterportal_reads_things_with_their_latest_values_in_one_request(town: Client) -> None:
    portal = Masterportal(town)
    expand = "Locations,Datastreams($expand=Observations($orderby=phenomenonTime+desc;$top=1))"
    things = await portal.get(f"Things?$expand={expand}")
    assert portal.asked == 1
    assert sorted(one["name"] for one in things) == sorted(STATIONS)
    for thing in things:
        for datastream in thing["Datastreams"]:
            assert len(datastream["Observations"]) == 1


async def test_masterportal_reads_what_is_in_its_window(town: Client) -> None:
    polygon = "geography'POLYGON ((9 53,11 53,11 54,9 54,9 53))'"
    for function in ("st_within", "st_intersects"):
        things = await _get(town, f"Things?$filter=true and {function}(Locations/location,{polygon})")
        assert _names(things) == ["forest", "harbour"]
        streams = await _get(town, f"Datastreams?$filter={function}(Thing/Locations/location,{polygon})")
        assert len(streams["value"]) == 4


async def test_masterportal_reads_all_pages(town: Client) -> None:
    for n in range(105):
        lamp = {"id": f"urn:x:{n}", "type": "Lamp", "lux": {"value": n, "observedAt": "2026-03-01T10:00:00Z"}}
        await write(town, "POST", "/ngsi-ld/v1/entities", lamp)
    portal = Masterportal(town)
    things = await portal.get("Things?$select=id")
    ids = [one["@iot.id"] for one in things]
    assert (len(ids), len(set(ids)), portal.asked) == (108, 108, 2)


async def test_masterportal_stops_at_the_number_that_it_asked_for(town: Client) -> None:
    portal = Masterportal(town)
    assert len(await portal.get("Things?$top=2")) == 2
    assert portal.asked == 1


async def test_masterportal_charts_the_last_hours(town: Client) -> None:
    old = await _get(town, "Observations?$filter=phenomenonTime gt now() sub duration'PT24H'")
    assert old["value"] == []
    all_of_them = await _get(town, "Observations?$filter=phenomenonTime lt now() sub duration'PT24H'&$count=true")
    assert all_of_them["@iot.count"] == 12


# FROST's client for Python


async def test_frost_client_finds_by_id_and_expands(town: Client) -> None:
    id = await _id(town, "Things", "harbour")
    thing = await _get(town, f"Things({id})?$expand=Locations,Datastreams")
    assert thing["@iot.selfLink"] == f"{ROOT}/Things({id})"
    assert thing["Locations"][0]["location"] == {"type": "Point", "coordinates": STATIONS["harbour"]}
    assert await _get(town, thing["HistoricalLocations@iot.navigationLink"])
    for datastream in thing["Datastreams"]:
        assert (await _get(town, datastream["Thing@iot.navigationLink"]))["@iot.id"] == id


async def test_frost_client_reads_the_message_of_an_error(town: Client) -> None:
    answer = await town.ask("GET", "/sta/v1.1/Things(99999)")
    assert (answer.status, answer.json["code"], answer.json["type"]) == (404, 404, "error")
    assert isinstance(answer.json["message"], str)


# pygeoapi


async def test_pygeoapi_reads_datastreams_with_all_that_belongs_to_them(town: Client) -> None:
    observations = "Observations($select=result,phenomenonTime;$orderby=phenomenonTime desc)"
    expand = f"Sensor,ObservedProperty,Thing($expand=Locations),{observations}"
    found = await _get(town, f"Datastreams?$count=true&$top=10&$expand={expand}")
    assert found["@iot.count"] == len(found["value"]) == 6
    for one in found["value"]:
        assert {"name", "definition"} <= one["ObservedProperty"].keys()
        assert one["Sensor"]["name"] == "unknown"
        assert one["Thing"]["Locations"][0]["location"]["type"] == "Point"
        assert all(observation.keys() == {"result", "phenomenonTime"} for observation in one["Observations"])


# Grafana


async def test_grafana_follows_what_stands_behind_the_last_question_mark(town: Client) -> None:
    streams = await _get(town, "Datastreams?$filter=Thing/name eq 'harbour' and ObservedProperty/name eq 'no2'")
    path = f"Datastreams({streams['value'][0]['@iot.id']})/Observations"
    times = "phenomenonTime ge 2026-03-01T00:00:00.000Z and phenomenonTime le 2026-03-02T00:00:00.000Z"
    address: str | None = f"{path}?$filter={times}&$orderby=phenomenonTime asc&$top=2"
    seen: list[float] = []
    while address is not None:
        body = await _get(town, address)
        seen += [one["result"] for one in body["value"]]
        link = body.get("@iot.nextLink")
        address = f"{path}?{link.rpartition('?')[2]}" if link else None
    assert seen == [18.5, 19, 20]
    assert len(seen) == len(HOURS)


# The standard's own check, and what else is sent


async def test_reading_with_the_content_type_of_a_write(town: Client) -> None:
    answer = await town.ask("GET", "/sta/v1.1/Things", headers={"content-type": "application/json"})
    assert answer.status == 200


async def test_plus_sign_of_an_offset_is_read_though_it_means_a_blank(town: Client) -> None:
    found = await _get(town, "Observations?$filter=phenomenonTime ge 2026-03-01T13:00:00+01:00&$select=phenomenonTime")
    assert found["value"] == [{"phenomenonTime": "2026-03-01T12:00:00Z"}] * 3


async def test_head_tells_what_get_would(town: Client) -> None:
    read, head = [await town.ask(method, "/sta/v1.1/Things") for method in ("GET", "HEAD")]
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == read.headers["content-length"]


async def test_every_link_of_an_answer_can_be_followed(town: Client) -> None:
    expand = f"Locations,Datastreams($top=1;$count=true;$expand={LATEST},Sensor,ObservedProperty)"
    page = await _get(town, f"Things?$top=1&$expand={expand}")
    links = set(_links(page))
    assert len(links) > 15
    for link in links:
        assert link.startswith(ROOT)
        await _get(town, link)


def _links(tree: Any) -> Any:
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name.endswith("Link"):
                yield value
            yield from _links(value)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _links(inner)


async def test_links_keep_the_tenant(client: Client) -> None:
    lamp = {"id": "urn:x:1", "type": "Lamp", "lux": {"value": 1, "observedAt": "2026-03-01T10:00:00Z"}}
    await write(client, "POST", "/t/north/ngsi-ld/v1/entities", lamp)
    for prefix, headers in (("/t/north", {}), ("", {"ngsild-tenant": "north"})):
        answer = await client.ask("GET", f"{prefix}/sta/v1.1/Things", headers=headers)
        [thing] = answer.json["value"]
        assert thing["@iot.selfLink"] == f"{BASE}/t/north/sta/v1.1/Things({thing['@iot.id']})"
    assert (await client.ask("GET", "/sta/v1.1/Things")).json == {"value": []}
