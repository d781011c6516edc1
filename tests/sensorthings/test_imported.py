"""Files as cities publish them, imported by the mappings of the examples, are Things and Datastreams."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client
from tests.ingest.import_run import EXAMPLES, FILES, VOCABULARY, open_importer

ONE = {"name": "one", "symbol": "1", "definition": "http://unitsofmeasure.org/ucum.html#1"}
MICROGRAMS = {
    "name": "microgram per cubic metre",
    "symbol": "µg/m³",
    "definition": "http://unitsofmeasure.org/ucum.html#ug/m3",
}
NO_UNIT = {"name": None, "symbol": None, "definition": None}
MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
BICYCLES = {"2025-10.csv": 5, "2026-03.csv": 2}
CHANNELS = {"510000001": "Ring stadteinwärts", "510000002": "Ring stadtauswärts", "510000003": "Ring [Bike OUT]"}
BY_SITE = "2025-10-25T23:45:00Z/2026-03-29T01:00:00Z"
AIR = "2022-03-27T00:00:00Z/2022-10-30T03:00:00Z"
STATION = "urn:ngsi-ld:AirQualityObserved:ST01"
COLUMNS = {"pm10": "PM₁₀", "o3": "O₃", "no2": "NO₂", "pm25": "PM₂,₅"}


@pytest.fixture
async def imported(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """An application over what was imported: counts of bicycles in two months, and air quality."""
    async with open_importer(database_url, tmp_path) as importer:
        files = [FILES / f"bicycles-{name}" for name in BICYCLES]
        counts = await importer.run(EXAMPLES / "bicycles-muenster.yaml", *files)
        air = await importer.run(EXAMPLES / "air-quality-muenster.yaml", FILES / "air-quality.csv")
        assert [report.rejected for report in counts + air] == [0, 0, 0]
    settings = Settings(data=tmp_path / "data", database_url=database_url, anonymous="read")
    async with run_client(settings) as client:
        yield client


async def _get(client: Client, path: str, **options: str) -> Any:
    answer = await client.ask("GET", f"/sta/v1.1/{path}", query={f"${name}": text for name, text in options.items()})
    assert answer.status == 200, answer.text
    return answer.json


async def _streams(client: Client, filter: str) -> dict[str, Any]:
    found = await _get(client, "Datastreams", filter=filter, expand="Thing,ObservedProperty,Sensor")
    return {one["name"]: one for one in found["value"]}


async def _observations(client: Client, stream: Any) -> list[Any]:
    """All of them by pages of three."""
    found: list[Any] = []
    address = f"/sta/v1.1/Datastreams({stream['@iot.id']})/Observations?$top=3&$count=true"
    while address:
        path, _, query = address.removeprefix("http://127.0.0.1:8080").partition("?")
        answer = await client.ask("GET", path, query=query)
        found += answer.json["value"]
        assert answer.json["@iot.count"] >= len(found)
        address = answer.json.get("@iot.nextLink")
    assert answer.json["@iot.count"] == len(found)
    return found


def _counted(channel: str) -> list[int]:
    """What the files say of a channel, whatever it is called in which of them."""
    counts: list[int] = []
    for name in BICYCLES:
        with (FILES / f"bicycles-{name}").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                counts += [int(cell) for title, cell in row.items() if title.startswith(f"{channel} ") and cell]
    return counts


def _measured(column: str) -> list[float]:
    with (FILES / "air-quality.csv").open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file, delimiter=";"))
    place = next(place for place, title in enumerate(head) if column in title)
    return [float(row[place]) for row in rows if len(row) > place and row[place] != "-"]


async def test_imported_files_are_so_many_things_and_datastreams(imported: Client) -> None:
    sizes = {
        name: (await _get(imported, name, top="0", count="true"))["@iot.count"]
        for name in ("Things", "Datastreams", "ObservedProperties", "Observations")
    }
    numbers = [_counted(channel) for channel in CHANNELS] + [_measured(column) for column in COLUMNS.values()]
    # beside the numbers: the names of the site and its channels in both files (one is in the first alone), and the
    # index of nine hours
    assert sizes == {
        "Things": 1 + len(CHANNELS) + 1,
        "Datastreams": 1 + len(CHANNELS) + 2 + len(COLUMNS) + 1,
        "ObservedProperties": 2 + len(COLUMNS) + 1,
        "Observations": sum(map(len, numbers)) + await _texts(imported),
    }


async def _texts(client: Client) -> int:
    streams = await _streams(client, "ObservedProperty/name in ('name','airQualityLevel')")
    return sum([len(await _observations(client, stream)) for stream in streams.values()])


async def test_imported_counts_have_unit_extent_and_sum_of_the_files(imported: Client) -> None:
    streams = await _streams(imported, "ObservedProperty/name eq 'bicycleCount'")
    assert streams.keys() == {"Ring stadteinwärts: bicycleCount", "Ring stadtauswärts: bicycleCount"}
    for stream in streams.values():
        channel = (await _get(imported, f"Things({stream['Thing']['@iot.id']})"))["name"]
        number = next(key for key, name in CHANNELS.items() if name == channel)
        assert stream["Thing"]["properties"] == {"refSite": "urn:ngsi-ld:BicycleCountingSite:muenster:500000001"}
        assert (stream["unitOfMeasurement"], stream["observationType"]) == (ONE, MEASUREMENT)
        assert stream["phenomenonTime"] == BY_SITE
        assert "resultTime" not in stream
        assert stream["ObservedProperty"]["definition"] == f"{VOCABULARY}bicycleCount"
        results = [one["result"] for one in await _observations(imported, stream)]
        assert (sum(results), len(results)) == (sum(_counted(number)), len(_counted(number)))


async def test_imported_air_has_units_extents_and_sums_of_the_file(imported: Client) -> None:
    streams = await _streams(imported, f"Thing/name eq '{STATION}'")
    extents = {
        "pm10": AIR,
        "o3": AIR.replace("T03", "T02"),
        "no2": AIR,
        "pm25": "2022-10-29T22:00:00Z/2022-10-29T22:00:00Z",
        "airQualityLevel": AIR,
    }
    by_property = {one["ObservedProperty"]["name"]: one for one in streams.values()}
    assert {name: one["phenomenonTime"] for name, one in by_property.items()} == extents
    for name, column in COLUMNS.items():
        stream = by_property[name]
        assert (stream["unitOfMeasurement"], stream["observationType"]) == (MICROGRAMS, MEASUREMENT)
        assert stream["Sensor"]["name"] == "unknown"
        results = [one["result"] for one in await _observations(imported, stream)]
        assert (sum(results), len(results)) == (sum(_measured(column)), len(_measured(column)))
    assert by_property["airQualityLevel"]["unitOfMeasurement"] == NO_UNIT


async def test_imported_latest_values_come_in_one_request(imported: Client) -> None:
    expand = "Datastreams($expand=Observations($orderby=phenomenonTime desc;$top=1))"
    things = await _get(imported, "Things", expand=expand)
    latest = {
        stream["name"]: (observation["phenomenonTime"], observation["result"])
        for thing in things["value"]
        for stream in thing["Datastreams"]
        for observation in stream["Observations"]
    }
    assert len(latest) == 11
    assert latest["Ring stadteinwärts: bicycleCount"] == ("2026-03-29T01:00:00Z", 4)
    assert latest[f"{STATION}: no2"] == ("2022-10-30T03:00:00Z", 25)
