"""NGSI-LD Null in what is written to history: when an attribute was deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asgi_client import Client

ID = "urn:x:car:1"
TEMPORAL = "/ngsi-ld/v1/temporal/entities"
NULL = "urn:ngsi-ld:null"


def at(hour: int, value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-01-01T{hour:02}:00:00Z", **members}


async def record(client: Client, *instances: Any, **members: Any) -> int:
    body = {"id": ID, "type": "Car", "speed": list(instances), **members}
    return (await client.ask("POST", TEMPORAL, body=body)).status


async def values(client: Client, **query: str) -> list[Any]:
    answer = await client.ask("GET", f"{TEMPORAL}/{ID}", query=query)
    return [one["value"] for one in answer.json.get("speed", [])] if answer.status == 200 else []


async def current(client: Client) -> Any:
    answer = await client.ask("GET", f"/ngsi-ld/v1/entities/{ID}", query={"format": "simplified"})
    return answer.json.get("speed")


@pytest.mark.clause("CIM009 5.5.4")
async def test_a_deletion_stands_in_history_at_its_time(client: Client) -> None:
    assert await record(client, at(1, 5)) == 201
    assert await record(client, at(2, NULL)) == 204
    assert await values(client) == [5, NULL]
    assert await values(client, timeproperty="deletedAt") == [NULL]
    answer = await client.ask("GET", f"{TEMPORAL}/{ID}")
    assert answer.json["speed"][1]["deletedAt"] == answer.json["speed"][1]["observedAt"] == "2026-01-01T02:00:00Z"


async def test_the_latest_deletion_ends_the_current_value(client: Client) -> None:
    await record(client, at(1, 5))
    await record(client, at(3, NULL))
    assert await current(client) is None
    await record(client, at(4, 6))
    assert await current(client) == 6
    assert await values(client) == [5, NULL, 6]


async def test_an_earlier_deletion_leaves_the_current_value(client: Client) -> None:
    await record(client, at(3, 5))
    await record(client, at(2, NULL))
    assert await current(client) == 5
    assert await values(client) == [NULL, 5]


@pytest.mark.parametrize(("instances", "left"), [([(1, 5), (2, NULL)], None), ([(2, NULL), (1, 5), (3, 6)], 6)])
async def test_values_and_deletions_may_come_at_once(client: Client, instances: Any, left: Any) -> None:
    assert await record(client, *(at(*one) for one in instances)) == 201
    assert await current(client) == left
    assert await values(client) == [value for _, value in sorted(instances)]


async def test_a_deletion_ends_a_value_without_a_time_of_its_own(client: Client) -> None:
    entity = {"id": ID, "type": "Car", "speed": {"type": "Property", "value": 5}}
    await client.ask("POST", "/ngsi-ld/v1/entities", body=entity)
    written = (await client.ask("GET", f"/ngsi-ld/v1/entities/{ID}", query={"sysAttrs": "true"})).json["modifiedAt"]
    assert await record(client, {"type": "Property", "value": NULL, "observedAt": written}) == 204
    assert await current(client) is None
    assert await values(client, timeproperty="modifiedAt") == [5]
    assert await values(client, timeproperty="deletedAt") == [NULL]


async def test_the_same_deletion_is_not_kept_twice_and_a_value_may_take_its_place(client: Client) -> None:
    await record(client, at(1, 5))
    for _ in range(2):
        await record(client, at(2, NULL))
    assert await values(client) == [5, NULL]
    await record(client, at(2, 7))
    assert await values(client) == [5, 7]
    assert await current(client) == 7
    await record(client, at(2, NULL))
    assert await values(client) == [5, NULL]
    assert await current(client) is None


async def test_deletions_are_not_added_up_and_do_not_match(client: Client) -> None:
    await record(client, at(1, 5), at(2, NULL), at(3, 7))
    query = {"aggrMethods": "totalCount,distinctCount,avg", "options": "aggregatedValues"}
    found = (await client.ask("GET", f"{TEMPORAL}/{ID}", query=query)).json["speed"]
    assert [found[method][0][0] for method in ("totalCount", "distinctCount", "avg")] == [2, 2, 6]
    window = {
        "type": "Car",
        "timerel": "between",
        "timeAt": "2026-01-01T02:00:00Z",
        "endTimeAt": "2026-01-01T02:30:00Z",
    }
    assert (await client.ask("GET", TEMPORAL, query={**window, "q": "speed"})).json == []
    assert len((await client.ask("GET", TEMPORAL, query=window)).json) == 1


async def test_deleting_the_deletion_brings_the_value_back(client: Client) -> None:
    await record(client, at(1, 5), at(2, NULL))
    [_, deletion] = (await client.ask("GET", f"{TEMPORAL}/{ID}")).json["speed"]
    address = f"{TEMPORAL}/{ID}/attrs/speed/{deletion['instanceId']}"
    assert (await client.ask("DELETE", address)).status == 204
    assert await current(client) == 5


async def test_deleting_a_value_behind_a_deletion_brings_nothing_back(client: Client) -> None:
    await record(client, at(3, NULL))
    await record(client, at(1, 4), at(2, 5))
    await client.ask("DELETE", f"/ngsi-ld/v1/entities/{ID}/attrs/speed")
    [_, latest, _] = (await client.ask("GET", f"{TEMPORAL}/{ID}")).json["speed"]
    await client.ask("DELETE", f"{TEMPORAL}/{ID}/attrs/speed/{latest['instanceId']}")
    assert await current(client) is None


async def test_a_deletion_may_say_when_it_was_by_deleted_at(client: Client) -> None:
    gone = {"type": "LanguageProperty", "languageMap": {"@none": NULL}, "deletedAt": "2026-01-01T02:00:00Z"}
    label = {"type": "LanguageProperty", "languageMap": {"de": "a"}, "observedAt": "2026-01-01T01:00:00Z"}
    assert await record(client, at(1, 5), label=[label, gone]) == 201
    answer = await client.ask("GET", f"{TEMPORAL}/{ID}", query={"timeproperty": "deletedAt"})
    [found] = answer.json["label"]
    assert (found["languageMap"], found["deletedAt"]) == ({"@none": NULL}, gone["deletedAt"])
    assert "observedAt" not in found
    entity = (await client.ask("GET", f"/ngsi-ld/v1/entities/{ID}")).json
    assert entity.keys() == {"id", "type", "speed"}


@pytest.mark.parametrize(
    "speed",
    [
        NULL,
        {"type": "Property", "value": NULL},
        at(1, 5, unitCode=NULL),
        at(1, 5, accuracy={"type": "Property", "value": NULL}),
        at(1, 5, accuracy=NULL),
    ],
)
async def test_null_anywhere_else_is_refused(client: Client, speed: Any) -> None:
    body = {"id": ID, "type": "Car", "speed": speed}
    answer = await client.ask("POST", TEMPORAL, body=body)
    assert (answer.status, answer.json["type"].rpartition("/")[2]) == (400, "BadRequestData")
    assert (await client.ask("GET", f"{TEMPORAL}/{ID}")).status == 404
