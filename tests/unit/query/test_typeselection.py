"""The entity type selection language. Spec: CIM 009 4.17."""

from __future__ import annotations

import pytest

from stadtkern.errors import BadRequestData, TooComplexQuery
from stadtkern.model.ids import Iri
from stadtkern.query.filter import And, Filter, HasType, Or
from stadtkern.query.typeselection import parse_type_selection

pytestmark = pytest.mark.clause("CIM009 4.17")


def expand(name: str) -> Iri:
    return Iri(name if "://" in name else "urn:t:" + name)


HOME, VEHICLE, OTHER = HasType(expand("Home")), HasType(expand("Vehicle")), HasType(expand("Motorhome"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Home", HOME),
        ("Home|Vehicle", Or((HOME, VEHICLE))),
        ("Home,Vehicle", Or((HOME, VEHICLE))),
        ("(Home;Vehicle)", And((HOME, VEHICLE))),
        ("Home;Vehicle", And((HOME, VEHICLE))),
        ("(Home;Vehicle)|Motorhome", Or((And((HOME, VEHICLE)), OTHER))),
        ("(Home;Vehicle),Motorhome", Or((And((HOME, VEHICLE)), OTHER))),
        ("https://example.org/x#Home", HasType(Iri("https://example.org/x#Home"))),
    ],
)
def test_parse_type_selection_builds_the_filter(text: str, expected: Filter) -> None:
    assert parse_type_selection(text, expand) == expected


@pytest.mark.parametrize("text", ["", ",", "Home,", "(Home", "Home)", "Ho me", '"Home"', ";Home", "Home\0"])
def test_parse_type_selection_refuses_what_is_no_selection(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_type_selection(text, expand)
    assert str(caught.value.pointer).startswith("type")


def test_parse_type_selection_refuses_what_is_too_complex() -> None:
    with pytest.raises(TooComplexQuery):
        parse_type_selection("(" * 100 + "Home", expand)
