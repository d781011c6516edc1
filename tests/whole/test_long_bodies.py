"""While a long body is read, others are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stadtkern.app import running
from stadtkern.settings import Settings
from tests.asgi_client import Client

ENTITIES = "/ngsi-ld/v1/entities"
BATCH = "/ngsi-ld/v1/entityOperations"
JSON = {"content-type": "application/json"}
LEAST = 6
"""Answers to others: a body that is read at one go leaves time for two or three, a batch for one an element."""


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    async with running(Settings(data=tmp_path, database_url=database_url, anonymous="write")) as application:
        yield Client(application)


def entity(number: int, **attributes: Any) -> dict[str, Any]:
    return {"id": f"urn:x:{number}", "type": "Large", **attributes}


def instances(count: int, text: str = "") -> list[dict[str, Any]]:
    return [{"type": "Property", "value": text, "datasetId": f"urn:d:{number}"} for number in range(count)]


def objects(count: int) -> list[dict[str, int]]:
    return [{"a": number} for number in range(count)]


# Nothing of these is written: waiting for the disk would leave time for others, too.
BAD = {"not a name": 1}
BODIES: dict[str, tuple[str, Any, int]] = {
    "many instances": (ENTITIES, entity(1, **{f"a{n}": instances(990) for n in range(10)}, **BAD), 400),
    "too many instances": (ENTITIES, entity(1, a=instances(100_000)), 413),
    "too many attributes": (ENTITIES, entity(1, **{f"a{n}": n for n in range(200_000)}), 413),
    "a long value": (ENTITIES, entity(1, a={"type": "Property", "value": objects(500_000)}, **BAD), 400),
    "a long batch": (
        f"{BATCH}/create",
        [entity(k, **{f"a{n}": n for n in range(4_900)}, **BAD) for k in range(4)],
        207,
    ),
    "a long query": (f"{BATCH}/query", {"type": "Query", "entities": [{"type": "T"}], "attrs": ["a"] * 500_000}, 400),
}


@pytest.mark.parametrize("what", BODIES)
async def test_others_are_answered_while_a_long_body_is_read(client: Client, what: str) -> None:
    path, tree, status = BODIES[what]
    long = asyncio.create_task(client.ask("POST", path, headers=JSON, body=msgspec.json.encode(tree)))
    answers = 0
    while not long.done():
        assert (await client.ask("GET", "/livez")).status == 200
        answers += 1
        await asyncio.sleep(0)
    assert (await long).status == status
    assert answers >= LEAST


@pytest.mark.parametrize("path", [ENTITIES, "/ngsi-ld/v1/temporal/entities"])
async def test_attribute_with_too_many_dataset_ids_is_refused(client: Client, path: str) -> None:
    several = [{**one, "observedAt": "2026-03-01T00:00:00Z"} for one in instances(1_001)]
    answer = await client.ask("POST", path, body=entity(1, a=several))
    assert (answer.status, answer.json["type"].rsplit("#", 1)[-1]) == (413, "payloadtoolarge")
    assert "1001 datasetIds" in answer.json["detail"]
    assert (await client.ask("POST", path, body=entity(1, a=several[:1_000]))).status == 201
