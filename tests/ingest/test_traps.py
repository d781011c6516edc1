"""Every trap that real municipal files have shown, in small files of our own, on both engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ingest.import_run import EXAMPLES, FILES, Importer

BICYCLES = EXAMPLES / "bicycles-muenster.yaml"
AIR = EXAMPLES / "air-quality-muenster.yaml"
RING = "urn:ngsi-ld:BicycleCounter:muenster:51000000"
STATION = "urn:ngsi-ld:AirQualityObserved:ST01"


async def test_import_makes_channels_of_wide_columns_by_id_not_by_header(importer: Importer) -> None:
    reports = await importer.run(BICYCLES, FILES / "bicycles-2025-10.csv", FILES / "bicycles-2026-03.csv")
    assert [(one.records, one.rejected) for one in reports] == [(5, 0), (2, 0)]
    assert await importer.history(RING + "1", "bicycleCount") == {
        "2025-10-25T23:45:00Z": 4,
        "2025-10-26T00:00:00Z": 8,
        "2025-10-26T00:15:00Z": 9,
        "2025-10-26T02:00:00Z": 0,
        "2026-03-29T00:45:00Z": 3,
        "2026-03-29T01:00:00Z": 4,
    }
    out = await importer.history(RING + "2", "bicycleCount")
    assert (out["2025-10-31T03:45:00Z"], out["2026-03-29T01:00:00Z"]) == (7, 5)
    assert (await importer.entity(RING + "2"))["name"] == "Ring stadtauswärts"


async def test_import_takes_the_sum_column_for_the_site(importer: Importer) -> None:
    await importer.run(BICYCLES, FILES / "bicycles-2025-10.csv")
    site = await importer.entity("urn:ngsi-ld:BicycleCountingSite:muenster:500000001")
    assert site == {"name": "Ring"}
    assert (await importer.entity(RING + "1"))["refSite"] == "urn:ngsi-ld:BicycleCountingSite:muenster:500000001"
    assert await importer.history("urn:ngsi-ld:BicycleCounter:muenster:500000001", "bicycleCount") == {}


async def test_import_leaves_empty_cells_absent(importer: Importer) -> None:
    await importer.run(BICYCLES, FILES / "bicycles-2025-10.csv")
    assert await importer.history(RING + "3", "bicycleCount") == {}
    assert "2025-10-31T03:45:00Z" not in await importer.history(RING + "1", "bicycleCount")


async def test_import_reports_the_summed_hour_of_autumn_and_marks_its_values(importer: Importer) -> None:
    (report,) = await importer.run(BICYCLES, FILES / "bicycles-2025-10.csv")
    ((what, oddity),) = report.oddities.items()
    assert "both-summed" in what
    assert "autumn" in what
    assert (oddity.count, oddity.examples[0].rpartition(":")[2]) == (2, "3")
    marked = await importer.marked(RING + "1", "bicycleCount", "coversBothHours")
    assert marked == ["2025-10-26T00:00:00Z", "2025-10-26T00:15:00Z"]


@pytest.mark.parametrize(
    ("rule", "times", "rejected"),
    [
        ("first", ["2025-10-26T00:00:00Z", "2025-10-26T00:15:00Z"], 0),
        ("second", ["2025-10-26T01:00:00Z", "2025-10-26T01:15:00Z"], 0),
        ("in-order", ["2025-10-26T00:00:00Z", "2025-10-26T00:15:00Z"], 0),
        ("skip", [], 0),
        ("error", [], 2),
    ],
)
async def test_import_follows_the_rule_for_the_doubled_hour(
    importer: Importer, rule: str, times: list[str], rejected: int
) -> None:
    text = BICYCLES.read_text().replace("ambiguous: both-summed", f"ambiguous: {rule}")
    mapping = importer.folder / "mapping.yaml"
    mapping.write_text(text)
    (report,) = await importer.run(mapping, FILES / "bicycles-2025-10.csv")
    history = await importer.history(RING + "1", "bicycleCount")
    assert [time for time in history if "2025-10-26T00" <= time < "2025-10-26T02"] == times
    assert (report.rejected, report.skipped) == (rejected, 2 if rule == "skip" else 0)


async def test_import_reads_ends_of_hours_across_both_changes_of_the_clock(importer: Importer) -> None:
    (report,) = await importer.run(AIR, FILES / "air-quality.csv")
    assert (report.rejected, report.skipped, report.blank, report.empty) == (0, 1, 1, 1)
    assert list(await importer.history(STATION, "pm10")) == [
        "2022-03-27T00:00:00Z",
        "2022-03-27T01:00:00Z",
        "2022-03-27T02:00:00Z",
        "2022-10-29T22:00:00Z",
        "2022-10-29T23:00:00Z",
        "2022-10-30T00:00:00Z",
        "2022-10-30T01:00:00Z",
        "2022-10-30T02:00:00Z",
        "2022-10-30T03:00:00Z",
    ]


async def test_import_leaves_missing_words_absent_and_keeps_zero(importer: Importer) -> None:
    await importer.run(AIR, FILES / "air-quality.csv")
    ozone = await importer.history(STATION, "o3")
    assert ozone["2022-10-30T02:00:00Z"] == 0
    assert "2022-10-30T03:00:00Z" not in ozone
    assert await importer.history(STATION, "pm25") == {"2022-10-29T22:00:00Z": 7}
    levels = await importer.history(STATION, "airQualityLevel")
    assert levels["2022-10-30T03:00:00Z"] == "very good"
    assert "2022-05-24T11:00:00Z" not in levels


async def test_import_reports_ignored_extra_fields_and_doubled_hours(importer: Importer) -> None:
    (report,) = await importer.run(AIR, FILES / "air-quality.csv")
    counts = {what: oddity.count for what, oddity in report.oddities.items()}
    assert counts == {"doubled hour of autumn, rule 'in-order'": 2, "extra fields ignored": 1}


async def test_import_reads_swapped_coordinates_as_the_mapping_says(importer: Importer) -> None:
    (report,) = await importer.run(EXAMPLES / "playgrounds-muenster.yaml", FILES / "playgrounds.csv")
    place = await importer.entity("urn:ngsi-ld:Playground:muenster:1")
    assert place["location"]["coordinates"] == [7.657179640933186, 51.91070734285669]
    assert (place["name"], place["area"], place["kind"]) == ("Sp Am Hörsterplatz", 2069, "Alle Altersklassen")
    second = await importer.entity("urn:ngsi-ld:Playground:muenster:2")
    assert (second["zones"], "area" in second) == (["B", "C"], False)
    assert (report.records, report.rejected, report.blank) == (3, 1, 1)
    (line,) = importer.rejected()
    assert (line["record"], line["field"], line["value"][1]) == (4, "area", "Sp Kaputt")
    assert "'12 ha' is not a number" in line["reason"]


async def test_import_reads_polygons_and_rejects_bad_features_with_reasons(importer: Importer) -> None:
    (report,) = await importer.run(EXAMPLES / "polling-districts-karlsruhe.yaml", FILES / "districts.geojson")
    district = await importer.entity("urn:ngsi-ld:PollingDistrict:karlsruhe:2016:001-01")
    assert (district["constituencyNumber"], district["name"]) == (27, "Universität")
    assert district["location"]["coordinates"][0][0] == [8.417986894456929, 49.01107291435295]
    islands = await importer.entity("urn:ngsi-ld:PollingDistrict:karlsruhe:2016:001-04")
    assert islands["location"]["type"] == "MultiPolygon"
    assert (report.records, report.rejected) == (4, 2)
    assert [(line["record"], line["field"]) for line in importer.rejected()] == [
        (2, "constituencyNumber"),
        (3, "location"),
    ]


async def test_import_reads_entities_with_contexts_from_the_folder(importer: Importer) -> None:
    (report,) = await importer.run(EXAMPLES / "ngsi-ld.yaml", FILES / "entities.jsonld")
    bench = await importer.entity("urn:ngsi-ld:Bench:1")
    assert bench["https://example.org/terms#seats"] == 1.10
    assert bench["https://example.org/terms#placedIn"] == "urn:ngsi-ld:Park:1"
    assert await importer.history("urn:ngsi-ld:Bench:1", "count") == {"2025-01-01T00:00:00Z": 3}
    assert (report.records, report.rejected) == (4, 3)
    reasons = {line["record"]: line["reason"] for line in importer.rejected()}
    assert "not a URI" in reasons[2]
    assert "unknown.invalid" in reasons[3]
    assert "not a JSON object" in reasons[4], reasons


async def test_import_keeps_number_literals_of_entities(importer: Importer) -> None:
    await importer.run(EXAMPLES / "ngsi-ld.yaml", FILES / "entities.jsonld")
    assert await importer.text("urn:ngsi-ld:Bench:1", "https://example.org/terms#seats") == "1.10"


async def test_import_cuts_nanoseconds_and_fills_in_what_is_not_sent(importer: Importer) -> None:
    await importer.run(EXAMPLES / "devices" / "chirpstack-v4.yaml", FILES / "uplink-chirpstack.json")
    device = await importer.entity("urn:ngsi-ld:Device:0a01")
    assert (device["frameCounter"], device["adaptiveDataRate"], device["rssi"]) == (0, False, -36)
    assert list(await importer.history("urn:ngsi-ld:Device:0a01", "rssi")) == ["2022-07-18T09:34:15.775023Z"]


async def test_import_leaves_simulated_messages_out(importer: Importer) -> None:
    (report,) = await importer.run(
        EXAMPLES / "devices" / "the-things-stack-v3.yaml", FILES / "uplink-the-things-stack.json"
    )
    assert (report.records, report.skipped, report.rejected) == (2, 1, 0)
    device = await importer.entity("urn:ngsi-ld:Device:0004a30b001c0530")
    assert (device["measurement"], device["frameCounter"]) == ({"temperature": 1.0}, 0)


async def test_import_reads_numbers_from_texts(importer: Importer) -> None:
    await importer.run(EXAMPLES / "devices" / "thingpark.yaml", FILES / "uplink-thingpark.json")
    assert await importer.history("urn:ngsi-ld:Device:0018b2", "rssi") == {"2018-10-03T13:38:46.882Z": -80.5}


async def test_import_takes_nan_for_nothing_and_utc_as_the_mapping_says(importer: Importer) -> None:
    (report,) = await importer.run(EXAMPLES / "devices" / "sensor-community.yaml", FILES / "sensor-community.json")
    assert report.rejected == 0
    assert await importer.history("urn:ngsi-ld:Device:sensor.community:3329", "pm10") == {"2023-04-19T16:17:25Z": 3.67}
    assert await importer.history("urn:ngsi-ld:Device:sensor.community:3329", "pm25") == {}


async def test_import_reads_what_a_sensor_pushes_with_and_without_the_name_of_its_part(
    importer: Importer, tmp_path: Path
) -> None:
    values = {"SDS_P1": "0.40", "P2": "nan", "BME280_temperature": "18.54", "humidity": "61.20", "signal": "-68"}
    message = {
        "esp8266id": "12331981",
        "software_version": "NRZ-2020-129",
        "sensordatavalues": [{"value_type": kind, "value": value} for kind, value in values.items()],
    }
    path = tmp_path / "push.json"
    path.write_text(json.dumps(message))
    (report,) = await importer.run(EXAMPLES / "devices" / "sensor-community-push.yaml", path)
    assert (report.records, report.rejected) == (1, 0)
    assert await importer.entity("urn:ngsi-ld:Device:airrohr:12331981") == {
        "pm10": 0.4,
        "temperature": 18.54,
        "relativeHumidity": 0.612,
        "rssi": -68,
        "firmwareVersion": "NRZ-2020-129",
    }


async def test_import_takes_stations_and_their_values_from_one_list(importer: Importer, tmp_path: Path) -> None:
    records = [
        {"stationsId": "A", "zeitstempel": "2026-01-01T00:00:00Z", "pm10": 12, "no2": 20.5},
        {"stationsId": "A", "name": "Ring", "lat": 51.95, "lon": 7.62},
        {"stationsId": "A", "zeitstempel": "2026-01-01T01:00:00+01:00", "pm25": 7},
        {"stationsId": "A", "zeitstempel": "2026-01-01T02:00:00Z", "pm10": 13},
    ]
    path = tmp_path / "stations.json"
    path.write_text(json.dumps(records))
    (report,) = await importer.run(EXAMPLES / "air-quality-station.yaml", path)
    assert (report.records, report.rejected) == (4, 0)
    id_ = "urn:ngsi-ld:AirQualityObserved:A"
    assert await importer.history(id_, "pm10") == {"2026-01-01T00:00:00Z": 12, "2026-01-01T02:00:00Z": 13}
    assert await importer.history(id_, "pm25") == {"2026-01-01T00:00:00Z": 7}
    station = await importer.entity(id_)
    assert station["name"] == "Ring"
    assert station["location"] == {"type": "Point", "coordinates": [7.62, 51.95]}
