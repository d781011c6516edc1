"""What filters and orders become, and what is refused where. Spec: OGC 18-088 9.3.3.2, 9.3.3.5; OData 4.0."""

from __future__ import annotations

import pytest

from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.query.odata.expression import parse_filter, parse_orderby
from stadtkern.query.odata.functions import FUNCTIONS
from stadtkern.query.odata.tree import AnyOf, Binary, Expression, Literal, Member
from tests.unit.query.odata.printer import write


def read(text: str, name: TypeName = "Observation") -> str:
    """Read a filter and write it with every bracket."""
    return write(parse_filter(text, TYPES[name]))


def fault(text: str, name: TypeName = "Observation") -> BadRequestData:
    with pytest.raises(BadRequestData) as caught:
        parse_filter(text, TYPES[name])
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("result gt 1 or result lt 2 and id eq 3", "((result gt 1) or ((result lt 2) and (id eq 3)))"),
        ("not (result gt 1) and result eq 2", "((not (result gt 1)) and (result eq 2))"),
        ("result add 2 mul 3 gt 4", "((result add (2 mul 3)) gt 4)"),
        ("result sub 2 sub 3 eq 4", "(((result sub 2) sub 3) eq 4)"),
        ("result gt 1 eq true", "((result gt 1) eq true)"),
        ("true ne result le 1", "(true ne (result le 1))"),
        ("- result mul 2 lt -5", "(((- result) mul 2) lt -5)"),
        ("(result add 2) mul 3 gt 4", "(((result add 2) mul 3) gt 4)"),
        ("not result in (1, -2,'x')", "(not (result in (1, -2, 'x')))"),
        ("result EQ 1", "(result eq 1)"),
        ("result eq 1 AND NOT (id eq 2 Or id eq 3)", "((result eq 1) and (not ((id eq 2) or (id eq 3))))"),
        ("@iot.id eq 5", "(id eq 5)"),
        ("id eq '5'", "(id eq 5)"),
        ("result gt '3'", "(result gt '3')"),
        ("result eq null", "(result eq null)"),
        ("parameters/and/or eq 'x'", "(parameters/and/or eq 'x')"),
        ("parameters/2024/a-b:c.d@iot.id[3][0]/e eq 1", "(parameters/2024/a-b:c.d@iot.id[3][0]/e eq 1)"),
        ("parameters/'a key' eq 1", "(parameters/a key eq 1)"),
        ("$it/result eq 1", "(result eq 1)"),
        ("SubString(Datastream/name, 1, 2) eq 'b'", "(substring(Datastream/name, 1, 2) eq 'b')"),
        ("MultiDatastream eq null", "(MultiDatastream eq null)"),
        ("year(phenomenonTime) eq 2026", "(year(phenomenonTime) eq 2026)"),
        ("parameters/flag", "parameters/flag"),
    ],
)
def test_precedence_and_names(text: str, expected: str) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Datastreams/Observations/result gt 3", "Datastreams/Observations/any($1: ($1/result gt 3))"),
        (
            "not (Datastreams/name eq 'a') and Locations/name eq 'b'",
            "((not Datastreams/any($1: ($1/name eq 'a'))) and Locations/any($2: ($2/name eq 'b')))",
        ),
        ("Datastreams/Sensor/name eq 'a'", "Datastreams/any($1: ($1/Sensor/name eq 'a'))"),
        ("Datastreams/name eq Datastreams/description", "Datastreams/any($1: ($1/name eq $1/description))"),
        (
            "Datastreams/name eq Locations/name",
            "Datastreams/any($1: Locations/any($2: ($1/name eq $2/name)))",
        ),
        (
            "length(Datastreams/name) add 1 gt 3 or name eq 'x'",
            "(Datastreams/any($1: ((length($1/name) add 1) gt 3)) or (name eq 'x'))",
        ),
        ("startswith(Locations/name,'a') eq true", "(Locations/any($1: startswith($1/name, 'a')) eq true)"),
        ("Locations/properties/flag and id gt 1", "(Locations/any($1: $1/properties/flag) and (id gt 1))"),
        ("Locations/name in ('a','b')", "Locations/any($1: ($1/name in ('a', 'b')))"),
        ("Datastreams/any(d: d/name eq name)", "Datastreams/any(d: (d/name eq name))"),
        (
            "Datastreams/any(d:d/Observations/result gt 1)",
            "Datastreams/any(d: d/Observations/any($1: ($1/result gt 1)))",
        ),
        (
            "Datastreams/any(d: d/Observations/any(o: o/result gt d/id))",
            "Datastreams/any(d: d/Observations/any(o: (o/result gt d/id)))",
        ),
        ("Datastreams/any()", "Datastreams/any()"),
    ],
)
def test_paths_to_many_ask_for_some_entity(text: str, expected: str) -> None:
    assert read(text, "Thing") == expected


