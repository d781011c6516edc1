"""Rows of Observations in one request: each is written or not, and the answer tells which."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asgi_client import Client
from tests.sensorthings.bodies import (
    NO2,
    ROOT,
    count,
    create,
    feature,
    get,
    link,
    multi,
    ngsild,
    place,
    send,
    stream,
    thing,
)


async def _streams(client: Client) -> tuple[int, int]:
    """A Datastream and a MultiDatastream of a Thing with a Location."""
    oven = await create(client, "Things", thing(Locations=[place()]))
    air = await create(client, "Datastreams", stream(Thing=link(oven)))
    return air, await create(client, "MultiDatastreams", multi(Thing=link(oven)))


async def _write(client: Client, *groups: Any) -> list[str]:
    answer = await send(client, "POST", "CreateObservations", list(groups))
    assert answer.status == 201, answer.text
    return answer.json


async def _shown(client: Client, address: str) -> Any:
    assert address.startswith(f"{ROOT}/Observations("), address
    return await get(client, address.removeprefix(f"{ROOT}/"))


async def test_rows_of_several_streams_are_written_in_order(client: Client) -> None:
    air, both = await _streams(client)
    spot = await create(client, "FeaturesOfInterest", feature())
    told = await _write(
        client,
        {
            "Datastream": link(air),
            "components": ["phenomenonTime", "result", "FeatureOfInterest/id"],
            "dataArray@iot.count": 99,
            "dataArray": [["2026-03-01T12:00:00Z", 3, spot], ["2026-03-01T10:00:00Z", 1, spot]],
        },
        {
            "MultiDatastream": link(both),
            "components": ["result", "resultTime", "phenomenonTime", "parameters"],
            "dataArray": [
                [[1, 2], None, "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z", {"a": 1}],
                [[1], None, "2026-03-01T10:00:00Z", None],
            ],
        },
        {"Datastream": link(air), "components": ["id", "result"], "dataArray": [[5, 20.50], [5, None]]},
    )
    assert len(told) == 6
    assert told[3] == "error"
    first, second = await _shown(client, told[0]), await _shown(client, told[1])
    assert (first["result"], first["phenomenonTime"]) == (3, "2026-03-01T12:00:00Z")
    assert (second["result"], second["phenomenonTime"]) == (1, "2026-03-01T10:00:00Z")
    own = await get(client, f"{told[0].removeprefix(ROOT + '/')}/FeatureOfInterest")
    assert own["@iot.id"] == spot
    third = await _shown(client, told[2])
    assert (third["result"], third["parameters"]) == ([1, 2], {"a": 1})
    assert third["phenomenonTime"] == "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z"
    assert (await _shown(client, told[4]))["result"] == 20.5
    assert (await _shown(client, told[5]))["result"] is None
    assert await count(client, f"Datastreams({air})/Observations") == 4


async def test_bad_rows_are_errors_and_the_others_are_written(client: Client) -> None:
    air, _ = await _streams(client)
    ahead = "2099-01-01T00:00:00Z"
    rows: list[Any] = [
        ["2026-03-01T12:00:00Z", 1, None],
        ["noon", 2, None],
        ["2026-03-01T12:00:00Z"],
        "no row",
        [5, 3, None],
        [ahead, 4, None],
        ["2026-03-01T13:00:00Z", 5, "2026-03-01T13:00:00Z"],
        ["2026-03-01T13:00:00Z", 6, "2026-03-01T13:00:00Z/2026-03-01T14:00:00Z"],
        ["2026-03-01T12:00:00Z", 7, None],
    ]
    told = await _write(
        client,
        {"Datastream": link(987654), "components": ["result"], "dataArray": [[1], [2]]},
        {"Datastream": link(air), "components": ["phenomenonTime", "result", "validTime"], "dataArray": rows},
        {
            "Datastream": link(air),
            "components": ["result", "FeatureOfInterest/id"],
            "dataArray": [[1, 987654], [1, "x"]],
        },
    )
    results = [None if one == "error" else (await _shown(client, one))["result"] for one in told]
    assert results == [None, None, 1, None, None, None, None, 4, None, 6, 7, None, None]
    assert await count(client, "Observations") == 4


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ([5], ""),
        ([{"components": ["result"], "dataArray": []}], "/0/Datastream"),
        ([{"Datastream": 5, "components": ["result"], "dataArray": []}], "/0"),
        ([{"Datastream": {"@iot.id": "x"}, "components": ["result"], "dataArray": []}], "/0/Datastream/@iot.id"),
        ([{"Datastream": {"@iot.id": 1}, "dataArray": []}], "/0"),
        ([{"Datastream": {"@iot.id": 1}, "components": ["result"]}], "/0"),
        ([{"Datastream": {"@iot.id": 1}, "components": ["colour", "result"], "dataArray": []}], "/0/components"),
        ([{"Datastream": {"@iot.id": 1}, "components": ["result", "result"], "dataArray": []}], "/0/components"),
        ([{"Datastream": {"@iot.id": 1}, "components": ["phenomenonTime"], "dataArray": []}], "/0/components"),
    ],
)
async def test_what_is_no_data_array_is_refused_as_a_whole(client: Client, body: Any, pointer: str) -> None:
    answer = await send(client, "POST", "CreateObservations", body)
    assert answer.status == 400, answer.text
    assert answer.json.get("pointer", "") == pointer


async def test_many_rows_are_written_at_once_each_with_its_own_address(client: Client) -> None:
    air, _ = await _streams(client)
    times = [f"2025-{1 + n % 12:02}-{1 + n // 12 % 28:02}T{n // 336 % 24:02}:{n % 60:02}:00Z" for n in range(10_000)]
    rows = [[time, n] for n, time in enumerate(times)]
    told = await _write(
        client, {"Datastream": link(air), "components": ["phenomenonTime", "result"], "dataArray": rows}
    )
    assert len(set(told)) == 10_000
    assert await count(client, f"Datastreams({air})/Observations") == 10_000
    for n in (0, 1, 499, 500, 5_000, 9_999):
        shown = await _shown(client, told[n])
        assert (shown["result"], shown["phenomenonTime"]) == (n, rows[n][0])
    [entity] = await ngsild(client, "entities", {"attrs": NO2})
    last = max(rows, key=lambda row: row[0])
    assert entity[NO2]["observedAt"] == last[0]


async def test_too_many_rows_are_refused(client: Client) -> None:
    rows = [[1]] * 100_001
    body = [{"Datastream": link(1), "components": ["result"], "dataArray": rows}]
    assert (await send(client, "POST", "CreateObservations", body)).status == 413


async def test_only_post_and_only_json(client: Client) -> None:
    assert (await send(client, "GET", "CreateObservations")).status == 405
    assert (await send(client, "POST", "CreateObservations", b"[]", content_type="text/plain")).status == 415
    options = await send(client, "OPTIONS", "CreateObservations")
    assert options.headers["allow"] == "POST, OPTIONS"
