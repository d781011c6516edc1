"""The filter tree itself."""

from __future__ import annotations

import pytest

from stadtkern.model.ids import Iri
from stadtkern.query.filter import (
    EVERYTHING,
    NOTHING,
    UNKNOWN,
    And,
    Exists,
    Filter,
    HasType,
    Linked,
    Not,
    Or,
    Path,
    Sure,
    all_of,
    any_of,
    attribute_names,
    hide_attributes,
    leaves,
    link_depth,
)
from stadtkern.query.geoquery import parse_geo_query
from stadtkern.query.q import parse_q


def expand(name: str) -> Iri:
    return Iri("urn:t:" + name)


A, B, T = Exists(Path((expand("a"),))), Exists(Path((expand("b"),))), HasType(expand("T"))


def test_all_of_leaves_out_none_and_flattens() -> None:
    assert all_of() is None
    assert all_of(None, None) is None
    assert all_of(None, A) == A
    assert all_of(A, And((B, T)), None) == And((A, B, T))
    assert all_of(EVERYTHING) == EVERYTHING


def test_any_of_joins() -> None:
    assert any_of(A) == A
    assert any_of(A, B) == Or((A, B))


def test_leaves_lists_left_to_right() -> None:
    assert leaves(And((A, Or((Not(B), Sure(T)))))) == [A, B, T]


@pytest.mark.parametrize(
    ("q", "names", "depth"),
    [
        ("a.b==1|!c", {"a", "c"}, 0),
        ("modifiedAt>2020-01-01", set(), 0),
        ("a{b{c}}==1;d", {"a", "d"}, 2),
    ],
)
def test_attribute_names_and_link_depth_tell_what_a_filter_uses(q: str, names: set[str], depth: int) -> None:
    parsed = parse_q(q, expand)
    assert attribute_names(parsed) == {expand(name) for name in names}
    assert link_depth(parsed) == depth


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("secret==1", UNKNOWN),
        ("secret", NOTHING),
        ("!secret", Not(Sure(NOTHING))),
        ("a.secret>1", UNKNOWN),
        ("secret{a}", UNKNOWN),
        ("a{secret}", Linked(Path((expand("a"),)), NOTHING)),
        ("a|secret==1", Or((A, UNKNOWN))),
    ],
)
def test_hide_attributes_makes_them_absent(q: str, expected: Filter) -> None:
    assert hide_attributes(parse_q(q, expand), frozenset({expand("secret")})) == expected


def test_hide_attributes_reaches_geometry_and_leaves_the_rest_alone() -> None:
    geo = parse_geo_query("within", "Polygon", [[[0, 0], [1, 0], [1, 1], [0, 0]]], expand("secret"))
    assert hide_attributes(And((geo, T)), frozenset({expand("secret")})) == And((UNKNOWN, T))
    assert hide_attributes(geo, frozenset()) is geo


def test_filters_are_equal_and_print_the_same_when_they_say_the_same() -> None:
    one, other = parse_q('a=="x";b>1', expand), parse_q('a=="x";b>1.0', expand)
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == repr(other)
    assert parse_q("a==1", expand) != parse_q("a==true", expand)
