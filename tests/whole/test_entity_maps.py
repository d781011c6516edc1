"""Entity maps: the matches of a query stay while a reader pages through them."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker import entity_maps, temporal
from stadtkern.errors import ResourceNotFound
from stadtkern.model.ids import DEFAULT_TENANT, Iri
from stadtkern.model.instant import now, parse_instant
from stadtkern.policy.grant import make_grant
from stadtkern.query.filter import HasType
from stadtkern.query.request import EntityQuery
from stadtkern.store import entity_map as stored_maps
from tests.asgi_client import Answer, Client

BASE = "/ngsi-ld/v1"
MAP = "NGSILD-EntityMap"
SINCE = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z", "timeproperty": "createdAt"}


def name(number: int) -> str:
    return f"urn:x:car:{number}"


async def fill(client: Client, count: int, first: int = 0) -> None:
    body = [
        {"id": name(at), "type": "Car", "speed": {"type": "Property", "value": at}}
        for at in range(first, first + count)
    ]
    assert (await client.ask("POST", f"{BASE}/entityOperations/create", body=body)).status == 201


async def delete(client: Client, number: int) -> None:
    assert (await client.ask("DELETE", f"{BASE}/entities/{name(number)}")).status == 204


async def ask(client: Client, path: str, known: str | None = None, **query: str) -> Answer:
    return await client.ask("GET", f"{BASE}/{path}", query=query, headers={} if known is None else {MAP: known})


def location(answer: Answer) -> str:
    [found] = [value for key, value in answer.headers.items() if key.lower() == MAP.lower()]
    return found


def numbers(answer: Answer) -> list[int]:
    assert answer.status in (200, 201), answer.text
    return [int(entity["id"].rpartition(":")[2]) for entity in answer.json]


async def mapped(client: Client, address: str) -> list[int]:
    answer = await ask(client, f"entityMaps/{address.rpartition('/')[2]}")
    assert (answer.status, answer.json["type"]) == (200, "EntityMap")
    assert set(map(tuple, answer.json["entityMap"].values())) <= {("@none",)}
    return [int(id_.rpartition(":")[2]) for id_ in answer.json["entityMap"]]


@pytest.mark.clause("CIM009 5.5.9.3")
async def test_pages_of_a_map_neither_skip_nor_repeat(client: Client) -> None:
    await fill(client, 7)
    first = await ask(client, "entities", type="Car", entityMap="true", limit="3")
    assert (first.status, numbers(first)) == (201, [0, 1, 2])
    address = location(first)
    await delete(client, 0)
    await delete(client, 4)
    await fill(client, 2, first=7)
    second = await ask(client, "entities", address, type="Car", limit="3", offset="3")
    assert (second.status, numbers(second), location(second)) == (200, [3, 5, 6], address)
    assert 'rel="next"' not in second.headers.get("link", "")
    assert numbers(await ask(client, "entities", address, type="Car", limit="3")) == [1, 2, 3]
    assert await mapped(client, address) == [1, 2, 3, 5, 6]


async def test_links_lead_through_the_whole_map(client: Client) -> None:
    await fill(client, 5)
    address = location(await ask(client, "entities", type="Car", entityMap="true"))
    page = await ask(client, "entities", address, type="Car", limit="2")
    assert "offset=2" in page.headers["Link"]
    assert 'rel="next"' in page.headers["Link"]
    last = await ask(client, "entities", address, type="Car", limit="2", offset="4")
    assert numbers(last) == [4]


@pytest.mark.parametrize("offset", ["0", "3"])
async def test_count_counts_what_still_matches(client: Client, offset: str) -> None:
    await fill(client, 6)
    address = location(await ask(client, "entities", type="Car", entityMap="true"))
    await delete(client, 1)
    await delete(client, 5)
    await fill(client, 1, first=6)
    page = await ask(client, "entities", address, type="Car", limit="2", offset=offset, count="true")
    counts = [value for key, value in page.headers.items() if key.lower() == "ngsild-results-count"]
    assert counts == ["4"]


async def test_the_query_is_rechecked_and_the_order_kept(client: Client) -> None:
    await fill(client, 5)
    first = await ask(client, "entities", type="Car", orderBy="speed;desc", entityMap="true")
    assert numbers(first) == [4, 3, 2, 1, 0]
    address = location(first)
    faster = {"speed": {"type": "Property", "value": 99}}
    await client.ask("PATCH", f"{BASE}/entities/{name(0)}/attrs", body=faster)
    assert numbers(await ask(client, "entities", address, type="Car", q="speed<4")) == [3, 2, 1]


async def test_a_map_of_many_entities_is_walked_in_slices(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entity_maps, "SLICE", 3)
    await fill(client, 10)
    first = await ask(client, "entities", type="Car", entityMap="true", limit="8")
    address = location(first)
    assert numbers(first) == list(range(8))
    for gone in (0, 1, 2, 9):
        await delete(client, gone)
    assert numbers(await ask(client, "entities", address, type="Car", limit="4")) == [3, 4, 5, 6]
    page = await ask(client, "entities", address, type="Car", limit="4", offset="4", count="true")
    assert numbers(page) == [7, 8]


@pytest.mark.parametrize(("path", "more"), [("entities", {}), ("temporal/entities", SINCE)])
async def test_a_map_that_matches_nothing_stays_empty(client: Client, path: str, more: dict[str, str]) -> None:
    address = location(await ask(client, path, type="Car", entityMap="true", **more))
    await fill(client, 1)
    assert numbers(await ask(client, path, address, type="Car", **more)) == []


async def test_a_dead_map_is_replaced_by_a_new_one(client: Client) -> None:
    await fill(client, 1)
    dead = "urn:ngsi-ld:EntityMap:dead"
    for path, more in (("entities", {}), ("temporal/entities", SINCE)):
        answer = await ask(client, path, dead, type="Car", **more)
        assert (answer.status, numbers(answer)) == (201, [0])
        assert "dead" not in location(answer)
        assert await mapped(client, location(answer)) == [0]


@pytest.mark.parametrize("path", ["entities", "temporal/entities"])
async def test_retrieval_makes_a_map_of_one(client: Client, path: str) -> None:
    await fill(client, 2)
    query = {} if path == "entities" else {"timeproperty": "createdAt"}
    answer = await ask(client, f"{path}/{name(1)}", options="entityMap", **query)
    assert (answer.status, answer.json["id"]) == (200, name(1))
    assert await mapped(client, location(answer)) == [1]
    again = await ask(client, f"{path}/{name(1)}", location(answer), **query)
    assert location(again) == location(answer)
    assert all(key.lower() != MAP.lower() for key in (await ask(client, f"{path}/{name(1)}", **query)).headers)


async def test_history_is_read_through_a_map(client: Client) -> None:
    await fill(client, 3)
    address = location(await ask(client, "temporal/entities", type="Car", q="speed>0", entityMap="true", **SINCE))
    await fill(client, 1, first=3)
    page = await ask(client, "temporal/entities", address, type="Car", **SINCE)
    assert (page.status, numbers(page)) == (200, [1, 2])


@pytest.mark.clause("CIM009 5.14.4")
@pytest.mark.parametrize("path", ["", "temporal/"])
async def test_maps_are_made_by_parameters_and_by_bodies(client: Client, path: str) -> None:
    await fill(client, 3)
    query = {"type": "Car", "q": "speed>0", **(SINCE if path else {})}
    made = await ask(client, f"{path}entityMaps", **query)
    assert (made.status, list(made.json["entityMap"])) == (201, [name(1), name(2)])
    assert location(made).endswith(made.json["id"])
    body: dict[str, Any] = {"type": "Query", "entities": [{"type": "Car"}], "q": "speed>0"}
    if path:
        body["temporalQ"] = SINCE
    made = await client.ask("POST", f"{BASE}/{path}entityMaps", body=body)
    assert (made.status, list(made.json["entityMap"])) == (201, [name(1), name(2)])
    page = await client.ask(
        "POST", f"{BASE}/{path}entityOperations/query", body={**body, "q": "speed<2"}, headers={MAP: made.json["id"]}
    )
    assert (page.status, numbers(page)) == (200, [1])


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("entityMaps", {"id": "urn:x:1"}),
        ("entityMaps", {"type": "Car", "entityMapLifetime": "1hour"}),
        ("entityMaps", {"type": "Car", "entityMapLifetime": "PT0S"}),
        ("entities", {"type": "Car", "entityMap": "yes"}),
        ("entities", {"type": "Car", "entityMapLifetime": "x"}),
        ("temporal/entityMaps", {"type": "Car"}),
        ("entityMaps/no uri", {}),
    ],
)
async def test_bad_wishes_are_refused(client: Client, path: str, query: dict[str, str]) -> None:
    assert (await ask(client, path, **query)).status == 400


async def test_the_end_of_a_map_can_be_moved_within_bounds(client: Client) -> None:
    await fill(client, 1)
    made = await ask(client, "entityMaps", type="Car", entityMapLifetime="PT30S")
    assert parse_instant(made.json["expiresAt"]) <= now() + 30_000_000
    address = f"{BASE}/entityMaps/{made.json['id']}"
    body = {"expiresAt": "2999-01-01T00:00:00Z", "entityMap": {"urn:x:injected": ["@none"]}}
    assert (await client.ask("PATCH", address, body=body)).status == 204
    found = (await client.ask("GET", address)).json
    assert list(found["entityMap"]) == [name(0)]
    assert now() + 3_600_000_000 < parse_instant(found["expiresAt"]) <= now() + 24 * 3_600_000_000
    for bad in ({}, {"expiresAt": "tomorrow"}, {"expiresAt": 5}):
        assert (await client.ask("PATCH", address, body=bad)).status == 400
    assert (await client.ask("PATCH", address, body={"expiresAt": "2020-01-01T00:00:00Z"})).status == 204
    for method in ("GET", "DELETE"):
        assert (await client.ask(method, address)).status == 404
    assert (await client.ask("PATCH", address, body=body)).status == 404


async def test_a_deleted_map_is_gone_and_its_entities_stay(client: Client) -> None:
    await fill(client, 1)
    made = await ask(client, "entityMaps", type="Car")
    address = f"{BASE}/entityMaps/{made.json['id']}"
    assert (await client.ask("DELETE", address)).status == 204
    assert (await client.ask("GET", address)).status == 404
    assert numbers(await ask(client, "entities", type="Car")) == [0]


async def test_maps_belong_to_their_tenant(client: Client) -> None:
    await fill(client, 1)
    made = await ask(client, "entityMaps", type="Car")
    other = {"ngsild-tenant": "other"}
    await client.ask("POST", f"{BASE}/entities", body={"id": "urn:x:1", "type": "T"}, headers=other)
    assert (await client.ask("GET", f"{BASE}/entityMaps/{made.json['id']}", headers=other)).status == 404


async def test_maps_are_for_those_who_see_the_same(client: Client) -> None:
    await fill(client, 1)
    broker = client.application.services.broker
    mine = make_grant(DEFAULT_TENANT, "me", "read")
    narrow = make_grant(DEFAULT_TENANT, "other", "read", row_filter=HasType(Iri("https://x.example/Tree")))
    made = await broker.make_map(mine, EntityQuery(), None)
    with pytest.raises(ResourceNotFound):
        await broker.load_map(narrow, made.id)
    assert (await broker.make_map(narrow, EntityQuery(), None)).entities == []


async def test_maps_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(client, 4)
    monkeypatch.setattr(entity_maps, "MAX_ENTITIES", 3)
    monkeypatch.setattr(entity_maps, "SLICE", 2)
    monkeypatch.setattr(temporal, "MAX_NAMED", 3)
    monkeypatch.setattr(stored_maps, "MOST", 2)
    for path, more in (("entityMaps", {}), ("entityMaps", {"orderBy": "id"}), ("temporal/entityMaps", SINCE)):
        assert (await ask(client, path, type="Car", **more)).status == 403
    made = [(await ask(client, "entityMaps", type="Car", q="speed<2")).json["id"] for _ in range(4)]
    found = [(await ask(client, f"entityMaps/{one}")).status for one in made]
    assert found[0] == 404
    assert found[-1] == 200
