"""What QGIS, Masterportal, Grafana, pygeoapi and the Python client of FROST send. Spec: OGC 18-088 9.3."""

from __future__ import annotations

import json

from stadtkern.model.sensorthings import TYPES
from stadtkern.query.odata.expression import parse_filter
from stadtkern.query.odata.options import parse_query
from stadtkern.query.odata.target import parse_target
from stadtkern.query.odata.tree import (
    AnyOf,
    Binary,
    Call,
    Expanded,
    Literal,
    Member,
    Order,
    Query,
    Selected,
    Step,
    Target,
)

SQUARE = {"type": "Polygon", "coordinates": [[[9, 53], [11, 53], [11, 54], [9, 54], [9, 53]]]}


def compared(node: object) -> tuple[object, object]:
    assert isinstance(node, Binary)
    assert node.operator == "eq"
    assert isinstance(node.left, Member)
    assert isinstance(node.right, Literal)
    return (node.left.property, *node.left.inside), node.right.value


def assert_square(node: object) -> None:
    assert isinstance(node, Literal)
    assert node.kind == "geometry"
    assert json.loads(str(node.value)) == SQUARE


def test_qgis_counts_the_points() -> None:
    query = parse_query(
        [
            ("$top", "0"),
            ("$count", "true"),
            ("$filter", "location/type eq 'Point' or location/geometry/type eq 'Point'"),
        ],
        TYPES["Location"],
    )

    assert (query.top, query.count) == (0, True)
    assert isinstance(query.filter, Binary)
    assert query.filter.operator == "or"
    assert compared(query.filter.left) == (("location", "type"), "Point")
    assert compared(query.filter.right) == (("location", "geometry", "type"), "Point")


def test_qgis_asks_for_an_area_and_adds_the_filter_of_its_user() -> None:
    text = (
        "(location/type eq 'Point' or location/geometry/type eq 'Point') and "
        "(geo.intersects(location, geography'Polygon ((9 53, 11 53, 11 54, 9 54, 9 53))')) and (name eq 'O''Hara')"
    )

    found = parse_filter(text, TYPES["Location"])

    assert isinstance(found, Binary)
    assert isinstance(found.left, Binary)
    assert (found.operator, found.left.operator) == ("and", "and")
    assert compared(found.right) == (("name",), "O'Hara")
    area = found.left.right
    assert isinstance(area, Call)
    assert area.name == "geo.intersects"
    assert area.arguments[0] == Member((), "location", at=text.index("location,"))
    assert_square(area.arguments[1])


def test_qgis_expands_the_last_observation() -> None:
    text = "Things($expand=Datastreams($expand=Observations($orderby=phenomenonTime desc;$top=1)))"

    query = parse_query([("$top", "200"), ("$count", "false"), ("$expand", text)], TYPES["Location"])

    assert (query.top, query.count) == (200, False)
    assert query.text == (("$count", "false"), ("$expand", text))
    (things,) = query.expand
    (datastreams,) = things.query.expand
    (observations,) = datastreams.query.expand
    assert [one.relation for one in (things, datastreams, observations)] == ["Things", "Datastreams", "Observations"]
    assert observations.at == text.index("Observations")
    assert observations.query.top == 1
    assert observations.query.text == (("$orderby", "phenomenonTime desc"),)
    at = text.index("phenomenonTime")
    assert observations.query.orderby == (
        Order(Member((), "phenomenonTime", at=at), descending=True, text="phenomenonTime desc"),
    )


def test_masterportal_filters_things_by_the_area_of_their_locations() -> None:
    text = "startswith(name,'E') and st_within(Locations/location,geography'POLYGON ((9 53,11 53,11 54,9 54,9 53))')"

    found = parse_filter(text, TYPES["Thing"])

    assert isinstance(found, Binary)
    some = found.right
    assert isinstance(some, AnyOf)
    assert (some.relations, some.outer) == (("Locations",), None)
    assert isinstance(some.condition, Call)
    assert some.condition.name == "st_within"
    inside, area = some.condition.arguments
    assert isinstance(inside, Member)
    assert (inside.relations, inside.property, inside.variable) == ((), "location", some.variable)
    assert_square(area)


def test_masterportal_filters_datastreams_by_the_area_of_the_locations_of_their_thing() -> None:
    text = "st_intersects(Thing/Locations/location,geography'POLYGON ((9 53,11 53,11 54,9 54,9 53))')"

    found = parse_filter(text, TYPES["Datastream"])

    assert isinstance(found, AnyOf)
    assert found.relations == ("Thing", "Locations")


def test_masterportal_asks_for_the_last_day() -> None:
    found = parse_filter("resultTime gt now() sub duration'PT24H'", TYPES["Observation"])

    assert found == Binary(
        "gt",
        Member((), "resultTime", at=0),
        Binary("sub", Call("now", (), at=14), Literal("duration", 86_400_000_000, "PT24H", at=24), at=20),
        at=11,
    )


def test_masterportal_follows_topics_as_addresses() -> None:
    assert parse_target("Datastreams(7)/Observations") == Target(
        (Step("Datastreams", 7, 0), Step("Observations", None, 15))
    )
    assert parse_target("Datastreams(7)/Thing/Locations") == Target(
        (Step("Datastreams", 7, 0), Step("Thing", None, 15), Step("Locations", None, 21))
    )


def test_grafana_asks_for_a_time_range() -> None:
    text = "phenomenonTime ge 2026-01-01T00:00:00.000Z and phenomenonTime le 2026-01-02T00:00:00.000Z"

    query = parse_query([("$orderby", "phenomenonTime asc"), ("$filter", text), ("$top", "1000")], TYPES["Observation"])

    assert query.orderby == (Order(Member((), "phenomenonTime", at=0), text="phenomenonTime asc"),)
    assert isinstance(query.filter, Binary)
    assert isinstance(query.filter.left, Binary)
    assert isinstance(query.filter.right, Binary)
    assert isinstance(query.filter.left.right, Literal)
    assert query.filter.left.right.value == 1_767_225_600_000_000
    assert isinstance(query.filter.right.right, Literal)
    assert query.filter.right.right.value == 1_767_312_000_000_000


def test_pygeoapi_expands_all_relations() -> None:
    expand = (
        "Thing/Locations,Sensor,ObservedProperty,Thing($select=name,description),Observations($orderby=phenomenonTime_)"
    )
    expand = expand.replace("_", " desc;$top=1;$count=true")

    query = parse_query([("$expand", expand), ("$count", "true")], TYPES["Datastream"])

    assert [one.relation for one in query.expand] == ["Thing", "Sensor", "ObservedProperty", "Observations"]
    thing = query.expand[0].query
    assert thing.select == (Selected("name"), Selected("description"))
    assert thing.expand == (Expanded("Locations", Query(), at=6),)
    assert thing.text == (("$select", "name,description"), ("$expand", "Locations"))
    assert query.expand[-1].query.count is True


def test_the_python_client_of_frost_quotes_ids() -> None:
    assert parse_target("Things('12')/Datastreams") == Target((Step("Things", 12, 0), Step("Datastreams", None, 13)))


def test_the_importer_finds_by_properties() -> None:
    assert compared(parse_filter("properties/stationId eq 'DEBE034'", TYPES["Thing"])) == (
        ("properties", "stationId"),
        "DEBE034",
    )
