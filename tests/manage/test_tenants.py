"""Tenants over HTTP: made by the administrator, chosen by header, address or host, strangers to one another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client
from tests.manage.callers import ADMINISTRATOR, ENTITIES, TOKEN, create_room, make_tenant, read_room

WAYS: list[tuple[str, dict[str, str]]] = [
    ("/t/north", {}),
    ("/t/North", {}),
    ("", {"NGSILD-Tenant": "north"}),
    ("", {"host": "north.example:8080"}),
    ("", {"host": "NORTH.example"}),
    ("/t/north", {"NGSILD-Tenant": "NORTH"}),
    ("/t/north", {"host": "elsewhere.example"}),
    ("", {"NGSILD-Tenant": "north", "host": "elsewhere.example"}),
]


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[Client]:
    async with run_client(Settings(data=folder, admin_token=TOKEN, **settings)) as client:
        yield client


async def names(client: Client) -> list[str]:
    answer = await client.ask("GET", "/v1/tenants", headers=ADMINISTRATOR)
    return [tenant["name"] for tenant in answer.json]


async def test_tenant_lives_from_creation_to_deletion(client: Client) -> None:
    made = await make_tenant(client, "north", host="north.example", title="The north")
    assert made.status == 201
    assert made.headers["location"] == "http://127.0.0.1:8080/v1/tenants/north"
    assert await names(client) == ["default", "north"]
    shown = await client.ask("GET", "/v1/tenants/north", headers=ADMINISTRATOR)
    assert (shown.status, shown.json) == (200, made.json)
    assert (await make_tenant(client, "north")).status == 409
    assert (await make_tenant(client, "south", host="north.example")).status == 409
    assert (await client.ask("DELETE", "/v1/tenants/north", headers=ADMINISTRATOR)).status == 204
    assert (await client.ask("GET", "/v1/tenants/north", headers=ADMINISTRATOR)).status == 404
    assert (await client.ask("DELETE", "/v1/tenants/north", headers=ADMINISTRATOR)).status == 404
    assert await names(client) == ["default"]


async def test_contexts_of_a_deleted_tenant_mean_nothing_to_a_new_one_of_its_name(client: Client) -> None:
    hosted = {"@context": {"room": "https://secret.example/Room"}}
    headers = {**ADMINISTRATOR, "NGSILD-Tenant": "north"}
    await make_tenant(client, "north")
    made = await client.ask("POST", "/ngsi-ld/v1/jsonldContexts", headers=headers, body=hosted)
    assert made.status == 201
    link = f'<http://127.0.0.1:8080{made.headers["Location"]}>; rel="http://www.w3.org/ns/json-ld#context"'
    asked = {**headers, "link": link}
    assert (await client.ask("GET", "/ngsi-ld/v1/entities", query={"type": "room"}, headers=asked)).status == 200
    assert (await client.ask("DELETE", "/v1/tenants/north", headers=ADMINISTRATOR)).status == 204
    await make_tenant(client, "north")
    assert (await client.ask("GET", "/ngsi-ld/v1/entities", query={"type": "room"}, headers=asked)).status == 504


async def test_default_tenant_stays(embedded: Client) -> None:
    assert (await embedded.ask("DELETE", "/v1/tenants/default", headers=ADMINISTRATOR)).status == 409


async def test_tenants_are_for_the_administrator(embedded: Client) -> None:
    for method, path in (("GET", "/v1/tenants"), ("POST", "/v1/tenants"), ("DELETE", "/v1/tenants/default")):
        assert (await embedded.ask(method, path, body={"name": "x"})).status == 401


@pytest.mark.parametrize(("prefix", "headers"), WAYS)
async def test_tenant_is_chosen_by_address_header_or_host(
    embedded: Client, prefix: str, headers: dict[str, str]
) -> None:
    await make_tenant(embedded, "north", host="north.example")
    assert (await create_room(embedded, {**ADMINISTRATOR, **headers}, prefix)).status == 201
    assert await read_room(embedded, {}, "/t/north") == 200
    assert await read_room(embedded, {}) == 404
    assert await read_room(embedded, headers, prefix) == 200


async def test_tenant_header_is_echoed(embedded: Client) -> None:
    await make_tenant(embedded, "north")
    answer = await embedded.ask("GET", ENTITIES, query="type=Room", headers={"NGSILD-Tenant": "North"})
    assert (answer.status, answer.headers["ngsild-tenant"]) == (200, "North")


async def test_header_and_address_must_agree(embedded: Client) -> None:
    await make_tenant(embedded, "north")
    await make_tenant(embedded, "south")
    for method in ("GET", "POST"):
        answer = await embedded.ask(
            method, f"/t/north{ENTITIES}", query="type=Room", headers={**ADMINISTRATOR, "NGSILD-Tenant": "south"}
        )
        assert answer.status == 400
        assert answer.json["type"].endswith("/BadRequestData")


@pytest.mark.parametrize("name", ["nowhere", "No%20Name", "9", "%C3%A4", "x" * 60, "..", "system"])
async def test_unknown_tenant_is_not_found_on_read_and_write(embedded: Client, name: str) -> None:
    for path, headers in ((f"/t/{name}{ENTITIES}", {}), (ENTITIES, {"NGSILD-Tenant": name})):
        for method in ("GET", "POST", "DELETE"):
            answer = await embedded.ask(method, path, query="type=Room", headers={**ADMINISTRATOR, **headers}, body={})
            assert answer.status == 404
            assert answer.json["title"] == "Tenant does not exist"
    assert await names(embedded) == ["default"]


async def test_write_creates_an_unknown_tenant_when_told_so(database_url: str, tmp_path: Path) -> None:
    async with serving(tmp_path, database_url=database_url, anonymous="write", implicit_tenants=True) as client:
        headers = {"NGSILD-Tenant": "north"}
        assert await read_room(client, headers) == 404
        assert await names(client) == ["default"]
        assert (await create_room(client, headers)).status == 201
        assert await names(client) == ["default", "north"]
        assert await read_room(client, headers) == 200


async def test_implicit_tenants_are_not_for_readers(database_url: str, tmp_path: Path) -> None:
    async with serving(tmp_path, database_url=database_url, anonymous="read", implicit_tenants=True) as client:
        assert (await create_room(client, {"NGSILD-Tenant": "north"})).status == 401
        assert await names(client) == ["default"]


async def test_host_names_choose_no_tenant_when_told_so(tmp_path: Path) -> None:
    async with serving(tmp_path, tenant_hosts=False) as client:
        await make_tenant(client, "north", host="north.example")
        await create_room(client, {**ADMINISTRATOR, "host": "north.example"})
        assert await read_room(client, {}) == 200


PROXIES: list[tuple[str, str, dict[str, str], str]] = [
    ("", "", {}, "http://127.0.0.1:8080"),
    ("", "", {"host": "data.example"}, "http://data.example"),
    ("", "/t/north", {}, "http://127.0.0.1:8080/t/north"),
    ("", "", {"host": "north.example:81"}, "http://north.example:81"),
    ("https://data.example", "", {}, "https://data.example"),
    ("https://data.example/", "/t/North", {}, "https://data.example/t/north"),
    ("https://data.example/api", "", {}, "https://data.example/api"),
    ("https://data.example/api", "/t/north", {}, "https://data.example/api/t/north"),
    ("https://data.example/api", "", {"host": "north.example"}, "https://north.example/api"),
    ("https://data.example/api", "/api", {}, "https://data.example/api"),
    ("https://data.example/a/b", "/a/b/t/north", {}, "https://data.example/a/b/t/north"),
]
"""Public address; what stands before the path of a request; its headers; what links must begin with."""


@pytest.mark.parametrize(("public_url", "prefix", "headers", "expected"), PROXIES)
async def test_links_lead_back_through_the_proxy(
    tmp_path: Path, public_url: str, prefix: str, headers: dict[str, str], expected: str
) -> None:
    async with serving(tmp_path, public_url=public_url) as client:
        await make_tenant(client, "north", host="north.example")
        key = {"name": "a", "kind": "read"}
        made = await client.ask("POST", f"{prefix}/v1/keys", headers={**ADMINISTRATOR, **headers}, body=key)
        assert made.headers["location"] == f"{expected}/v1/keys/{made.json['id']}"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"name": "a\\u0000b"}', b'{"name": "north", "more": 1}'])
async def test_create_tenant_refuses_what_cannot_be(embedded: Client, body: bytes) -> None:
    answer = await embedded.ask("POST", "/v1/tenants", headers=ADMINISTRATOR, body=body)
    assert answer.status == 400
    assert await names(embedded) == ["default"]
