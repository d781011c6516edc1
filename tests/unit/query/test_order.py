"""The order of answers. Spec: CIM 009 4.23."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from msgspec import Raw

from stadtkern.errors import BadRequestData, Problem
from stadtkern.model.entity import AttributeKind, Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.query.filter import Path
from stadtkern.query.order import MAX_TERMS, OrderTerm, parse_order_by, sort_entities

pytestmark = pytest.mark.clause("CIM009 4.23")


def expand(name: str) -> Iri:
    return Iri("urn:t:" + name)


def entity(id_: str, **attributes: Any) -> Entity:
    """Make an entity whose attributes are properties with these values; an Instance is taken as it is."""
    return Entity(
        id=EntityId(id_),
        types=[expand("T")],
        created_at=Instant(len(attributes)),
        attributes={
            expand(name): [value if isinstance(value, Instance) else instance("Property", value)]
            for name, value in attributes.items()
        },
    )


def instance(kind: AttributeKind, value: Any, **more: Any) -> Instance:
    return Instance(kind=kind, value=Raw(json.dumps(value)), **more)


def ordered(entities: list[Entity], order_by: str, **companions: Any) -> str:
    shuffled = random.Random(5).sample(entities, len(entities))
    return "".join(one.id for one in sort_entities(shuffled, parse_order_by(order_by, expand, **companions)))


@pytest.mark.parametrize(
    ("order_by", "terms"),
    [
        ("name", (OrderTerm(Path((expand("name"),))),)),
        ("name;desc,age", (OrderTerm(Path((expand("name"),)), descending=True), OrderTerm(Path((expand("age"),))))),
        ("name;asc", (OrderTerm(Path((expand("name"),))),)),
        ("address[city]", (OrderTerm(Path((expand("address"),), value=("city",))),)),
        ("name.observedAt", (OrderTerm(Path((expand("name"),), "observedAt")),)),
        ("id", (OrderTerm(Path((), "id")),)),
        ("createdAt;desc", (OrderTerm(Path((), "createdAt"), descending=True),)),
        (
            ["name;desc", "age"],
            (OrderTerm(Path((expand("name"),)), descending=True), OrderTerm(Path((expand("age"),)))),
        ),
    ],
)
def test_parse_order_by_reads_members_and_directions(order_by: Any, terms: tuple[OrderTerm, ...]) -> None:
    assert parse_order_by(order_by, expand).terms == terms


def test_parse_order_by_reads_the_reference_of_distances() -> None:
    order = parse_order_by("location;dist-desc", expand, coordinates="[[8,40],[9,42]]", geometry="LineString")
    assert order.terms == (OrderTerm(Path((expand("location"),)), descending=True, distance=True),)
    assert json.loads(order.geometry or "") == {"type": "LineString", "coordinates": [[8.0, 40.0], [9.0, 42.0]]}


@pytest.mark.parametrize(
    ("order_by", "companions"),
    [
        ("", {}),
        ("name;down", {}),
        ("name;", {}),
        ("name,", {}),
        ("name age", {}),
        ("location;dist-asc", {}),
        ("location;dist-asc", {"coordinates": "8,40"}),
        ("location.a;dist-asc", {"coordinates": "[8,40]"}),
        ("id;dist-asc", {"coordinates": "[8,40]"}),
        ("location;dist-asc", {"coordinates": "[8,40]", "geometry": "Circle"}),
        ("name", {"collation": "!!nope"}),
        ("name", {"collation": "not a bcp47 tag!!"}),
        ("name", {"collation": "de-u-ks-level9"}),
        ("name", {"collation": ""}),
        (",".join(["name"] * (MAX_TERMS + 1)), {}),
        ("a[" * 8000, {}),
    ],
)
def test_parse_order_by_refuses_what_makes_no_sense(order_by: str, companions: dict[str, Any]) -> None:
    with pytest.raises(BadRequestData):
        parse_order_by(order_by, expand, **companions)


MIXED = [
    entity("a", v=-1.5),
    entity("b", v=20),
    entity("c", v="10"),
    entity("d", v="x"),
    entity("e", v={"k": 1}),
    entity("f", v=[1]),
    entity("g", v=False),
    entity("h", v=True),
    entity("i", v=None),
    entity("j"),
]


@pytest.mark.clause("CIM009 4.23.2")
def test_sort_entities_ranks_data_types() -> None:
    assert ordered(MIXED, "v") == "abcdefghij"


def test_sort_entities_keeps_null_and_missing_last_when_descending() -> None:
    assert ordered(MIXED, "v;desc") == "hgfedcbaij"


def test_sort_entities_goes_by_members_in_turn_and_by_id_at_last() -> None:
    entities = [entity("c", n="x", v=1), entity("a", n="x", v=2), entity("b", n="x", v=2), entity("d", n="w", v=0)]
    assert ordered(entities, "n,v;desc") == "dabc"
    assert ordered(entities, "n;desc,v") == "cabd"


def test_sort_entities_goes_by_core_members() -> None:
    entities = [entity("b", n=1), entity("a", n=1, m=2), entity("c")]
    assert ordered(entities, "id") == "abc"
    assert ordered(entities, "createdAt") == "cba"
    assert ordered(entities, "createdAt;desc") == "abc"


def test_sort_entities_goes_by_parts_of_values_and_sub_attributes() -> None:
    inner = [instance("Property", 5, observed_at=Instant(7))]
    entities = [
        entity("a", x={"city": "Oslo"}),
        entity("b", x={"city": "Berlin"}),
        entity("c", x={"zip": 1}),
        entity("d", x=instance("Property", 1, subs={expand("s"): inner})),
    ]
    assert ordered(entities, "x[city]") == "bacd"
    assert ordered(entities, "x.s") == "dabc"
    assert ordered(entities, "x.s.observedAt") == "dabc"


def place(id_: str, longitude: float, latitude: float) -> Entity:
    return entity(id_, location=instance("GeoProperty", {"type": "Point", "coordinates": [longitude, latitude]}))


PLACES = [place("a", 8.01, 40.01), place("b", 8.5, 40), place("c", 10, 45), entity("d", location="here"), entity("e")]


def test_sort_entities_goes_by_distance() -> None:
    assert ordered(PLACES, "location;dist-asc", coordinates="[8,40]") == "abcde"
    assert ordered(PLACES, "location;dist-desc", coordinates="[8,40]") == "cbade"
    assert ordered(PLACES, "location;dist-asc", coordinates="[[10,44],[10,46]]", geometry="LineString") == "cbade"


NAMES = [entity(one, n=one) for one in ("Zebra", "apple", "Ähre", "Apple", "banana", "Ahre")]


def names(collation: str | None, order_by: str = "n") -> list[str]:
    order = parse_order_by(order_by, expand, collation=collation)
    return [one.id for one in sort_entities(NAMES, order)]


def test_sort_entities_compares_texts_by_code_point_without_a_collation() -> None:
    assert names(None) == ["Ahre", "Apple", "Zebra", "apple", "banana", "Ähre"]


def test_sort_entities_compares_texts_as_people_do_with_a_collation() -> None:
    expected = ["Ahre", "Ähre", "apple", "Apple", "banana", "Zebra"]
    assert names("und") == expected
    assert names("de") == expected
    assert names("und", "n;desc") == expected[::-1]


def test_sort_entities_reads_umlauts_as_in_the_phone_book() -> None:
    assert names("de-u-co-phonebk") == ["Ähre", "Ahre", "apple", "Apple", "banana", "Zebra"]


def test_sort_entities_ignores_case_and_accents_as_the_collation_says() -> None:
    assert names("und-u-ks-level1") == ["Ahre", "Ähre", "Apple", "apple", "banana", "Zebra"]


@pytest.mark.parametrize("value", [1e308, "\U0010ffff", {"@value": {"@value": {}}}, [[[]]], {"a": None}])
def test_sort_entities_orders_any_value(value: Any) -> None:
    assert set(ordered([entity("a", v=value), *MIXED], "v")) == set("abcdefghij")


def test_parse_order_by_bounds_its_length() -> None:
    with pytest.raises(Problem, match="characters long"):
        parse_order_by("a" * 20_000, expand)
