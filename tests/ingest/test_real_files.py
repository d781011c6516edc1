"""The real files of Münster and Karlsruhe, and the published Smart Data Models, where they are at hand."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from stadtkern.ingest.mapping.document import load_mapping
from stadtkern.model.instant import parse_instant
from tests.ingest.import_run import DATA, EXAMPLES, Importer, open_importer

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="the real files (../shared/data) are not at hand"),
    pytest.mark.timeout(300),
]
BERLIN = ZoneInfo("Europe/Berlin")
STATIONS = {"DENW095": "1140", "DENW260": "1303"}


def bicycle_files() -> list[Path]:
    return sorted((DATA / "radverkehr-muenster").glob("*/*.csv"))


def channel_sums(files: list[Path]) -> Counter[tuple[str, str]]:
    """Counts by channel and month of the wall clock, straight from the files; the site's own column left out."""
    sums: Counter[tuple[str, str]] = Counter()
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for name, cell in row.items():
                    channel = name.partition(" ")[0]
                    if cell and channel.isdigit() and channel != path.parent.name:
                        sums[channel, row["Datetime"][:7]] += int(cell)
    return sums


async def stored_sums(importer: Importer) -> tuple[Counter[tuple[str, str]], int]:
    tenant = await importer.target._control.services.broker._tenants.get("default")  # pyright: ignore
    rows = await tenant.database.fetch(
        "SELECT e.id, o.time, o.num FROM observation o JOIN series s ON s.n = o.series JOIN entity e ON e.n = s.entity"
        " WHERE o.observed = 1 AND s.attribute LIKE '%/bicycleCount'"
    )
    assert len({(row[0], row[1]) for row in rows}) == len(rows), "an instant occurs twice"
    sums: Counter[tuple[str, str]] = Counter()
    for id_, time, number in rows:
        month = datetime.fromtimestamp(time / 1_000_000, UTC).astimezone(BERLIN).strftime("%Y-%m")
        sums[id_.rpartition(":")[2], month] += int(number)
    return sums, len(rows)


@pytest.fixture(params=["sqlite", "postgres"])
def engine_url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_database_url")


async def test_bicycles_import_completely_with_the_sums_of_the_files(engine_url: str, tmp_path: Path) -> None:
    # all sites on one engine, one of them on the other
    files = bicycle_files()[: 12 if engine_url else None]
    async with open_importer(engine_url, tmp_path) as importer:
        reports = await importer.run(EXAMPLES / "bicycles-muenster.yaml", *files)
        assert len(files) == (12 if engine_url else 36)
        assert sum(report.rejected for report in reports) == 0
        doubled = {report.file: oddity.count for report in reports for oddity in report.oddities.values()}
        assert doubled == {str(path): 4 for path in files if path.name == "2025-10.csv"}
        sums, stored = await stored_sums(importer)
        assert +sums == +channel_sums(files)
        again = await importer.run(EXAMPLES / "bicycles-muenster.yaml", *files[9:11])
        assert sum(report.written for report in again) == 0
        assert (await stored_sums(importer))[1] == stored


async def test_air_quality_yields_hourly_instants_none_twice(engine_url: str, tmp_path: Path) -> None:
    files = sorted((DATA / "luftqualitaet-muenster").glob("*.csv"))
    async with open_importer(engine_url, tmp_path) as importer:
        reports = await importer.run(EXAMPLES / "air-quality-muenster.yaml", *files)
        assert [report.rejected for report in reports] == [0, 0]
        for station, file in STATIONS.items():
            await check_station(importer, station, next(path for path in files if file in path.name))


