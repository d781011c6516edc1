"""Who may write what: without credentials, with keys to read, to write and to put values in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Answer, Client
from tests.asgi_client import client as run_client
from tests.sensorthings.bodies import SENSOR, link, place, stream, thing

TOKEN = {"authorization": "Bearer let me in"}
STATION = "https://uri.etsi.org/ngsi-ld/default-context/Station"
PLATFORM = "http://www.w3.org/ns/sosa/Platform"


@pytest.fixture
async def guarded(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """An application that nobody may use without a key."""
    settings = Settings(data=tmp_path, database_url=database_url, anonymous="none", admin_token="let me in")
    async with run_client(settings) as made:
        yield made


async def _key(client: Client, kind: str, *types: str) -> dict[str, str]:
    body: dict[str, Any] = {"name": kind, "kind": kind, **({"types": list(types)} if types else {})}
    made = await client.ask("POST", "/v1/keys", headers=TOKEN, body=body)
    assert made.status == 201, made.text
    return {"x-api-key": made.json["key"]}


async def _send(client: Client, key: dict[str, str], method: str, path: str, body: Any = None, **more: str) -> Answer:
    return await client.ask(method, f"/sta/v1.1/{path}", headers={**key, **more}, body=body)


async def _station(client: Client, types: str = "Station") -> int:
    """A Thing with a Datastream; gives the latter's id."""
    body = thing(properties={"ngsiType": types}, Locations=[place()], Datastreams=[stream()])
    assert (await _send(client, TOKEN, "POST", "Things", body)).status == 201
    listed = await _send(client, TOKEN, "GET", "Datastreams")
    return max(one["@iot.id"] for one in listed.json["value"])


_BARE = {name: value for name, value in stream().items() if name not in {"Sensor", "ObservedProperty"}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "Things", thing()),
        ("POST", "Datastreams({})/Observations", {"result": 1}),
        ("PATCH", "Datastreams({})", {"name": "E"}),
        ("PUT", "Datastreams({})", _BARE),
        ("DELETE", "Datastreams({})", None),
    ],
)
async def test_writing_needs_a_key_that_may_write(guarded: Client, method: str, path: str, body: Any) -> None:
    address = path.format(await _station(guarded))
    reader, writer = await _key(guarded, "read"), await _key(guarded, "write")
    without = await _send(guarded, {}, method, address, body)
    assert (without.status, without.json["code"]) == (401, 401)
    refused = await _send(guarded, reader, method, address, body)
    assert (refused.status, refused.json["code"]) == (403, 403)
    assert (await _send(guarded, writer, method, address, body)).status in {200, 201}


async def test_source_adds_observations_to_things_of_its_types_and_sees_nothing(guarded: Client) -> None:
    own, other = await _station(guarded), await _station(guarded, "Bench")
    source = await _key(guarded, "source", STATION, PLATFORM)
    added = await _send(guarded, source, "POST", f"Datastreams({own})/Observations", {"result": 1})
    assert added.status == 201, added.text
    linked = {"result": 2, "Datastream": link(own)}
    answer = await _send(guarded, source, "POST", "Observations", linked, prefer="return=representation")
    assert (answer.status, answer.body) == (201, b"")
    value = answer.headers["location"].partition("/sta/v1.1/")[2]
    for method, path, body in (
        ("POST", f"Datastreams({other})/Observations", {"result": 1}),
        ("POST", "Sensors", SENSOR),
        ("PATCH", value, {"result": 3}),
        ("PUT", value, {"result": 3}),
        ("DELETE", value, None),
        ("PATCH", f"Datastreams({own})", {"name": "E"}),
        ("DELETE", f"Datastreams({own})", None),
        ("DELETE", "Things(1)/Locations(987654)/$ref", None),
        ("POST", "Things(1)/Locations/$ref", {"@iot.id": 1}),
        ("GET", value, None),
    ):
        refused = await _send(guarded, source, method, path, body)
        assert refused.status == 403, f"{method} {path}: {refused.text}"
    chosen = await guarded.ask("DELETE", "/sta/v1.1/Observations", query={"$filter": "result eq 1"}, headers=source)
    assert chosen.status == 403
    group = {"components": ["result"], "dataArray": [[3], [4]]}
    rows = [{"Datastream": link(own), **group}, {"Datastream": link(other), **group}]
    written = (await _send(guarded, source, "POST", "CreateObservations", rows)).json
    assert [one == "error" for one in written] == [False, False, True, True]
    patch = b'[{"op": "test", "path": "/name", "value": "T"}]'
    secret = await _send(
        guarded, source, "PATCH", "Things(1)", patch, **{"content-type": "application/json-patch+json"}
    )
    assert secret.status == 403
    shown = await _send(guarded, TOKEN, "GET", value)
    assert shown.json["result"] == 2
