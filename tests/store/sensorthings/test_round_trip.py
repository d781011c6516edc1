"""What was created through SensorThings is read through SensorThings as it was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stadtkern.broker.sensorthings.writing import SensorThingsWriter
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.model.sensorthings import TypeName
from tests.store.sensorthings.bodies import NOON, PROPERTY, SENSOR, UNIT, link, multi, place, stream, thing
from tests.store.sensorthings.city import City, plain
from tests.store.stores import GRANT

FEATURE = {"name": "F", "description": "f", "encodingType": "application/geo+json", "feature": place()["location"]}
SOMEWHERE = {"type": "Feature", "properties": {"floor": 2}, "geometry": place(3)["location"]}


class Round:
    """Both directions."""

    def __init__(self, tenants: Tenants) -> None:
        self.writer = SensorThingsWriter(tenants)
        self.city = City(tenants)

    async def create(self, type: TypeName, body: Any, parent: tuple[str, int] | None = None) -> int:
        return (await self.writer.create(GRANT, type, json.dumps(body).encode(), parent=parent)).id

    async def read(self, path: str) -> dict[str, Any]:
        """Give the one entity at an address."""
        [record] = await self.city.all(path)
        return {name: value for name, value in plain(record).items() if value is not None}

    async def ids(self, path: str) -> list[int]:
        return [record.id for record in await self.city.all(path)]


@pytest.fixture
async def around(tenants: Tenants, tenant: OpenTenant) -> Round:
    del tenant
    return Round(tenants)


@pytest.mark.parametrize(
    ("type", "body", "set"),
    [
        ("Thing", thing(), "Things"),
        ("Location", {**place(), "properties": {"a": [1.0]}}, "Locations"),
        ("Location", {**place(), "location": SOMEWHERE}, "Locations"),
        ("Location", {**place(), "encodingType": "text/plain", "location": "behind the house"}, "Locations"),
        ("Sensor", SENSOR, "Sensors"),
        ("Sensor", {**SENSOR, "metadata": {"a": None}, "properties": {"b": 1}}, "Sensors"),
        ("ObservedProperty", PROPERTY, "ObservedProperties"),
        ("FeatureOfInterest", FEATURE, "FeaturesOfInterest"),
    ],
)
async def test_entities_are_read_as_they_were_sent(around: Round, type: TypeName, body: Any, set: str) -> None:
    id_ = await around.create(type, body)
    assert await around.ids(set) == [id_]
    assert await around.read(set) == body


async def test_datastream_is_read_with_its_links_and_extents(around: Round) -> None:
    n = await around.create("Thing", thing(Locations=[place()]))
    id_ = await around.create("Datastream", stream(properties={"a": 1}), ("Thing", n))
    sent = {
        name: value for name, value in stream(properties={"a": 1}).items() if name not in {"Sensor", "ObservedProperty"}
    }
    assert await around.read("Datastreams") == sent
    assert await around.ids(f"Datastreams({id_})/Thing") == [n]
    assert await around.read(f"Datastreams({id_})/Sensor") == SENSOR
    assert await around.read(f"Datastreams({id_})/ObservedProperty") == PROPERTY
    span = {"result": 1, "phenomenonTime": f"{NOON}/2026-03-01T13:00:00Z", "resultTime": "2026-03-01T13:05:00Z"}
    await around.create("Observation", span, ("Datastream", id_))
    read = await around.read("Datastreams")
    assert read["phenomenonTime"] == span["phenomenonTime"]
    assert read["resultTime"].split("/")[0] == span["resultTime"]


async def test_observation_is_read_as_it_was_sent(around: Round) -> None:
    n = await around.create("Thing", thing(Locations=[place()]))
    id_ = await around.create("Datastream", stream(), ("Thing", n))
    sent = {
        "phenomenonTime": f"{NOON}/2026-03-01T13:00:00Z",
        "result": {"a": [1, None]},
        "resultTime": "2026-03-01T13:05:00Z",
        "resultQuality": "good",
        "validTime": f"{NOON}/2027-03-01T12:00:00Z",
        "parameters": {"b": 1},
    }
    observation = await around.create("Observation", sent, ("Datastream", id_))
    assert await around.read(f"Datastreams({id_})/Observations") == sent
    assert await around.ids("Observations") == [observation]
    # its Thing's Location is what it is of
    assert await around.ids(f"Observations({observation})/FeatureOfInterest") == await around.ids("Locations")
    other = await around.create("FeatureOfInterest", FEATURE)
    await around.writer.update(
        GRANT, "Observation", observation, json.dumps({"FeatureOfInterest": link(other)}).encode()
    )
    assert await around.read(f"Observations({observation})/FeatureOfInterest") == FEATURE


async def test_multi_datastream_is_read_with_its_properties_in_order(around: Round) -> None:
    n = await around.create("Thing", thing(Locations=[place()]))
    id_ = await around.create("MultiDatastream", multi(), ("Thing", n))
    read = await around.read("MultiDatastreams")
    assert (read["unitOfMeasurements"], read["multiObservationDataTypes"]) == ([UNIT, UNIT], ["a", "b"])
    properties = await around.city.all(f"MultiDatastreams({id_})/ObservedProperties")
    assert [plain(one)["definition"] for one in properties] == [PROPERTY["definition"], "humidity"]
    assert await around.ids("Datastreams") == []
    await around.create("Observation", {"result": [1, 2]}, ("MultiDatastream", id_))
    assert (await around.read(f"MultiDatastreams({id_})/Observations"))["result"] == [1, 2]


async def test_places_of_a_thing_are_read_with_their_history(around: Round) -> None:
    n = await around.create("Thing", thing(Locations=[place(1)]))
    second = await around.create("Location", {**place(2), "name": "M"}, ("Things", n))
    past = {"time": "2020-01-01T00:00:00Z", "Locations": [link(second)]}
    stay = await around.create("HistoricalLocation", past, ("Thing", n))
    assert (await around.read(f"Things({n})/Locations"))["name"] == "M"
    assert len(await around.ids(f"Things({n})/HistoricalLocations")) == 3
    assert plain(await around.city.get(f"HistoricalLocations({stay})")) == {"time": past["time"]}
    assert await around.ids(f"HistoricalLocations({stay})/Locations") == [second]
    await around.writer.delete(GRANT, "Location", second)
    assert len(await around.ids(f"Things({n})/HistoricalLocations")) == 1
    await around.writer.delete(GRANT, "Thing", n)
    assert [await around.ids(set) for set in ("Things", "HistoricalLocations", "Datastreams")] == [[], [], []]
