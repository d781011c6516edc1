"""The town in each format, over the whole application."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

import pytest

from tests.asgi_client import Answer, Client
from tests.sensorthings.conftest import BASE, HOURS, STATIONS

ROOT = f"{BASE}/sta/v1.1"
HARBOUR = "Thing/name eq 'harbour' and ObservedProperty/name eq 'no2'"


async def _ask(client: Client, address: str) -> Answer:
    path, _, query = address.partition("?")
    answer = await client.ask("GET", f"/sta/v1.1/{path}", query=quote(query, safe="=&$();,"))
    assert answer.status == 200, answer.text
    return answer


async def _stream(client: Client) -> int:
    found = await _ask(client, f"Datastreams?$filter={HARBOUR}")
    return found.json["value"][0]["@iot.id"]


@pytest.mark.parametrize(
    "set",
    ["Things", "Locations", "Datastreams", "Observations"],
)
async def test_geojson_shows_everything_at_the_place_of_its_station(town: Client, set: str) -> None:
    answer = await _ask(town, f"{set}?$resultFormat=GeoJSON&$count=true")
    assert answer.headers["content-type"] == "application/geo+json"
    features = answer.json["features"]
    assert len(features) == answer.json["@iot.count"] >= len(STATIONS)
    assert {tuple(one["geometry"]["coordinates"]) for one in features} == _places()


def _places() -> set[tuple[float, ...]]:
    return {tuple(place) for place in STATIONS.values()}


async def test_geojson_of_one_entity_is_a_feature(town: Client) -> None:
    feature = (await _ask(town, f"Datastreams({await _stream(town)})/Thing?$resultFormat=GeoJSON")).json
    assert (feature["type"], feature["geometry"]["coordinates"]) == ("Feature", STATIONS["harbour"])
    assert feature["properties"]["name"] == "harbour"
    assert "Locations" not in feature["properties"]


async def test_csv_of_all_values_of_a_stream(town: Client) -> None:
    answer = await _ask(
        town,
        f"Datastreams({await _stream(town)})/Observations?$resultFormat=CSV&$select=phenomenonTime,result,resultTime",
    )
    assert list(csv.reader(io.StringIO(answer.text, newline=""))) == [
        ["phenomenonTime", "result", "resultTime"],
        ["2026-03-01T10:00:00Z", "18.5", ""],
        ["2026-03-01T11:00:00Z", "19", ""],
        ["2026-03-01T12:00:00Z", "20", ""],
    ]


async def test_csv_pages_by_the_link_header(town: Client) -> None:
    rows: list[str] = []
    address: str | None = "Datastreams?$resultFormat=CSV&$select=name&$top=4&$orderby=name"
    while address is not None:
        path, _, query = address.partition("?")
        answer = await town.ask("GET", f"/sta/v1.1/{path}", query=query)
        rows += answer.text.split("\r\n")[1:-1]
        link = answer.headers.get("link")
        address = link.removeprefix(f"<{ROOT}/").partition(">")[0] if link else None
    assert rows == sorted(rows)
    assert len(rows) == 2 * len(STATIONS)


async def test_data_array_of_a_stream_and_of_all(town: Client) -> None:
    stream = await _stream(town)
    [group] = (await _ask(town, f"Datastreams({stream})/Observations?$resultFormat=dataArray")).json["value"]
    assert group["Datastream@iot.navigationLink"] == f"{ROOT}/Datastreams({stream})"
    assert [row[1:] for row in group["dataArray"]] == [
        [f"2026-03-01T{hour}:00:00Z", None, result] for hour, result in zip(HOURS, (18.5, 19, 20), strict=True)
    ]
    groups = (await _ask(town, "Observations?$resultFormat=dataArray")).json["value"]
    assert len(groups) == 2 * len(STATIONS)
    assert sum(group["dataArray@iot.count"] for group in groups) == len(STATIONS) * (len(HOURS) + 1)


async def test_single_values(town: Client) -> None:
    stream = await _stream(town)
    name = await _ask(town, f"Datastreams({stream})/Thing/name/$value")
    assert (name.text, name.headers["content-type"]) == ("harbour", "text/plain; charset=utf-8")
    assert (await _ask(town, f"Datastreams({stream})/unitOfMeasurement/symbol")).json == {"symbol": "µg/m³"}
    assert (await _ask(town, f"Datastreams({stream})/Thing/properties/operator/$value")).text == "city"
    assert (await town.ask("GET", f"/sta/v1.1/Datastreams({stream})/observedArea")).status == 204
    references = (await _ask(town, f"Datastreams({stream})/Observations/$ref?$top=1")).json
    assert list(references["value"][0]) == ["@iot.selfLink"]
    assert "/$ref?$top=1&$skip=1&" in references["@iot.nextLink"]
