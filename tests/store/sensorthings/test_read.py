"""A city that was written as NGSI-LD, read through SensorThings, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import ResourceNotFound
from stadtkern.model.entity import EntityPatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.operation import MergeEntity
from stadtkern.model.sensorthings import TYPES
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.model.sensorthings_terms import DESCRIPTION, LOCATION, NAME, TYPE_IRIS
from tests.store.histories import at
from tests.store.sensorthings.city import (
    CAR,
    LAMP,
    NO2,
    SECOND,
    A,
    B,
    City,
    build,
    make,
    plain,
    point,
    recorded,
    series,
    texts,
    value,
)
from tests.store.stores import succeed


@pytest.fixture
async def city(tenants: Tenants, tenant: OpenTenant) -> City:
    await build(tenant)
    return City(tenants)


def names(records: list[Record]) -> set[Any]:
    return {plain(one).get("name") for one in records}


async def test_things_are_platforms_and_what_has_observed_attributes(city: City) -> None:
    assert names(await city.all("Things")) == {"Station A", "Station B", "Car", "urn:city:hall"}
    thing = await city.named("Things", "Station A")
    assert plain(thing) == {
        "name": "Station A",
        "description": "at the market",
        "properties": {"owner": "city", "levels": [1, 2.5, 3], "partOf": "urn:city:hall"},
    }
    assert thing.iri == A
    other = plain(await city.named("Things", "Station B"))
    assert other["properties"] == {"room": {"level": 4}, "owner": "state"}
    assert plain(await city.named("Things", "Car"))["properties"] is None


async def test_names_of_other_vocabularies_and_names_that_change(city: City, tenant: OpenTenant) -> None:
    titled = {Iri("title"): [value("Sluice")], DESCRIPTION: [value("of the old port")], LAMP: [value("on")]}
    await succeed(tenant, make(EntityId("urn:city:sluice"), [TYPE_IRIS["Thing"]], attributes=titled))
    sluice = plain(await city.named("Things", "Sluice"))
    assert (sluice["description"], sluice["properties"]) == ("of the old port", {"Lamp": "on"})
    renamed = {NAME: [value("North gate", observed_at=at(1))], LOCATION: [point(9, 53)]}
    await succeed(tenant, make(EntityId("urn:city:gate"), [LAMP], attributes=renamed))
    await succeed(tenant, recorded(EntityId("urn:city:gate"), NAME, value("Gate", observed_at=at(0))))
    gate = await city.named("Things", "North gate")
    assert await city.ids("Things?$filter=name eq 'North gate'") == [gate.id]
    assert names(await city.all(f"Things({gate.id})/Datastreams")) == {"North gate: name"}
    assert names(await city.all(f"Things({gate.id})/Locations")) == {"North gate"}
    [past] = await city.all(f"Things({gate.id})/Datastreams")
    assert [plain(one)["result"] for one in await city.all(f"Datastreams({past.id})/Observations")] == [
        "Gate",
        "North gate",
    ]


async def test_locations_are_entities_or_where_a_thing_is(city: City) -> None:
    assert names(await city.all("Locations")) == {"Here", "There", "Station A", "Station B"}
    thing, place = await city.named("Things", "Station A"), await city.named("Locations", "Station A")
    assert thing.id == place.id
    assert plain(place)["location"] == {"type": "Point", "coordinates": [9.9, 53.5]}
    assert plain(place)["encodingType"] == "application/geo+json"


async def test_a_thing_has_the_locations_that_it_names_and_all_it_was_at(city: City) -> None:
    car = (await city.named("Things", "Car")).id
    assert names(await city.all(f"Things({car})/Locations")) == {"Here", "There"}
    past = await city.all(f"Things({car})/HistoricalLocations?$orderby=time desc")
    assert [plain(one)["time"] for one in past] == ["2026-01-01T00:09:00Z", "2026-01-01T00:00:00Z"]
    assert names(await city.all(f"HistoricalLocations({past[1].id})/Locations")) == {"Here"}
    assert names(await city.all(f"HistoricalLocations({past[0].id})/Locations")) == {"Here", "There"}


async def test_a_thing_without_named_locations_was_where_its_geometry_was(city: City) -> None:
    thing = (await city.named("Things", "Station A")).id
    past = await city.all(f"Things({thing})/HistoricalLocations?$orderby=time")
    assert [plain(one)["time"] for one in past] == [
        "2025-12-31T23:50:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:05:00Z",
    ]
    first = (await city.all(f"HistoricalLocations({past[0].id})/Locations"))[0]
    assert plain(first)["location"]["coordinates"] == [9.8, 53.4]
    assert plain(first)["name"] == "Station A"
    assert (await city.get(f"Locations({first.id})")).id == first.id
    assert await city.ids(f"HistoricalLocations({past[2].id})/Locations") == [thing]


async def test_datastreams_have_what_was_said_of_them_or_what_their_values_tell(city: City) -> None:
    assert names(await city.all("Datastreams")) == {
        "Station A: no2",
        "Roof",
        "Station A: secret",
        "Station B: temperature",
        "urn:city:hall: temperature",
    }
    no2 = plain(await city.named("Datastreams", "Station A: no2"))
    assert no2["unitOfMeasurement"]["symbol"] == "µg/m³"
    assert no2["phenomenonTime"] == "2026-01-01T00:00:00Z/2026-01-01T00:04:00Z"
    assert (no2["resultTime"], no2["observedArea"], no2["description"]) == (None, None, "")
    assert no2["observationType"].endswith("OM_TruthObservation")
    roof = plain(await city.named("Datastreams", "Roof"))
    assert roof["unitOfMeasurement"] == {"name": "gram", "symbol": "g", "definition": "x"}
    assert roof["properties"] == {"height": 12}
    warm = plain(await city.named("Datastreams", "Station B: temperature"))
    assert warm["phenomenonTime"] == "2025-12-31T23:55:00Z/2026-01-01T00:20:00Z"
    assert warm["resultTime"] == "2026-01-01T00:21:00Z/2026-01-01T00:21:00Z"
    hall = plain(await city.named("Datastreams", "urn:city:hall: temperature"))
    assert hall["unitOfMeasurement"] == {"name": "ZZ", "symbol": "ZZ", "definition": None}


async def test_multidatastreams_are_a_set_of_their_own(city: City) -> None:
    (both,) = await city.all("MultiDatastreams?$expand=ObservedProperties,Observations,Thing,Sensor")
    assert plain(both)["name"] == "Both"
    assert plain(both)["observationType"].endswith("OM_ComplexObservation")
    properties, observations = both.related["ObservedProperties"], both.related["Observations"]
    assert isinstance(properties, Page)
    assert names(properties.records) == {"Gas"}
    assert isinstance(observations, Page)
    assert [plain(one)["result"] for one in observations.records] == [[1, 2]]
    assert observations.records[0].stream == ("MultiDatastream", both.id)
    thing = both.related["Thing"]
    assert isinstance(thing, Record)
    assert thing.iri == CAR


async def test_observations_keep_literals_kinds_and_times(city: City) -> None:
    stream = (await city.named("Datastreams", "Station A: no2")).id
    observations = await city.all(f"Datastreams({stream})/Observations")
    assert [texts(one)["result"] for one in observations] == ["20", "21", "22", '"n/a"', "true"]
    roof = (await city.named("Datastreams", "Roof")).id
    assert [texts(one)["result"] for one in await city.all(f"Datastreams({roof})/Observations")] == ["1.5", "2.5"]
    warm = (await city.named("Datastreams", "Station B: temperature")).id
    last = (await city.all(f"Datastreams({warm})/Observations?$orderby=phenomenonTime desc&$top=1"))[0]
    assert plain(last)["phenomenonTime"] == "2026-01-01T00:10:00Z/2026-01-01T00:20:00Z"
    assert plain(last)["resultTime"] == "2026-01-01T00:21:00Z"
    assert plain(await city.get(f"Observations({last.id})")) == plain(last)


async def test_sensors_and_observed_properties_are_entities_or_implied(city: City) -> None:
    assert names(await city.all("Sensors")) == {"Device", "unknown"}
    assert names(await city.all("ObservedProperties")) == {"Gas", "no2", "secret", "temperature"}
    implied = await city.named("ObservedProperties", "no2")
    assert plain(implied)["definition"] == "https://example.org/no2"
    assert (await city.get(f"ObservedProperties({implied.id})")).id == implied.id


async def test_features_are_entities_or_what_observations_name(city: City) -> None:
    assert names(await city.all("FeaturesOfInterest")) == {"Air", "Here"}
    stream = (await city.named("Datastreams", "Station A: no2")).id
    first = (await city.ids(f"Datastreams({stream})/Observations"))[0]
    feature = await city.get(f"Observations({first})/FeatureOfInterest")
    assert plain(feature)["feature"] == {"type": "Point", "coordinates": [9.9, 53.5]}
    assert (await city.get(f"FeaturesOfInterest({feature.id})")).iri == A


@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES.keys())
async def test_every_relation_is_the_same_from_both_sides(city: City, type_: Any) -> None:
    for relation in type_.relations.values():
        for parent in await city.ids(type_.set):
            address = f"{type_.set}({parent})/{relation.name}"
            found = await city.one(address) if not relation.many else None
            children = await city.ids(address) if relation.many else [found.id] if found else []
            for child in children:
                back = f"{TYPES[relation.target].set}({child})/{relation.inverse}"
                inverse = TYPES[relation.target].relations[relation.inverse]
                if inverse.many:
                    assert parent in await city.ids(back), f"{address} leads to {child}, not back by {back}"
                else:
                    assert (await city.get(back)).id == parent, f"{address} leads to {child}, not back by {back}"


@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES.keys())
async def test_expanded_relations_are_those_that_navigation_shows(city: City, type_: Any) -> None:
    for relation in type_.relations.values():
        options = "($count=true)" if relation.many else ""
        for record in await city.all(f"{type_.set}?$expand={relation.name}{options}"):
            address = f"{type_.set}({record.id})/{relation.name}"
            shown = record.related[relation.name]
            if relation.many:
                assert isinstance(shown, Page)
                page = await city.page(f"{address}?$count=true")
                assert ([one.id for one in shown.records], shown.count) == (
                    [one.id for one in page.records],
                    page.count,
                )
                assert page.count == len(page.records)
            else:
                assert shown == await city.one(address)


async def test_steps_that_do_not_lead_on_are_not_found(city: City) -> None:
    a, b = [(await city.named("Things", name)).id for name in ("Station A", "Station B")]
    stream = (await city.ids(f"Things({a})/Datastreams"))[0]
    assert (await city.get(f"Things({a})/Datastreams({stream})")).id == stream
    for address in (
        f"Things({b})/Datastreams({stream})",
        "Things(99999)",
        "Observations(99999)",
        f"Datastreams({2**63})",
        f"Locations({2**52 + 5})",
        f"HistoricalLocations({2**62})",
    ):
        with pytest.raises(ResourceNotFound):
            await city.one(address)
    with pytest.raises(ResourceNotFound):
        await city.page(f"Things({b})/Datastreams({stream})/Observations")
    assert (await city.get(f"Datastreams({stream})/Thing")).iri != B


async def test_a_thing_that_is_placed_by_ngsi_ld_again_is_where_its_geometry_is(city: City, tenant: OpenTenant) -> None:
    fragment = EntityPatch(attributes={LOCATION: [point(8.0, 52.0, observed_at=at(30))]})
    await succeed(tenant, MergeEntity(CAR, fragment))
    car = (await city.named("Things", "Car")).id
    (place,) = await city.all(f"Things({car})/Locations")
    assert (place.id, plain(place)["location"]["coordinates"]) == (car, [8.0, 52.0])
    past = await city.all(f"Things({car})/HistoricalLocations?$orderby=time desc&$expand=Locations")
    shown = [one.related["Locations"] for one in past]
    assert [names(one.records) for one in shown if isinstance(one, Page)] == [{"Car"}, {"Here", "There"}, {"Here"}]
    here = (await city.named("Locations", "Here")).id
    assert await city.ids(f"Locations({here})/Things") == []
    assert len(await city.ids(f"Locations({here})/HistoricalLocations")) == 2
    assert await city.ids(f"Locations({car})/HistoricalLocations") == [past[0].id]


async def test_observations_of_all_series_come_in_the_order_of_time(city: City, tenant: OpenTenant) -> None:
    await succeed(
        tenant, recorded(A, NO2, *series(*range(40), start=200), *series(*range(3), start=201, dataset_id=SECOND))
    )
    for direction in ("asc", "desc"):
        whole = (await city.page(f"Observations?$orderby=phenomenonTime {direction},id {direction}", 1000)).records
        times = [plain(one)["phenomenonTime"][:20] for one in whole]
        assert times == sorted(times, reverse=direction == "desc")
        for top in (1, 3, 7):
            found: list[int] = []
            after = None
            while len(found) == 0 or after:
                page = await city.page(f"Observations?$orderby=phenomenonTime {direction}&$top={top}", after=after)
                found += [one.id for one in page.records]
                after = page.after
            assert found == [one.id for one in whole]
