"""Batches as JSON: groups, references to what was found, conditions and dependencies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asgi_client import Answer, Client
from tests.sensorthings.batch_bodies import NOON, PROPERTY, SENSOR, datastream, link, location, thing
from tests.sensorthings.batches import ADDRESS
from tests.sensorthings.conftest import BASE

ROOT = f"{BASE}/sta/v1.1"


def _request(id: str, method: str, url: str, body: Any = None, **more: Any) -> dict[str, Any]:
    request = {"id": id, "method": method, "url": url, **more}
    return request if body is None else {**request, "body": body}


async def _send(client: Client, requests: Any, **headers: str) -> Answer:
    return await client.ask("POST", ADDRESS, headers=headers, body={"requests": requests})


async def _run(client: Client, *requests: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    answer = await _send(client, requests, **headers)
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json["responses"]


def _statuses(responses: list[dict[str, Any]]) -> list[int]:
    return [one["status"] for one in responses]


async def test_answers_stand_in_order_with_location_and_body(client: Client) -> None:
    found = await _run(
        client,
        _request("0", "post", "Things", thing("first"), headers={"Content-Type": "application/json"}),
        _request("1", "GET", "$0"),
        _request("2", "get", "Things(99)"),
        _request("3", "get", "$0/name/$value"),
    )
    assert [one["id"] for one in found] == ["0", "1", "2", "3"]
    assert _statuses(found) == [201, 200, 404, 200]
    assert found[0]["location"] == found[0]["headers"]["location"] == found[1]["body"]["@iot.selfLink"]
    assert "body" not in found[0]
    assert found[2]["body"]["code"] == 404
    assert found[3]["body"] == "first"
    assert found[3]["headers"]["content-type"].startswith("text/plain")


def _importer(name: str) -> list[dict[str, Any]]:
    """Give what an importer sends for a station: look for each entity, change it where it is there, else make it."""
    group = {"atomicityGroup": name}
    by_name = f"$select=id&$top=1&$filter=name%20eq%20'{name}'"
    links = {"Sensor": link("$sensor"), "ObservedProperty": link("$property")}
    return [
        _request("sensor", "get", f"Sensors?{by_name}", **group),
        _request("sensor", "post", "Sensors", {**SENSOR, "name": name}, **{"if": "not $sensor"}, **group),
        _request("property", "get", f"ObservedProperties?{by_name}", **group),
        _request(
            "property", "post", "ObservedProperties", {**PROPERTY, "name": name}, **{"if": "not $property"}, **group
        ),
        _request("thing", "get", f"Things?{by_name}", **group),
        _request("change", "patch", "Things($thing)", {"description": "seen again"}, **{"if": "$thing"}, **group),
        _request("thing", "post", "Things", thing(name, Locations=[location()]), **{"if": "not $thing"}, **group),
        _request("stream", "get", f"Datastreams?{by_name}", **group),
        _request(
            "stream",
            "post",
            "$thing/Datastreams",
            datastream(name, **links),
            **{"if": "not $stream"},
            **group,
        ),
        _request("value", "post", "Datastreams($stream)/Observations", {"result": 1, "phenomenonTime": NOON}, **group),
    ]


async def test_an_importer_finds_or_makes_what_it_needs_in_one_group(client: Client) -> None:
    first = await _run(client, *_importer("north"), *_importer("south"))
    assert _statuses(first) == [200, 201, 200, 201, 200, 200, 201, 200, 201, 201] * 2
    assert all(one["atomicityGroup"] in {"north", "south"} for one in first)
    again = await _run(client, *_importer("north"))
    assert _statuses(again) == [200] * 9 + [201]
    skipped = [one for one in again if "Skipped" in str(one.get("body"))]
    assert [one["id"] for one in skipped] == ["sensor", "property", "thing", "stream"]
    answer = await client.ask(
        "GET", "/sta/v1.1/Things", query="$expand=Datastreams($expand=Observations)&$orderby=name"
    )
    north, south = answer.json["value"]
    assert (north["description"], south["description"]) == ("seen again", "t")
    assert [len(one["Datastreams"][0]["Observations"]) for one in (north, south)] == [2, 1]


async def test_a_group_that_fails_leaves_nothing_and_tells_why(client: Client) -> None:
    group = {"atomicityGroup": "g"}
    found = await _run(
        client,
        _request("1", "post", "Things", thing(), **group),
        _request("2", "post", "Things", {"name": "x"}, **group),
        _request("3", "post", "Things", thing(), **group),
        _request("4", "get", "Things", dependsOn=["g"]),
        _request("5", "get", "Things"),
        _request("6", "get", "Things", **{"if": "not $1/$succeeded"}),
        _request("7", "get", "$1"),
    )
    assert _statuses(found) == [424, 400, 424, 424, 200, 200, 400]
    assert "needs description" in found[1]["body"]["message"]
    assert found[4]["body"] == {"value": []}


async def test_what_a_request_depends_on_has_to_be_there_and_to_succeed(client: Client) -> None:
    found = await _run(
        client,
        _request("a", "post", "Things", thing()),
        _request("b", "get", "Things(99)", dependsOn=["a"]),
        _request("c", "get", "Things", dependsOn=["a", "b"]),
        _request("d", "get", "Things", dependsOn=["e"]),
        _request("e", "get", "Things?$top=0", **{"if": "$a/$succeeded"}),
        _request("f", "get", "Things?$top=0", **{"if": "$b/$succeeded"}),
        _request("g", "get", "Things?$top=0", **{"if": "$a/name eq 'x'"}),
    )
    assert _statuses(found) == [201, 404, 424, 400, 200, 200, 501]
    assert found[4]["body"] == {"value": []}
    assert "Skipped" in found[5]["body"]["message"]


async def test_a_group_reads_what_was_there_before_it(client: Client) -> None:
    group = {"atomicityGroup": "g"}
    found = await _run(
        client,
        _request("1", "post", "Things", thing(), **group),
        _request("2", "get", "Things", **group),
    )
    assert _statuses(found) == [201, 200]
    assert found[1]["body"] == {"value": []}
    found = await _run(
        client, _request("1", "post", "Things", thing(), **group), _request("2", "get", "$1/Locations", **group)
    )
    assert _statuses(found) == [424, 501]


async def test_a_batch_can_end_at_the_first_failure(client: Client) -> None:
    requests = [_request("1", "get", "Things(99)"), _request("2", "get", "Things")]
    assert _statuses(await _run(client, *requests)) == [404, 200]
    assert _statuses(await _run(client, *requests, prefer="continue-on-error=false")) == [404]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "requests"),
        (b'{"requests":{}}', "requests"),
        (b'{"requests":[1]}', "Request 1"),
        (b'{"requests":[{"method":"get","url":"Things"}]}', "`id`"),
        (b'{"requests":[{"id":"1","method":"fetch","url":"Things"}]}', "'fetch'"),
        (b'{"requests":[{"id":"a b","method":"get","url":"Things"}]}', "'a b'"),
        (b'{"requests":[{"id":"1","method":"get","url":"Things","headers":{"a":1}}]}', "headers"),
        (b'{"requests":[' + b'{"id":"1","method":"get","url":"Things"},' * 1000 + b"1]}", "more than 1000"),
        (
            b'{"requests":[{"id":"1","method":"get","url":"Things","atomicityGroup":"g"},'
            b'{"id":"2","method":"get","url":"Things"},'
            b'{"id":"3","method":"get","url":"Things","atomicityGroup":"g"}]}',
            "do not stand together",
        ),
    ],
)
async def test_a_broken_batch_is_refused_as_a_whole(client: Client, body: bytes, words: str) -> None:
    answer = await client.ask("POST", ADDRESS, headers={"content-type": "application/json"}, body=body)
    assert answer.status in {400, 413}
    assert words in answer.json["message"]


async def test_a_batch_of_nothing_answers_nothing(client: Client) -> None:
    assert await _run(client) == []
