"""Writing history over the API: the real routes, broker and store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest

from stadtkern.broker import long_body
from stadtkern.broker.apply import history as apply_history
from stadtkern.broker.broker import Broker
from stadtkern.errors import Problem
from stadtkern.model.ids import TenantId
from stadtkern.policy.grant import system_grant
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import problem_response
from stadtkern.views._http.routing import Router
from stadtkern.views.ngsild.consumption_table import consumption_table
from stadtkern.views.ngsild.temporal_provision_routes import parse_instance_id
from stadtkern.views.ngsild.temporal_provision_table import temporal_provision_table
from stadtkern.views.ngsild.view import merge_tables
from tests.ngsild.consumption_services import ReadingServices
from tests.ngsild.provision_services import LINK, slug, told
from tests.store.stores import open_tenants

ID = "urn:ngsi-ld:Car:1"
ENTITY = f"/temporal/entities/{ID}"
LINKED = {"link": LINK}
EXAMPLE = "https://example.org/"


class HistoryServices(ReadingServices):
    """The routes of history over a real broker."""

    temporal_instances = 1_000

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._real = broker
        self._router = Router(merge_tables(temporal_provision_table(self), consumption_table(self)))

    @property
    def broker(self) -> Any:
        return self._real

    async def ask(
        self, method: str, target: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Response:
        parts = urlsplit(target)
        segments = [unquote(part) for part in parts.path.split("/")[1:]]
        request = Request(
            method=method,
            path=parts.path,
            segments=segments,
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers={"content-type": "application/json", **LINKED, **(headers or {})},
            body=body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body),
            grant=system_grant("test", TenantId("default")),
            base_url="https://city.example",
            request_id="1",
        )
        try:
            return await self._router.route(method, segments).handler(request)
        except Problem as problem:
            return problem_response(problem, "ngsi-ld")

    async def status(self, method: str, target: str, body: Any = None) -> int:
        return (await self.ask(method, target, body)).status

    async def history(self, query: str = "") -> Any:
        response = await self.ask("GET", f"{ENTITY}?{query}")
        assert response.status == 200, response.body
        return told(response)

    async def speeds(self, query: str = "") -> list[Any]:
        return [one["value"] for one in (await self.history(query)).get("speed", [])]


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[HistoryServices]:
    async with open_tenants("", tmp_path) as tenants:
        yield HistoryServices(Broker(tenants))


def speed(value: Any, minute: int, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-01-01T00:{minute:02}:00Z", **members}


def car(*speeds: Any, **members: Any) -> dict[str, Any]:
    return {"id": ID, "type": "Car", "speed": list(speeds), **members}


# Create and update


@pytest.mark.clause("CIM009 5.6.11")
async def test_record_creates_then_updates(services: HistoryServices) -> None:
    response = await services.ask("POST", "/temporal/entities", car(speed(1, 1), speed(2, 2)))
    assert (response.status, response.body) == (201, b"")
    assert dict(response.headers)["location"] == f"https://city.example/ngsi-ld/v1{ENTITY}"
    response = await services.ask("POST", "/temporal/entities", car(speed(10, 1), speed(3, 3)))
    assert (response.status, response.body) == (204, b"")
    assert await services.speeds() == [10, 2, 3]


async def test_record_of_an_equal_instance_leaves_it_alone(services: HistoryServices) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1)))
    before = await services.history("sysAttrs=true")
    assert await services.status("POST", "/temporal/entities", car(speed(1, 1))) == 204
    assert await services.history("sysAttrs=true") == before


async def test_record_shows_the_latest_instance_as_the_present(services: HistoryServices) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(5, 5), speed(1, 1)))
    entity = told(await services.ask("GET", f"/entities/{ID}?format=simplified"))
    assert entity == {"id": ID, "type": "Car", "speed": 5}


async def test_record_takes_the_latest_of_several_scopes(services: HistoryServices) -> None:
    scopes = [
        {"type": "Property", "value": "/b", "observedAt": "2026-01-02T00:00:00Z"},
        {"type": "Property", "value": ["/a"], "observedAt": "2026-01-01T00:00:00Z"},
    ]
    await services.ask("POST", "/temporal/entities", car(speed(1, 1), scope=scopes))
    assert (await services.history())["scope"] == "/b"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "InvalidRequest"),
        (b"", "InvalidRequest"),
        (b"[]", "InvalidRequest"),
        ({"type": "Car", "speed": [speed(1, 1)]}, "BadRequestData"),
        ({"id": ID, "speed": [speed(1, 1)]}, "BadRequestData"),
        ({"id": "car", "type": "Car"}, "BadRequestData"),
        (car({"type": "Property"}), "BadRequestData"),
        (car(speed(1, 1) | {"observedAt": "yesterday"}), "BadRequestData"),
        (car(speed(1, 1) | {"observedAt": "2026-02-30T00:00:00Z"}), "BadRequestData"),
        (car(speed(1, 1) | {"observedAt": "10000-01-01T00:00:00Z"}), "BadRequestData"),
        (car(speed(1, 1) | {"observedAt": "0000-01-01T00:00:00Z"}), "BadRequestData"),
        (car({"type": "Property", "value": "urn:ngsi-ld:null"}), "BadRequestData"),
        ({"id": ID, "type": "Car", "spe(ed": [speed(1, 1)]}, "BadRequestData"),
    ],
)
async def test_record_refuses_bad_bodies(services: HistoryServices, body: Any, kind: str) -> None:
    response = await services.ask("POST", "/temporal/entities", body)
    assert (response.status, slug(response)) == (400, kind)
    assert await services.status("GET", ENTITY) == 404


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59Z"])
async def test_record_keeps_absurd_times_as_they_came(services: HistoryServices, time: str) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1) | {"observedAt": time}))
    assert [one["observedAt"] for one in (await services.history())["speed"]] == [time]
    around = "timerel=between&timeAt=0001-01-01T00:00:00Z&endTimeAt=9999-12-31T23:59:59.999999Z"
    assert await services.status("GET", f"{ENTITY}?{around}") == 200
    assert (
        await services.status("GET", f"{ENTITY}?format=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=P1Y") == 200
    )


async def test_record_of_a_long_history_stores_each_instance_once(
    services: HistoryServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply_history, "SPLIT_FROM", 7)
    monkeypatch.setattr(long_body, "LONG", 100)
    order = [minute * 7 % 60 for minute in range(60)]
    body = car(*(speed(minute, minute) for minute in order), scope="/a", name=[{"type": "Property", "value": "x"}])
    assert await services.status("POST", "/temporal/entities", body) == 201
    assert await services.speeds() == list(range(60))
    assert (await services.history())["scope"] == "/a"
    entity = told(await services.ask("GET", f"/entities/{ID}?format=simplified"))
    assert (entity["speed"], entity["name"]) == (59, "x")


async def test_record_of_a_long_history_with_a_fault_stores_nothing(
    services: HistoryServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply_history, "SPLIT_FROM", 2)
    speeds = [speed(minute, minute) for minute in range(9)]
    body = car(*speeds, {"type": "Property", "value": "urn:ngsi-ld:null"})
    assert await services.status("POST", "/temporal/entities", body) == 400
    assert await services.status("GET", ENTITY) == 404


# Attributes


@pytest.mark.clause("CIM009 5.6.12")
async def test_add_attributes_to_what_exists(services: HistoryServices) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1)))
    body = {"speed": [speed(2, 2)], "name": {"type": "Property", "value": "x", "observedAt": "2026-01-01T00:00:00Z"}}
    assert await services.status("POST", f"{ENTITY}/attrs", body) == 204
    assert await services.speeds() == [1, 2]
    assert [one["value"] for one in (await services.history())["name"]] == ["x"]


@pytest.mark.parametrize(
    ("target", "body", "status"),
    [
        ("/temporal/entities/urn:x:unknown/attrs", {"speed": [speed(1, 1)]}, 404),
        ("/temporal/entities//attrs", {"speed": [speed(1, 1)]}, 400),
        ("/temporal/entities/car/attrs", {"speed": [speed(1, 1)]}, 400),
        (f"{ENTITY}/attrs", b"", 400),
        (f"{ENTITY}/attrs", b"{,}", 400),
        (f"{ENTITY}/attrs", {"id": "urn:x:other", "speed": [speed(1, 1)]}, 400),
        (f"{ENTITY}/attrs?type=Car", {"speed": [speed(1, 1)]}, 400),
    ],
)
async def test_add_attributes_refuses(services: HistoryServices, target: str, body: Any, status: int) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(9, 9)))
    assert await services.status("POST", target, body) == status
    assert await services.speeds() == [9]


@pytest.mark.clause("CIM009 5.6.13")
@pytest.mark.parametrize(
    ("query", "left"),
    [("", [2]), ("?datasetId=urn:x:gps", [1]), ("?deleteAll=true", []), ("?deleteAll=false", [2])],
)
async def test_delete_attribute_from_history(services: HistoryServices, query: str, left: list[int]) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1), speed(2, 2, datasetId="urn:x:gps")))
    assert await services.status("DELETE", f"{ENTITY}/attrs/speed{query}") == 204
    assert await services.speeds() == left
    assert await services.status("DELETE", f"{ENTITY}/attrs/speed{query}") == 404


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"{ENTITY}/attrs/height", 404),
        ("/temporal/entities/urn:x:unknown/attrs/speed", 404),
        ("/temporal/entities/car/attrs/speed", 400),
        ("/temporal/entities//attrs/speed", 400),
        (f"{ENTITY}/attrs/spe(ed", 400),
        (f"{ENTITY}/attrs/%2e%2e", 400),
        (f"{ENTITY}/attrs/speed?datasetId=gps", 400),
        (f"{ENTITY}/attrs/speed?datasetId=urn:x:gps&deleteAll=true", 400),
        (f"{ENTITY}/attrs/speed?deleteAll=maybe", 400),
        (f"{ENTITY}/attrs/scope", 404),
    ],
)
async def test_delete_attribute_refuses(services: HistoryServices, target: str, status: int) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1)))
    assert await services.status("DELETE", target) == status
    assert await services.speeds() == [1]


@pytest.mark.clause("CIM009 5.6.16")
async def test_delete_history_removes_the_entity(services: HistoryServices) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1)))
    response = await services.ask("DELETE", ENTITY)
    assert (response.status, response.body) == (204, b"")
    assert [await services.status("GET", target) for target in (ENTITY, f"/entities/{ID}")] == [404, 404]
    assert slug(await services.ask("DELETE", ENTITY)) == "ResourceNotFound"


@pytest.mark.parametrize(("target", "status"), [("/temporal/entities/car", 400), ("/temporal/entities", 405)])
async def test_delete_history_refuses(services: HistoryServices, target: str, status: int) -> None:
    assert await services.status("DELETE", target) == status


# Instances


async def _instance(services: HistoryServices, place: int = 0) -> str:
    return (await services.history())["speed"][place]["instanceId"]


@pytest.mark.clause("CIM009 5.6.14")
async def test_patch_instance_changes_what_it_names(services: HistoryServices) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1, unitCode="KMH"), speed(2, 2)))
    instance = await _instance(services)
    response = await services.ask("PATCH", f"{ENTITY}/attrs/speed/{instance}", {"value": 7})
    assert (response.status, response.body) == (204, b"")
    first = (await services.history())["speed"][0]
    assert first == speed(7, 1, unitCode="KMH", instanceId=instance)
    moved = {"type": "Property", "value": 8, "observedAt": "2026-01-01T00:30:00Z"}
    assert await services.status("PATCH", f"{ENTITY}/attrs/speed/{instance}", moved) == 204
    assert await services.speeds() == [2, 8]
    assert await _instance(services, 1) == instance
    assert told(await services.ask("GET", f"/entities/{ID}?format=simplified"))["speed"] == 8


@pytest.mark.clause("CIM009 5.6.15")
async def test_delete_instance(services: HistoryServices) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1), speed(2, 2)))
    instance = await _instance(services, 1)
    assert await services.status("DELETE", f"{ENTITY}/attrs/speed/{instance}") == 204
    assert await services.speeds() == [1]
    assert await services.status("DELETE", f"{ENTITY}/attrs/speed/{instance}") == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/temporal/entities/car/attrs/speed/{}", 400),
        ("/temporal/entities//attrs/speed/{}", 400),
        ("/temporal/entities/urn:x:unknown/attrs/speed/{}", 404),
        (ENTITY + "/attrs/spe(ed/{}", 400),
        (ENTITY + "/attrs/height/{}", 404),
        (ENTITY + "/attrs/speed/first", 400),
        (ENTITY + "/attrs/speed/urn:ngsi-ld:01234567890123456789", 404),
        (ENTITY + "/attrs/speed/urn:ngsi-ld:instance:99999999", 404),
        (ENTITY + "/attrs/speed/urn:ngsi-ld:instance:99999999999999999999999", 404),
        (ENTITY + "/attrs/speed/urn:ngsi-ld:instance:-1", 404),
        (ENTITY + "/attrs/speed/{}?type=Car", 400),
    ],
)
async def test_instances_that_are_not_there_are_refused(
    services: HistoryServices, method: str, target: str, status: int
) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1)))
    body = {"value": 2} if method == "PATCH" else None
    assert await services.status(method, target.format(await _instance(services)), body) == status
    assert await services.speeds() == [1]


async def test_instances_of_an_attribute_without_a_name_are_refused(services: HistoryServices) -> None:
    target = f"{ENTITY}/attrs//urn:ngsi-ld:instance:1"
    response = await services.ask("PATCH", target, {"value": 2})
    assert (response.status, dict(response.headers)["allow"]) == (405, "DELETE, OPTIONS")
    assert await services.status("DELETE", target) == 400
    assert await services.status("PATCH", f"{ENTITY}/attrs/speed", {"value": 2}) == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        ({}, 400),
        ([], 400),
        ({"type": "Relationship", "object": "urn:x:1"}, 400),
        ({"value": "urn:ngsi-ld:null"}, 400),
        ({"value": 2, "datasetId": "urn:x:gps"}, 400),
        ([{"value": 2}, {"value": 3, "datasetId": "urn:x:gps"}], 400),
        ({"value": 2, "observedAt": "soon"}, 400),
        ([{"value": 2}], 204),
    ],
)
async def test_patch_instance_checks_the_fragment(services: HistoryServices, body: Any, status: int) -> None:
    await services.ask("POST", "/temporal/entities", car(speed(1, 1)))
    assert await services.status("PATCH", f"{ENTITY}/attrs/speed/{await _instance(services)}", body) == status
    assert await services.speeds() == ([1] if status == 400 else [2])


def test_instance_ids_are_read_in_any_case() -> None:
    assert parse_instance_id("URN:NGSI-LD:Instance:12") == 12
