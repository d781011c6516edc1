"""Mappings: what is refused before anything is read, and what each member does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stadtkern.errors import InvalidRequest, Problem
from stadtkern.ingest.mapping.document import load_mapping, parse_mapping
from stadtkern.ingest.mapping.run import Facts, FileRun, Made, Record
from stadtkern.model.entity import InstancePatch
from tests.ingest.import_run import EXAMPLES, VOCABULARY, compiled, mapping_of

ENTITY = """
entities:
  - id: urn:x:{id}
    type: X
    attributes:
"""


def make(attributes: str, value: dict[str, Any], *, head: str = "source: {format: json}", more: str = "") -> Made:
    lines = "\n".join(f"      {line}" for line in attributes.strip().splitlines())
    run = FileRun(compiled(mapping_of(f"{head}{ENTITY}{lines}\n{more}")), {"name": "f.json"})
    return run.make(Record(1, value))


def only(made: Made) -> dict[str, InstancePatch]:
    assert made.faults == []
    (facts,) = made.facts
    return {name.removeprefix(VOCABULARY): patch for name, patch in facts.attributes}


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.stem)
def test_examples_compile(path: Path) -> None:
    assert compiled(load_mapping(path)).document.description


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not a YAML mapping"),
        ("- 1", "is not a YAML mapping"),
        ("source: {format: xml}", "'xml'"),
        ("source: {format: csv, delimitr: x}\nentities: []", "unknown field `delimitr`"),
        ("entities: []", "missing required field `source`"),
        ("source: {format: csv}", "needs a member 'entities'"),
        ("source: {format: [csv", "not valid YAML"),
        ("source: &a {format: csv}\nlet: *a", "aliases are not allowed"),
        ("source: {format: csv}\nsource: {format: json}", "'source' occurs twice"),
        ("source: {format: csv}\nentities: [{id: 'no uri', type: X}]", "not a URI"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:{', type: X}]", "opening brace"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:}', type: X}]", "closing brace"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:{a +}', type: X}]", "a value was expected"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:1', type: 'a b'}]", "not a type name"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:1', type: X, attributes: {'a b': x}}]", "not allowed"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:1', type: X, attributes: {a: {}}}]", "exactly one of"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:1', type: X, attributes: {a: {value: x, json: y}}}]", "one of"),
        ("source: {format: csv}\nentities: [{id: 'urn:x:1', type: X, per: cell}]", "no member 'columns'"),
        ("source: {format: json}\ncolumns: {match: x}\nentities: [{id: 'urn:x:1', type: X}]", "is for CSV"),
        ("source: {format: csv}\ncolumns: {match: '('}\nentities: [{id: 'urn:x:1', type: X}]", "pattern"),
        ("source: {format: csv, delimiter: ab}\nentities: [{id: 'urn:x:1', type: X}]", "one character"),
        ("source: {format: csv, thousands: '.'}\nentities: [{id: 'urn:x:1', type: X}]", "same sign"),
        ("source: {format: csv}\ntime: {value: t, zone: Mars}\nentities: [{id: 'urn:x:1', type: X}]", "time zone"),
        ("source: {format: csv}\ntime: {value: t, names: end}\nentities: [{id: 'urn:x:1', type: X}]", "interval"),
        ("source: {format: ngsi-ld}\nentities: [{id: 'urn:x:1', type: X}]", "no entities of its own"),
        ("a: " + "[" * 3000, "nested too deeply"),
        ("a: \x00", "not valid YAML"),
    ],
)
def test_wrong_mapping_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(Problem) as caught:
        compiled(mapping_of(text))
    assert sentence in caught.value.detail


def test_mapping_must_be_utf8_and_readable(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="UTF-8"):
        parse_mapping(b"\xff")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        load_mapping(tmp_path)


def test_attributes_of_all_kinds() -> None:
    patches = only(
        make(
            """
