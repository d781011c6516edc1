"""From requests to answers, over a reader that gives what the test says: no store."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest

from stadtkern.errors import Problem
from stadtkern.model.ids import DEFAULT_TENANT
from stadtkern.model.sensorthings import SETS
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.query.odata.tree import Query, Selected, Target
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import problem_response
from stadtkern.views.sensorthings.routes import Reading
from stadtkern.views.sensorthings.view import SensorThingsView
from stadtkern.views.sensorthings.writing import Writing
from tests.sensorthings.records import page, record

BASE = "https://city.example/stadtkern/t/north"
ROOT = f"{BASE}/sta/v1.1"
THING = record("Thing", 1, name="Oven", description="hot", properties={"rooms": [{"name": "attic"}], "empty": None})
POINT = {"type": "Point", "coordinates": [10.4, 51.0]}

_NOBODY = cast("Any", None)
"""Nothing is written here."""


class Reader:
    """Gives one page or record, and keeps what it was asked."""

    def __init__(self, found: Page | Record | None) -> None:
        self.found = found
        self.asked: list[tuple[Target, Query, int | None]] = []

    async def read_set(self, grant: Grant, target: Target, query: Query, *, limit: int) -> Page:
        self.asked.append((target, query, limit))
        assert isinstance(self.found, Page)
        return self.found

    async def read_one(self, grant: Grant, target: Target, query: Query) -> Record | None:
        self.asked.append((target, query, None))
        assert not isinstance(self.found, Page)
        return self.found


async def _ask(reader: Reader, address: str, method: str = "GET", most: int = 1_000_000) -> Response:
    path, _, options = address.partition("?")
    segments = [unquote(part) for part in path.split("/")] if path else []
    view = SensorThingsView(Reading(reader, most), Writing(reader, _NOBODY, _NOBODY))
    request = Request(
        method=method,
        path=f"/{path}",
        segments=segments,
        query=parse_qsl(options, keep_blank_values=True),
        headers={},
        body=b"",
        grant=system_grant("tests", DEFAULT_TENANT),
        base_url=BASE,
        request_id="r",
    )
    try:
        return await view.route(method, segments).handler(request)
    except Problem as problem:
        return problem_response(problem, view.dialect)


async def _get(found: Page | Record | None, address: str) -> Any:
    answer = await _ask(Reader(found), address)
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body)


async def test_root_names_the_sets_by_absolute_addresses_and_no_others() -> None:
    root = await _get(None, "")
    assert {one["name"]: one["url"] for one in root["value"]} == {name: f"{ROOT}/{name}" for name in SETS}
    conformance = root["serverSettings"]["conformance"]
    assert "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/pagination" in conformance
    assert len(set(conformance)) == len(conformance)


@pytest.mark.parametrize(
    ("options", "limit"),
    [("", 100), ("?$top=5", 5), ("?$top=0", 0), ("?$top=1000", 1000), ("?$top=1001", 1000), ("?$top=99999999", 1000)],
)
async def test_page_has_100_entities_or_as_many_as_asked_for_up_to_1000(options: str, limit: int) -> None:
    reader = Reader(page())
    assert (await _ask(reader, f"Things{options}")).status == 200
    assert reader.asked[0][2] == limit


async def test_links_lead_to_the_tenant_behind_the_proxy() -> None:
    body = await _get(page(THING, more=True, after="k"), "Datastreams(4)/Thing/Locations(2)/Things?$top=1")
    assert body["value"][0]["@iot.selfLink"] == f"{ROOT}/Things(1)"
    assert body["@iot.nextLink"] == (f"{ROOT}/Datastreams(4)/Thing/Locations(2)/Things?$top=1&$skip=1&$skiptoken=k")


async def test_next_link_asks_for_the_same_with_a_key() -> None:
    first = Reader(page(THING, more=True, after="k/1+=?"))
    options = (
        "$filter=substringof('a+%26?=',name)+and+description+ne+'x'&$expand=Datastreams($top=1;$skip=7)&$count=true"
    )
    link: str = msgspec.json.decode((await _ask(first, f"Things?{options}")).body)["@iot.nextLink"]
    assert link.count("?") == 1
    following = Reader(page())
    assert (await _ask(following, link.removeprefix(f"{ROOT}/"))).status == 200
    before, after = first.asked[0][1], following.asked[0][1]
    assert (after.after, after.skip) == ("k/1+=?", 1)
    assert msgspec.structs.replace(after, after=None, skip=0) == before


async def test_entity_is_a_bare_object() -> None:
    body = await _get(THING, "Things(1)?$select=name")
    assert body == {"name": "Oven"}


@pytest.mark.parametrize("address", ["Things%281%29", "Things('1')", "Datastreams(1)%2FThing"])
async def test_escaped_addresses_are_read(address: str) -> None:
    assert (await _get(THING, address))["@iot.id"] == 1


@pytest.mark.parametrize("address", ["Things(1)", "Datastreams(7)/Thing", "Things(1)/$ref", "Things(1)/name"])
async def test_what_leads_nowhere_is_not_found(address: str) -> None:
    answer = await _ask(Reader(None), address)
    assert answer.status == 404
    assert dict(answer.headers)["content-type"] == "application/json"
    body = msgspec.json.decode(answer.body)
    assert (body["code"], body["type"], body["message"]) == (404, "error", body["detail"])
    assert "leads to nothing" in body["message"]


async def test_property_its_value_and_what_is_inside() -> None:
    assert await _get(THING, "Things(1)/name") == {"name": "Oven"}
    assert (await _ask(Reader(THING), "Things(1)/name/$value")).body == b"Oven"
    assert await _get(THING, "Things(1)/properties/rooms/0/name") == {"name": "attic"}
    assert await _get(THING, "Things(1)/properties/rooms[0]") == {"0": {"name": "attic"}}
    assert await _get(THING, "Things(1)/@iot.id") == {"@iot.id": 1}
    assert (await _ask(Reader(THING), "Things(1)/properties/empty")).status == 204
    assert (await _ask(Reader(THING), "Things(1)/properties/none")).status == 404


async def test_property_is_read_alone() -> None:
    reader = Reader(THING)
    await _ask(reader, "Things(1)/properties/rooms")
    assert reader.asked[0][1] == Query(select=(Selected("properties"),))


async def test_references() -> None:
    assert await _get(page(THING), "Things/$ref") == {"value": [{"@iot.selfLink": f"{ROOT}/Things(1)"}]}
    assert await _get(page(THING), "Locations(3)/Things/$ref") == {"value": [{"@iot.selfLink": f"{ROOT}/Things(1)"}]}
    assert await _get(THING, "Datastreams(7)/Thing/$ref") == {"@iot.selfLink": f"{ROOT}/Things(1)"}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("Nothings", 404),
        ("Nothings(1)", 404),
        ("Things/name", 404),
        ("Things(x)", 404),
        ("Things(1)/nothing", 404),
        ("Things(1)/name/deeper", 404),
        ("Things?$top=-1", 400),
        ("Things?$count=maybe", 400),
        ("Things?$filter=nothing eq 1", 400),
        ("Things?$search=x", 501),
        ("Things(1)?$top=1", 400),
        ("Things(1)?$filter=name eq 'x'", 400),
        ("Things(1)/name?$select=name", 400),
        ("Things/$ref?$expand=Datastreams", 400),
        ("Things?$resultFormat=dataArray", 400),
        ("Observations(1)?$resultFormat=dataArray", 400),
        ("Sensors?$resultFormat=GeoJSON", 400),
        ("Things?$resultFormat=CSV&$expand=Locations,Datastreams", 400),
        ("Things?$resultFormat=XML", 400),
    ],
)
async def test_requests_that_mean_nothing_are_refused_with_a_sentence(address: str, status: int) -> None:
    found = page() if "(" not in address.partition("?")[0] else THING
    answer = await _ask(Reader(found), address)
    body = msgspec.json.decode(answer.body)
    assert (answer.status, body["code"], body["status"], body["type"]) == (status, status, status, "error")
    assert len(body["message"]) > 15


async def test_other_methods_are_not_allowed() -> None:
    answer = await _ask(Reader(None), "Things(1)/Datastreams", "TRACE")
    assert (answer.status, dict(answer.headers)["allow"]) == (405, "DELETE, GET, POST, OPTIONS")


async def test_formats_have_their_media_types() -> None:
    location = record("Location", 2, location=POINT)
    found = page(record("Thing", 1, {"Locations": page(location)}, name="Oven"), more=True, after="k")
    for name, media_type in (("CSV", "text/csv; charset=utf-8; header=present"), ("GeoJSON", "application/geo+json")):
        reader = Reader(found)
        answer = await _ask(reader, f"Things?$resultFormat={name}")
        headers = dict(answer.headers)
        assert headers["content-type"] == media_type
        assert headers["link"] == f'<{ROOT}/Things?$skip=1&$skiptoken=k&$resultFormat={name}>; rel="next"'


async def test_geojson_reads_the_locations_and_does_not_show_them() -> None:
    thing = record("Thing", 1, {"Locations": page(record("Location", 2, location=POINT))}, name="Oven")
    reader = Reader(thing)
    answer = await _ask(reader, "Things(1)?$resultFormat=GeoJSON&$select=name")
    feature = msgspec.json.decode(answer.body)
    assert reader.asked[0][1].expand[0].relation == "Locations"
    assert feature["geometry"] == POINT
    assert feature["properties"] == {"@iot.selfLink": f"{ROOT}/Things(1)", "@iot.id": 1, "name": "Oven"}


async def test_data_array_of_observations() -> None:
    found = page(record("Observation", 9, phenomenonTime="2026-03-01T12:00:00Z", result=20, resultTime=None))
    body = await _get(found, "Datastreams(7)/Observations?$resultFormat=dataArray")
    assert body["value"][0]["dataArray"] == [[9, "2026-03-01T12:00:00Z", None, 20]]


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ("full", {"@iot.selfLink", "@iot.id", "name", "Datastreams", "Locations@iot.navigationLink"}),
        ("minimal", {"@iot.selfLink", "@iot.id", "name", "Datastreams"}),
        ("none", {"@iot.id", "name", "Datastreams"}),
        ("off", {"@iot.id", "name", "Datastreams"}),
    ],
)
async def test_metadata_are_as_many_as_asked_for(metadata: str, names: set[str]) -> None:
    thing = record("Thing", 1, {"Datastreams": page(record("Datastream", 7, name="NO2"))}, name="Oven")
    body = await _get(thing, f"Things(1)?$expand=Datastreams&$resultMetadata={metadata}")
    assert body.keys() - {"HistoricalLocations@iot.navigationLink", "MultiDatastreams@iot.navigationLink"} == names
    [inner] = body["Datastreams"]
    assert ("@iot.selfLink" in inner) == ("@iot.selfLink" in names)
    assert ("Sensor@iot.navigationLink" in inner) == (metadata == "full")


async def test_page_ends_early_where_it_would_be_too_large() -> None:
    things = [record("Thing", n, name="x" * 500) for n in range(9)]
    answer = await _ask(Reader(page(*things)), "Things", most=3000)
    body = msgspec.json.decode(answer.body)
    assert 0 < len(body["value"]) < 9
    assert body["@iot.nextLink"] == f"{ROOT}/Things?$skip={len(body['value'])}"
