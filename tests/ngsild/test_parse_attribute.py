"""Attributes in request bodies: every kind, every form, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stadtkern.errors import BadRequestData
from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import InstancePatch
from stadtkern.model.instant import parse_instant
from stadtkern.views.ngsild import parse

CONTEXT = compile_context({"ex": "https://example.org/", "Vehicle": "ex:Vehicle", "speed": "ex:speed", "hgv": "ex:hgv"})
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
NULL = "urn:ngsi-ld:null"
TIME = "2026-03-01T12:00:00Z"


def read(attribute: Any, form: parse.Form = parse.CREATE, *, name: str = "speed", simplified: bool = False) -> Any:
    """Parse an entity with one attribute; give the attribute's patches, or the only one."""
    body = msgspec.json.encode({"id": "urn:ngsi-ld:Vehicle:1", "type": "Vehicle", name: attribute})
    entity = parse.parse_entity(body, CONTEXT, form=form, simplified=simplified)
    (patches,) = entity.attributes.values()
    return patches[0] if len(patches) == 1 else patches


def value_of(patch: InstancePatch) -> Any:
    assert isinstance(patch.value, msgspec.Raw)
    return msgspec.json.decode(patch.value)


@pytest.mark.clause("CIM009 4.5.2")
@pytest.mark.parametrize(
    ("attribute", "kind", "value"),
    [
        ({"type": "Property", "value": 5}, "Property", 5),
        ({"@type": "Property", "value": 5}, "Property", 5),
        ({"type": "https://uri.etsi.org/ngsi-ld/Property", "value": 5}, "Property", 5),
        ({"value": {"a": [1, None]}}, "Property", {"a": [1, None]}),
        (5, "Property", 5),
        (["a", "b"], "Property", ["a", "b"]),
        ([], "Property", []),
        ({"street": "Domplatz", "nr": 1}, "Property", {"street": "Domplatz", "nr": 1}),
        (
            {"@type": "DateTime", "@value": TIME},
            "Property",
            {"@type": "DateTime", "@value": TIME},
        ),
        ({"type": "Relationship", "object": "urn:a:b"}, "Relationship", "urn:a:b"),
        ({"object": ["urn:a:b", "urn:a:c"]}, "Relationship", ["urn:a:b", "urn:a:c"]),
        (
            {"type": "Point", "coordinates": [7.6, 51.9]},
            "GeoProperty",
            {"type": "Point", "coordinates": [7.6, 51.9]},
        ),
        (
            {"value": {"type": "Point", "coordinates": [7.6, 51.9]}},
            "GeoProperty",
            {"type": "Point", "coordinates": [7.6, 51.9]},
        ),
        (
            {"type": "GeoProperty", "value": '{"type": "Point", "coordinates": [7.6, 51.9]}'},
            "GeoProperty",
            {"type": "Point", "coordinates": [7.6, 51.9]},
        ),
        (
            {"languageMap": {"de": "Rot", "en-GB": ["red"], "@none": "rouge"}},
            "LanguageProperty",
            {"de": "Rot", "en-GB": ["red"], "@none": "rouge"},
        ),
        ({"vocab": "hgv"}, "VocabProperty", "https://example.org/hgv"),
        ({"vocab": ["hgv", "bus"]}, "VocabProperty", ["https://example.org/hgv", f"{DEFAULT}bus"]),
        ({"json": {"speed": None, "type": "raw"}}, "JsonProperty", {"speed": None, "type": "raw"}),
        ({"valueList": [1, "a", None]}, "ListProperty", [1, "a", None]),
        (
            {"objectList": ["urn:a:b", {"object": "urn:a:c"}]},
            "ListRelationship",
            ["urn:a:b", "urn:a:c"],
        ),
    ],
)
def test_parse_attribute_gives_kind_and_value(attribute: Any, kind: str, value: Any) -> None:
    patch = read(attribute)
    assert (patch.kind, value_of(patch)) == (kind, value)


def test_parse_attribute_keeps_number_literals() -> None:
    body = b'{"id": "urn:a:b", "type": "T", "a": {"value": 1.10}, "b": 1e2, "c": {"json": {"n":0.50}}}'
    entity = parse.parse_entity(body, CONTEXT)
    texts = [bytes(patches[0].value) for patches in entity.attributes.values()]  # type: ignore[arg-type]
    assert texts == [b"1.10", b"1e2", b'{"n":0.50}']