a: n
b: {value: n, unitCode: CEL, datasetId: "urn:d:{id}", having: {quality: "'good'"}}
c: {object: "urn:y:{n}", objectType: Y}
d: {languageMap: {de: name, en: nothing}}
e: {vocab: name}
f: {json: list}
g: {valueList: list}
h: "point(1, 2)"
i: nothing
j: {value: n, when: n > 5}
""",
            {"id": 1, "n": 3, "name": "Stadt", "list": [1, "x"]},
        )
    )
    found = {name: (patch.kind, msgspec.json.decode(patch.value)) for name, patch in patches.items()}  # type: ignore[arg-type]
    assert found == {
        "a": ("Property", 3),
        "b": ("Property", 3),
        "c": ("Relationship", "urn:y:3"),
        "d": ("LanguageProperty", {"de": "Stadt"}),
        "e": ("VocabProperty", VOCABULARY + "Stadt"),
        "f": ("JsonProperty", [1, "x"]),
        "g": ("ListProperty", [1, "x"]),
        "h": ("GeoProperty", {"type": "Point", "coordinates": [1, 2]}),
    }
    (quality,) = patches["b"].subs.values()
    assert (patches["b"].unit_code, patches["b"].dataset_id, bytes(quality[0].value)) == (  # type: ignore[arg-type]
        "CEL",
        "urn:d:1",
        b'"good"',
    )


@pytest.mark.parametrize(
    ("attribute", "place", "reason"),
    [
        ("a: number(t)", "a", "'x' is not a number"),
        ("a: {value: n, observedAt: t}", "a", "observedAt is a text"),
        ("a: {value: n, observedAt: nothing}", "a", "time of the value is missing"),
        ("a: {object: 'urn:{nothing}'}", "a", "missing"),
        ("a: point(200, 0)", "a", "not on Earth"),
        ("a: {geo: t}", "a", "not a GeoJSON geometry"),
        ("a: {json: t}", "a", "neither an object nor a list"),
        ("a: {valueList: t}", "a", "not a list"),
        ("a: {vocab: n}", "a", "vocab is neither"),
        ("a: {value: n, when: t}", "a", "a condition is a text"),
    ],
)
def test_fault_names_the_attribute_and_the_reason(attribute: str, place: str, reason: str) -> None:
    made = make(attribute, {"id": 1, "t": "x", "n": 1})
    assert (made.rejected, made.facts, made.faults[0].field) == (True, [], place)
    assert reason in made.faults[0].reason


def test_fault_costs_only_the_value_when_the_mapping_says_so() -> None:
    made = make("a: number(t)\nb: 1", {"id": 1, "t": "x"}, head="onFault: value\nsource: {format: json}")
    assert [name.removeprefix(VOCABULARY) for name, _ in made.facts[0].attributes] == ["b"]
    assert (made.rejected, [fault.field for fault in made.faults]) == (False, ["a"])


def test_id_is_made_fit_for_a_uri() -> None:
    made = make("a: 1", {"id": "Am Markt <3> ä"})
    assert made.facts[0].id == "urn:x:Am%20Markt%20%3C3%3E%20ä"


def test_id_without_a_value_rejects_the_record() -> None:
    made = make("a: 1", {"id": None})
    assert (made.faults[0].field, "missing" in made.faults[0].reason) == ("id", True)


def test_foreach_makes_an_entity_for_each_element() -> None:
    mapping = mapping_of(
        "source: {format: json}\nlet: {site: upper(name)}\nentities:\n"
        "  - {foreach: parts, item: part, id: 'urn:x:{site}:{part.n}', type: X, when: part.n != 2,"
        " attributes: {a: part.v}}"
    )
    record = {"name": "s", "parts": [{"n": 1, "v": 5}, {"n": 2, "v": 6}, {"n": 3, "v": 7}]}
    made = FileRun(compiled(mapping), {}).make(Record(1, record))
    assert [facts.id for facts in made.facts] == ["urn:x:S:1", "urn:x:S:3"]


def test_variables_do_not_hide_members_of_the_record() -> None:
    names = ("time", "file", "column", "cell", "geometry", "row")
    attributes = "\n".join(f"{name}X: {name}" for name in names)
    assert len(only(make(attributes, {"id": 1, **dict.fromkeys(names, "x")}))) == len(names)


def test_file_and_column_entities_come_once_with_the_first_good_record() -> None:
    mapping = mapping_of(
        "source: {format: csv}\nfile: {site: $file.stem}\ncolumns: {match: 'c(?P<id>[0-9]+)'}\nentities:\n"
        "  - {per: file, id: 'urn:s:{site}', type: S}\n"
        "  - {per: column, id: 'urn:c:{id}', type: C, attributes: {position: $column.number}}\n"
        "  - {id: 'urn:r:{key}', type: R, attributes: {v: number(value)}}\n"
    )
    columns = ["key", "value", "c1", "c22"]
    run = FileRun(compiled(mapping), {"stem": "north"}, columns)
    records = [("a", "bad"), ("b", "1"), ("c", "2")]
    made = [
        run.make(Record(at, {"key": key, "value": value}, [key, value, None, None]))
        for at, (key, value) in enumerate(records)
    ]
    assert made[0].rejected
    assert [facts.id for facts in made[1].facts] == ["urn:r:b", "urn:s:north", "urn:c:1", "urn:c:22"]
    assert [facts.id for facts in made[2].facts] == ["urn:r:c"]


def test_facts_have_a_scope_where_the_mapping_gives_one() -> None:
    mapping = mapping_of("source: {format: json}\nentities: [{id: 'urn:x:1', type: [X, Y], scope: [/a/b, c]}]")
    (facts,) = FileRun(compiled(mapping), {}).make(Record(1, {})).facts
    assert isinstance(facts, Facts)
    assert (facts.scope, len(facts.types)) == (["/a/b", "/c"], 2)
