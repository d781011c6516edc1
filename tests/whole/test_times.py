"""Times with any offset come in everywhere, and go out in UTC."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asgi_client import Answer, Client

ENTITIES = "/ngsi-ld/v1/entities"
HISTORY = "/ngsi-ld/v1/temporal/entities"
ONE = "urn:x:1"
LOCAL, UTC = "2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00Z"


def measured(value: float, at: str) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at}


async def asked(client: Client, path: str, **query: str) -> Any:
    answer = await client.ask("GET", path, query=query)
    assert answer.status == 200, answer.text
    return answer.json


async def sent(client: Client, method: str, path: str, body: Any, query: str = "") -> Answer:
    answer = await client.ask(method, path, query=query, body=body)
    assert answer.status in {201, 204}, answer.text
    return answer


@pytest.mark.clause("CIM009 4.6.3")
async def test_times_with_an_offset_are_read_and_answered_in_utc(client: Client) -> None:
    inner = {**measured(1, LOCAL), "source": measured(2, LOCAL), "expiresAt": "2999-01-01T00:00:00.5-0130"}
    await sent(client, "POST", ENTITIES, {"id": ONE, "type": "T", "a": inner, "expiresAt": "2999-01-01T00:00:00+02:00"})
    entity = await asked(client, f"{ENTITIES}/{ONE}", options="sysAttrs")
    assert (entity["a"]["observedAt"], entity["a"]["source"]["observedAt"]) == (UTC, UTC)
    assert (entity["a"]["expiresAt"], entity["expiresAt"]) == ("2999-01-01T01:30:00.500Z", "2998-12-31T22:00:00Z")
    await sent(client, "POST", f"{HISTORY}/{ONE}/attrs", {"a": [measured(3, "2026-03-01T12:00:00,25+01:00")]})
    [first, second] = (await asked(client, f"{HISTORY}/{ONE}"))["a"]
    assert (first["observedAt"], second["observedAt"]) == (UTC, "2026-03-01T11:00:00.250Z")
    # the same instant in another writing is the same value
    await sent(client, "POST", f"{HISTORY}/{ONE}/attrs", {"a": [measured(1, UTC)]})
    assert len((await asked(client, f"{HISTORY}/{ONE}"))["a"]) == 2
    await sent(
        client, "PATCH", f"{ENTITIES}/{ONE}", {"a": 9}, "options=keyValues&observedAt=2026-03-01T13:00:00%2B01:00"
    )
    await sent(client, "PATCH", f"{ENTITIES}/{ONE}", {"a": 9}, "options=keyValues&observedAt=2026-03-01T14:00:00+01:00")
    assert (await asked(client, f"{ENTITIES}/{ONE}"))["a"]["observedAt"] == "2026-03-01T13:00:00Z"


@pytest.mark.clause("CIM009 4.11")
@pytest.mark.parametrize("plus", ["%2B", "+"])
async def test_history_is_asked_for_in_local_time(client: Client, plus: str) -> None:
    values = [measured(hour, f"2026-03-01T{hour:02}:00:00Z") for hour in (8, 9, 10, 11)]
    await sent(client, "POST", HISTORY, {"id": ONE, "type": "T", "a": values})
    window = f"timerel=between&timeAt=2026-03-01T10:00:00{plus}01:00&endTimeAt=2026-03-01T12:00:00{plus}0100"
    found = await client.ask("GET", f"{HISTORY}/{ONE}", query=window)
    assert [one["value"] for one in found.json["a"]] == [9, 10]


@pytest.mark.parametrize("name", ["timeAt", "observedAt"])
async def test_time_in_an_address_that_cannot_be_read_is_told_of_the_plus_sign(client: Client, name: str) -> None:
    wrong = f"{name}=2026-03-01T10:00:00+1:00"
    if name == "timeAt":
        answer = await client.ask("GET", HISTORY, query=f"type=T&timerel=after&{wrong}")
    else:
        answer = await client.ask("PATCH", f"{ENTITIES}/{ONE}", query=wrong, body={"a": {"value": 1}})
    assert answer.status == 400
    assert "%2B" in answer.text


@pytest.mark.parametrize("time", ["2026-03-01T10:00:00", "2026-03-01T10:00:00+01:60", "2026-03-01T10:00:00+24:00"])
async def test_time_without_a_zone_or_with_one_that_is_none_is_refused(client: Client, time: str) -> None:
    answer = await client.ask("POST", ENTITIES, body={"id": ONE, "type": "T", "a": measured(1, time)})
    assert (answer.status, answer.json["type"].rpartition("/")[2]) == (400, "BadRequestData")