def test_counts_are_numbers_and_sets_before_them_are_searched() -> None:
    assert parse_filter("Datastreams/$count gt 2", TYPES["Thing"]) == Binary(
        "gt", Member(("Datastreams",), None, at=0), Literal("number", 2.0, "2", at=22), at=19
    )
    found = parse_filter("Datastreams/Observations/$count gt 2", TYPES["Thing"])
    assert isinstance(found, AnyOf)
    assert found.relations == ("Datastreams",)
    assert isinstance(found.condition, Binary)
    assert found.condition.left == Member(("Observations",), None, (), "$1", at=0)


def literal(text: str, name: TypeName = "Observation") -> Literal:
    found = parse_filter(text, TYPES[name])
    assert isinstance(found, Binary)
    assert isinstance(found.right, Literal)
    return found.right


NEW_YEAR = 1_767_225_600_000_000
HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2026-01-01T00:00:00Z", "instant", NEW_YEAR),
        ("2026-01-01T01:00:00+01:00", "instant", NEW_YEAR),
        ("2026-01-01T01:00:00 01:00", "instant", NEW_YEAR),
        ("2026-01-01T01:00:00 0100", "instant", NEW_YEAR),
        ("2025-12-31T17:00:00-0700", "instant", NEW_YEAR),
        ("2026-01-01T00:00:00.000001Z", "instant", NEW_YEAR + 1),
        ("2026-01-01t00:00z", "instant", NEW_YEAR),
        ("2026-01-01T00:00:00", "instant", NEW_YEAR),
        ("2026-01-01", "instant", NEW_YEAR),
        ("'2026-01-01T00:00:00Z'", "instant", NEW_YEAR),
        ("2026-01-01T00:00:00Z/2026-01-01T01:00:00Z", "interval", (NEW_YEAR, NEW_YEAR + HOUR)),
        ("2026-01-01T00:00:00Z/PT1H", "interval", (NEW_YEAR, NEW_YEAR + HOUR)),
        ("PT1H/2026-01-01T01:00:00Z", "interval", (NEW_YEAR, NEW_YEAR + HOUR)),
        ("2026-01-01/P1D", "interval", (NEW_YEAR, NEW_YEAR + 24 * HOUR)),
        ("'2026-01-01/P1D'", "interval", (NEW_YEAR, NEW_YEAR + 24 * HOUR)),
        ("2026-01-01T00:00:00Z/2026-01-01T01:00:00+01:00", "instant", NEW_YEAR),
    ],
)
def test_times(text: str, kind: str, value: object) -> None:
    found = literal(f"phenomenonTime ge {text}")

    assert (found.kind, found.value, found.at) == (kind, value, 18)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("duration'P1D'", 24 * HOUR),
        ("DURATION'pt90m'", HOUR * 3 // 2),
        ("duration'-P1W'", -7 * 24 * HOUR),
        ("duration'P1DT2H3M4.5S'", 26 * HOUR + 184_500_000),
        ("06:00:00", 6 * HOUR),
        ("06:00:00.25", 6 * HOUR + 250_000),
    ],
)
def test_durations(text: str, value: int) -> None:
    found = literal(f"time(phenomenonTime) le {text}")

    assert (found.kind, found.value) == ("duration", value)


