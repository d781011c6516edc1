"""Pages, orders, selections and counts of SensorThings sets, on both engines."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import BadRequestData
from stadtkern.model.json import raw
from stadtkern.model.operation import DescribeSeries
from stadtkern.model.sensorthings import TYPES
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.model.stream import Description
from stadtkern.store.sensorthings import page as page_module
from tests.store.sensorthings.city import NO2, A, City, build, plain, recorded, series
from tests.store.stores import succeed

ORDERS = {
    "Things": ["", "name", "name desc,id desc", "properties/owner", "properties/owner desc", "id desc"],
    "Locations": ["", "name desc"],
    "HistoricalLocations": ["", "time", "time desc", "Thing/name,time"],
    "Datastreams": ["", "description", "unitOfMeasurement/symbol desc", "phenomenonTime", "Thing/name"],
    "Observations": ["", "phenomenonTime desc", "result", "result desc", "resultTime", "resultTime desc,id"],
    "ObservedProperties": ["", "definition desc"],
    "Sensors": ["", "name"],
    "FeaturesOfInterest": ["name"],
}
CASES = [(name, order) for name, orders in ORDERS.items() for order in orders]


@pytest.fixture
async def city(tenants: Tenants, tenant: OpenTenant) -> City:
    await build(tenant)
    return City(tenants)


@pytest.mark.parametrize(("set_", "order"), CASES)
async def test_pages_by_key_and_by_skip_are_the_whole_set(city: City, set_: str, order: str) -> None:
    address = f"{set_}?$orderby={order}" if order else f"{set_}?$count=false"
    whole = await city.ids(address)
    assert len(set(whole)) == len(whole) > 1
    walked: list[int] = []
    after: str | None = None
    for skip in range(0, len(whole) + 2, 2):
        page = await city.page(f"{address}&$top=2&$skip={skip}", after=after)
        assert [one.id for one in page.records] == await city.ids(f"{address}&$top=2&$skip={skip}")
        walked += [one.id for one in page.records]
        assert page.more == (len(walked) < len(whole))
        if not page.more:
            break
        after = page.after
        assert after is not None
    assert walked == whole


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_null_comes_first_ascending_and_last_descending(city: City, direction: str) -> None:
    found = [plain(one)["resultTime"] for one in await city.all(f"Observations?$orderby=resultTime {direction}")]
    place = -1 if direction == "asc" else 0
    assert [one for one in found if one is not None] == [found[place]]


async def test_a_key_of_another_order_is_refused(city: City) -> None:
    page = await city.page("Observations?$top=1&$orderby=result")
    for address in ("Observations?$orderby=result desc", "Things?$top=1"):
        with pytest.raises(BadRequestData):
            await city.page(address, after=page.after)
    for broken in ("", "x", "bm9uZQ", "WzFd", "8" * 9):
        with pytest.raises(BadRequestData):
            await city.page("Observations?$top=1&$orderby=result", after=broken or "e30")


@pytest.mark.parametrize("order", ["name", "properties/owner", "id", "length(name) desc"])
@pytest.mark.parametrize("value", ["x", "\0", 5, 2**63, 1.5, True, None, [1], {}])
async def test_a_forged_key_is_refused_or_harmless(city: City, order: str, value: Any) -> None:
    address = f"Things?$top=1&$orderby={order}"
    token = (await city.page(address)).after
    assert token is not None
    mark, *keys = msgspec.json.decode(base64.urlsafe_b64decode(token + "=="))
    for place in range(len(keys)):
        forged = [mark, *(value if i == place else one for i, one in enumerate(keys))]
        after = base64.urlsafe_b64encode(msgspec.json.encode(forged)).decode()
        try:
            assert len((await city.page(address, after=after)).records) <= 1
        except BadRequestData:
            continue


async def test_top_of_nothing_gives_the_count_alone(city: City) -> None:
    page = await city.page("Things?$top=0&$count=true")
    assert (page.records, page.count, page.more) == ([], 4, False)


async def test_counts_are_those_of_a_recount(city: City) -> None:
    observations = await city.all("Observations")
    assert (await city.page("Observations?$count=true&$top=1")).count == len(observations)
    assert (await city.page("Observations?$count=true&$filter=result gt 20")).count == 3
    for stream in await city.all("Datastreams?$expand=Observations($count=true;$top=1)"):
        own = await city.all(f"Datastreams({stream.id})/Observations")
        shown = stream.related["Observations"]
        assert isinstance(shown, Page)
        assert shown.count == len(own) == (await city.page(f"Datastreams({stream.id})/Observations?$count=true")).count
        assert shown.more == (len(own) > 1)
        times = [part for one in own for part in plain(one)["phenomenonTime"].split("/")]
        assert plain(stream)["phenomenonTime"] == f"{min(times)}/{max(times)}"
    assert sum(1 for one in observations if one.stream is not None) == len(observations)


async def test_expanded_sets_have_their_own_options(city: City) -> None:
    options = "$select=name;$orderby=name desc;$top=1;$expand=Observations($orderby=phenomenonTime desc;$top=1)"
    thing = (await city.all(f"Things?$filter=name eq 'Station A'&$expand=Datastreams({options})"))[0]
    streams = thing.related["Datastreams"]
    assert isinstance(streams, Page)
    assert [plain(one) for one in streams.records] == [{"name": "Station A: secret"}]
    assert streams.more
    latest = streams.records[0].related["Observations"]
    assert isinstance(latest, Page)
    assert [plain(one)["result"] for one in latest.records] == ["hidden"]
    assert not latest.more
    options = "$filter=result gt 20;$skip=1;$count=true"
    stream = await city.named(f"Datastreams?$expand=Observations({options})", "Station A: no2")
    rest = stream.related["Observations"]
    assert isinstance(rest, Page)
    assert ([plain(one)["result"] for one in rest.records], rest.count) == ([22], 2)


async def test_shared_parents_are_shown_everywhere(city: City) -> None:
    for stream in await city.all("Datastreams?$expand=Thing($expand=Locations),Sensor,ObservedProperty"):
        thing = stream.related["Thing"]
        assert isinstance(thing, Record)
        assert thing == (await city.get(f"Datastreams({stream.id})/Thing?$expand=Locations"))
        assert stream.related["Sensor"] == await city.one(f"Datastreams({stream.id})/Sensor")
        assert stream.related["ObservedProperty"] == await city.one(f"Datastreams({stream.id})/ObservedProperty")


async def test_selection_gives_what_was_asked_for_alone(city: City) -> None:
    thing = await city.named("Things?$select=name,properties/owner", "Station A")
    assert plain(thing) == {"name": "Station A", "properties": {"owner": "city"}}
    thing = (await city.all("Things?$select=properties/levels[1]&$filter=name eq 'Station A'"))[0]
    assert plain(thing) == {"properties": {"levels": {"1": 2.5}}}
    assert plain((await city.all("Things?$select=id&$top=1"))[0]) == {}


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("Things?$select=distinct:properties/owner", [{"properties": {"owner": o}} for o in (None, "city", "state")]),
        (
            "Datastreams?$select=distinct:description,unitOfMeasurement/symbol",
            [
                {"description": "", "unitOfMeasurement": {"symbol": symbol}}
                for symbol in ("ZZ", "g", "°C", "µg/m³", None)
            ],
        ),
        ("Observations?$select=distinct:resultTime", [{"resultTime": time} for time in (None, "2026-01-01T00:21:00Z")]),
    ],
)
async def test_distinct_selection_gives_each_value_once(city: City, address: str, values: list[Any]) -> None:
    found = [_without_null(plain(one)) for one in await city.all(address)]
    assert sorted(map(repr, found)) == sorted(repr(_without_null(one)) for one in values)
    assert {one.id for one in await city.all(address)} == {0}


def _without_null(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_null(one) for name, one in value.items() if one is not None}


async def test_every_value_shown_is_the_one_that_filters_compare(city: City) -> None:
    for type_ in TYPES.values():
        for record in await city.all(type_.set):
            for name, shown in plain(record).items():
                if isinstance(shown, str) and type_.properties[name].type in {"text", "any"}:
                    text = shown.replace("'", "''")
                    assert record.id in await city.ids(f"{type_.set}?$filter={name} eq '{text}'"), (type_.name, name)


async def test_ids_of_observations_lead_to_them_across_blocks(city: City, tenant: OpenTenant) -> None:
    await succeed(tenant, recorded(A, NO2, *series(*range(600), start=100)))
    stream = (await city.named("Datastreams", "Station A: no2")).id
    ids = [one.id for one in (await city.page(f"Datastreams({stream})/Observations", 1000)).records]
    assert len(ids) == 605
    for id_ in (ids[0], ids[4], ids[5], ids[300], ids[-1]):
        assert (await city.get(f"Observations({id_})")).id == id_
        assert (await city.get(f"Datastreams({stream})/Observations({id_})")).id == id_


async def test_observed_properties_of_a_multidatastream_keep_their_order(city: City, tenant: OpenTenant) -> None:
    await succeed(tenant, DescribeSeries(A, NO2, "urn:many", Description(multi=True, name="Many"), create=True))
    gas, implied = [(await city.named("ObservedProperties", name)).id for name in ("Gas", "no2")]
    many = (await city.named("MultiDatastreams", "Many")).id
    for order in ([implied, gas], [gas, implied]):
        said = Description(measurement={"observedProperties": raw(order)})
        await succeed(tenant, DescribeSeries(A, NO2, "urn:many", said))
        assert await city.ids(f"MultiDatastreams({many})/ObservedProperties") == order
        shown = (await city.get(f"MultiDatastreams({many})?$expand=ObservedProperties")).related["ObservedProperties"]
        assert isinstance(shown, Page)
        assert [one.id for one in shown.records] == order


@pytest.mark.parametrize(
    "condition",
    [
        "Datastream/name eq 'Roof'",
        "Datastream/name eq 'Roof' and result gt 2",
        "Datastream/Thing/name eq 'Station A' and Datastream/ObservedProperty/name eq 'no2' and result lt 22",
        "Datastream/Thing/Locations/name eq 'Station A'",
        "Datastream/Thing/Datastreams/any(d: d/name eq 'Roof') and result eq 21",
        "not (Datastream/name eq 'Roof')",
        "Datastream/name ne 'Roof'",
        "Datastream eq null",
        "Datastream/name eq null",
        "Datastream/name eq null or Datastream/name eq 'Roof'",
        "not Datastream/Thing/Locations/any(l: l/name eq 'Station A')",
        "startswith(Datastream/name, FeatureOfInterest/name)",
        "concat(Datastream/name, Datastream/description) eq 'Roof' and MultiDatastream eq null",
        "Datastream/id in (1, 2) and phenomenonTime ge 2026-01-01T00:01:00Z",
    ],
)
async def test_conditions_on_the_datastream_hold_for_the_same_observations(
    city: City, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    found = await city.page(f"Observations?$count=true&$filter={condition}")
    monkeypatch.setattr(page_module, "split", lambda filter: ([], [filter]))
    plainly = await city.page(f"Observations?$count=true&$filter={condition}")
    assert plainly.count == len(plainly.records) > 0
    assert (found.records, found.count) == (plainly.records, plainly.count)


async def test_a_long_expanded_set_ends_at_a_hundred_and_says_so(city: City, tenant: OpenTenant) -> None:
    await succeed(tenant, recorded(A, NO2, *series(*range(150), start=100)))
    for options in ("", "($top=120)"):
        stream = await city.named(f"Datastreams?$expand=Observations{options}", "Station A: no2")
        shown = stream.related["Observations"]
        assert isinstance(shown, Page)
        assert (len(shown.records), shown.more) == (100, True)


async def test_pages_beyond_the_end_are_empty(city: City) -> None:
    for skip in (4, 2**31, 2**53 - 1):
        page = await city.page(f"Things?$skip={skip}&$count=true")
        assert (page.records, page.count, page.more, page.after) == ([], 4, False, None)