@pytest.mark.clause("CIM009 4.5.2.2")
def test_parse_attribute_reads_metadata_and_sub_attributes() -> None:
    patch = read(
        {
            "type": "Property",
            "value": 5,
            "unitCode": "KMH",
            "observedAt": TIME,
            "expiresAt": "2030-01-01T00:00:00Z",
            "datasetId": "urn:d:1",
            "valueType": "ex:double",
            "createdAt": "ignored, whatever it says",
            "source": {"type": "Relationship", "object": "urn:a:b", "objectType": "Vehicle", "note": "checked"},
        }
    )
    assert (patch.unit_code, patch.observed_at, patch.dataset_id) == ("KMH", parse_instant(TIME), "urn:d:1")
    assert (patch.expires_at, patch.value_type) == (parse_instant("2030-01-01T00:00:00Z"), "https://example.org/double")
    assert patch.created_at is None
    (source,) = patch.subs[f"{DEFAULT}source"]
    assert (source.kind, bytes(source.object_type)) == ("Relationship", b'"https://example.org/Vehicle"')
    assert value_of(source.subs[f"{DEFAULT}note"][0]) == "checked"


@pytest.mark.clause("CIM009 4.5.5")
def test_parse_attribute_reads_instances_by_dataset_id() -> None:
    first, second = read([{"value": 1, "datasetId": "@none"}, {"value": 2, "datasetId": "urn:d:2"}])
    assert (first.dataset_id, second.dataset_id) == ("", "urn:d:2")


@pytest.mark.clause("CIM009 4.5.5")
@pytest.mark.parametrize("dataset_id", ["@none", None])
def test_parse_attribute_refuses_two_instances_with_one_dataset_id(dataset_id: str | None) -> None:
    instance = {"value": 2} if dataset_id is None else {"value": 2, "datasetId": dataset_id}
    with pytest.raises(BadRequestData) as caught:
        read([{"value": 1}, instance])
    assert caught.value.pointer == "/speed/1"


@pytest.mark.clause("CIM009 4.5.4")
@pytest.mark.parametrize(
    ("attribute", "kind", "value"),
    [
        (
            {"type": "PostalAddress", "addressCountry": "DE"},
            "Property",
            {"type": "PostalAddress", "addressCountry": "DE"},
        ),
        ({"value": 1, "unit": "m"}, "Property", {"value": 1, "unit": "m"}),
        ({"languageMap": {"de": "Rot"}}, "LanguageProperty", {"de": "Rot"}),
        ({"vocab": "hgv"}, "VocabProperty", "https://example.org/hgv"),
        ({"json": {"a": 1}}, "JsonProperty", {"a": 1}),
        ({"valueList": [1]}, "ListProperty", [1]),
        ({"objectList": ["urn:a:b"]}, "ListRelationship", ["urn:a:b"]),
        (
            {"type": "Point", "coordinates": [7.6, 51.9]},
            "GeoProperty",
            {"type": "Point", "coordinates": [7.6, 51.9]},
        ),
    ],
)
def test_parse_attribute_takes_objects_as_values_when_simplified(attribute: Any, kind: str, value: Any) -> None:
    patch = read(attribute, simplified=True)
    assert (patch.kind, value_of(patch)) == (kind, value)


def test_parse_attribute_reads_dataset_map_when_simplified() -> None:
    default, other = read({"dataset": {"@none": 54, "urn:d:1": 55}}, simplified=True)
    assert [(p.dataset_id, value_of(p)) for p in (default, other)] == [("", 54), ("urn:d:1", 55)]


def test_parse_attribute_marks_bare_values() -> None:
    assert read(5).simplified
    assert not read({"value": 5}).simplified


