"""Data arrays, CSV, GeoJSON and single properties."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from stadtkern.errors import BadRequestData, ResourceNotFound, TooManyResults
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Query, Selected, Step, Target
from stadtkern.views.sensorthings.render_csv import check_csv, render_csv
from stadtkern.views.sensorthings.render_data_array import check_data_array, render_data_array
from stadtkern.views.sensorthings.render_geojson import geometry_of, render_features, with_geometry
from stadtkern.views.sensorthings.render_property import property_response
from tests.sensorthings.records import MOST, ROOT, page, query, record

POINT = {"type": "Point", "coordinates": [10.4, 51.0]}
TIME = "2026-03-01T12:00:00Z"


def _observation(id: int, result: Any, **more: Any) -> Record:
    return record("Observation", id, phenomenonTime=TIME, result=result, resultTime=None, **more)


def _data_array(found: Page, asked: Query | None = None) -> Any:
    asked = asked or query()
    return msgspec.json.decode(render_data_array(found, asked, ROOT, f"{ROOT}/Observations", MOST))


def test_data_array_groups_rows_by_what_they_belong_to() -> None:
    other = msgspec.structs.replace(_observation(3, [1, 2]), stream=("MultiDatastream", 8))
    found = _data_array(page(_observation(1, 20), other, _observation(2, 21), count=3, more=True, after="k"))
    assert found["@iot.count"] == 3
    assert found["@iot.nextLink"] == f"{ROOT}/Observations?$skip=3&$skiptoken=k"
    assert found["value"] == [
        {
            "Datastream@iot.navigationLink": f"{ROOT}/Datastreams(7)",
            "components": ["id", "phenomenonTime", "resultTime", "result"],
            "dataArray@iot.count": 2,
            "dataArray": [[1, TIME, None, 20], [2, TIME, None, 21]],
        },
        {
            "MultiDatastream@iot.navigationLink": f"{ROOT}/MultiDatastreams(8)",
            "components": ["id", "phenomenonTime", "resultTime", "result"],
            "dataArray@iot.count": 1,
            "dataArray": [[3, TIME, None, [1, 2]]],
        },
    ]


def test_data_array_has_the_components_that_were_selected() -> None:
    [group] = _data_array(page(_observation(1, 20)), query("result", "id"))["value"]
    assert (group["components"], group["dataArray"]) == (["result", "id"], [[20, 1]])


def test_data_array_has_parameters_where_some_have_them() -> None:
    [group] = _data_array(page(_observation(1, 20, parameters={"a": 1}), _observation(2, 21)))["value"]
    assert group["components"][-1] == "parameters"
    assert [row[-1] for row in group["dataArray"]] == [{"a": 1}, None]


def test_data_array_of_nothing_is_empty() -> None:
    assert _data_array(page()) == {"value": []}


@pytest.mark.parametrize(
    ("type", "asked"),
    [
        ("Thing", query()),
        ("Observation", query(expand={"Datastream": query()})),
        ("Observation", query("Datastream")),
    ],
)
def test_data_array_is_refused_for_what_has_no_rows(type: TypeName, asked: Query) -> None:
    with pytest.raises(BadRequestData):
        check_data_array(type, asked)


def _csv(found: Page, type: TypeName, asked: Query) -> list[list[str]]:
    text, _ = render_csv(found, type, asked, f"{ROOT}/X", MOST)
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def test_csv_has_a_row_for_each_entity_with_quotes_where_needed() -> None:
    text, part = render_csv(
        page(_observation(1, 'a,"b"\nc'), _observation(2, {"a": 1}), more=True, after="k"),
        "Observation",
        query("id", "phenomenonTime", "result", "resultTime"),
        f"{ROOT}/Observations",
        MOST,
    )
    assert text.decode() == (
        f'id,phenomenonTime,result,resultTime\r\n1,{TIME},"a,""b""\nc",\r\n2,{TIME},"{{""a"":1}}",\r\n'
    )
    assert part.next == f"{ROOT}/Observations?$skip=2&$skiptoken=k"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+cmd|'x'", "'+cmd|'x'"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("-2.5", "-2.5"),
        (-2.5, "-2.5"),
        ("a=b", "a=b"),
        (True, "true"),
        (None, ""),
    ],
)
def test_csv_has_values_and_no_formulas(value: Any, cell: str) -> None:
    assert _csv(page(_observation(1, value)), "Observation", query("result")) == [["result"], [cell]]


def test_csv_has_a_row_for_each_expanded_entity_and_columns_for_a_single_one() -> None:
    observations = page(_observation(1, 20), _observation(2, 21))
    thing = record("Thing", 5, name="Oven")
    streams = page(
        record("Datastream", 7, {"Thing": thing, "Observations": observations}, name="NO2"),
        record("Datastream", 8, {"Thing": None, "Observations": page()}, name="O3"),
    )
    asked = query("name", expand={"Thing": query("id", "name"), "Observations": query("result")})
    assert _csv(streams, "Datastream", asked) == [
        ["name", "Thing/id", "Thing/name", "Observations/result"],
        ["NO2", "5", "Oven", "20"],
        ["NO2", "5", "Oven", "21"],
        ["O3", "", "", ""],
    ]


def test_csv_has_columns_for_the_unit_and_for_selected_ways() -> None:
    stream = record("Datastream", 7, unitOfMeasurement={"name": "metre", "symbol": "m", "definition": "x"})
    rows = _csv(page(stream), "Datastream", query())
    assert dict(zip(*rows, strict=True))["unitOfMeasurement/symbol"] == "m"
    asked = Query(select=(Selected("properties", ("rooms", 0)),))
    thing = record("Thing", 1, properties={"rooms": ["attic"]})
    assert _csv(page(thing), "Thing", asked) == [["properties/rooms/0"], ["attic"]]


def test_csv_refuses_to_multiply_rows() -> None:
    with pytest.raises(BadRequestData, match="Locations and Datastreams"):
        check_csv("Thing", query(expand={"Locations": query(), "Datastreams": query()}))


def test_csv_of_an_entity_with_too_much_in_it_is_refused_before_it_is_made() -> None:
    found, asked = record("Thing", 1, name="Oven"), query("name")
    for _ in range(9):
        found = record("Location", 2, {"Things": page(*[found] * 10)}, name="Hall")
        found, asked = (
            record("Thing", 3, {"Locations": page(found)}, name="Oven"),
            query("name", expand={"Locations": query("name", expand={"Things": asked})}),
        )
    with pytest.raises(TooManyResults):
        render_csv(page(found), "Thing", asked, ROOT, MOST)


def _features(found: Page, asked: Query) -> Any:
    return msgspec.json.decode(render_features(found, asked, ROOT, f"{ROOT}/X", MOST)[0])


@pytest.mark.parametrize(
    ("type", "values", "related"),
    [
        ("Location", {"location": POINT}, {}),
        ("Location", {"location": {"type": "Feature", "geometry": POINT, "properties": {}}}, {}),
        ("FeatureOfInterest", {"feature": POINT}, {}),
        ("Thing", {}, {"Locations": page(record("Location", 2, location="x"), record("Location", 3, location=POINT))}),
        ("Datastream", {"observedArea": POINT}, {}),
        (
            "Datastream",
            {"observedArea": None},
            {"Thing": record("Thing", 1, {"Locations": page(record("Location", 2, location=POINT))})},
        ),
        ("Observation", {}, {"FeatureOfInterest": record("FeatureOfInterest", 4, feature=POINT)}),
    ],
)
def test_geojson_has_each_entity_at_its_place(type: TypeName, values: Any, related: Any) -> None:
    found = _features(page(record(type, 1, related, **values), count=1), query())
    assert (found["type"], found["@iot.count"]) == ("FeatureCollection", 1)
    [feature] = found["features"]
    assert (feature["type"], feature["id"], feature["geometry"]) == ("Feature", 1, POINT)
    assert feature["properties"]["@iot.id"] == 1
    assert "Locations" not in feature["properties"]


def test_geojson_asks_for_the_geometry_beside_what_the_client_asked_for() -> None:
    asked = with_geometry("Datastream", query("name", expand={"Thing": query("name")}))
    assert asked.select == (Selected("name"), Selected("observedArea"))
    [thing] = asked.expand
    assert thing.query.select == (Selected("name"),)
    [locations] = thing.query.expand
    assert Selected("location") in (locations.query.select or ())


def test_geojson_leaves_the_geometry_null_where_no_map_knows_it() -> None:
    assert geometry_of(record("Location", 1, location={"type": "Room", "floor": 3})) is None
    assert geometry_of(record("Location", 1, location="next door")) is None
    assert geometry_of(record("Location", 1, location=None)) is None


def test_geojson_properties_are_the_members_that_were_asked_for() -> None:
    thing = record("Thing", 1, {"Locations": page(record("Location", 2, location=POINT))}, name="Oven", description="")
    [feature] = _features(page(thing), query("name"))["features"]
    assert feature["properties"] == {"@iot.selfLink": f"{ROOT}/Things(1)", "@iot.id": 1, "name": "Oven"}


@pytest.mark.parametrize("type", ["Sensor", "ObservedProperty"])
def test_geojson_is_refused_for_what_has_no_place(type: TypeName) -> None:
    with pytest.raises(BadRequestData, match="have no place"):
        with_geometry(type, query())


def _property(value: Any, *inside: str | int, bare: bool = False, name: str = "properties") -> Any:
    target = Target(steps=(Step("Things", 1),), property=name, inside=inside, value=bare)
    return property_response(record("Thing", 1, **{name: value}), target)


@pytest.mark.parametrize(
    ("value", "inside", "body"),
    [
        ({"a": [1, 2]}, (), b'{"properties":{"a":[1,2]}}'),
        ({"a": [1, 2]}, ("a",), b'{"a":[1,2]}'),
        ({"a": [1, 2]}, ("a", 1), b'{"1":2}'),
        ({"a": [1, 2]}, ("a", "1"), b'{"1":2}'),
    ],
)
def test_property_is_an_object_with_one_member(value: Any, inside: tuple[str | int, ...], body: bytes) -> None:
    answer = _property(value, *inside)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    ("value", "body", "media_type"),
    [
        ("Oven", b"Oven", "text/plain; charset=utf-8"),
        (20.5, b"20.5", "text/plain; charset=utf-8"),
        (True, b"true", "text/plain; charset=utf-8"),
        ({"a": 1}, b'{"a":1}', "application/json"),
        ([1], b"[1]", "application/json"),
    ],
)
def test_value_is_plain_text_where_it_has_no_parts(value: Any, body: bytes, media_type: str) -> None:
    answer = _property(value, bare=True)
    assert (answer.body, dict(answer.headers)["content-type"]) == (body, media_type)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(("value", "inside"), [(None, ()), ({"a": None}, ("a",))])
def test_null_property_has_no_content(value: Any, inside: tuple[str, ...], bare: bool) -> None:
    answer = _property(value, *inside, bare=bare)
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("inside", [("b",), ("a", 7), ("a", "x"), ("c", "d")])
def test_way_that_leads_nowhere_is_not_found(inside: tuple[str | int, ...]) -> None:
    with pytest.raises(ResourceNotFound, match=r"properties of Things\(1\)"):
        _property({"a": [1], "c": "text"}, *inside)


def test_id_is_a_property() -> None:
    target = Target(steps=(Step("Things", 1),), property="id")
    assert property_response(record("Thing", 1), target).body == b'{"@iot.id":1}'


def test_literal_of_a_property_stays_as_it_was_written() -> None:
    target = Target(steps=(Step("Observations", 1),), property="result", value=True)
    found = Record(type="Observation", id=1, values={"result": Raw(b"20.0")})
    assert property_response(found, target).body == b"20.0"