def geometry_of(text: str) -> str:
    found = parse_filter(f"st_equals(feature,{text})", TYPES["FeatureOfInterest"])
    return str(found.arguments[1].value)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("geography'POINT(1 2)'", '{"type":"Point","coordinates":[1.0,2.0]}'),
        ("Geography'point (1 2)'", '{"type":"Point","coordinates":[1.0,2.0]}'),
        ("geography'SRID=4326;Point Z (1 2 3)'", '{"type":"Point","coordinates":[1.0,2.0]}'),
        ("geography'LineString (1 2, 3 4)'", '{"type":"LineString","coordinates":[[1.0,2.0],[3.0,4.0]]}'),
        ("'POINT (1 2)'", '{"type":"Point","coordinates":[1.0,2.0]}'),
    ],
)
def test_geometries_become_geojson(text: str, expected: str) -> None:
    assert geometry_of(text) == expected


ARGUMENTS = {"any": "1", "number": "1", "text": "'a'", "time": "phenomenonTime", "geometry": "geography'POINT(1 2)'"}


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_functions_take_their_arguments_in_any_case_and_no_others(name: str) -> None:
    arguments = [ARGUMENTS[kind] for kind in FUNCTIONS[name].arguments]
    if name == "st_relate":
        arguments[2] = "'T*****FF*'"
    found = parse_orderby(f"{name.upper()}({', '.join(arguments)}) desc", TYPES["Observation"])

    assert found[0].descending
    assert write(found[0].expression).startswith(f"{name}(")
    with pytest.raises(BadRequestData, match=f"{name} takes "):
        parse_orderby(f"{name}({','.join([*arguments, '1'])})", TYPES["Observation"])


