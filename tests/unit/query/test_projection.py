"""Which members an answer shows. Spec: CIM 009 4.21."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData, Problem
from stadtkern.model.ids import Iri
from stadtkern.query.projection import EVERYTHING, Projection, attribute_list, parse_projection

pytestmark = pytest.mark.clause("CIM009 4.21")


def expand(name: str) -> Iri:
    return Iri("urn:t:" + name)


NAME, CITY, COUNTRY = expand("name"), expand("locatedAt"), expand("isInCountry")


def shown(projection: Projection) -> list[str]:
    attributes = [one for one in ("name", "locatedAt", "isInCountry") if projection.shows(expand(one))]
    return [one for one in ("id", "type", "scope") if projection.shows_member(one)] + attributes


def test_projection_without_parameters_shows_everything() -> None:
    projection = parse_projection(None, None, None, expand)
    assert projection == EVERYTHING
    assert projection.is_everything
    assert projection.attributes is None
    assert shown(projection) == ["id", "type", "scope", "name", "locatedAt", "isInCountry"]


@pytest.mark.parametrize(
    ("pick", "omit", "expected"),
    [
        ("name", None, ["name"]),
        ("id,name", None, ["id", "name"]),
        ("id|type|name", None, ["id", "type", "name"]),
        ("@id,@type", None, ["id", "type"]),
        (["id", "name"], None, ["id", "name"]),
        (None, "name", ["id", "type", "scope", "locatedAt", "isInCountry"]),
        (None, "type,name", ["id", "scope", "locatedAt", "isInCountry"]),
        ("name,locatedAt", "scope", ["name", "locatedAt"]),
        (None, "locatedAt{name}", ["id", "type", "scope", "name", "locatedAt", "isInCountry"]),
    ],
)
def test_projection_shows_what_is_picked_and_not_omitted(
    pick: str | list[str] | None, omit: str | None, expected: list[str]
) -> None:
    assert shown(parse_projection(pick, omit, None, expand)) == expected


def test_projection_leaves_system_attributes_to_their_option() -> None:
    assert parse_projection("name", None, None, expand).shows_member("createdAt")
    assert not parse_projection(None, "createdAt", None, expand).shows_member("createdAt")


def test_projection_of_attrs_keeps_the_core_members() -> None:
    projection = parse_projection(None, None, "name", expand)
    assert shown(projection) == ["id", "type", "scope", "name"]
    assert projection.attributes == {NAME}


def test_projection_of_linked_entities_is_what_the_braces_say() -> None:
    projection = parse_projection("id,locatedAt{id,name,isInCountry{id}}", None, None, expand)
    assert projection.depth == 2
    city = projection.linked(CITY)
    assert shown(city) == ["id", "name", "isInCountry"]
    assert shown(city.linked(COUNTRY)) == ["id"]
    assert projection.linked(NAME) is EVERYTHING


def test_projection_of_linked_entities_is_whole_without_braces() -> None:
    assert parse_projection("id,locatedAt", None, None, expand).linked(CITY) == EVERYTHING
    assert parse_projection(None, "name", None, expand).linked(CITY) == EVERYTHING


def test_projection_omits_in_linked_entities_only_what_the_braces_say() -> None:
    projection = parse_projection(None, "type,locatedAt{name,isInCountry{id}}", None, expand)
    assert "type" not in shown(projection)
    city = projection.linked(CITY)
    assert shown(city) == ["id", "type", "scope", "locatedAt", "isInCountry"]
    assert "id" not in shown(city.linked(COUNTRY))


def test_projection_can_be_a_key_of_a_cache() -> None:
    one = parse_projection("id,locatedAt{id}", "name", None, expand)
    other = parse_projection("locatedAt{id},id", "name", None, expand)
    assert len({one, other}) == 1


@pytest.mark.parametrize(
    ("pick", "omit", "attrs"),
    [
        ("name", "name", None),
        ("name", None, "category"),
        (None, "name", "category"),
        ("id;name", None, None),
        ("id,locatedAt{name", None, None),
        ("id,locatedAt{{name}", None, None),
        ("id,,name", None, None),
        ("id,locatedAt{,name}", None, None),
        ("id,locatedAt{}", None, None),
        ("id}", None, None),
        ("", None, None),
        ([], None, None),
        (None, None, []),
        (None, None, "locatedAt{name}"),
        ("locatedAt{name}", "locatedAt{name}", None),
        ("a{" * 100, None, None),
        (",".join(["a"] * 501), None, None),
        ("x" * 20_000, None, None),
    ],
)
def test_projection_refuses_what_makes_no_sense(
    pick: str | list[str] | None, omit: str | None, attrs: str | list[str] | None
) -> None:
    with pytest.raises(Problem) as caught:
        parse_projection(pick, omit, attrs, expand)
    assert caught.value.pointer is not None


def test_attribute_list_gives_attributes_without_core_members() -> None:
    assert attribute_list("id,name,createdAt", "attrs", expand) == [NAME]
    assert attribute_list(["name"], "drop", expand) == [NAME]
    assert attribute_list(None, "drop", expand) == []
    with pytest.raises(BadRequestData):
        attribute_list("a b", "drop", expand)


@given(st.text(alphabet="ab{},|;. id", max_size=20))
def test_parse_projection_never_fails_otherwise(text: str) -> None:
    try:
        found: Projection | Problem = parse_projection(text, None, None, expand)
    except Problem as problem:
        found = problem
    assert isinstance(found, Projection) or found.status in {400, 403}