@pytest.mark.parametrize(
    ("attribute", "pointer"),
    [
        pytest.param(None, "", id="json null"),
        pytest.param(NULL, "", id="ngsi-ld null"),
        pytest.param({"type": "Property"}, "", id="property without value"),
        pytest.param({"type": "Property", "value": None}, "/value", id="null value"),
        pytest.param({"type": "Property", "value": NULL}, "/value", id="ngsi-ld null value"),
        pytest.param({"type": "Property", "value": {"a": {"b": NULL}}}, "/value", id="ngsi-ld null inside a value"),
        pytest.param({"type": "Property", "value": 1, "sub": {"value": NULL}}, "/sub/value", id="null sub-attribute"),
        pytest.param({"type": "Property", "value": 1, "object": "urn:a:b"}, "/object", id="property with object"),
        pytest.param({"type": "Property", "value": 1, "previousValue": 0}, "/previousValue", id="output member"),
        pytest.param({"type": "Property", "value": 1, "entityIdSealed": "urn:a:b"}, "/entityIdSealed", id="seal"),
        pytest.param({"type": "Property", "value": 1, "@context": {}}, "/@context", id="embedded context"),
        pytest.param({"type": "Property", "value": 1, "observedAt": "soon"}, "/observedAt", id="no date-time"),
        pytest.param(
            {"type": "Property", "value": 1, "observedAt": "2026-03-01T12:00:00"}, "/observedAt", id="no zone"
        ),
        pytest.param({"type": "Property", "value": 1, "observedAt": {"value": TIME}}, "/observedAt", id="reified time"),
        pytest.param({"type": "Property", "value": 1, "datasetId": "no uri"}, "/datasetId", id="dataset id"),
        pytest.param({"type": "Property", "value": 1, "unitCode": 5}, "/unitCode", id="unit code"),
        pytest.param({"type": "Property", "value": 1, "valueList": [1]}, "/valueList", id="two value members"),
        pytest.param({"value": 1, "object": "urn:a:b"}, "", id="kind not clear"),
        pytest.param({"type": "PostalAddress", "addressCountry": "DE"}, "/type", id="unknown attribute type"),
        pytest.param({"unitCode": "KMH"}, "", id="metadata without value"),
        pytest.param({"value": {"@type": "DateTime", "@value": "x"}}, "/value/@value", id="typed value"),
        pytest.param({"type": "Relationship"}, "", id="relationship without object"),
        pytest.param({"type": "Relationship", "object": "no uri"}, "/object", id="object no uri"),
        pytest.param({"type": "Relationship", "object": []}, "/object", id="no object"),
        pytest.param({"type": "Relationship", "object": {"id": "urn:a:b"}}, "/object", id="object object"),
        pytest.param({"type": "Relationship", "object": "urn:a:b", "unitCode": "MTR"}, "/unitCode", id="unit of link"),
        pytest.param({"type": "Relationship", "object": "urn:a:b", "objectType": "9x"}, "/objectType", id="objectType"),
        pytest.param({"type": "LanguageProperty", "languageMap": {"en": 5}}, "/languageMap/en", id="words"),
        pytest.param({"type": "LanguageProperty", "languageMap": {"": "x"}}, "/languageMap", id="empty tag"),
        pytest.param({"type": "LanguageProperty", "languageMap": {"@none": NULL}}, "/languageMap", id="null map"),
        pytest.param({"type": "LanguageProperty", "languageMap": "x"}, "/languageMap", id="no map"),
        pytest.param({"languageMap": {"en": "x"}, "valueType": "string"}, "/valueType", id="value type of words"),
        pytest.param({"type": "VocabProperty", "vocab": 5}, "/vocab", id="vocab"),
        pytest.param({"type": "JsonProperty", "json": 5}, "/json", id="scalar json"),
        pytest.param({"type": "JsonProperty", "json": {}, "unitCode": "MTR"}, "/unitCode", id="unit of json"),
        pytest.param({"type": "ListProperty", "valueList": 5}, "/valueList", id="value list"),
        pytest.param({"type": "ListRelationship", "objectList": ["no uri"]}, "/objectList/0", id="object list"),
        pytest.param({"type": "ListRelationship", "objectList": [{"id": "urn:a:b"}]}, "/objectList/0", id="entry"),
        pytest.param({"type": "Property", "value": 1, "my sub": 2}, "/my sub", id="name of sub-attribute"),
        pytest.param({"type": "Property", "value": 1, "a/b~c": 2}, "/a~1b~0c", id="pointer is escaped"),
        pytest.param({"type": "Property", "value": 1, "hgv": 2, "ex:hgv": 3}, "/ex:hgv", id="one name twice"),
    ],
)
def test_parse_attribute_refuses_with_pointer(attribute: Any, pointer: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        read(attribute)
    assert caught.value.pointer == f"/speed{pointer}"
    assert caught.value.detail


@pytest.mark.clause("CIM009 4.7.1")
@pytest.mark.parametrize("attribute", [7, {"type": "Property", "value": 7}, "Münster"])
def test_parse_attribute_refuses_location_that_is_no_geometry(attribute: Any) -> None:
    with pytest.raises(BadRequestData, match="location is a GeoProperty"):
        read(attribute, name="location")


@pytest.mark.clause("CIM009 4.5.2.2")
def test_parse_attribute_reads_proof_with_seals() -> None:
    proof = {"value": {"type": "DataIntegrityProof"}, "entityIdSealed": "urn:a:b", "entityTypeSealed": "Vehicle"}
    patch = read(proof, name="ngsildproof")
    assert {name: bytes(text) for name, text in patch.extra.items()} == {
        "entityIdSealed": b'"urn:a:b"',
        "entityTypeSealed": b'"https://example.org/Vehicle"',
    }


@pytest.mark.parametrize("proof", [{"value": "text"}, {"value": {}, "entityTypeSealed": 42}])
def test_parse_attribute_refuses_malformed_proof(proof: Any) -> None:
    with pytest.raises(BadRequestData):
        read(proof, name="ngsildproof")


@pytest.mark.clause("CIM009 5.5.8")
@pytest.mark.parametrize(
    "attribute",
    [
        NULL,
        {"type": "Property", "value": NULL},
        {"type": "Relationship", "object": NULL},
        {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
        {"type": "LanguageProperty", "languageMap": NULL},
        {"type": "VocabProperty", "vocab": NULL},
        {"type": "JsonProperty", "json": NULL},
        {"type": "ListProperty", "valueList": NULL},
        {"type": "ListRelationship", "objectList": [NULL]},
        {"type": "GeoProperty", "value": NULL},
    ],
)
@pytest.mark.parametrize("form", [parse.UPDATE, parse.MERGE])
def test_parse_attribute_reads_deletion_in_fragments(attribute: Any, form: parse.Form) -> None:
    assert read(attribute, form).deleted


def test_parse_attribute_deletes_one_dataset_id() -> None:
    patch = read({"value": NULL, "datasetId": "urn:d:1"}, parse.UPDATE)
    assert (patch.deleted, patch.dataset_id) == (True, "urn:d:1")


@pytest.mark.clause("CIM009 5.5.12")
def test_parse_attribute_keeps_null_inside_values_when_merging() -> None:
    patch = read({"type": "Property", "value": {"street": "Domplatz", "country": NULL}}, parse.MERGE)
    assert value_of(patch) == {"street": "Domplatz", "country": NULL}


@pytest.mark.clause("CIM009 5.5.12")
def test_parse_attribute_reads_partial_members_when_merging() -> None:
    patch = read({"unitCode": NULL, "observedAt": TIME, "source": NULL}, parse.MERGE)
    assert patch.value is msgspec.UNSET
    assert patch.kind is None
    assert patch.removed == {"unitCode"}
    assert patch.observed_at == parse_instant(TIME)
    assert patch.subs[f"{DEFAULT}source"][0].deleted


def test_parse_attribute_refuses_missing_value_in_update() -> None:
    with pytest.raises(BadRequestData, match="has no value"):
        read({"type": "Property", "unitCode": "KMH"}, parse.UPDATE)


@pytest.mark.clause("CIM009 4.5.6")
def test_parse_attribute_reads_temporal_instances_with_one_dataset_id() -> None:
    first, second = read(
        [
            {"type": "Property", "value": 1, "observedAt": TIME, "instanceId": "urn:x:1"},
            {"type": "Property", "value": NULL, "observedAt": "2026-03-01T13:00:00Z", "modifiedAt": TIME},
        ],
        parse.HISTORY,
    )
    assert (value_of(first), first.observed_at) == (1, parse_instant(TIME))
    assert (second.deleted, second.modified_at) == (True, parse_instant(TIME))


@pytest.mark.clause("CIM009 5.6.4")
def test_parse_attribute_fragment_reads_members() -> None:
    body = msgspec.json.encode({"value": 5, "unitCode": NULL, "@context": "https://example.org/c"})
    (patch,) = parse.parse_attribute_fragment(body, CONTEXT.expand_term("speed"), CONTEXT)
    assert (value_of(patch), patch.removed) == (5, {"unitCode"})


def test_parse_attribute_fragment_reads_several_instances() -> None:
    body = msgspec.json.encode([{"value": 5}, {"value": 6, "datasetId": "urn:d:1"}])
    patches = parse.parse_attribute_fragment(body, CONTEXT.expand_term("speed"), CONTEXT, form=parse.REPLACE)
    assert [value_of(patch) for patch in patches] == [5, 6]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"@context": []}',
        b"[]",
        b"[5]",
        b'{"type": "Building"}',
        b'{"datasetId": "urn:ngsi-ld:null"}',
        b'{"value": {"country": "urn:ngsi-ld:null"}}',
    ],
)
def test_parse_attribute_fragment_refuses(body: bytes) -> None:
    with pytest.raises(BadRequestData):
        parse.parse_attribute_fragment(body, CONTEXT.expand_term("speed"), CONTEXT)


def test_parse_attribute_fragment_refuses_missing_value_when_replacing() -> None:
    with pytest.raises(BadRequestData, match="has no value"):
        parse.parse_attribute_fragment(b'{"foo": 1}', CONTEXT.expand_term("speed"), CONTEXT, form=parse.REPLACE)
