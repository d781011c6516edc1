"""What a Grant does not show does not exist in SensorThings: in sets, relations, filters, counts and extents."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import ResourceNotFound
from stadtkern.model.ids import Iri
from stadtkern.model.measured import END, RESULT_TIME
from stadtkern.model.sensorthings import TYPES
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.model.sensorthings_terms import LOCATION, LOCATIONS, NAME
from stadtkern.policy.grant import Grant, make_grant
from stadtkern.query.filter import And, HasType, IdMatches
from tests.store.sensorthings.city import EX, NO2, SECRET, STATION, City, build, plain
from tests.store.stores import GRANT

STATIONS = HasType(STATION)
DECIDED_ONE_BY_ONE = And((STATIONS, IdMatches("^urn:city:.*$")))
"""The same, in a way that SQL cannot say."""


def grant(**members: Any) -> Grant:
    return make_grant(GRANT.tenant, "tests", "read", **members)


@pytest.fixture
async def tenants_with_city(tenants: Tenants, tenant: OpenTenant) -> Tenants:
    await build(tenant)
    return tenants


def names(records: list[Record]) -> set[Any]:
    return {plain(one)["name"] for one in records}


@pytest.mark.parametrize("row_filter", [STATIONS, DECIDED_ONE_BY_ONE], ids=["sql", "one by one"])
async def test_a_row_filter_holds_in_every_set_and_count(tenants_with_city: Tenants, row_filter: Any) -> None:
    city, some = City(tenants_with_city), City(tenants_with_city, grant(row_filter=row_filter))
    assert names(await some.all("Things")) == {"Station A", "Station B"}
    assert names(await some.all("Locations")) == {"Station A", "Station B"}
    assert names(await some.all("Sensors")) == {"unknown"}
    assert names(await some.all("ObservedProperties")) == {"no2", "secret", "temperature"}
    assert await some.all("MultiDatastreams") == []
    assert await some.all("FeaturesOfInterest") == []
    for name in ("Datastreams", "Observations", "HistoricalLocations"):
        shown = await some.ids(name)
        assert set(shown) < set(await city.ids(name))
        assert (await some.page(f"{name}?$count=true&$top=0")).count == len(shown)
        for one in set(await city.ids(name)) - set(shown):
            with pytest.raises(ResourceNotFound):
                await some.one(f"{name}({one})")


async def test_hidden_rows_are_in_no_condition_and_no_relation(tenants_with_city: Tenants) -> None:
    city, some = City(tenants_with_city), City(tenants_with_city, grant(row_filter=STATIONS))
    roof = (await city.named("Datastreams", "Roof")).id
    assert (await city.get(f"Datastreams({roof})/Sensor")).id
    assert await some.one(f"Datastreams({roof})/Sensor") is None
    assert (await some.get(f"Datastreams({roof})?$expand=Sensor")).related["Sensor"] is None
    assert await some.ids("Datastreams?$filter=Sensor/name eq 'Device'") == []
    assert await some.ids("Things?$filter=Datastreams/any(d: d/ObservedProperty/name eq 'Gas')") == []
    named = "Observations?$filter=FeatureOfInterest/name eq 'Here'"
    assert len(await city.ids(named)) == 1
    assert await some.ids(named) == []


@pytest.mark.parametrize("row_filter", [None, STATIONS], ids=["all rows", "some rows"])
async def test_a_hidden_attribute_is_no_datastream(tenants_with_city: Tenants, row_filter: Any) -> None:
    city = City(tenants_with_city)
    some = City(tenants_with_city, grant(row_filter=row_filter, hidden=frozenset({NO2, SECRET})))
    shown = names(await some.all("Datastreams"))
    assert "Station B: temperature" in shown
    assert not shown & {"Station A: no2", "Roof", "Station A: secret"}
    assert not names(await some.all("ObservedProperties")) & {"no2", "secret"}
    assert "Station A" not in names(await some.all("Things"))
    assert (await some.page("Observations?$count=true")).count == len(await some.ids("Observations"))
    for one in await city.all("Observations?$filter=Datastream/name eq 'Roof'"):
        with pytest.raises(ResourceNotFound):
            await some.one(f"Observations({one.id})")


async def test_a_hidden_property_is_neither_shown_nor_compared(tenants_with_city: Tenants) -> None:
    some = City(tenants_with_city, grant(hidden=frozenset({NAME, Iri(f"{EX}owner")})))
    thing = await some.named("Things", "urn:city:a")
    assert "owner" not in plain(thing)["properties"]
    assert await some.ids("Things?$filter=name eq 'Station A'") == []
    assert await some.ids("Things?$filter=properties/owner eq 'city'") == []
    assert names(await some.all("Datastreams?$filter=startswith(name, 'urn:city:a')")) == {
        "urn:city:a: no2",
        "urn:city:a: secret",
    }


async def test_hidden_places_are_nowhere(tenants_with_city: Tenants) -> None:
    some = City(tenants_with_city, grant(hidden=frozenset({LOCATION, LOCATIONS})))
    assert names(await some.all("Locations")) == {"Here", "There"}
    assert {plain(one)["location"] for one in await some.all("Locations")} == {None}
    assert await some.all("HistoricalLocations") == []
    for thing in await some.all("Things?$expand=Locations"):
        shown = thing.related["Locations"]
        assert isinstance(shown, Page)
        assert shown.records == []


async def test_hidden_parts_of_a_measurement_are_not_there(tenants_with_city: Tenants) -> None:
    some = City(tenants_with_city, grant(hidden=frozenset({END, RESULT_TIME})))
    stream = await some.named("Datastreams", "Station B: temperature")
    assert plain(stream)["resultTime"] is None
    assert plain(stream)["phenomenonTime"] == "2025-12-31T23:55:00Z/2026-01-01T00:10:00Z"
    last = (await some.all(f"Datastreams({stream.id})/Observations?$orderby=phenomenonTime desc&$top=1"))[0]
    assert plain(last)["phenomenonTime"] == "2026-01-01T00:10:00Z"
    assert plain(last)["resultTime"] is None
    assert await some.ids("Observations?$filter=resultTime gt 2000-01-01T00:00:00Z") == []


@pytest.mark.parametrize("row_filter", [STATIONS, DECIDED_ONE_BY_ONE], ids=["sql", "one by one"])
async def test_relations_stay_within_what_is_shown(tenants_with_city: Tenants, row_filter: Any) -> None:
    some = City(tenants_with_city, grant(row_filter=row_filter, hidden=frozenset({SECRET})))
    for type_ in TYPES.values():
        for relation in type_.relations.values():
            for record in await some.all(f"{type_.set}?$expand={relation.name}"):
                shown = record.related[relation.name]
                found = shown.records if isinstance(shown, Page) else [shown] if shown else []
                for one in found:
                    assert (await some.get(f"{TYPES[relation.target].set}({one.id})")).id == one.id
