"""Retrieving and querying entities over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.ngsild.consumption_services import BASE_URL, LINKED, ReadingServices, header
from tests.ngsild.provision_services import CONTEXT, slug, told

CAR = {
    "id": "urn:x:car:1",
    "type": "Car",
    "scope": "/Madrid",
    "speed": {"type": "Property", "value": 55},
    "name": [
        {"type": "Property", "value": "one"},
        {"type": "Property", "value": "uno", "datasetId": "urn:d:es"},
    ],
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.6, 51.9]}},
    "parkedAt": {"type": "Relationship", "object": "urn:x:lot:1"},
}
FAST = {"id": "urn:x:car:2", "type": "Car", "speed": {"type": "Property", "value": 120}}
LOT = {
    "id": "urn:x:lot:1",
    "type": "Lot",
    "name": {"type": "Property", "value": "lot"},
    "ownedBy": {"type": "Relationship", "object": "urn:x:city:1"},
}
CITY = {"id": "urn:x:city:1", "type": "City", "name": {"type": "Property", "value": "Münster"}}


@pytest.fixture
async def services() -> ReadingServices:
    found = ReadingServices()
    await found.load(CAR, FAST, LOT, CITY)
    return found


def ids(response: Any) -> list[str]:
    assert response.status == 200
    return [entity["id"] for entity in told(response)]


@pytest.mark.clause("CIM009 5.7.1")
async def test_retrieve_entity_gives_json_with_link(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities/urn:x:car:1", headers=LINKED)
    assert response.status == 200
    assert told(response) == CAR
    assert header(response, "content-type") == ["application/json"]
    assert header(response, "link") == [
        f'<{CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    ]


async def test_retrieve_entity_gives_context_inside_json_ld(services: ReadingServices) -> None:
    headers = {**LINKED, "accept": "application/ld+json"}
    response = await services.ask("GET", "/entities/urn:x:car:1", headers=headers)
    assert told(response) == {**CAR, "@context": CONTEXT}
    assert not header(response, "link")


@pytest.mark.clause("CIM009 4.5.16")
@pytest.mark.parametrize(("prefer", "inside"), [("", True), ("body=json", False)])
async def test_retrieve_entity_gives_feature(services: ReadingServices, prefer: str, inside: bool) -> None:
    headers = {**LINKED, "accept": "application/geo+json", "prefer": prefer}
    response = await services.ask("GET", "/entities/urn:x:car:1?format=simplified", headers=headers)
    feature = told(response)
    assert (feature["type"], feature["geometry"]) == ("Feature", CAR["location"]["value"])  # type: ignore[index]
    assert feature["properties"]["speed"] == 55
    assert ("@context" in feature) == inside
    assert bool(header(response, "link")) != inside


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("?type=Lot", 404, "ResourceNotFound"),
        ("?attrs=unknown", 404, "ResourceNotFound"),
        ("?pick=unknown", 404, "ResourceNotFound"),
        ("?omit=id,type,scope,speed,name,location,parkedAt", 404, "ResourceNotFound"),
        ("?pick=speed&omit=speed", 400, "BadRequestData"),
        ("?pick=speed&attrs=speed", 400, "BadRequestData"),
        ("?pick=parkedAt{name}", 400, "BadRequestData"),
        ("?pick=parkedAt{ownedBy{name}}&join=inline", 400, "BadRequestData"),
        ("?pick=id;speed", 400, "BadRequestData"),
        ("?geometryProperty=location", 400, "BadRequestData"),
        ("?join=sideways", 400, "BadRequestData"),
        ("?join=inline&joinLevel=0", 400, "BadRequestData"),
        ("?datasetId=none", 400, "BadRequestData"),
        ("?lang=*;q=x", 400, "BadRequestData"),
        ("?containedBy=x", 400, "BadRequestData"),
        ("?format=invalid", 400, "InvalidRequest"),
        ("?options=keyValues,invalid", 400, "InvalidRequest"),
        ("?format=keyValues&options=invalid", 400, "InvalidRequest"),
        ("?unknown=1", 400, "InvalidRequest"),
    ],
)
async def test_retrieve_entity_refuses(services: ReadingServices, query: str, status: int, kind: str) -> None:
    response = await services.ask("GET", f"/entities/urn:x:car:1{query}", headers=LINKED)
    assert (response.status, slug(response)) == (status, kind)


@pytest.mark.parametrize(
    ("id_", "status", "kind"),
    [("urn:x:none", 404, "ResourceNotFound"), ("nouri", 400, "BadRequestData")],
)
async def test_retrieve_entity_refuses_id(services: ReadingServices, id_: str, status: int, kind: str) -> None:
    response = await services.ask("GET", f"/entities/{id_}")
    assert (response.status, slug(response)) == (status, kind)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("format=keyValues&pick=id,speed", {"id": "urn:x:car:1", "speed": 55}),
        ("options=keyValues&pick=id,speed", {"id": "urn:x:car:1", "speed": 55}),
        (
            "format=normalized&options=keyValues&pick=speed",
            {"speed": {"type": "Property", "value": 55}},
        ),
        ("type=Car&pick=id", {"id": "urn:x:car:1"}),
        ("type=*&pick=id", {"id": "urn:x:car:1"}),
        ("format=concise&pick=name&datasetId=@none", {"name": "one"}),
        (
            "format=concise&pick=name&datasetId=urn:d:es",
            {"name": {"value": "uno", "datasetId": "urn:d:es"}},
        ),
        (
            "attrs=speed&options=simplified",
            {"id": "urn:x:car:1", "type": "Car", "scope": "/Madrid", "speed": 55},
        ),
        (
            "pick=parkedAt{name}&join=inline&format=simplified",
            {"parkedAt": {"name": "lot"}},
        ),
    ],
)
async def test_retrieve_entity_shows_what_was_asked_for(services: ReadingServices, query: str, expected: Any) -> None:
    response = await services.ask("GET", f"/entities/urn:x:car:1?{query}", headers=LINKED)
    assert told(response) == expected


async def test_retrieve_entity_shows_system_times(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities/urn:x:car:2?options=sysAttrs", headers=LINKED)
    assert {"createdAt", "modifiedAt"} <= told(response).keys()


@pytest.mark.clause("CIM009 4.5.23")
async def test_retrieve_entity_joins_inline_down_to_level(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities/urn:x:car:1?join=inline&joinLevel=2", headers=LINKED)
    lot = told(response)["parkedAt"]["entity"]
    assert lot["ownedBy"]["entity"] == CITY


@pytest.mark.clause("CIM009 4.5.23")
async def test_retrieve_entity_joins_flat(services: ReadingServices) -> None:
    response = await services.ask(
        "GET", "/entities/urn:x:car:1?join=flat&joinLevel=2&pick=id,parkedAt{id,ownedBy{id}}", headers=LINKED
    )
    assert told(response) == [
        {"id": "urn:x:car:1", "parkedAt": CAR["parkedAt"]},
        {"id": "urn:x:lot:1", "ownedBy": LOT["ownedBy"]},
        {"id": "urn:x:city:1"},
    ]


async def test_retrieve_entity_gives_object_when_flat_join_finds_nothing(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities/urn:x:city:1?join=flat", headers=LINKED)
    assert told(response) == CITY


@pytest.mark.clause("CIM009 5.7.2")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=Car", ["urn:x:car:1", "urn:x:car:2"]),
        ("type=Car&id=urn:x:car:2,urn:x:lot:1", ["urn:x:car:2"]),
        ("type=*&idPattern=lot", ["urn:x:lot:1"]),
        ("q=speed>100", ["urn:x:car:2"]),
        ("attrs=name", ["urn:x:car:1", "urn:x:lot:1", "urn:x:city:1"]),
        ("local=true&scopeQ=/Madrid", ["urn:x:car:1"]),
        ("georel=near;maxDistance==10&geometry=Point&coordinates=[7.6,51.9]", ["urn:x:car:1"]),
        ("type=Car&orderBy=speed;desc", ["urn:x:car:2", "urn:x:car:1"]),
        ("type=Car&csf=x==1", ["urn:x:car:1", "urn:x:car:2"]),
        ("type=Nothing", []),
    ],
)
async def test_query_entities_selects(services: ReadingServices, query: str, expected: list[str]) -> None:
    response = await services.ask("GET", f"/entities?{query}", headers=LINKED)
    assert ids(response) == expected


@pytest.mark.clause("CIM009 5.7.2.4")
@pytest.mark.parametrize(
    "query",
    [
        "",
        "id=urn:x:car:1",
        "idPattern=car",
        "scopeQ=/Madrid",
        "attrs=createdAt",
        "attrs=id,type",
        'q=modifiedAt>"2020-01-01T00:00:00Z"',
        "pick=speed",
        "local=false",
        "type=*&local=false",
        "type=Car&id=no uri",
        "type=Car&csf=))bad((",
        'type=Car&q=parkedAt{name}=="lot"',
        'type=Car&q=parkedAt{ownedBy{name}}=="x"&join=inline&joinLevel=1',
        "type=Car&limit=0",
        "type=Car&limit=-1",
        "type=Car&limit=x",
        "type=Car&offset=-1",
        "type=Car&count=maybe",
        "type=Car&orderBy=location;dist-asc",
        "type=Car&georel=near;maxDistance==1&geometry=Point",
        "type=Car&joinLevel=11",
    ],
)
async def test_query_entities_refuses_bad_data(services: ReadingServices, query: str) -> None:
    response = await services.ask("GET", f"/entities?{query}", headers=LINKED)
    assert (response.status, slug(response)) == (400, "BadRequestData")


async def test_query_entities_refuses_too_large_page(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities?type=Car&limit=1001", headers=LINKED)
    assert (response.status, slug(response)) == (403, "TooManyResults")


async def test_query_entities_filters_through_relationships_when_joined(services: ReadingServices) -> None:
    response = await services.ask("GET", '/entities?type=Car&join=inline&q=parkedAt{name}=="lot"', headers=LINKED)
    assert response.status == 200


@pytest.mark.clause("CIM009 6.3.10")
async def test_query_entities_links_to_pages_around(services: ReadingServices) -> None:
    path = "</stadtkern/ngsi-ld/v1/entities"
    end = '"; type="application/json"'
    target = "/entities?type=*&limit=1&offset=1&count=true"
    middle = await services.ask("GET", target, headers={"accept": "application/ld+json"})
    assert header(middle, "link") == [
        f'{path}?count=true&limit=1&offset=0&type=*>; rel="prev{end}',
        f'{path}?count=true&limit=1&offset=2&type=*>; rel="next{end}',
    ]
    assert header(middle, "ngsild-results-count") == ["4"]
    last = await services.ask("GET", "/entities?type=*&limit=2&offset=2", headers={"accept": "application/ld+json"})
    assert [link.split("rel=")[1] for link in header(last, "link")] == ['"prev"; type="application/json"']
    assert not header(last, "ngsild-results-count")
    assert BASE_URL.endswith("/stadtkern")


async def test_query_entities_escapes_links(services: ReadingServices) -> None:
    hostile = quote('(name=="a,b>"|speed>0)')
    response = await services.ask(
        "GET", f"/entities?type=Car&limit=1&q={hostile}", headers={**LINKED, "accept": "application/ld+json"}
    )
    (link,) = header(response, "link")
    assert link.count(">") == 1
    assert "," not in link


async def test_query_entities_gives_count_alone(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities?type=Car&limit=0&count=true", headers=LINKED)
    assert told(response) == []
    assert header(response, "ngsild-results-count") == ["2"]


async def test_query_entities_gives_context_in_each_element(services: ReadingServices) -> None:
    headers = {**LINKED, "accept": "application/ld+json"}
    response = await services.ask("GET", "/entities?type=Car&pick=id", headers=headers)
    assert told(response) == [
        {"id": "urn:x:car:1", "@context": CONTEXT},
        {"id": "urn:x:car:2", "@context": CONTEXT},
    ]


async def test_query_entities_gives_feature_collection(services: ReadingServices) -> None:
    headers = {**LINKED, "accept": "application/geo+json"}
    collection = told(await services.ask("GET", "/entities?type=Car", headers=headers))
    assert collection["type"] == "FeatureCollection"
    assert [feature["id"] for feature in collection["features"]] == ["urn:x:car:1", "urn:x:car:2"]
    assert collection["@context"] == CONTEXT


async def test_query_entities_leaves_out_what_pick_leaves_empty(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities?type=Car&pick=name&format=concise&datasetId=@none", headers=LINKED)
    assert told(response) == [{"name": "one"}]


@pytest.mark.clause("CIM009 4.5.23")
async def test_query_entities_joins_flat_behind_the_page(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities?type=Car&join=flat&joinLevel=2", headers=LINKED)
    assert ids(response) == ["urn:x:car:1", "urn:x:car:2", "urn:x:lot:1", "urn:x:city:1"]


@pytest.mark.clause("CIM009 5.2.23")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"entities": [{"type": "Car"}]}, ["urn:x:car:1", "urn:x:car:2"]),
        ({"entities": [{"type": "Car"}, {"type": "Lot"}], "q": "name"}, ["urn:x:car:1", "urn:x:lot:1"]),
        ({"entities": [{"type": "Car", "id": "urn:x:car:1", "idPattern": "2"}]}, ["urn:x:car:1"]),
        ({"entities": [{"type": "Car", "id": ["urn:x:car:1", "urn:x:car:2"]}]}, ["urn:x:car:1", "urn:x:car:2"]),
        ({"entities": [{"type": "Car", "idPattern": "2$"}]}, ["urn:x:car:2"]),
        ({"attrs": ["speed"]}, ["urn:x:car:1", "urn:x:car:2"]),
        (
            {
                "geoQ": {
                    "georel": "near;maxDistance==10",
                    "geometry": "Point",
                    "coordinates": [7.6, 51.9],
                    "geoproperty": "location",
                }
            },
            ["urn:x:car:1"],
        ),
        (
            {"entities": [{"type": "Car"}], "ordering": {"orderBy": ["speed;desc"]}},
            ["urn:x:car:2", "urn:x:car:1"],
        ),
    ],
)
async def test_query_by_body_selects(services: ReadingServices, body: dict[str, Any], expected: list[str]) -> None:
    response = await services.ask("POST", "/entityOperations/query", {"type": "Query", **body}, headers=LINKED)
    assert ids(response) == expected


async def test_query_by_body_shows_what_was_asked_for(services: ReadingServices) -> None:
    body = {
        "type": "Query",
        "entities": [{"type": "Car"}],
        "pick": ["id", "parkedAt{name}"],
        "join": "inline",
        "joinLevel": 1,
        "containedBy": ["urn:x:city:1"],
        "lang": "de",
    }
    response = await services.ask("POST", "/entityOperations/query?format=simplified&limit=1", body, headers=LINKED)
    assert told(response) == [{"id": "urn:x:car:1", "parkedAt": {"name": "lot"}}]


async def test_query_by_body_takes_context_of_the_body(services: ReadingServices) -> None:
    body = {"type": "Query", "entities": [{"type": "Car"}], "@context": {"Car": "https://example.org/Car"}}
    response = await services.ask(
        "POST", "/entityOperations/query", body, headers={"content-type": "application/ld+json"}
    )
    assert ids(response) == ["urn:x:car:1", "urn:x:car:2"]
    assert header(response, "link")[0].startswith(f"<{BASE_URL}/hosted>")


@pytest.mark.clause("CIM009 5.2.23")
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"type": "NotQuery", "entities": [{"type": "Car"}]}, "/type"),
        ({"entities": [{"type": "Car"}]}, "/type"),
        ({"type": "Query", "entities": []}, "/entities"),
        ({"type": "Query", "entities": [{"id": "urn:x:car:1"}]}, "/entities/0/type"),
        ({"type": "Query", "entities": [{"type": "Car", "id": "no uri"}]}, None),
        ({"type": "Query", "entities": [{"type": "Car", "id": ["urn:x:car:1", 5]}]}, None),
        ({"type": "Query", "entities": [{"type": "Car", "idPattern": 5}]}, "/entities/0/idPattern"),
        ({"type": "Query", "entities": [{"type": "Car", "more": 5}]}, "/entities/0"),
        ({"type": "Query", "entities": [{"type": "Car"}], "attrs": []}, "/attrs"),
        ({"type": "Query", "entities": [{"type": "Car"}], "q": 42}, "/q"),
        ({"type": "Query", "entities": [{"type": "Car"}], "joinLevel": "1"}, "/joinLevel"),
        ({"type": "Query", "entities": [{"type": "Car"}], "join": "inline", "joinLevel": 0}, None),
        ({"type": "Query", "entities": [{"type": "Car"}], "temporalQ": {}}, "/temporalQ"),
        ({"type": "Query", "entities": [{"type": "Car"}], "geoQ": []}, "/geoQ"),
        ({"type": "Query", "entities": [{"type": "Car"}], "geoQ": {"georel": 5}}, "/geoQ/georel"),
        ({"type": "Query", "entities": [{"type": "Car"}], "unknown": 1}, "/unknown"),
        ({"type": "Query", "entities": [{"type": "Car"}], "ordering": {}}, "/ordering"),
        (
            {"type": "Query", "entities": [{"type": "Car"}], "ordering": {"orderBy": ["id"], "geometry": 5}},
            "/ordering/geometry",
        ),
        (
            {
                "type": "Query",
                "entities": [{"type": "Car"}],
                "ordering": {"orderBy": ["location;dist-asc"], "coordinates": "8,40"},
            },
            "/ordering/coordinates",
        ),
        ({"type": "Query"}, None),
    ],
)
async def test_query_by_body_refuses_with_pointer(
    services: ReadingServices, body: dict[str, Any], pointer: str | None
) -> None:
    response = await services.ask("POST", "/entityOperations/query", body, headers=LINKED)
    assert (response.status, slug(response)) == (400, "BadRequestData")
    if pointer is not None:
        assert told(response)["pointer"] == pointer


async def test_query_by_body_refuses_member_that_is_in_the_url_too(services: ReadingServices) -> None:
    body = {"type": "Query", "entities": [{"type": "Car"}], "lang": "de"}
    response = await services.ask("POST", "/entityOperations/query?lang=en", body, headers=LINKED)
    assert (response.status, slug(response)) == (400, "BadRequestData")
