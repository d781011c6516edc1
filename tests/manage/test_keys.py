"""API keys: shown once, kept as a hash, good for what their kind says, in their tenant, until they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stadtkern.broker.keys import CACHE_S, Keys
from stadtkern.errors import Unauthorized
from stadtkern.model.instant import Instant, now, render_instant
from stadtkern.policy.grant import system_grant
from stadtkern.store.system import SystemStore
from tests.asgi_client import Client
from tests.manage.callers import ADMINISTRATOR, ROOM, bearer, create_room, make_key, make_tenant, read_room
from tests.store.stores import open_tenants

GRANT = system_grant("tests", "default")


async def listed(client: Client) -> list[Any]:
    answer = await client.ask("GET", "/v1/keys", headers=ADMINISTRATOR)
    assert answer.status == 200
    return answer.json


async def test_create_key_shows_the_secret_once(client: Client) -> None:
    answer = await client.ask("POST", "/v1/keys", headers=ADMINISTRATOR, body={"name": "dashboard", "kind": "read"})
    assert answer.status == 201
    assert answer.json["key"].startswith(f"sk_{answer.json['id']}_")
    assert answer.headers["location"].endswith(f"/v1/keys/{answer.json['id']}")
    assert answer.headers["cache-control"] == "no-store"
    (shown,) = await listed(client)
    assert shown == {name: value for name, value in answer.json.items() if name != "key"}


async def test_store_holds_no_secret(client: Client, database_url: str, tmp_path: Path) -> None:
    secret = (await make_key(client, "write"))["key"].rpartition("_")[2]
    await create_room(client, bearer(secret))
    store = client.application
    await store.stop()
    for file in tmp_path.rglob("*"):  # noqa: ASYNC240 - nothing else runs
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
    async with open_tenants(database_url, tmp_path) as tenants:
        database = tenants._system.database
        held = [str(tuple(row)) for row in await database.fetch("SELECT * FROM api_key")]
    assert len(held) == 1
    assert secret not in held[0]
    await store.start()


async def test_key_of_kind_read_reads_only(client: Client) -> None:
    headers = bearer((await make_key(client, "read"))["key"])
    assert await read_room(client, headers) == 404
    refused = await create_room(client, headers)
    assert refused.status == 403
    assert refused.headers["content-type"] == "application/json"
    assert (await client.ask("GET", "/v1/keys", headers=headers)).status == 403


async def test_key_of_kind_write_writes_and_does_not_administer(client: Client) -> None:
    headers = bearer((await make_key(client, "write"))["key"])
    assert (await create_room(client, headers)).status == 201
    assert await read_room(client, headers) == 200
    assert (await client.ask("POST", "/v1/keys", headers=headers, body={"name": "a", "kind": "read"})).status == 403


async def test_key_of_kind_source_puts_in_its_types_and_sees_nothing(client: Client) -> None:
    headers = bearer((await make_key(client, "source", types=[ROOM]))["key"])
    assert (await create_room(client, headers, type="Hall")).status == 403
    assert (await create_room(client, headers)).status == 201
    assert await read_room(client, headers) == 403
    patch = {"temperature": {"type": "Property", "value": 21}}
    attributes = "/ngsi-ld/v1/entities/urn:ngsi-ld:Room:1/attrs"
    assert (await client.ask("PATCH", attributes, headers=headers, body=patch)).status == 204
    assert (await client.ask("DELETE", f"{attributes}/temperature", headers=headers)).status == 403
    assert (await client.ask("DELETE", "/ngsi-ld/v1/entities/urn:ngsi-ld:Room:1", headers=headers)).status == 403


async def test_key_of_kind_admin_administers_its_own_tenant_only(client: Client) -> None:
    headers = bearer((await make_key(client, "admin"))["key"])
    made = await client.ask("POST", "/v1/keys", headers=headers, body={"name": "a", "kind": "read"})
    assert made.status == 201
    assert (await client.ask("GET", "/v1/keys", headers=headers)).status == 200
    assert (await client.ask("GET", "/v1/tenants", headers=headers)).status == 403


async def test_key_may_come_in_a_header_of_its_own(client: Client) -> None:
    secret = (await make_key(client, "write"))["key"]
    assert (await create_room(client, {"x-api-key": secret})).status == 201


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_key_is_refused_in_another_tenant(client: Client, method: str) -> None:
    await make_tenant(client, "north")
    headers = bearer((await make_key(client, "admin", prefix="/t/north"))["key"])
    assert await read_room(client, headers, "/t/north") == 404
    for path in ("/ngsi-ld/v1/entities", "/t/default/ngsi-ld/v1/entities", "/t/nowhere/ngsi-ld/v1/entities"):
        assert (await client.ask(method, path, headers=headers, body={})).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer the administrator's toke"},
        {"authorization": "Bearer "},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer sk__"},
        {"authorization": "Bearer sk_0123456789ab_" + "0" * 40},
        {"authorization": "Bearer ä"},
        {"x-api-key": "wrong"},
        {"x-api-key": " "},
    ],
)
async def test_unknown_credentials_are_refused_even_where_everybody_may_read(
    embedded: Client, headers: dict[str, str]
) -> None:
    for path in ("/ngsi-ld/v1/entities/urn:x:1", "/v1/keys", "/v1/tenants"):
        answer = await embedded.ask("GET", path, headers=headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_key_with_a_wrong_secret_is_refused(client: Client) -> None:
    made = await make_key(client, "write")
    right = made["key"]
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    assert (await create_room(client, bearer(wrong))).status == 401
    assert (await create_room(client, bearer(right))).status == 201


async def test_revoked_key_is_refused_at_once_and_stays_listed(client: Client) -> None:
    made = await make_key(client, "write")
    assert (await create_room(client, bearer(made["key"]))).status == 201
    revoke = await client.ask("DELETE", f"/v1/keys/{made['id']}", headers=ADMINISTRATOR)
    assert revoke.status == 204
    assert (await create_room(client, bearer(made["key"]))).status == 401
    (shown,) = await listed(client)
    assert shown["revokedAt"] is not None


async def test_revoke_refuses_keys_of_other_tenants(client: Client) -> None:
    await make_tenant(client, "north")
    made = await make_key(client, "read", prefix="/t/north")
    assert (await client.ask("DELETE", f"/v1/keys/{made['id']}", headers=ADMINISTRATOR)).status == 404
    assert await listed(client) == []


async def test_list_tells_when_a_key_was_last_used(client: Client) -> None:
    made = await make_key(client, "read")
    assert (await listed(client))[0]["lastUsedAt"] is None
    before = render_instant(now())
    await read_room(client, bearer(made["key"]))
    assert (await listed(client))[0]["lastUsedAt"] > before[:19]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "a", "kind": "root"}, None),
        ({"name": "a", "kind": "source"}, None),
        ({"name": "a", "kind": "read", "types": [ROOM]}, None),
        ({"name": "a", "kind": "source", "types": ["Room"]}, "/types/0"),
        ({"name": "a", "kind": "read", "expiresAt": "yesterday"}, None),
        ({"name": "a", "kind": "read", "expiresAt": "2020-01-01T00:00:00Z"}, None),
        ({"name": 7, "kind": "read"}, "/name"),
        ({"kind": "read"}, None),
        ({"name": "a", "kind": "read", "admin": True}, None),
        ([], None),
    ],
)
async def test_create_key_refuses_what_cannot_be(embedded: Client, body: Any, pointer: str | None) -> None:
    answer = await embedded.ask("POST", "/v1/keys", headers=ADMINISTRATOR, body=body)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json.get("pointer") == pointer
    assert await listed(embedded) == []


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> Instant:
        return self.now


async def test_key_ends_at_its_time(database_url: str, tmp_path: Path) -> None:
    async with open_tenants(database_url, tmp_path) as tenants:
        clock = Clock()
        keys = Keys(tenants._system, "token", clock)
        _, secret = await keys.create(GRANT, "a", "read", expires_at=Instant(clock.now + 1000))
        assert (await keys.authenticate(f"Bearer {secret}", None)).kind == "key"
        clock.now = Instant(clock.now + 1000)
        with pytest.raises(Unauthorized, match="expired"):
            await keys.authenticate(f"Bearer {secret}", None)


async def test_key_revoked_by_another_process_ends_soon(database_url: str, tmp_path: Path) -> None:
    async with open_tenants(database_url, tmp_path) as tenants:
        clock = Clock()
        store: SystemStore = tenants._system
        here, there = Keys(store, "", clock), Keys(store, "", clock)
        key, secret = await there.create(GRANT, "a", "read")
        await here.authenticate(None, secret)
        await there.revoke(GRANT, key.id)
        clock.now = Instant(clock.now + int(CACHE_S * 1_000_000))
        with pytest.raises(Unauthorized, match="revoked"):
            await here.authenticate(None, secret)


async def test_last_use_is_the_latest_that_any_process_tells(database_url: str, tmp_path: Path) -> None:
    async with open_tenants(database_url, tmp_path) as tenants:
        clock = Clock()
        here, there = Keys(tenants._system, "", clock), Keys(tenants._system, "", clock)
        _, secret = await here.create(GRANT, "a", "read")
        await here.authenticate(None, secret)
        clock.now = Instant(clock.now + 5)
        await there.authenticate(None, secret)
        await there.flush()
        assert [key.last_used_at for key in await here.list(GRANT)] == [clock.now]
