"""Histories as JSON: instances, pairs of value and time, aggregates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import AttributeKind, Instance
from stadtkern.model.history import AggregateRow, EntityHistory, ScopeInstance, Series
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.model.json import raw
from stadtkern.query.projection import parse_projection
from stadtkern.views.ngsild.render import HistoryRenderer, Representation, parse_lang, render_history
from stadtkern.views.ngsild.representation import TemporalFormat
from tests.ngsild.entities import NOW

CONTEXT = compile_context({"ex": "https://example.org/", "speed": "ex:speed", "Car": "ex:Car", "hgv": "ex:hgv"})
SPEED = Iri("https://example.org/speed")
FIRST, SECOND = parse_instant("2026-01-01T00:00:00Z"), parse_instant("2026-01-02T00:00:00Z")


def instance(kind: AttributeKind, value: Any, at: Instant | None = FIRST, **more: Any) -> Instance:
    return Instance(kind=kind, value=raw(value), observed_at=at, **more)


def history(*series: Series, **more: Any) -> EntityHistory:
    return EntityHistory(
        id=EntityId("urn:x:1"), types=[Iri("https://example.org/Car")], attributes={SPEED: list(series)}, **more
    )


def show(history: EntityHistory, representation: Representation | None = None) -> Any:
    return json.loads(render_history(history, CONTEXT, representation or Representation(), now=NOW))


@pytest.mark.clause("CIM009 4.5.6")
def test_render_history_gives_instances_of_all_series() -> None:
    tree = show(
        history(
            Series(kind="Property", instances=[instance("Property", 1, instance_id=7)]),
            Series(
                kind="Property",
                dataset_id="urn:d:1",
                instances=[instance("Property", 2, SECOND, dataset_id="urn:d:1", unit_code="KMH")],
            ),
        )
    )
    assert tree == {
        "id": "urn:x:1",
        "type": "Car",
        "speed": [
            {
                "type": "Property",
                "value": 1,
                "observedAt": "2026-01-01T00:00:00Z",
                "instanceId": "urn:ngsi-ld:instance:7",
            },
            {
                "type": "Property",
                "value": 2,
                "observedAt": "2026-01-02T00:00:00Z",
                "unitCode": "KMH",
                "datasetId": "urn:d:1",
            },
        ],
    }


@pytest.mark.clause("CIM009 6.3.10")
@pytest.mark.parametrize(
    ("temporal", "empty"), [("normalized", []), ("temporalValues", {"type": "Property", "values": []})]
)
def test_render_history_shows_empty_attributes_when_cut_only(temporal: TemporalFormat, empty: Any) -> None:
    for past in (history(Series(kind="Property")), history()):
        representation = Representation(temporal=temporal)
        assert "speed" not in show(past, representation)
        assert HistoryRenderer(CONTEXT, representation, NOW, keep_empty=True).tree(past)["speed"] == empty


def test_render_history_shows_deleted_words_as_language_map() -> None:
    gone = instance("LanguageProperty", "urn:ngsi-ld:null", None, deleted_at=SECOND)
    series = history(Series(kind="LanguageProperty", instances=[gone]))
    assert show(series)["speed"][0]["languageMap"] == {"@none": "urn:ngsi-ld:null"}
    pairs = show(series, Representation(temporal="temporalValues"))["speed"]["languageMaps"]
    assert pairs[0][0] == {"languageMap": {"@none": "urn:ngsi-ld:null"}}


@pytest.mark.clause("CIM009 4.5.9")
@pytest.mark.parametrize(
    ("kind", "value", "member", "shown"),
    [
        ("Property", 1, "values", 1),
        ("Relationship", "urn:x:2", "objects", "urn:x:2"),
        ("GeoProperty", {"type": "Point", "coordinates": [1, 2]}, "values", {"type": "Point", "coordinates": [1, 2]}),
        ("LanguageProperty", {"de": "a"}, "languageMaps", {"languageMap": {"de": "a"}}),
        ("VocabProperty", "https://example.org/hgv", "vocabs", {"vocab": "hgv"}),
        ("JsonProperty", {"a": 1}, "jsons", {"json": {"a": 1}}),
        ("ListProperty", [1, 2], "valueLists", [1, 2]),
        ("ListRelationship", ["urn:x:2"], "objectLists", ["urn:x:2"]),
    ],
)
def test_render_history_gives_pairs(kind: AttributeKind, value: Any, member: str, shown: Any) -> None:
    one = Series(kind=kind, instances=[instance(kind, value), instance(kind, value, SECOND)])
    tree = show(history(one), Representation(temporal="temporalValues"))
    assert tree["speed"] == {
        "type": kind,
        member: [[shown, "2026-01-01T00:00:00Z"], [shown, "2026-01-02T00:00:00Z"]],
    }


def test_render_history_gives_one_object_for_each_dataset_id() -> None:
    series = [
        Series(kind="Property", instances=[instance("Property", 1)]),
        Series(kind="Property", dataset_id="urn:d:1", instances=[instance("Property", 2, dataset_id="urn:d:1")]),
    ]
    tree = show(history(*series), Representation(temporal="temporalValues"))
    assert tree["speed"] == [
        {"type": "Property", "values": [[1, "2026-01-01T00:00:00Z"]]},
        {"type": "Property", "datasetId": "urn:d:1", "values": [[2, "2026-01-01T00:00:00Z"]]},
    ]
    only = show(history(*series), Representation(dataset_ids=frozenset({"urn:d:1"})))
    assert [one["value"] for one in only["speed"]] == [2]
    none = show(history(*series), Representation(dataset_ids=frozenset({"urn:d:2"})))
    assert "speed" not in none


@pytest.mark.clause("CIM009 4.5.19")
def test_render_history_gives_aggregates() -> None:
    rows = [AggregateRow(value=Raw(b"1.50"), start=FIRST, end=SECOND)]
    tree = show(
        history(Series(kind="Property", aggregates={"avg": rows, "max": rows})),
        Representation(temporal="aggregatedValues"),
    )
    row = [1.5, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    assert tree["speed"] == {"type": "Property", "avg": [row], "max": [row]}


@pytest.mark.clause("CIM009 4.5.7")
def test_render_history_shows_deletions() -> None:
    gone = instance("Property", "urn:ngsi-ld:null", None, deleted_at=SECOND)
    series = history(Series(kind="Property", instances=[gone]))
    assert show(series)["speed"] == [
        {"type": "Property", "value": "urn:ngsi-ld:null", "deletedAt": "2026-01-02T00:00:00Z"}
    ]
    pairs = show(series, Representation(temporal="temporalValues", time_property="deletedAt"))
    assert pairs["speed"]["values"] == [["urn:ngsi-ld:null", "2026-01-02T00:00:00Z"]]


def test_render_history_gives_words_in_one_language() -> None:
    series = history(Series(kind="LanguageProperty", instances=[instance("LanguageProperty", {"de": "a", "en": "b"})]))
    lang = parse_lang("en")
    assert show(series, Representation(lang=lang))["speed"][0]["value"] == "b"
    pairs = show(series, Representation(lang=lang, temporal="temporalValues"))["speed"]
    assert pairs == {"type": "Property", "values": [["b", "2026-01-01T00:00:00Z"]]}


@pytest.mark.clause("CIM009 4.5.6")
def test_render_history_shows_scope_as_property() -> None:
    scopes = [
        ScopeInstance(scope=["/Old"], observed_at=FIRST, modified_at=FIRST),
        ScopeInstance(scope=[], deleted_at=SECOND),
    ]
    tree = show(history(scopes=scopes), Representation(sys_attrs=True))
    assert tree["scope"] == [
        {
            "type": "Property",
            "value": "/Old",
            "observedAt": "2026-01-01T00:00:00Z",
            "modifiedAt": "2026-01-01T00:00:00Z",
        },
        {"type": "Property", "value": [], "deletedAt": "2026-01-02T00:00:00Z"},
    ]
    pairs = show(history(scopes=scopes), Representation(temporal="temporalValues"))
    assert pairs["scope"] == {
        "type": "Property",
        "values": [["/Old", "2026-01-01T00:00:00Z"], [[], "2026-01-02T00:00:00Z"]],
    }
    assert show(history(scope=["/Now"]))["scope"] == "/Now"


def test_render_history_shows_system_times_when_asked_for() -> None:
    one = instance("Property", 1, created_at=FIRST, modified_at=SECOND, expires_at=SECOND)
    tree = show(history(Series(kind="Property", instances=[one]), created_at=FIRST), Representation(sys_attrs=True))
    assert tree["createdAt"] == "2026-01-01T00:00:00Z"
    assert {"createdAt", "modifiedAt", "expiresAt"} <= tree["speed"][0].keys()
    plain = show(history(Series(kind="Property", instances=[one]), created_at=FIRST))
    assert "createdAt" not in plain
    assert "expiresAt" not in plain["speed"][0]


def test_render_history_shows_what_was_picked() -> None:
    series = history(Series(kind="Property", instances=[instance("Property", 1)]), scope=["/A"])
    picked = parse_projection("speed", None, None, CONTEXT.expand_term)
    assert list(show(series, Representation(projection=picked, temporal="concise"))) == ["speed"]
    nothing = parse_projection("unknown", None, None, CONTEXT.expand_term)
    assert show(series, Representation(projection=nothing)) == {}
