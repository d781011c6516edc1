"""Rendering of entities: what the golden cases do not show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import parse_instant
from stadtkern.query.projection import parse_projection
from stadtkern.views.ngsild import parse, render
from stadtkern.views.ngsild.representation import Format, Representation
from tests.ngsild.entities import ENTITIES, NOW, comparable, created, read_entity

CONTEXT = compile_context({"ex": "https://example.org/", "a": "ex:a", "Vehicle": "ex:Vehicle", "speed": "ex:speed"})
MODELS = Path(__file__).parents[3] / "shared" / "data" / "smart-data-models"


def show(entity: Entity, representation: Representation | None = None) -> str:
    return render.render_entity(entity, CONTEXT, representation or Representation(), now=NOW).decode()


@pytest.mark.clause("CIM009 4.5.2")
@pytest.mark.parametrize("form", ["normalized", "concise"])
@given(entity=ENTITIES)
def test_render_entity_reads_back_the_same(form: Format, entity: Entity) -> None:
    body = render.render_entity(entity, CONTEXT, Representation(format=form), now=NOW)
    again = created(parse.parse_entity(body, CONTEXT), (entity.created_at, entity.modified_at))
    assert comparable(entity) == comparable(again)


def test_render_entity_keeps_values_as_they_came() -> None:
    attributes = b'"a":{"type":"Property","value":1.10},"speed":{"type":"Property","value":1e2}'
    body = b'{"id":"urn:a:b","type":"Vehicle",' + attributes + b"}"
    assert body.decode() == show(created(parse.parse_entity(body, CONTEXT)))


def test_render_entity_writes_full_names_where_context_has_no_term() -> None:
    entity = read_entity({"id": "urn:a:b", "type": "ex:Vehicle", "https://other.example/x": 1}, CONTEXT)
    core = compile_context(None)
    tree = json.loads(render.render_entity(entity, core, Representation(), now=NOW))
    assert tree["type"] == "https://example.org/Vehicle"
    assert tree["https://other.example/x"] == {"type": "Property", "value": 1}


def test_render_entity_gives_empty_object_when_nothing_is_picked() -> None:
    entity = read_entity({"id": "urn:a:b", "type": "Vehicle", "speed": 5}, CONTEXT)
    nothing = Representation(projection=parse_projection("unknown", None, None, CONTEXT.expand_term))
    assert show(entity, nothing) == "{}"
    renderer = render.EntityRenderer(CONTEXT, nothing, NOW)
    assert not renderer.shows_anything(entity)


def test_with_context_adds_the_reference() -> None:
    context = compile_context(["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"])
    body = render.with_context(b'{"id":"urn:a:b"}', context)
    assert json.loads(body) == {"id": "urn:a:b", "@context": context.reference}
    assert json.loads(render.with_context(b"{}", context)) == {"@context": context.reference}


def test_render_list_joins_bodies() -> None:
    assert json.loads(render.render_list([b'{"id":1}', b'{"id":2}'])) == [{"id": 1}, {"id": 2}]
    assert render.render_list([]) == b"[]"


@pytest.mark.clause("CIM009 4.5.16.3")
def test_render_feature_collection_holds_context_once() -> None:
    collection = json.loads(render.render_feature_collection([b'{"type":"Feature"}'], CONTEXT))
    assert collection["type"] == "FeatureCollection"
    assert collection["features"] == [{"type": "Feature"}]
    assert collection["@context"] == CONTEXT.reference
    assert "@context" not in json.loads(render.render_feature_collection([]))


def test_next_expiry_gives_the_first_that_is_still_to_come() -> None:
    entity = read_entity(
        {
            "id": "urn:a:b",
            "type": "Vehicle",
            "a": {"value": 1, "expiresAt": "2000-01-01T00:00:00Z"},
            "speed": [
                {"value": 1, "expiresAt": "2100-01-02T00:00:00Z"},
                {"value": 1, "datasetId": "urn:d:1", "expiresAt": "2100-01-01T00:00:00Z"},
            ],
        },
        CONTEXT,
    )
    assert render.next_expiry(entity, NOW) == parse_instant("2100-01-01T00:00:00Z")
    assert render.next_expiry(read_entity({"id": "urn:a:b", "type": "Vehicle", "a": 1}, CONTEXT), NOW) is None


def test_targets_of_lists_each_target_once() -> None:
    entity = read_entity(
        {
            "id": "urn:a:b",
            "type": "Vehicle",
            "a": {"object": ["urn:x:1", "urn:x:2"]},
            "speed": {"objectList": ["urn:x:2", "urn:x:3"]},
            "note": "urn:x:4",
        },
        CONTEXT,
    )
    assert render.targets_of(entity) == ["urn:x:1", "urn:x:2", "urn:x:3"]


@pytest.mark.clause("CIM009 4.5.23")
def test_render_entity_does_not_follow_circles() -> None:
    first = read_entity({"id": "urn:x:1", "type": "Vehicle", "a": {"object": "urn:x:2"}}, CONTEXT)
    second = read_entity({"id": "urn:x:2", "type": "Vehicle", "a": {"object": "urn:x:1"}}, CONTEXT)
    linked = {EntityId("urn:x:1"): first, EntityId("urn:x:2"): second}
    representation = Representation(join="inline", join_level=50)
    tree = json.loads(render.render_entity(first, CONTEXT, representation, now=NOW, linked=linked))
    assert tree["a"]["entity"]["a"] == {"type": "Relationship", "object": "urn:x:1"}


@pytest.mark.skipif(not MODELS.is_dir(), reason="the Smart Data Models examples are not at hand")
@pytest.mark.parametrize("path", sorted(MODELS.glob("*/*normalized*.json*")), ids=lambda path: path.name)
def test_smart_data_models_come_back_unchanged(path: Path) -> None:
    tree = json.loads(path.read_text(encoding="utf-8"))
    tree.pop("@context", None)
    assert json.loads(show(read_entity(tree, CONTEXT))) == tree
