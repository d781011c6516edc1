"""Documents made up at random: right ones are kept as they came, broken ones are refused in part or as a whole."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import hypothesis
from hypothesis import HealthCheck
from hypothesis import strategies as st

from tests.badinput.asking import Asker, check_answer
from tests.badinput.documents import broken_entities, entities

NGSI_LD = "/ngsi-ld/v1"
_SETTINGS = hypothesis.settings(
    max_examples=50,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
_WRITES = [
    ("POST", "/entities", False),
    ("PUT", "/entities/{id}", False),
    ("PATCH", "/entities/{id}", False),
    ("POST", "/entities/{id}/attrs", False),
    ("PATCH", "/entities/{id}/attrs", False),
    ("POST", "/temporal/entities", False),
    ("POST", "/entityOperations/create", True),
    ("POST", "/entityOperations/upsert", True),
    ("POST", "/entityOperations/upsert?options=update", True),
    ("POST", "/entityOperations/update", True),
    ("POST", "/entityOperations/merge", True),
]


def _address(id: str) -> str:
    return f"{NGSI_LD}/entities/{quote(id, safe=':')}"


def _delete(asker: Asker, id: Any) -> None:
    if isinstance(id, str) and id:
        asker.ask("DELETE", f"{NGSI_LD}/temporal/entities/{quote(id, safe=':')}")


@_SETTINGS
@hypothesis.given(entity=entities, batch=st.booleans())
def test_right_entity_comes_back(asker: Asker, entity: dict[str, Any], batch: bool) -> None:
    _delete(asker, entity["id"])
    path, body = ("entityOperations/upsert", [entity]) if batch else ("entities", entity)
    reply = asker.ask("POST", f"{NGSI_LD}/{path}", json.dumps(body).encode())
    assert reply.status == 201, (reply.body, entity)
    found = asker.ask("GET", _address(entity["id"]))
    assert found.status == 200, found.body
    assert _normal(found.json) == _normal(entity)
    merged = asker.ask("PATCH", _address(entity["id"]), json.dumps(entity).encode())
    assert merged.status == 204, merged.body
    assert _normal(asker.ask("GET", _address(entity["id"])).json) == _normal(entity)


def _normal(entity: dict[str, Any]) -> dict[str, Any]:
    """Give an entity in the form in which two ways of writing the same are equal: one type, one scope, order."""
    shown = dict(entity)
    for name in ("type", "scope"):
        value = shown.get(name)
        if isinstance(value, list):
            shown[name] = value[0] if len(value) == 1 else sorted(value)
    return shown


@_SETTINGS
@hypothesis.given(entity=broken_entities(), present=st.booleans())
def test_broken_entity_is_answered_everywhere(asker: Asker, entity: Any, present: bool) -> None:
    id = entity.get("id") if isinstance(entity, dict) else None
    good = {"id": id, "type": "T", "a": {"type": "Property", "value": 1}}
    for method, path, batch in _WRITES:
        _delete(asker, id)
        if present:
            asker.ask("POST", f"{NGSI_LD}/entities", json.dumps(good).encode())
        target = NGSI_LD + path.format(id=quote(id, safe=":") if isinstance(id, str) else "urn:x:1")
        reply = asker.ask(method, target, json.dumps([entity] if batch else entity).encode())
        try:
            check_answer(reply)
        except AssertionError as error:
            raise AssertionError(f"{method} {path}: {reply}") from error
    if isinstance(id, str) and id:
        # whatever was taken can be read, in every form
        for options in ("", "?format=concise", "?format=simplified&sysAttrs=true"):
            check_answer(asker.ask("GET", _address(id) + options))
        check_answer(asker.ask("GET", _address(id), Accept="application/geo+json"))
        check_answer(asker.ask("GET", f"{NGSI_LD}/temporal/entities/{quote(id, safe=':')}"))
