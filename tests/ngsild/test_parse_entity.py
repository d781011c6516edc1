"""Whole entities, fragments, batches and temporal entities in request bodies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData, InvalidRequest, LdContextNotAvailable, PayloadTooLarge, Problem
from stadtkern.jsonld.context import compile_context
from stadtkern.model.instant import parse_instant
from stadtkern.views.ngsild import parse, parse_node

CONTEXT = compile_context({"ex": "https://example.org/", "Vehicle": "ex:Vehicle", "speed": "ex:speed"})
ID = "urn:ngsi-ld:Vehicle:1"
NULL = "urn:ngsi-ld:null"


def read(entity: Any, form: parse.Form = parse.CREATE) -> Any:
    return parse.parse_entity(msgspec.json.encode(entity), CONTEXT, form=form)


@pytest.mark.clause("CIM009 4.5.1")
def test_parse_entity_expands_names() -> None:
    entity = read({"id": ID, "type": ["Vehicle", "ex:Bus", "Vehicle"], "speed": 5, "@context": "https://example.org/c"})
    assert entity.id == ID
    assert entity.types == ["https://example.org/Vehicle", "https://example.org/Bus"]
    assert list(entity.attributes) == ["https://example.org/speed"]
    assert entity.scope is None


@pytest.mark.clause("CIM009 4.4")
def test_parse_entity_accepts_keywords_for_id_and_type() -> None:
    entity = read({"@id": ID, "@type": "Vehicle"})
    assert (entity.id, entity.types) == (ID, ["https://example.org/Vehicle"])


def test_parse_entity_reads_expiry_and_ignores_system_times() -> None:
    entity = read({"id": ID, "type": "Vehicle", "expiresAt": "2030-01-01T00:00:00Z", "createdAt": "x", "modifiedAt": 5})
    assert entity.expires_at == parse_instant("2030-01-01T00:00:00Z")
    assert not entity.attributes


@pytest.mark.clause("CIM009 4.18")
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("/Madrid/Gardens/ParqueNorte", ["/Madrid/Gardens/ParqueNorte"]),
        ("Madrid", ["/Madrid"]),
        (["/Nördlich_1", "/B"], ["/Nördlich_1", "/B"]),
    ],
)
def test_parse_entity_reads_scope(scope: Any, expected: list[str]) -> None:
    assert read({"id": ID, "type": "Vehicle", "scope": scope}).scope == expected


@pytest.mark.parametrize(
    ("entity", "pointer"),
    [
        pytest.param({"type": "Vehicle"}, "", id="no id"),
        pytest.param({"id": ID}, "", id="no type"),
        pytest.param({"id": "", "type": "Vehicle"}, "/id", id="empty id"),
        pytest.param({"id": "no uri", "type": "Vehicle"}, "/id", id="id no uri"),
        pytest.param({"id": NULL, "type": "Vehicle"}, "/id", id="null id"),
        pytest.param({"id": 5, "type": "Vehicle"}, "/id", id="numeric id"),
        pytest.param({"id": ID, "type": []}, "/type", id="no types"),
        pytest.param({"id": ID, "type": "type"}, "/type", id="keyword as type"),
        pytest.param({"id": ID, "type": "9Vehicle"}, "/type", id="type begins with digit"),
        pytest.param({"id": ID, "type": ["Vehicle", 5]}, "/type", id="numeric type"),
        pytest.param({"id": ID, "type": "Vehicle", "scope": "9bad"}, "/scope", id="scope digit"),
        pytest.param({"id": ID, "type": "Vehicle", "scope": "/a//b"}, "/scope", id="scope empty level"),
        pytest.param({"id": ID, "type": "Vehicle", "scope": "a-b"}, "/scope", id="scope dash"),
        pytest.param({"id": ID, "type": "Vehicle", "scope": ["/ok", "9bad"]}, "/scope", id="one bad scope"),
        pytest.param({"id": ID, "type": "Vehicle", "scope": []}, "/scope", id="empty scope"),
        pytest.param({"id": ID, "type": "Vehicle", "scope": NULL}, "/scope", id="null scope"),
        pytest.param({"id": ID, "type": "Vehicle", "expiresAt": NULL}, "/expiresAt", id="null expiry"),
        pytest.param({"id": ID, "type": "Vehicle", "expiresAt": "2026-13-45T00:00:00Z"}, "/expiresAt", id="expiry"),
        pytest.param({"id": ID, "type": "Vehicle", "my attr": 1}, "/my attr", id="name with space"),
        pytest.param({"id": ID, "type": "Vehicle", "datasetId": {"value": 1}}, "/datasetId", id="reserved name"),
        pytest.param({"id": ID, "type": "Vehicle", "instanceId": 1}, "/instanceId", id="reserved instanceId"),
        pytest.param(
            {"id": ID, "type": "Vehicle", "https://uri.etsi.org/ngsi-ld/datasetId": 1},
            "/https:~1~1uri.etsi.org~1ngsi-ld~1datasetId",
            id="reserved name as IRI",
        ),
        pytest.param({"id": ID, "type": "Vehicle", "speed": 1, "ex:speed": 2}, "/ex:speed", id="one name twice"),
    ],
)
def test_parse_entity_refuses_with_pointer(entity: Any, pointer: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        read(entity)
    assert caught.value.pointer == pointer


@pytest.mark.clause("CIM009 4.5.1")
@pytest.mark.parametrize(
    "code", [0x202E, 0x200B, 0xFEFF, 0x2028, 0xA0, 0xFE0F, 0xE0100, 0xFDD0, 0xFFFE, 0x3164, 0x2800]
)
def test_parse_entity_refuses_id_with_hidden_character(code: int) -> None:
    with pytest.raises(BadRequestData):
        read({"id": f"urn:ngsi-ld:Vehicle:A{chr(code)}B", "type": "Vehicle"})
    assert read({"id": "urn:ngsi-ld:Ciudad:París", "type": "Vehicle"}).id == "urn:ngsi-ld:Ciudad:París"


def test_parse_entity_takes_value_as_name_of_an_attribute() -> None:
    entity = read({"id": ID, "type": "Vehicle", "value": 5, "vocab": {"type": "VocabProperty", "vocab": "x"}})
    assert list(entity.attributes) == ["value", "vocab"]


@pytest.mark.clause("CIM009 5.5.4")
@pytest.mark.parametrize("body", [b"", b"[]", b"5", b'{"id": "urn:a:b", "type":', b"\xff{}"])
def test_parse_entity_refuses_body_that_is_no_object(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse.parse_entity(body, CONTEXT)


def test_parse_fragment_needs_neither_id_nor_type() -> None:
    entity = parse.parse_fragment(b'{"speed": {"type": "Property", "value": 5}}', CONTEXT)
    assert (entity.id, entity.types, list(entity.attributes)) == (None, [], ["https://example.org/speed"])


@pytest.mark.clause("CIM009 5.5.8")
def test_parse_fragment_reads_removals() -> None:
    entity = read({"scope": NULL, "expiresAt": NULL, "speed": NULL}, parse.MERGE)
    assert (entity.scope, entity.expires_removed) == ([], True)
    assert entity.attributes["https://example.org/speed"][0].deleted


@pytest.mark.clause("CIM009 5.6.3")
def test_parse_fragment_refuses_null_when_appending() -> None:
    with pytest.raises(BadRequestData, match="Null is not allowed"):
        read({"speed": NULL}, parse.REPLACE)


@pytest.mark.clause("CIM009 4.5.6")
def test_parse_entity_reads_latest_scope_of_temporal_entity() -> None:
    scope = [
        {"type": "Property", "value": ["/Old"], "observedAt": "2026-01-01T00:00:00Z"},
        {"type": "Property", "value": "/New", "observedAt": "2026-01-02T00:00:00Z"},
    ]
    assert read({"id": ID, "type": "Vehicle", "scope": scope}, parse.HISTORY).scope == ["/New"]
    assert read({"id": ID, "type": "Vehicle", "scope": ["/A", "/B"]}, parse.HISTORY).scope == ["/A", "/B"]


def test_parse_entity_refuses_null_member_in_temporal_entity() -> None:
    with pytest.raises(BadRequestData):
        read({"id": ID, "type": "Vehicle", "expiresAt": NULL}, parse.HISTORY)


@pytest.mark.clause("CIM009 5.6.7")
def test_parse_batch_refuses_elements_one_by_one() -> None:
    body = msgspec.json.encode([{"id": ID, "type": "Vehicle"}, {"id": "urn:a:b"}, 5, {"id": "urn:a:c", "type": "T"}])
    no_context = LdContextNotAvailable("away")
    found = parse.parse_batch(parse.read_batch(body), [CONTEXT, CONTEXT, CONTEXT, no_context])
    assert [element.id for element in found] == [ID, "urn:a:b", "", "urn:a:c"]
    good, no_type, no_object, away = [element.patch for element in found]
    assert not isinstance(good, Problem)
    assert isinstance(no_type, BadRequestData)
    assert no_type.pointer == "/1"
    assert isinstance(no_object, BadRequestData)
    assert away is no_context


@pytest.mark.clause("CIM009 5.6.7.4")
@pytest.mark.parametrize(
    ("body", "problem"),
    [(b"[]", BadRequestData), (b'[{"id": "urn:a:b"}, null]', BadRequestData), (b"{}", InvalidRequest)],
)
def test_read_batch_refuses(body: bytes, problem: type[Problem]) -> None:
    with pytest.raises(problem):
        parse.read_batch(body)


def test_read_batch_refuses_too_many_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_node, "MAX_BATCH", 2)
    with pytest.raises(PayloadTooLarge):
        parse.read_batch(b"[1, 2, 3]")


@pytest.mark.clause("CIM009 5.6.10")
def test_parse_batch_ids_refuses_ids_one_by_one() -> None:
    found = parse.parse_batch_ids(parse.read_batch(b'["urn:a:b", "no uri", 5]'))
    assert found[0] == ("urn:a:b", "urn:a:b")
    assert [isinstance(id_, BadRequestData) for _, id_ in found] == [False, True, True]


MEMBERS = [
    "type", "value", "object", "languageMap", "vocab", "json", "valueList", "objectList", "datasetId", "observedAt",
    "unitCode", "sub", "coordinates", "@value", "@type", "dataset", "scope", "id", "a-b",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", ID, NULL, "Property", "Point", "@none"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), children, max_size=4),
    max_leaves=12,
)


def outcome(body: bytes, form: parse.Form, *, simplified: bool) -> str | None:
    """Give the id that was read, or where the fault is said to be."""
    try:
        return parse.parse_entity(body, CONTEXT, form=form, simplified=simplified).id
    except BadRequestData as problem:
        return problem.pointer


@given(attributes=st.dictionaries(st.sampled_from(["speed", "location", "scope", "type", "ngsildproof"]), JSON))
def test_parse_entity_answers_any_json_with_patch_or_pointer(attributes: dict[str, Any]) -> None:
    body = msgspec.json.encode({"id": ID, "type": "Vehicle"} | attributes)
    for form in (parse.CREATE, parse.UPDATE, parse.MERGE, parse.HISTORY):
        for simplified in (False, True):
            assert outcome(body, form, simplified=simplified) is not None
