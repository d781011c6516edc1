"""The golden cases: each option of a request, after the clauses of the standard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stadtkern.jsonld.context import compile_context
from stadtkern.model.ids import EntityId
from stadtkern.query.projection import parse_projection
from stadtkern.views.ngsild.render import Representation, parse_lang, render_entity
from stadtkern.views.ngsild.representation import LOCATION
from tests.ngsild.entities import NOW, read_entity

FOLDER = Path(__file__).parent.parent / "golden" / "ngsild"
CASES = sorted(path.name.removesuffix(".request.json") for path in FOLDER.glob("*.request.json"))
CONTEXT = compile_context(
    {"ex": "https://example.org/", "Vehicle": "ex:Vehicle", "speed": "ex:speed", "name": "ex:name"}
)


def as_representation(options: dict[str, Any]) -> Representation:
    expand = CONTEXT.expand_term
    datasets = options.get("datasetId")
    return Representation(
        format=options.get("format", "normalized"),
        sys_attrs=options.get("sysAttrs", False),
        projection=parse_projection(options.get("pick"), options.get("omit"), options.get("attrs"), expand),
        dataset_ids=None if datasets is None else frozenset(datasets),
        lang=parse_lang(options["lang"]) if "lang" in options else None,
        geojson=options.get("geojson", False),
        geometry_property=expand(options["geometryProperty"]) if "geometryProperty" in options else LOCATION,
        join=options.get("join"),
        join_level=options.get("joinLevel", 1),
        contained_by=tuple(options.get("containedBy", ())),
    )


@pytest.mark.parametrize("case", CASES)
def test_render_entity_gives_golden_answer(case: str) -> None:
    request = json.loads((FOLDER / f"{case}.request.json").read_text(encoding="utf-8"))
    expected = json.loads((FOLDER / f"{case}.response.json").read_text(encoding="utf-8"))
    linked = {EntityId(tree["id"]): read_entity(tree, CONTEXT) for tree in request.get("linked", [])}
    entity = read_entity(request["entity"], CONTEXT)
    body = render_entity(entity, CONTEXT, as_representation(request["options"]), now=NOW, linked=linked)
    assert expected == json.loads(body)


def test_golden_cases_are_found() -> None:
    assert len(CASES) > 20
