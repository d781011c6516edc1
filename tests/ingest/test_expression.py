"""The expression language of mappings: what it computes, what goes through it, what it refuses."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData
from stadtkern.ingest.expression.compile import Compiler, Names
from stadtkern.ingest.expression.library import Notation, make_library
from stadtkern.ingest.expression.values import Moment
from stadtkern.ingest.fault import Fault
from stadtkern.model.instant import parse_instant

RECORD: dict[str, Any] = {
    "n": 3,
    "x": 2.5,
    "t": " Ring 7 ",
    "yes": True,
    "nothing": None,
    "list": [3, 1, None, 2],
    "things": [{"k": "a", "v": 1}, {"k": "b", "v": 2}],
    "deep": {"er": {"est": [10, 20]}},
    "Größe m²": 4,
}


def evaluate(text: str, record: Any = RECORD, notation: Notation | None = None) -> Any:
    names = Names()
    compiled = Compiler(names, make_library(notation or Notation())).compile(text)
    slots: list[Any] = [None] * names.size
    slots[0] = record
    return compiled(slots)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("(1 + 2) * 3", 9),
        ("-n", -3),
        ("7 % 4", 3),
        ("'a' + \"b\"", "ab"),
        ("n > 2 and not (x >= 3) or false", True),
        ("n > 2 && x < 3", True),
        ("n == 3.0", True),
        ("yes == 1", False),
        ("nothing == null", True),
        ("n != null", True),
        ("n in [1, 2, 3]", True),
        ("'er' in deep", True),
        ("'ing' in t", True),
        ("n > 2 ? 'many' : 'few'", "many"),
        ("nothing ?? n ?? 1", 3),
        ("deep.er.est[-1]", 20),
        ("deep['er'].est[5]", None),
        ("deep.er.est[n - 3]", 10),
        ("no.such.thing", None),
        ("$row['Größe m²']", 4),
        ("nothing + 1", None),
        ("nothing > 1", None),
        ("not nothing", True),
        ("trim(t)", "Ring 7"),
        ("extract(t, '(\\d+)')", "7"),
        ("extract(t, 'x')", None),
        ("matches(t, '^ Ring')", True),
        ("split('B / C//', '/')", ["B", "C"]),
        ("join(['a', null, 2], '-')", "a-2"),
        ("replace('a.b', '.', ',')", "a,b"),
        ("slug('Münster, Ägidiitor (süd)')", "muenster-aegidiitor-sued"),
        ("uri('a b/c')", "a%20b%2Fc"),
        ("text(2.0)", "2"),
        ("text([1, 'a'])", '[1,"a"]'),
        ("min(list)", 1),
        ("max(n, x, nothing)", 3),
        ("sum(list)", 6),
        ("avg([])", None),
        ("count(list)", 4),
        ("map(things, one, one.v * 2)", [2, 4]),
        ("filter(things, one, one.k == 'b')[0].v", 2),
        ("map(nothing, one, one)", []),
        ("map([[1, 2], [3]], one, map(one, two, two + n))", [[4, 5], [6]]),
        ("round(2.5)", 2),
        ("round(3.5)", 4),
        ("round(0.125, 2)", 0.12),
        ("abs(-2)", 2),
        ("floor(-1.5)", -2),
        ("integer('12')", 12),
        ("integer(4.0)", 4),
        ("number(' 1.5e3 ')", 1500.0),
        ("number('')", None),
        ("boolean('ja')", True),
        ("boolean(0)", False),
        ("has(n) and !has(nothing)", True),
        ("point(7.6, 51.9)", {"type": "Point", "coordinates": [7.6, 51.9]}),
        ("point(nothing, 51.9)", None),
        ("{a: n, 'b c': [1]}", {"a": 3, "b c": [1]}),
        ("hash('a', 1) == hash('a', 1)", True),
        ("hash('a', 1) == hash('a', 2)", False),
        ("instant('2026-03-01T12:00:00+01:00')", parse_instant("2026-03-01T11:00:00Z")),
        ("instant('01.03.26 12:00', 'Europe/Berlin', '%d.%m.%y %H:%M')", parse_instant("2026-03-01T11:00:00Z")),
        ("shift(instant('2026-03-01T12:00:00Z'), -60)", parse_instant("2026-03-01T11:59:00Z")),
        ("fromEpoch(1700000000) == fromEpoch(1700000000000)", True),
        ("dateTime(instant('2026-03-01'  + 'T00:00:00Z'))", {"@type": "DateTime", "@value": "2026-03-01T00:00:00Z"}),
        ("text(instant('2026-03-01T12:00:00.5Z'))", "2026-03-01T12:00:00.500Z"),
    ],
)
def test_expression_has_its_value(text: str, value: Any) -> None:
    found = evaluate(text)
    assert (found, type(found) in (type(value), Moment)) == (value, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("t * 2", "needs numbers, not a text"),
        ("yes + 1", "needs numbers, not true or false"),
        ("n / 0", "divided by zero"),
        ("1e308 * 1e308", "not finite"),
        ("t < n", "cannot be compared"),
        ("n ? 1 : 2", "a condition is a number"),
        ("number('1,5')", "'1,5' is not a number"),
        ("number('nan')", "not a number"),
        ("number('٣')", "not a number"),
        ("integer('1.5')", "not a whole number"),
        ("boolean('perhaps')", "neither true nor false"),
        ("point('7', 51)", "not a number"),
        ("instant('yesterday')", "is not a time"),
        ("instant('2026-02-30T00:00:00Z')", "not a date that exists"),
        ("instant('2026-03-01 12:00')", "has no zone"),
        ("fromEpoch(1e30)", "not a time"),
        ("sum(t)", "not a list"),
        ("map(n, one, one)", "not a list"),
    ],
)
def test_expression_gives_a_reason_when_it_has_no_value(text: str, reason: str) -> None:
    with pytest.raises(Fault) as caught:
        evaluate(text)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the end at 1"),
        ("1 +", "the end at 4"),
        ("1 2", "at 3 where the end was expected"),
        ("a..b", "a name"),
        ("'open", "a text without an end at 1"),
        ("a = b", "unknown character '='"),
        ("nofunction(1)", "no function nofunction()"),
        ("round()", "takes 1 to 2 arguments, not 0"),
        ("$nothing", "no variable $nothing"),
        ("matches(t, t)", "must be a text that is written in the mapping"),
        ("matches(t, '(')", "cannot be used"),
        ("matches(t, '(?=a)')", "cannot be used"),
        ("lookup('no', n)", "no table 'no'"),
        ("instant(t, 'Europe/Nowhere')", "time zone"),
        ("instant(t, 'UTC', '%Y-%q')", "directive"),
        ("reproject(t, 'EPSG:1')", "EPSG:1"),
        ("map(list, 1, n)", "must be a name"),
        ("(" * 40 + "1" + ")" * 40, "nested deeper"),
        ("-" * 100 + "1", "nested deeper"),
        ("1" + "+1" * 3000, "longer than 4000"),
        ("__import__('os')", "no function __import__()"),
    ],
)
def test_expression_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        evaluate(text)
    assert sentence in caught.value.detail


@pytest.mark.parametrize("text", ["t.__class__", "list.append", "deep.keys", "n.real", "t['__class__']"])
def test_expression_never_reaches_into_python(text: str) -> None:
    assert evaluate(text) is None


@pytest.mark.parametrize(
    ("text", "notation", "value"),
    [
        ("1,5", Notation(decimal=","), 1.5),
        ("1.234,5", Notation(decimal=",", thousands="."), 1234.5),
        ("1 234", Notation(thousands=" "), 1234),
        ("-999", Notation(missing=frozenset({"-999"})), None),
        ("12345678901234567890", Notation(), 12345678901234567890.0),
    ],
)
def test_number_reads_the_notation_of_the_source(text: str, notation: Notation, value: Any) -> None:
    found = evaluate("number(n)", {"n": text}, notation)
    assert (found, type(found)) == (value, type(value))


def test_number_refuses_a_point_where_the_source_has_a_comma() -> None:
    with pytest.raises(Fault, match="before its fraction"):
        evaluate("number(n)", {"n": "1.5"}, Notation(decimal=","))


def test_lookup_gives_what_the_table_has_or_the_default() -> None:
    notation = Notation(tables={"kinds": {"1": "small", "2": "large"}})
    assert evaluate("lookup('kinds', n)", {"n": 1}, notation) == "small"
    assert evaluate("lookup('kinds', n, 'other')", {"n": "7"}, notation) == "other"
    assert evaluate("lookup('kinds', n)", {}, notation) is None


def test_texts_cannot_grow_without_bounds() -> None:
    with pytest.raises(Fault, match="longer than"):
        evaluate("replace(t, 'a', t)", {"t": "a" * 2000})
    with pytest.raises(Fault, match="longer than"):
        evaluate("t + t", {"t": "a" * 600_000})


def test_reproject_brings_german_coordinates_to_degrees() -> None:
    found = evaluate("reproject(point(405000, 5757000), 'EPSG:25832')")
    assert found["coordinates"] == pytest.approx([7.617515835, 51.955576409], abs=1e-6)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequestData, Fault):
        evaluate(text)


_NUMBERS = st.integers(-1000, 1000) | st.floats(-1e6, 1e6).map(lambda number: round(number, 3))


@given(_NUMBERS, _NUMBERS, _NUMBERS)
def test_arithmetic_agrees_with_python(a: float, b: float, c: float) -> None:
    record = {"a": a, "b": b, "c": c}
    assert evaluate("a + b * c - a", record) == a + b * c - a
    assert evaluate("a < b ? a : b", record) == min(a, b)