async def check_station(importer: Importer, station: str, path: Path) -> None:
    """Compare with what the file says, hour by hour: its lines are the hours in order, whatever they are called."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=";") if len(row) >= 7][1:]
    first = datetime(2022, 1, 1, tzinfo=UTC)
    hours = [(first + timedelta(hours=at)).strftime("%Y-%m-%dT%H:%M:%SZ") for at in range(len(rows))]
    assert hours[-1] == "2024-01-01T00:00:00Z"
    for column, attribute in enumerate(("pm10", "o3", "no2", "pm25"), 2):
        found = await importer.history(f"urn:ngsi-ld:AirQualityObserved:{station}", attribute)
        assert found == {
            hour: float(row[column]) for hour, row in zip(hours, rows, strict=True) if row[column] not in ("-", "")
        }


async def test_playgrounds_lie_in_muenster(tmp_path: Path) -> None:
    async with open_importer("", tmp_path) as importer:
        (report,) = await importer.run(
            EXAMPLES / "playgrounds-muenster.yaml", DATA / "geo" / "spielplaetze-muenster.csv"
        )
        assert (report.records, report.rejected) == (291, 0)
        place = (await importer.entity("urn:ngsi-ld:Playground:muenster:754"))["location"]
        assert place["coordinates"] == [7.657179640933186, 51.91070734285669]


async def test_polling_districts_keep_their_polygons(tmp_path: Path) -> None:
    path = DATA / "geo" / "wahlbezirke-karlsruhe-2016.geojson"
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    async with open_importer("", tmp_path) as importer:
        (report,) = await importer.run(EXAMPLES / "polling-districts-karlsruhe.yaml", path)
        assert (report.records, report.rejected) == (len(features), 0)
        for feature in features[::20]:
            number = feature["properties"]["Wahlbezirksnummer"]
            district = await importer.entity(f"urn:ngsi-ld:PollingDistrict:karlsruhe:2016:{number}")
            assert district["location"] == feature["geometry"]


@pytest.mark.parametrize(
    ("payload", "mapping"),
    [
        ("chirpstack-v4-uplink", "chirpstack-v4"),
        ("the-things-stack-v3-uplink", "the-things-stack-v3"),
        ("thingpark-uplink", "thingpark"),
        ("sensor-community", "sensor-community"),
        ("sensor-community-push", "sensor-community-push"),
        ("gbfs3-station-status", "gbfs3-station-status"),
        ("ocpi-location", "ocpi-location"),
        ("luftmessung-mqtt", "air-measurement"),
        ("verkehrszaehlung-mqtt", "vehicle-count"),
    ],
)
async def test_messages_of_devices_import(tmp_path: Path, payload: str, mapping: str) -> None:
    async with open_importer("", tmp_path) as importer:
        (report,) = await importer.run(EXAMPLES / "devices" / f"{mapping}.yaml", DATA / "payloads" / f"{payload}.json")
        assert (report.records, report.rejected, report.written > 2) == (1, 0, True)


MODELS = sorted((DATA / "smart-data-models").glob("*/example*.jsonld"))


@pytest.fixture
def contexts(tmp_path: Path) -> Path:
    """The published contexts under the addresses that the examples name."""
    folder = tmp_path / "contexts"
    folder.mkdir()
    index: dict[str, str] = {}
    for name in ("Environment", "Parking"):
        body = (DATA / "smart-data-models" / f"{name}.context.jsonld").read_bytes()
        (folder / f"{name}.jsonld").write_bytes(body)
        address = f"https://raw.githubusercontent.com/smart-data-models/dataModel.{name}/master/context.jsonld"
        index[address] = f"{name}.jsonld"
    (folder / "index.json").write_bytes(msgspec.json.encode(index))
    return folder


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_published_models_come_back_unchanged_in_meaning(tmp_path: Path, contexts: Path, path: Path) -> None:
    sent = json.loads(path.read_text(encoding="utf-8"))  # noqa: ASYNC240 - a small file in a test
    simplified = path.stem == "example"
    mapping = EXAMPLES / ("ngsi-ld-simplified.yaml" if simplified else "ngsi-ld.yaml")
    async with open_importer("", tmp_path, contexts=contexts) as importer:
        (report,) = await importer.run(mapping, path)
        assert (report.records, report.rejected) == (1, 0)
        context = await importer.target.contexts.resolve(sent["@context"], importer.target.grant)
        broker = importer.target._control.services.broker  # pyright: ignore
        entity = await broker.retrieve_entity(importer.target.grant, sent["id"])
        assert [context.compact_iri(name) for name in entity.types] == [sent["type"]]
        found = {context.compact_iri(name): group for name, group in entity.attributes.items()}
        members = {name: value for name, value in sent.items() if name not in ("id", "type", "@context")}
        assert found.keys() == members.keys()
        for name, value in members.items():
            check_attribute(found[name], value, simplified=simplified)
    assert load_mapping(mapping).source.format == "ngsi-ld"


def check_attribute(instances: list[Any], sent: Any, *, simplified: bool) -> None:
    (instance,) = instances
    if simplified:
        assert msgspec.json.decode(instance.value) == sent
        return
    assert instance.kind == sent["type"]
    assert msgspec.json.decode(instance.value) == sent.get("value", sent.get("object"))
    assert instance.unit_code == sent.get("unitCode")
    observed = sent.get("observedAt")
    assert instance.observed_at == (None if observed is None else parse_instant(observed))
