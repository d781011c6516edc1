"""FROST's client for Python, as its users write it, against a server that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sensorthings.conftest import HOURS, STATIONS, measured, station
from tests.sensorthings.frost_client import frost_sta_client
from tests.server_process import ServerProcess

pytestmark = pytest.mark.filterwarnings("ignore:furl:DeprecationWarning")  # the client's own, not ours to mend
NO2 = "ObservedProperty/name eq 'no2'"


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Any]:
    """The client of a server with three stations, each with three values of NO2 and one of PM10."""
    with ServerProcess(tmp_path, database_url=database_url, anonymous="write") as server:
        server.start()
        for name, place in STATIONS.items():
            entities = f"{server.url}/ngsi-ld/v1/entities"
            requests.post(entities, json=station(name, place), timeout=30).raise_for_status()
            for hour in HOURS[1:]:
                address = f"{entities}/urn:ngsi-ld:AirQualityObserved:{name}/attrs"
                value = {"no2": measured(hour + 8, hour)}
                requests.patch(address, json=value, timeout=30).raise_for_status()
        yield frost_sta_client.SensorThingsService(f"{server.url}/sta/v1.1")


def test_sets_are_listed_filtered_ordered_and_counted(service: Any) -> None:
    every = service.things().query().count().orderby("name", "ASC").list()
    assert (every.count, [one.name for one in every]) == (3, sorted(STATIONS))
    one = service.things().query().filter("substringof('for',name) and properties/operator eq 'city'").list()
    [forest] = one
    assert (forest.name, forest.description) == ("forest", "The station at the forest")
    assert forest.properties == {"operator": "city"}
    last = service.things().query().orderby("name").top(1).skip(1).list()
    assert last.get(0).name == "harbour"


def test_pages_are_followed_to_the_end(service: Any) -> None:
    found = service.observations().query().count().orderby("phenomenonTime", "DESC").top(5).list()
    assert (found.count, len(found.entities)) == (12, 5)
    read = list(found)
    assert len({one.id for one in read}) == len(read) == 12
    assert [one.phenomenon_time for one in read] == sorted((one.phenomenon_time for one in read), reverse=True)


def test_filtered_pages_stay_filtered(service: Any) -> None:
    query = service.observations().query().filter(f"Datastream/{NO2} and result ge 19").top(2)
    assert sorted(one.result for one in query.list()) == [19, 19, 19, 20, 20, 20]


def test_expanded_entities_are_read_and_their_pages_followed(service: Any) -> None:
    observations = "Observations($orderby=phenomenonTime desc;$top=1;$count=true)"
    found = (
        service.datastreams().query().filter(NO2).expand(f"Thing($expand=Locations),ObservedProperty,{observations}")
    )
    streams = list(found.list())
    assert len(streams) == 3
    for stream in streams:
        assert stream.thing.name in STATIONS
        [location] = stream.thing.locations.entities
        assert location.location["coordinates"] == STATIONS[stream.thing.name]
        assert stream.observed_property.name == "no2"
        assert (stream.observations.count, stream.observations.entities[0].result) == (3, 20)
        assert [one.result for one in stream.observations] == [20, 19, 18.5]


def test_entities_are_found_by_their_ids(service: Any) -> None:
    stream = service.datastreams().query().filter(f"{NO2} and Thing/name eq 'harbour'").list().get(0)
    found = service.datastreams().find(stream.id)
    assert found == stream
    assert found.unit_of_measurement.symbol == "µg/m³"
    assert found.unit_of_measurement.definition == "http://unitsofmeasure.org/ucum.html#ug/m3"
    assert found.observation_type.endswith("/OM_Measurement")
    assert found.phenomenon_time == "2026-03-01T10:00:00Z/2026-03-01T12:00:00Z"


def test_relations_lead_on(service: Any) -> None:
    thing = service.things().query().filter("name eq 'mountain'").list().get(0)
    streams = {one.name: one for one in thing.get_datastreams().query().list()}
    assert streams.keys() == {"mountain: no2", "mountain: pm10"}
    values = streams["mountain: no2"].get_observations().query().orderby("phenomenonTime", "ASC").list()
    assert [(one.phenomenon_time, one.result) for one in values] == [
        (f"2026-03-01T{hour}:00:00Z", value) for hour, value in zip(HOURS, (18.5, 19, 20), strict=True)
    ]
    [location] = thing.get_locations().query().list()
    assert (location.name, location.location["type"]) == ("mountain", "Point")
    assert [one.name for one in location.get_things().query().list()] == ["mountain"]
    feature = service.features_of_interest().find(thing.id)
    assert (feature.name, feature.feature["coordinates"]) == ("mountain", STATIONS["mountain"])


def test_every_set_is_understood(service: Any) -> None:
    sets = ("sensors", "observed_properties", "locations", "historical_locations", "features_of_interest")
    sizes = {name: len(list(getattr(service, name)().query().list())) for name in sets}
    assert sizes == {
        "sensors": 1,
        "observed_properties": 2,
        "locations": 3,
        "historical_locations": 0,
        "features_of_interest": 0,
    }


def test_selected_properties_are_there_alone(service: Any) -> None:
    thing = service.things().query().select("id", "name").orderby("name", "ASC").list().get(0)
    assert (thing.name, bool(thing.description), bool(thing.properties)) == ("forest", False, False)
    assert thing.id > 0


def test_what_is_not_there_is_told_by_a_sentence(service: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - the client fails somewhere in its own code
        service.things().find(99_999)
    assert "404" in caplog.text
    assert "Thing 99999 does not exist" in caplog.text
