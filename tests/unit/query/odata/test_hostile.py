"""What is too large, too deep or too much is refused at once. Spec: OGC 18-088 9.3."""

from __future__ import annotations

import sys

import pytest

from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings import TYPES
from stadtkern.query.odata.expression import parse_filter
from stadtkern.query.odata.options import parse_query
from stadtkern.query.odata.tokens import MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name eq '" + "x" * MAX_LENGTH + "'", "at most 32768"),
        ("(" * 51 + "true" + ")" * 51, "nested deeper than 50 levels"),
        ("(" * 30_000, "nested deeper"),
        ("not " * 8_000 + "true", "nested deeper"),
        ("- " * 8_000 + "1 eq 1", "nested deeper"),
        ("trim(" * 6_000, "nested deeper"),
        ("Datastreams/any(d: " + "Datastreams/any(e: " * 1_000, "cannot be a new variable|nested deeper"),
        ("true or " * 4_000 + "true", "more than 2000 names"),
        ("id eq 1" + " eq true" * 200, "more than 100 levels"),
        ("id" + " add 1" * 200 + " eq 1", "more than 100 levels"),
        ("(" * 45 + "id" + " add 1)" * 45 + " add 1" * 60 + " eq 1", "more than 100 levels"),
        ("Datastreams/Thing/" * 500 + "name eq 'x'", "more than 10 relations"),
        (" or ".join(["Datastreams/Thing/Datastreams/Thing/name eq 'x'"] * 200), "more than 500 relations"),
        ("properties" + "/a" * 10_000 + " eq 1", "more than 2000 names"),
        ("id in (" + "1," * 10_000 + "1)", "more than 1000 values"),
        ("id eq " + "9" * 30_000, "more than 400 characters"),
        ("name eq '" + "''" * 15_000, "the text has no end"),
        ("name eq 'a\0b'", "U\\+0000"),
        ("name eq '\ud800'", "surrogate"),
        ("", "empty"),
        (" " * 30_000, "empty"),
        ("id eq 1" + " " * 30_000 + "x", "expected an operator"),
        ("st_within(Locations/location,geography'POLYGON ((" + "1 1," * 5_000 + "1 1))')", "more than 2000 positions"),
        ("st_within(Locations/location,geography'" + "GEOMETRYCOLLECTION(" * 1_500 + "')", "nested deeper than 6"),
        ("st_within(Locations/location,geography'POINT (nan 1)')", "cannot be read"),
        ("st_within(Locations/location,geography'POINT (1e999 1)')", "not degrees"),
        ("st_within(Locations/location,geography'LINESTRING (0 0, inf 1)')", "'INF' cannot stand in it"),
        ("st_within(Locations/location,geography'POLYGON ((0 0, 1 1, 1 0))')", "cannot be read"),
    ],
)
def test_filters_are_bounded(text: str, words: str) -> None:
    with pytest.raises(BadRequestData, match=words):
        parse_filter(text, TYPES["Thing"])


INNER = ["Thing", "Sensor", "ObservedProperty", "Observations/FeatureOfInterest", "Observations/Datastream"]
EVERYTHING = [f"Datastreams/{one}/Datastreams/{other}" for one in INNER[:3] for other in INNER]
EVERYTHING += [f"Datastreams/Observations/Datastream/{one}/Datastreams/{other}" for one in INNER[:3] for other in INNER]


@pytest.mark.parametrize("bracket", ["({})", "floor({})", "Datastreams/any(d: {})"])
def test_the_deepest_filter_leaves_a_third_of_the_stack_to_others(bracket: str) -> None:
    before, behind = ("true or true and true eq 1 gt 1 add 1 mul " + bracket).split("{}")
    deep = before.replace("Datastreams", "$it/Datastreams")
    text = "".join(deep.replace("(d:", f"(d{level}:") for level in range(50)) + "1" + behind * 50
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_frames() + 660)
    try:
        with pytest.raises(BadRequestData, match="cannot be read"):
            parse_filter(text, TYPES["Thing"])
    finally:
        sys.setrecursionlimit(limit)


def _frames() -> int:
    frame, count = sys._getframe(), 0
    while frame.f_back is not None:
        frame, count = frame.f_back, count + 1
    return count


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("$expand", "Datastreams($expand=Thing($expand=" * 900, "10 levels deep"),
        ("$expand", "/".join(["Datastreams/Thing"] * 900), "10 levels deep"),
        ("$expand", ",".join(["Datastreams"] * 900), "more than 500 relations"),
        ("$expand", ",".join(EVERYTHING), "shows more than 50 relations"),
        ("$select", ",".join(f"properties/k{number}" for number in range(300)), "more than 200 parts"),
        ("$orderby", ",".join(["name"] * 300), "more than 20 parts"),
        ("$skiptoken", "x" * 5_000, "5000 characters"),
        ("$top", "1" * 101, "whole number"),
    ],
)
def test_options_are_bounded(option: str, text: str, words: str) -> None:
    with pytest.raises(BadRequestData, match=words):
        parse_query([(option, text)], TYPES["Thing"])
