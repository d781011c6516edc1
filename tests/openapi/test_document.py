"""The OpenAPI document: complete, correct, and its examples work."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from stadtkern.views._http.routing import View
from stadtkern.views.changes.describe import DESCRIPTION as CHANGES
from stadtkern.views.health.describe import DESCRIPTION as HEALTH
from stadtkern.views.manage.describe import DESCRIPTION as MANAGE
from stadtkern.views.ngsild.describe import DESCRIPTION as NGSI_LD
from stadtkern.views.ngsild.describe_parameters import QUERY_PARAMETERS
from stadtkern.views.ngsild.describe_parts import ENTITY, ID
from stadtkern.views.ngsild.describe_stream import DESCRIPTION as STREAMS
from stadtkern.views.ngsild.describe_subscription import SUBSCRIPTION
from stadtkern.views.notifications.describe import DESCRIPTION as NOTIFICATIONS
from stadtkern.views.openapi.describe import DESCRIPTION as OPENAPI
from stadtkern.views.openapi.document import DescribedRoute, path_of
from stadtkern.views.sensorthings.describe import DESCRIPTION as SENSORTHINGS
from tests.asgi_client import Answer, Client
from tests.openapi.conftest import ADMINISTRATOR

_BASE_URI = "https://stadtkern.test/openapi.json"
_MOUNTS = (
    (("ngsi-ld", "v1"), NGSI_LD),
    (("ngsi-ld", "ex"), STREAMS),
    (("v1",), MANAGE),
    (("v1", "changes"), CHANGES),
    (("sta", "v1.1"), SENSORTHINGS),
    ((), HEALTH),
    ((), NOTIFICATIONS),
    ((), OPENAPI),
)
_ROUTES = [
    DescribedRoute(path_of((*mount, *pattern), operation), method, operation, "problem")
    for mount, description in _MOUNTS
    for pattern, operations in description.operations.items()
    for method, operation in operations.items()
]
_NGSI_LD_ROUTES = [route for route in _ROUTES if route.path.startswith("/ngsi-ld/") and route.operation.answers]
_SUBSCRIPTION = "urn:ngsi-ld:Subscription:air"
_UNKNOWN = "not known here"


def _id(route: DescribedRoute) -> str:
    return route.operation.id


def _views(client: Client) -> list[tuple[tuple[str, ...], View]]:
    gateway = client.application._gateway  # the routes that a request would meet
    assert gateway is not None
    return [*gateway._mounts.items(), *(((), view) for view in gateway._roots)]


async def test_every_route_is_described_and_every_description_has_a_route(client: Client) -> None:
    for mount, view in _views(client):
        routes = {(pattern, method) for pattern, methods in view.table.items() for method in methods}
        described = {
            (pattern, method) for pattern, methods in view.description.operations.items() for method in methods
        }
        assert routes - described == set(), f"routes of {mount} that {view.name} does not describe"
        assert described - routes == set(), f"descriptions of {view.name} without a route"


def test_document_covers_the_descriptions_of_all_views(document: Any) -> None:
    paths = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert paths == {(route.path, route.method) for route in _ROUTES}
    assert len(paths) > 40


def test_document_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= document["info"].keys()
    ids = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in document["tags"]}
    for path, _, operation in _operations(document):
        assert "*" not in path
        assert set(operation["tags"]) <= tags
        in_path = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        assert all(one["required"] for one in operation["parameters"] if one["in"] == "path")


def test_schemas_are_json_schema_and_references_lead_somewhere(document: Any) -> None:
    assert set(_references(document)) == {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in document["components"][kind]
        if f"#/components/{kind}/{name}" in set(_references(document))
    }
    for name, schema in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name
        _validator(document, {"$ref": f"#/components/schemas/{name}"})


def test_titles_name_the_kinds_of_problem(document: Any) -> None:
    responses = document["components"]["responses"]
    assert responses["json-404"]["description"] == "Resource not found, or: Tenant does not exist"
    assert list(responses["json-404"]["content"]) == ["application/json"]
    assert list(responses["error-404"]["content"]) == ["application/json"]
    assert list(responses["problem-404"]["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("route", _ROUTES, ids=_id)
async def test_example_works(client: Client, document: Any, route: DescribedRoute) -> None:
    placeholders = await _prepare(client, route)
    example = route.operation.example
    address = route.path
    for name, value in example.path.items():
        address = address.replace(f"{{{name}}}", placeholders.get(value, value))
    answer = await client.ask(
        route.method, address, query=example.query, headers={**ADMINISTRATOR, **example.headers}, body=example.body
    )
    assert answer.status == example.status, answer.text
    _check(document, route, answer)


async def test_changes_are_as_described(client: Client, document: Any) -> None:
    (route,) = (one for one in _ROUTES if one.operation.id == "readChanges")
    await client.ask("POST", "/ngsi-ld/v1/entities", body=ENTITY)
    await client.ask("DELETE", f"/ngsi-ld/v1/entities/{ID}")
    answer = await client.ask("GET", "/v1/changes", query={"values": "true"}, headers=ADMINISTRATOR)
    assert len(answer.body.splitlines()) == 2
    _check(document, route, answer)


@pytest.mark.parametrize("route", _NGSI_LD_ROUTES, ids=_id)
async def test_described_parameters_are_those_that_are_read(client: Client, route: DescribedRoute) -> None:
    described = {one.name for one in route.operation.parameters if one.place == "query"}
    address = re.sub(r"\{entityId\}|\{instanceId\}|\{entityMapId\}", ID, route.path)
    address = re.sub(r"\{\w+\}", "no2", address)
    body = route.operation.example.body
    for name in QUERY_PARAMETERS:
        answer = await client.ask(route.method, address, query={name: "x"}, body=body)
        refused = answer.status == 400 and f"parameter {name!r} is {_UNKNOWN}" in answer.text
        assert refused != (name in described), f"{route.method} {address}?{name}=x: {answer.text}"


@pytest.mark.parametrize("prefix", ["", "/t/north"])
async def test_document_names_the_server_that_was_asked(client: Client, prefix: str) -> None:
    document = (await client.ask("GET", f"{prefix}/openapi.json")).json
    assert document["servers"][0]["url"] == (prefix or "/")


async def _prepare(client: Client, route: DescribedRoute) -> dict[str, str]:
    """Bring about what examples count on; gives the values of their placeholders."""
    if route.path.startswith("/v1/"):
        await client.ask("POST", "/v1/tenants", headers=ADMINISTRATOR, body={"name": "old"})
        key = await client.ask("POST", "/v1/keys", headers=ADMINISTRATOR, body={"name": "a", "kind": "read"})
        params = {"endpoint": {"uri": "urn:stadtkern:events"}}
        subscription = {"id": _SUBSCRIPTION, "type": "Subscription", "notification": params}
        body = {**subscription, "entities": [{"type": "AirQualityObserved"}]}
        await client.ask("POST", "/ngsi-ld/v1/subscriptions", headers=ADMINISTRATOR, body=body)
        return {"$key": key.json["id"], "$subscription": _SUBSCRIPTION}
    if not route.path.startswith(("/ngsi-ld/", "/sta/")):
        return {}
    created = await client.ask("POST", "/ngsi-ld/v1/entities", body=ENTITY)
    assert created.status == 201, created.text
    if route.path.startswith("/sta/"):
        return await _numbers(client)
    context = await client.ask("POST", "/ngsi-ld/v1/jsonldContexts", body={"@context": {"a": "https://x.example/a"}})
    history = await client.ask("GET", f"/ngsi-ld/v1/temporal/entities/{ID}", query={"attrs": "no2"})
    listed = await client.ask("GET", "/ngsi-ld/v1/entityMaps", query={"type": "AirQualityObserved"})
    made = await client.ask("POST", "/ngsi-ld/v1/subscriptions", body=SUBSCRIPTION)
    assert made.status == 201, made.text
    return {
        "$map": listed.json["id"],
        "$context": context.headers["Location"].rpartition("/")[2],
        "$instance": history.json["no2"][0]["instanceId"],
    }


async def _numbers(client: Client) -> dict[str, str]:
    """Find the ids that the entity and what belongs to it have in SensorThings."""
    found: dict[str, str] = {}
    for name in ("Things", "Datastreams", "ObservedProperties", "Observations"):
        listed = await client.ask("GET", f"/sta/v1.1/{name}")
        assert listed.status == 200, listed.text
        placeholder = {"ObservedProperties": "$observedProperty"}.get(name, f"${name[:-1].lower()}")
        found[placeholder] = str(listed.json["value"][0]["@iot.id"])
    return found


def _check(document: Any, route: DescribedRoute, answer: Answer) -> None:
    """Check an answer against its description: status, media type, schema, headers."""
    responses = document["paths"][route.path][route.method.lower()]["responses"]
    described = responses[str(answer.status)]
    if "$ref" in described:
        described = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
    content = described.get("content", {})
    if not content:
        assert answer.body == b""
        return
    names = {name.lower(): value for name, value in answer.headers.items()}
    media_type = names["content-type"].partition(";")[0]
    assert media_type in content
    lines = answer.body.splitlines() if media_type.endswith("ndjson") else [answer.body]
    if media_type.endswith("json"):
        for line in lines:
            _validator(document, content[media_type]["schema"]).validate(msgspec.json.decode(line))


def _validator(document: Any, schema: Any) -> jsonschema_rs.Draft202012Validator:
    whole = {"$id": _BASE_URI, "components": document["components"], "allOf": [schema]}
    return jsonschema_rs.Draft202012Validator(whole)


def _operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _references(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("$ref"), str):
            yield tree["$ref"]
        tree = list(tree.values())
    if isinstance(tree, list):
        yield from itertools.chain.from_iterable(map(_references, tree))