def test_the_shorter_substring_has_two_arguments() -> None:
    assert read("substring(Datastream/name, 1) eq 'b'") == "(substring(Datastream/name, 1) eq 'b')"
    assert "takes 2 or 3 arguments" in fault("substring('a') eq 'b'").detail


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("nam eq 'x'", 0, "Thing has no 'nam'; it has id, name, description, properties, Locations"),
        ("name eq 'x' and Datastreams/nam eq 'x'", 28, "Datastream has no 'nam'; it has id, name"),
        ("Datastreams eq null", 0, "leads to many"),
        ("Datastreams/any(d: d/nam eq 'x')", 21, "Datastream has no 'nam'"),
        ("Datastreams/all(d: d/name eq 'x')", 12, "all"),
        ("Datastreams/any(d: d/Thing/any(t: t/id eq 1))", 27, "leads to one"),
        ("Datastreams/any(d: d/Observations/any(d: true))", 38, "cannot be a new variable"),
        ("Datastreams/any(d: true) and d/id eq 1", 29, "Thing has no 'd'"),
        ("name eq", 7, "expected a property"),
        ("name eq 'x", 8, "the text has no end"),
        ("name 'x'", 5, "expected an operator"),
        ("name eq 'x' name", 12, "expected an operator"),
        ("name", 0, "the filter is a text"),
        ("5", 0, "the filter is a number"),
        ("not name eq 'x'", 4, "the operand of 'not' is a text"),
        ("name and id eq 1", 0, "the operand of 'and' is a text"),
        ("name eq 5", 5, "compares a text with a number"),
        ("id eq 'x'", 3, "compares a number with a text"),
        ("name add 5 eq 6", 5, "'add' cannot take a text and a number"),
        ("id eq 5abc", 6, "no name, value or sign"),
        ("name/x eq 5", 4, "nothing inside name"),
        ("concat(name) eq 'x'", 0, "concat takes 2 arguments, not 1"),
        ("length(id) eq 1", 7, "argument 1 of length is a number"),
        ("foo(name) eq 1", 0, "no function 'foo'"),
        ("name in ()", 9, "a list holds constants"),
        ("name in (name)", 9, "a list holds constants"),
        ("id in (1,'x')", 9, "compares a number with a text"),
        ("properties/x[1.5] eq 1", 13, "number of an element"),
        ("properties/ eq 1", 12, "expected a key"),
        ("id eq 1e999", 6, "too large"),
        ("(id eq 1", 8, "expected ')'"),
        ("id eq 1)", 7, "expected an operator"),
        ("$it eq 1", 4, "does not compare entities"),
        ("Locations/location eq geography'POINT(1 2)'", 19, "st_equals"),
        ("st_within(Locations/location, geography'POINT(1)')", 30, "the geometry cannot be read"),
        ("st_within(Locations/location, geography'CIRCLE(1 2)')", 30, "does not begin with one of"),
        ("st_within(Locations/location, geography'POINT EMPTY')", 30, "it is empty"),
        ("st_within(Locations/location, geography'POINT(9e9 1)')", 30, "not degrees"),
        ("st_within(Locations/location, geography'SRID=25832;POINT(1 2)')", 30, "25832"),
        ("st_relate(Locations/location, geography'POINT(1 2)', 'abc')", 53, "nine signs"),
        ("st_within(Locations/location, geography'GEOMETRYCOLLECTION(POINT EMPTY,POINT(1 2))')", 30, "a part of it"),
        (
            "st_within(Locations/location, geography'GEOMETRYCOLLECTION(CIRCULARSTRING(0 0,1 1,2 0))')",
            30,
            "CIRCULARSTRING",
        ),
        ("HistoricalLocations/time gt 2026-02-30", 28, "not a date-time that exists"),
        ("HistoricalLocations/time gt 2026-02-01/2026-01-01", 28, "ends before it starts"),
        ("HistoricalLocations/time gt 9999-12-31/P2D", 28, "years 1 to 9999"),
        ("HistoricalLocations/time gt now() sub duration'P1M'", 38, "not a duration of known length"),
        ("HistoricalLocations/time gt now() sub duration'P'", 38, "not a duration of known length"),
        ("time(HistoricalLocations/time) gt 25:00:00", 34, "no day has the time"),
    ],
)
def test_faults_name_their_place_and_what_exists(text: str, at: int, words: str) -> None:
    problem = fault(text, "Thing")

    assert problem.pointer == f"$filter:{at}"
    assert words in problem.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phenomenonTime", [("phenomenonTime", False, "phenomenonTime")]),
        ("phenomenonTime DESC, id asc", [("phenomenonTime", True, "phenomenonTime DESC"), ("id", False, "id asc")]),
        ("result mul -1 desc", [("(result mul -1)", True, "result mul -1 desc")]),
        ("Datastream/Thing/name", [("Datastream/Thing/name", False, "Datastream/Thing/name")]),
        ("parameters/asc desc", [("parameters/asc", True, "parameters/asc desc")]),
        (
            "geo.distance(FeatureOfInterest/feature,geography'POINT(1 2)')",
            [
                (
                    "geo.distance(FeatureOfInterest/feature, geography'POINT(1 2)')",
                    False,
                    "geo.distance(FeatureOfInterest/feature,geography'POINT(1 2)')",
                )
            ],
        ),
    ],
)
def test_orders(text: str, expected: list[tuple[str, bool, str]]) -> None:
    found = parse_orderby(text, TYPES["Observation"])

    assert [(write(one.expression), one.descending, one.text) for one in found] == expected


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("name,Datastreams/id", 5, "leads to many"),
        ("name up", 5, "expected 'asc', 'desc'"),
        ("name,", 5, "expected a property"),
        ("nam", 0, "Thing has no 'nam'"),
    ],
)
def test_orders_that_are_none(text: str, at: int, words: str) -> None:
    with pytest.raises(BadRequestData, match=words) as caught:
        parse_orderby(text, TYPES["Thing"])

    assert caught.value.pointer == f"$orderby:{at}"


def height(node: Expression) -> int:
    if isinstance(node, Binary):
        return 1 + max(height(node.left), height(node.right))
    return 0


def test_long_chains_make_low_trees_in_the_order_written() -> None:
    found = parse_filter(" or ".join(f"id eq {number}" for number in range(400)), TYPES["Thing"])

    assert height(found) <= 11
    assert write(found).replace("(", "").replace(")", "") == " or ".join(f"id eq {number}" for number in range(400))
