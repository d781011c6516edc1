"""Every operation with a body against every bad body: a precise refusal, never a fault of the server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.badinput import bodies
from tests.badinput.asking import Asker, check_answer, check_problem, check_refused
from tests.badinput.bodies import ID, MEGABYTE, TIME
from tests.server_process import ServerProcess

NGSI_LD = "/ngsi-ld/v1"
_ENTITY = f"{NGSI_LD}/entities/{ID}"
_HISTORY = f"{NGSI_LD}/temporal/entities/{ID}"
OPERATIONS = {
    "create": ("POST", f"{NGSI_LD}/entities"),
    "replace": ("PUT", _ENTITY),
    "merge": ("PATCH", _ENTITY),
    "append": ("POST", f"{_ENTITY}/attrs"),
    "update": ("PATCH", f"{_ENTITY}/attrs"),
    "partial update": ("PATCH", f"{_ENTITY}/attrs/a"),
    "replace attribute": ("PUT", f"{_ENTITY}/attrs/a"),
    "batch create": ("POST", f"{NGSI_LD}/entityOperations/create"),
    "batch upsert": ("POST", f"{NGSI_LD}/entityOperations/upsert"),
    "batch update": ("POST", f"{NGSI_LD}/entityOperations/update"),
    "batch merge": ("POST", f"{NGSI_LD}/entityOperations/merge"),
    "batch delete": ("POST", f"{NGSI_LD}/entityOperations/delete"),
    "query": ("POST", f"{NGSI_LD}/entityOperations/query"),
    "record history": ("POST", f"{NGSI_LD}/temporal/entities"),
    "add to history": ("POST", f"{_HISTORY}/attrs"),
    "correct history": ("PATCH", f"{_HISTORY}/attrs/a/urn:ngsi-ld:instance:1"),
    "query history": ("POST", f"{NGSI_LD}/temporal/entityOperations/query"),
    "host context": ("POST", f"{NGSI_LD}/jsonldContexts"),
}
MANAGEMENT = {"create tenant": ("POST", "/v1/tenants"), "create key": ("POST", "/v1/keys")}
_OF_ENTITIES = ["create", "replace", "merge", "append", "update", "record history", "add to history"]
_OF_BATCHES = ["batch create", "batch upsert", "batch update", "batch merge"]


@pytest.fixture(autouse=True)
def entity(asker: Asker) -> None:
    """The entity that the operations are about."""
    good = {"id": ID, "type": "Thing", "a": {"type": "Property", "value": 1, "observedAt": TIME}}
    reply = asker.ask("POST", f"{NGSI_LD}/entityOperations/upsert", json.dumps([good]).encode())
    assert reply.status in (201, 204), reply.body


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_refuses_what_is_not_json(asker: Asker, operation: str) -> None:
    method, target = OPERATIONS[operation]
    for name, body in bodies.NOT_JSON.items():
        reply = asker.ask(method, target, body)
        assert reply.status == 400, (name, reply)
        check_problem(reply)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_refuses_json_that_is_never_good(asker: Asker, operation: str) -> None:
    method, target = OPERATIONS[operation]
    for name, body in bodies.NEVER_GOOD.items():
        reply = asker.ask(method, target, body)
        try:
            check_refused(reply)
        except AssertionError as error:
            raise AssertionError(f"{operation}: {name}") from error


@pytest.mark.parametrize("operation", MANAGEMENT)
def test_management_refuses_bad_bodies(asker: Asker, operation: str) -> None:
    method, target = MANAGEMENT[operation]
    for body in [*bodies.NOT_JSON.values(), *bodies.NEVER_GOOD.values(), *_MANAGEMENT_BODIES]:
        check_problem(asker.administer(method, target, body), 400, 413)


_MANAGEMENT_BODIES = [
    json.dumps(tree).encode()
    for tree in (
        {},
        {"name": 1},
        {"name": ""},
        {"name": "x" * 100_000, "kind": "read"},
        {"name": "../../etc/passwd", "kind": "root"},
        {"name": "system"},
        {"name": "a b", "kind": 1},
        {"name": "x", "kind": "read", "expiresAt": "1900-01-01T00:00:00Z", "host": "a/b"},
        {"name": "x", "kind": "read", "expiresAt": "9999-12-31T23:59:59-14:00", "host": "x" * 10_000},
        {"name": "x", "kind": "source", "types": ["x"] * 10_000, "title": []},
        {"name": "x", "kind": "read", "unknown": 1},
    )
]


@pytest.mark.parametrize("name", bodies.wrong_entities())
def test_wrong_entity_is_refused_with_a_pointer(asker: Asker, name: str) -> None:
    wrong = bodies.wrong_entities()[name]
    for operation in _OF_ENTITIES:
        method, target = OPERATIONS[operation]
        reply = asker.ask(method, target, json.dumps(wrong).encode())
        if _may_pass(operation, name):
            check_answer(reply)
        else:
            assert reply.status == 400, (operation, reply)
            check_problem(reply)
            assert reply.json["pointer"].startswith("/"), (operation, reply.json)


@pytest.mark.parametrize("name", bodies.wrong_entities())
def test_wrong_element_fails_alone(asker: Asker, name: str) -> None:
    wrong = bodies.wrong_entities()[name]
    good = {"id": "urn:ngsi-ld:Thing:good", "type": "Thing", "a": {"type": "Property", "value": 1}}
    for operation in _OF_BATCHES:
        asker.ask("DELETE", f"{NGSI_LD}/entities/urn:ngsi-ld:Thing:good")
        if operation not in ("batch create", "batch upsert"):
            asker.ask("POST", f"{NGSI_LD}/entities", json.dumps(good).encode())
        method, target = OPERATIONS[operation]
        reply = asker.ask(method, target, json.dumps([wrong, good]).encode())
        check_answer(reply)
        if not _may_pass(operation, name):
            assert reply.status == 207, (operation, reply)
            assert reply.json["success"] == ["urn:ngsi-ld:Thing:good"], operation
            assert reply.json["errors"][0]["error"]["pointer"].startswith("/0"), operation


def _may_pass(operation: str, name: str) -> bool:
    """Tell whether an operation may read leniently what others refuse: partial bodies, several instances, no dates."""
    merges = operation in ("merge", "batch merge", "update", "batch update")
    histories = operation in ("record history", "add to history")
    lenient = {
        "attribute without a value": merges,
        "two instances of one dataset": histories,
        "sub-attribute that is wrong": merges,
        "attribute with null as value": False,
    }
    if name.startswith("expiresAt"):
        return histories
    if name.startswith("id ") and operation not in ("create", "record history", *_OF_BATCHES):
        return True
    return lenient.get(name, False)


@pytest.mark.parametrize("name", bodies.STRANGE_GEOMETRIES)
def test_strange_geometry_is_kept_and_can_be_asked_for(asker: Asker, name: str) -> None:
    geometry = bodies.STRANGE_GEOMETRIES[name]
    entity = {"id": ID, "type": "Thing", "location": {"type": "GeoProperty", "value": geometry}}
    assert asker.ask("PUT", _ENTITY, json.dumps(entity).encode()).status == 204
    assert asker.ask("GET", _ENTITY).json["location"]["value"] == geometry
    for relation in ("near;maxDistance==1000", "within", "intersects", "equals", "disjoint", "overlaps", "contains"):
        for reference in (geometry, {"type": "Point", "coordinates": [1, 1]}):
            query: dict[str, Any] = {
                "type": "Query",
                "entities": [{"type": "Thing"}],
                "geoQ": {
                    "georel": relation,
                    "geometry": reference["type"],
                    "coordinates": reference["coordinates"],
                },
            }
            method, target = OPERATIONS["query"]
            assert asker.ask(method, target, json.dumps(query).encode()).status == 200, relation


def test_batch_with_too_many_attributes_is_written_in_part(asker: Asker) -> None:
    attributes = {f"k{at}": 1 for at in range(4_000)}
    batch = [{"id": f"urn:x:many:{at}", "type": "Many", **attributes} for at in range(60)]
    reply = asker.ask("POST", f"{NGSI_LD}/entityOperations/upsert", json.dumps(batch).encode())
    check_answer(reply)
    assert reply.status == 207
    assert len(reply.json["success"]) == 50
    assert {error["error"]["status"] for error in reply.json["errors"]} == {413}
    assert asker.ask("DELETE", f"{NGSI_LD}/entities?type=Many").status == 204


def test_others_go_on_while_a_large_batch_is_read(asker: Asker, server: ServerProcess) -> None:
    """Nobody waits for the whole of what somebody else sends."""
    attributes = {f"a{at}": {"type": "Property", "value": at} for at in range(12)}
    batch = [{"id": f"urn:x:batch:{at}", "type": "Batch", **attributes} for at in range(2_000)]
    answers = 0
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(asker.ask, "POST", f"{NGSI_LD}/entityOperations/upsert", json.dumps(batch).encode())
        with Asker(server.port) as other:
            while not sending.done():
                assert other.ask("GET", "/livez").status == 200
                answers += 1
    assert sending.result().status in (201, 204)
    assert answers > 5


def test_text_of_10_mb_comes_back(asker: Asker) -> None:
    entity = {"id": ID, "type": "Thing", "a": {"type": "Property", "value": bodies.TEXT_10_MB}}
    assert asker.ask("PUT", _ENTITY, json.dumps(entity).encode()).status == 204
    assert asker.ask("GET", _ENTITY).json["a"]["value"] == bodies.TEXT_10_MB
    check_answer(asker.ask("GET", f"{NGSI_LD}/entities?type=Thing&q=a~=%22(x%2B)%2By%22"))
    check_answer(asker.ask("GET", f"{NGSI_LD}/entities?type=Thing&orderBy=a"))


@pytest.mark.parametrize("operation", [*OPERATIONS, *MANAGEMENT])
def test_body_over_the_limit_is_refused(asker: Asker, operation: str) -> None:
    method, target = (OPERATIONS | MANAGEMENT)[operation]
    body = b'{"a": "' + b"x" * (33 * MEGABYTE) + b'"}'
    reply = asker.administer(method, target, body)
    check_problem(reply, 413)
    assert "33554432" in reply.json["detail"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/json-seq", "x", "", "*/*"])
def test_body_of_another_media_type_is_refused(asker: Asker, media_type: str) -> None:
    for method, target in OPERATIONS.values():
        check_problem(asker.ask(method, target, b"{}", Content_Type=media_type), 400, 415)


_CONTEXTS: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "number": 1,
    "empty text": "",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1/x",
    "internal address": "http://127.0.0.1:1/context.jsonld",
    "metadata service": "http://169.254.169.254/latest/meta-data",
    "not an address": "ngsi ld",
    "10,000 addresses": ["https://context.invalid/x"] * 10_000,
    "arrays in arrays": [[[["https://context.invalid/x"]]]],
    "definition that is a number": {"a": 1},
    "unknown keyword": {"@nonsense": True},
    "terms that need one another": {"a": "b:x", "b": "a:y"},
    "10,000 terms that need one another": {f"t{n}": f"t{n + 1}:x" for n in range(10_000)},
    "100,000 terms": {f"t{n}": f"https://x.example/{n}" for n in range(100_000)},
    "nested definitions": {"a": {"@id": "https://x.example/a", "@context": {"b": {"@context": {"c": 1}}}}},
    "import": {"@import": "https://context.invalid/x"},
}


@pytest.mark.parametrize("name", _CONTEXTS)
def test_bad_context_is_refused(asker: Asker, name: str) -> None:
    context = _CONTEXTS[name]
    entity: dict[str, Any] = {"id": "urn:x:context", "type": "T"}
    if context is not ...:
        entity["@context"] = context
    method, target = OPERATIONS["create"]
    reply = asker.ask(method, target, json.dumps(entity).encode(), Content_Type="application/ld+json")
    asker.ask("DELETE", f"{NGSI_LD}/entities/urn:x:context")
    document = {} if context is ... else {"@context": context}
    hosted = asker.ask("POST", f"{NGSI_LD}/jsonldContexts", json.dumps(document).encode())
    for one in (reply, hosted):
        # a context that cannot be loaded is the one thing that is answered with 504 (CIM 009 table 5.5.2-1)
        if one.status == 504:
            assert one.json["title"] == "LD context not available"
        else:
            check_answer(one)
    assert reply.status in (400, 504) or name in ("null", "unknown keyword", "nested definitions", "arrays in arrays")


def test_queries_in_a_body_are_bounded(asker: Asker) -> None:
    long = "|".join(f"a=={n}" for n in range(20_000))
    wrong: list[dict[str, Any]] = [
        {"q": long},
        {"q": "(" * 10_000 + "a" + ")" * 10_000},
        {"q": "a~=" + '"' + "(a{1,1000}){1,1000}" + '"'},
        {"scopeQ": "/a" * 50_000},
        {"scopeQ": "(" * 10_000},
        {"entities": [{"type": "(" * 10_000 + "T"}]},
        {"entities": [{"type": "T"}] * 10_000},
        {"entities": [{"type": "T", "id": ["urn:x:1"] * 100_000}]},
        {"entities": [{"type": "T", "idPattern": "x" * 100_000}]},
        {"entities": [{"type": "T", "idPattern": "(?=x)"}]},
        {"entities": [{"type": "T", "idPattern": "("}]},
        {"attrs": ["a"] * 100_000},
        {"pick": ["a{" * 10_000]},
        {"ordering": {"orderBy": ["a"] * 1000}},
        {"ordering": {"orderBy": "a", "collation": "x" * 1000}},
        {"lang": "x" * 100_000},
        {"geoQ": {"georel": "within", "geometry": "Polygon", "coordinates": [[[0, 0]] * 200_000]}},
        {"geoQ": {"georel": "near;maxDistance==1e400", "geometry": "Point", "coordinates": [0, 0]}},
        {"geoQ": {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": [1e300, 0]}},
        {"temporalQ": {"timerel": "after", "timeAt": "9999-99-99T00:00:00Z"}},
    ]
    for operation in ("query", "query history"):
        method, target = OPERATIONS[operation]
        for members in wrong:
            query = {"type": "Query", "entities": [{"type": "Thing"}], **members}
            if operation == "query history":
                query = {"temporalQ": {"timerel": "after", "timeAt": TIME}, **query}
            reply = asker.ask(method, target, json.dumps(query).encode())
            check_problem(reply, 400, 403, 413)
            assert "pointer" in reply.json or reply.status != 400, (members.keys(), reply.json)
