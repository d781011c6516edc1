"""Attributes whose names are URIs can be asked for by them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asgi_client import Client

ENTITIES = "/ngsi-ld/v1/entities"
ONE = "urn:x:entity:1"
URN, NUMBERED, HTTP, ODD = "urn:x:speed", "urn:x:2:v1.5", "https://e.example/place", "urn:x:a=b;c"
POINT = {"type": "Point", "coordinates": [10, 50]}


@pytest.fixture
async def entities(client: Client) -> Client:
    measured = {"type": "Property", "value": 5, "observedAt": "2026-03-01T12:00:00Z"}
    first: dict[str, Any] = {"id": ONE, "type": "T", URN: measured, NUMBERED: {"value": 7}, ODD: {"value": 1}}
    first |= {HTTP: {"type": "GeoProperty", "value": POINT}}
    second = {"id": "urn:x:entity:2", "type": "T", URN: {"type": "Property", "value": 3}}
    for entity in (first, second):
        assert (await client.ask("POST", ENTITIES, body=entity)).status == 201
    return client


async def found(client: Client, **query: str) -> list[str]:
    answer = await client.ask("GET", ENTITIES, query={"type": "T", **query})
    assert answer.status == 200, answer.text
    return [entity["id"][-1] for entity in answer.json]


@pytest.mark.clause("CIM009 4.9")
@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (f"{URN}>4", ["1"]),
        (f"{URN}", ["1", "2"]),
        (f"!{NUMBERED}", ["2"]),
        (f"({NUMBERED}==7|{URN}<4)", ["1", "2"]),
        (f"{URN}.observedAt>2026-01-01T00:00:00Z", ["1"]),
        (f"{HTTP}", ["1"]),
    ],
)
async def test_uri_can_be_named_in_q(entities: Client, q: str, expected: list[str]) -> None:
    assert await found(entities, q=q) == expected


async def test_uri_can_be_named_in_every_parameter(entities: Client) -> None:
    near = {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": "[10,50]"}
    assert await found(entities, **near, geoproperty=HTTP) == ["1"]
    assert await found(entities, attrs=NUMBERED) == ["1"]
    assert await found(entities, orderBy=URN) == ["2", "1"]
    assert await found(entities, orderBy=f"{URN};desc") == ["1", "2"]


@pytest.mark.clause("CIM009 4.21")
@pytest.mark.parametrize("name", [URN, NUMBERED, HTTP, ODD])
async def test_uri_can_be_picked_and_omitted(entities: Client, name: str) -> None:
    picked = await entities.ask("GET", f"{ENTITIES}/{ONE}", query={"pick": f"id,{name}"})
    assert picked.json.keys() == {"id", name}
    left = await entities.ask("GET", f"{ENTITIES}/{ONE}", query={"omit": name})
    assert left.json.keys() == {"id", "type", URN, NUMBERED, HTTP, ODD} - {name}
    attrs = await entities.ask("GET", f"{ENTITIES}/{ONE}", query={"attrs": name})
    assert attrs.json.keys() == {"id", "type", name}


async def test_uri_in_an_address(entities: Client) -> None:
    assert (await entities.ask("GET", f"/ngsi-ld/v1/attributes/{URN}")).json["attributeCount"] == 2
    answer = await entities.ask("PATCH", f"{ENTITIES}/{ONE}/attrs/{URN}", body={"value": 9})
    assert answer.status == 204
    assert await found(entities, q=f"{URN}==9") == ["1"]


async def test_uri_that_holds_operators_is_refused_in_q_with_a_way_out(entities: Client) -> None:
    answer = await entities.ask("GET", ENTITIES, query={"type": "T", "q": f"{ODD}==1"})
    assert answer.status == 400
    assert "give it a term in the @context" in answer.text
