"""Filters and orders that clients send (QGIS, Masterportal, Grafana, pygeoapi), over a stored city on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings import TYPES
from tests.store.sensorthings.city import City, build, plain

MARKET = "geography'Polygon ((9.85 53.45, 9.95 53.45, 9.95 53.55, 9.85 53.55, 9.85 53.45))'"
POINTS = "location/type eq 'Point' or location/geometry/type eq 'Point'"
NAMED = [
    (f"Locations?$filter={POINTS}", {"Station A", "Station B", "Here", "There"}),
    (f"Locations?$filter=({POINTS}) and (geo.intersects(location, {MARKET}))", {"Station A"}),
    ("Locations?$filter=location/coordinates[0] gt 10.5", {"Here", "There"}),
    (f"Locations?$filter=not st_within(location, {MARKET})", {"Station B", "Here", "There"}),
    ("Locations?$filter=geo.distance(location, geography'POINT (11.5 54)') le 0.5", {"Here"}),
    (f"Things?$filter=st_within(Locations/location, {MARKET})", {"Station A"}),
    (
        f"Datastreams?$filter=st_intersects(Thing/Locations/location, {MARKET})",
        {"Station A: no2", "Roof", "Station A: secret"},
    ),
    ("Things?$filter=properties/owner eq 'city'", {"Station A"}),
    ("Things?$filter=properties/room/level gt 3", {"Station B"}),
    ("Things?$filter=properties/levels[1] eq 2.5", {"Station A"}),
    ("Things?$filter=substringof('STATION', toupper(name))", {"Station A", "Station B"}),
    ("Things?$filter=Datastreams/Observations/result gt 21", {"Station A", "urn:city:hall"}),
    ("Things?$filter=Datastreams/any(d: d/ObservedProperty/name eq 'temperature')", {"Station B", "urn:city:hall"}),
    (
        "Things?$filter=not Datastreams/any(d: d/unitOfMeasurement/symbol eq '°C') and Datastreams/$count gt 1",
        {"Station A"},
    ),
    ("Datastreams?$filter=Thing/properties/owner eq 'state'", {"Station B: temperature"}),
    ("Datastreams?$filter=Sensor/name eq 'Device' and properties/height div 5 eq 2.4", {"Roof"}),
    ("Datastreams?$filter=unitOfMeasurement/name eq 'gram'", {"Roof"}),
]
RESULTS = [
    # a text in quotes that is a number compares with numbers as one, and with texts as a text
    ("Observations?$filter=result gt '20'&$orderby=result", ["hidden", "n/a", 21, 22, 30]),
    ("Observations?$filter=result gt 20&$orderby=result", [21, 22, 30]),
    ("Observations?$filter=result gt 20 and result le 22&$orderby=result desc", [22, 21]),
    ("Observations?$filter=result eq 'n/a' or result eq true&$orderby=phenomenonTime", ["n/a", True]),
    ("Observations?$filter=Datastream/name eq 'Roof'&$orderby=result", [1.5, 2.5]),
    ("Observations?$filter=not (Datastream/name eq 'Roof') and result lt 18&$orderby=id", [17]),
    ("Observations?$filter=Datastream/Thing/name eq 'Station B' and resultTime ne null", [19.0]),
    ("Observations?$filter=FeatureOfInterest/name eq 'Here'", [17]),
    ("Observations?$filter=resultTime gt now() sub duration'PT24H'", []),
    ("Observations?$filter=minute(phenomenonTime) eq 10 and phenomenonTime ge 2025-01-01T00:00:00Z", [19.0]),
    ("Observations?$filter=Datastream/Thing/Locations/any(l: l/name eq 'Station B')&$orderby=result", [17, 18.5, 19.0]),
    ("Observations?$filter=MultiDatastream ne null and result[1] eq 2", [[1, 2]]),
    ("Observations?$filter=Datastream eq null", [[1, 2]]),
]


@pytest.fixture
async def city(tenants: Tenants, tenant: OpenTenant) -> City:
    await build(tenant)
    return City(tenants)


async def test_filters_of_clients_find_what_they_mean(city: City) -> None:
    found: list[Any] = [(text, {plain(one)["name"] for one in await city.all(text)}) for text, _ in NAMED]
    found += [(text, [plain(one)["result"] for one in await city.all(text)]) for text, _ in RESULTS]
    assert [pair for pair, wanted in zip(found, [*NAMED, *RESULTS], strict=True) if pair != wanted] == []


async def test_ids_of_related_entities_lead_to_the_same_as_navigation(city: City) -> None:
    for stream in await city.all("Datastreams"):
        inside = await city.ids(f"Datastreams({stream.id})/Observations?$orderby=id")
        assert await city.ids(f"Observations?$filter=Datastream/id eq {stream.id}&$orderby=id") == inside
    for thing in await city.all("Things"):
        inside = await city.ids(f"Things({thing.id})/Datastreams?$orderby=id")
        assert await city.ids(f"Datastreams?$filter=Thing/@iot.id eq {thing.id}&$orderby=id") == inside


@pytest.mark.parametrize("type", TYPES)
async def test_every_property_can_be_compared_and_sorted(city: City, type: str) -> None:
    entity = TYPES[type]  # type: ignore[index]
    every = await city.ids(f"{entity.set}?$orderby=id")
    for name in entity.properties:
        present = await city.ids(f"{entity.set}?$filter={name} ne null")
        missing = await city.ids(f"{entity.set}?$filter={name} eq null")
        assert sorted([*present, *missing]) == every, name
        assert sorted(await city.ids(f"{entity.set}?$orderby={name} desc,id")) == every, name


async def test_text_of_a_client_never_becomes_sql(city: City) -> None:
    for text in ("'' OR 1=1 --", "{} ?1 $1 :a @a %s", '"; DROP TABLE entity; --', "\\", "\\'' OR TRUE", "ä\U0001f600"):
        assert await city.ids(f"Things?$filter=name eq '{text}' or properties/owner eq '{text}'") == []
        assert await city.ids(f"Things?$filter=contains(concat(name, '{text}'), '{text}') eq false") == []
    with pytest.raises(BadRequestData):
        await city.ids("Things?$filter=name eq 'a' or")
