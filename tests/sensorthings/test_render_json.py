"""Entities, pages and their links as SensorThings' JSON."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from stadtkern.errors import TooManyResults
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Query, Selected, Step, Target
from stadtkern.views.sensorthings.addresses import leads_to_set, next_link, target_path, target_type
from stadtkern.views.sensorthings.filling import Budget
from stadtkern.views.sensorthings.render_json import record_members, render_page, render_references
from tests.sensorthings.records import MOST, ROOT, page, query, record

THING = record("Thing", 1, name="Oven", description="", properties=None)
_LOCATIONS = "Datastreams(2)/Thing/Locations"
_TOP = re.compile(r"[$|%24]top=([0-9]+)")
_SKIP = re.compile(r"[$|%24]skip=([0-9]+)")
"""As a widespread client reads them out of links."""


def _members(found: Record, asked: Query) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(record_members(found, asked, ROOT, Budget(MOST))))


def _render(found: Page, asked: Query, most: int = MOST) -> Any:
    return msgspec.json.decode(render_page(found, asked, ROOT, f"{ROOT}/Things", most))


def test_members_stand_in_the_usual_order() -> None:
    members = _members(THING, query())
    assert list(members.items()) == [
        ("@iot.selfLink", f"{ROOT}/Things(1)"),
        ("@iot.id", 1),
        ("name", "Oven"),
        ("description", ""),
        ("Locations@iot.navigationLink", f"{ROOT}/Things(1)/Locations"),
        ("HistoricalLocations@iot.navigationLink", f"{ROOT}/Things(1)/HistoricalLocations"),
        ("Datastreams@iot.navigationLink", f"{ROOT}/Things(1)/Datastreams"),
        ("MultiDatastreams@iot.navigationLink", f"{ROOT}/Things(1)/MultiDatastreams"),
    ]


def test_select_gives_what_is_listed_and_nothing_else() -> None:
    asked = query("id", "name", "Datastreams")
    assert _members(record("Thing", 1, name="Oven"), asked) == {
        "@iot.id": 1,
        "name": "Oven",
        "Datastreams@iot.navigationLink": f"{ROOT}/Things(1)/Datastreams",
    }


def test_select_shows_null_where_it_was_asked_for() -> None:
    assert _members(THING, query("properties")) == {"properties": None}


def test_expanded_items_are_there_whatever_was_selected() -> None:
    stream = record("Datastream", 7, {"Thing": THING}, name="NO2")
    asked = query("name", expand={"Thing": query("name")})
    assert _members(stream, asked) == {
        "name": "NO2",
        "Thing": {"name": "Oven"},
    }


def test_expanded_relation_has_no_navigation_link() -> None:
    found = record("Thing", 1, {"Datastreams": page()}, name="Oven")
    members = _members(found, query(expand={"Datastreams": query()}))
    assert members["Datastreams"] == []
    assert "Datastreams@iot.navigationLink" not in members
    assert "Locations@iot.navigationLink" in members


def test_expanded_relation_that_leads_nowhere_is_left_out() -> None:
    found = record("Observation", 9, {"FeatureOfInterest": None}, result=1)
    members = _members(found, query("result", expand={"FeatureOfInterest": query()}))
    assert members == {"result": 1}


def test_result_and_result_time_are_null_where_there_is_none() -> None:
    members = _members(record("Observation", 9, result=None, resultTime=None, validTime=None), query())
    assert (members["result"], members["resultTime"]) == (None, None)
    assert "validTime" not in members
    assert "resultTime" not in _members(record("Datastream", 7, resultTime=None), query())


@pytest.mark.parametrize(("own", "other"), [("Datastream", "MultiDatastream"), ("MultiDatastream", "Datastream")])
def test_observation_links_to_the_kind_of_stream_that_it_belongs_to(own: Any, other: str) -> None:
    found = Record(type="Observation", id=9, values={}, stream=(own, 7))
    members = _members(found, query())
    assert members[f"{own}@iot.navigationLink"] == f"{ROOT}/Observations(9)/{own}"
    assert f"{other}@iot.navigationLink" not in members


def test_literals_stay_as_they_were_written() -> None:
    found = Record(type="Observation", id=9, values={"result": Raw(b"20.0")})
    assert b'"result":20.0' in render_page(page(found), query(), ROOT, ROOT, MOST)


def test_count_stands_before_the_items() -> None:
    text = render_page(page(THING, count=84), query(), ROOT, f"{ROOT}/Things", MOST)
    assert text.startswith(b'{"@iot.count":84,"value":[{"@iot.selfLink":')


def test_empty_set_has_no_items_and_no_link() -> None:
    assert _render(page(), query()) == {"value": []}


def test_top_of_nothing_gives_the_count_alone() -> None:
    assert _render(page(count=84, more=True), query(top=0)) == {"@iot.count": 84, "value": []}


def test_last_page_has_no_link() -> None:
    assert "@iot.nextLink" not in _render(page(THING), query(top=1))


def test_next_link_shows_top_and_skip_and_keeps_the_options() -> None:
    asked = query(top=2, skip=4, text=(("$filter", "name eq 'a?b&c=d+e'"), ("$orderby", "name desc")))
    link = _render(page(THING, THING, more=True, after="k1"), asked)["@iot.nextLink"]
    assert link == (
        f"{ROOT}/Things?$top=2&$skip=6&$skiptoken=k1&$filter=name%20eq%20%27a%3Fb%26c%3Dd%2Be%27&$orderby=name%20desc"
    )
    assert link.count("?") == 1


def test_next_link_has_no_top_where_none_was_asked_for() -> None:
    # a client that finds top <= skip takes the rest for unwanted
    link = _render(page(THING, more=True, after="k1"), query(text=(("$count", "true"),)))["@iot.nextLink"]
    assert link == f"{ROOT}/Things?$skip=1&$skiptoken=k1&$count=true"
    assert _TOP.search(link) is None


def test_next_link_is_not_mistaken_for_one_of_what_is_expanded() -> None:
    asked = query(skip=100, text=(("$expand", "Observations($top=1;$skip=7;$orderby=phenomenonTime desc)"),))
    for top, expected in ((None, None), (50, "50")):
        link = next_link(f"{ROOT}/Datastreams", msgspec.structs.replace(asked, top=top), 50, None)
        found = _TOP.search(link)
        assert (found and found[1]) == expected
        skip = _SKIP.search(link)
        assert skip is not None
        assert skip[1] == "150"


def test_expanded_set_has_its_count_and_its_own_next_link() -> None:
    inner = query(top=1, count=True, text=(("$orderby", "phenomenonTime desc"), ("$count", "true")))
    observations = page(record("Observation", 9, result=1), count=11179, more=True)
    stream = record("Datastream", 13, {"Observations": observations}, name="NO2")
    members = _members(stream, query(expand={"Observations": inner}))
    names = [name for name in members if name.startswith("Observations")]
    assert names == ["Observations@iot.count", "Observations", "Observations@iot.nextLink"]
    assert members["Observations@iot.count"] == 11179
    assert members["Observations@iot.nextLink"] == (
        f"{ROOT}/Datastreams(13)/Observations?$top=1&$skip=1&$orderby=phenomenonTime%20desc&$count=true"
    )


def test_expanded_set_has_no_count_unless_it_was_asked_for() -> None:
    stream = record("Datastream", 13, {"Observations": page()}, name="NO2")
    members = _members(stream, query(expand={"Observations": query()}))
    assert not {"Observations@iot.count", "Observations@iot.nextLink"} & members.keys()


def test_page_ends_early_where_it_would_be_too_large_and_says_how_to_go_on() -> None:
    things = [record("Thing", n, name="x" * 1000) for n in range(5)]
    found = _render(page(*things, more=True, after="k5"), query(top=5, skip=10), most=4000)
    shown = len(found["value"])
    assert 1 <= shown < 5
    assert found["@iot.nextLink"] == f"{ROOT}/Things?$top=5&$skip={10 + shown}"


def test_page_holds_at_least_one_entity() -> None:
    found = _render(page(record("Thing", 1, name="x" * 1000), THING), query(), most=10)
    assert [one["@iot.id"] for one in found["value"]] == [1]
    assert found["@iot.nextLink"] == f"{ROOT}/Things?$skip=1"


def _deep(levels: int) -> tuple[Record, Query]:
    """An entity with ten in it, in each of which there are ten …: one object of each level, as they may be shared."""
    found, asked = record("Thing", 1, name="Oven"), query("name")
    for _ in range(levels):
        found = record("Location", 2, {"Things": page(*[found] * 10)}, name="Hall")
        asked = query("name", expand={"Things": asked})
        found = record("Thing", 3, {"Locations": page(found)}, name="Oven")
        asked = query("name", expand={"Locations": asked})
    return found, asked


def test_entity_with_too_much_in_it_is_refused_before_it_is_made() -> None:
    found, asked = _deep(12)
    with pytest.raises(TooManyResults, match=f"more than {MOST} bytes"):
        _render(page(found), asked)


def test_page_ends_before_an_entity_with_too_much_in_it() -> None:
    found, asked = _deep(12)
    small = record("Thing", 1, {"Locations": page()}, name="Oven")
    body = _render(page(small, found, small), asked)
    assert body == {"value": [{"name": "Oven", "Locations": []}], "@iot.nextLink": f"{ROOT}/Things?$skip=1"}


def test_references_are_addresses_alone() -> None:
    text = render_references(page(THING, more=True), query(top=1), ROOT, f"{ROOT}/Things/$ref", MOST)
    assert msgspec.json.decode(text) == {
        "value": [{"@iot.selfLink": f"{ROOT}/Things(1)"}],
        "@iot.nextLink": f"{ROOT}/Things/$ref?$top=1&$skip=1",
    }


def test_distinct_rows_have_what_was_selected_alone() -> None:
    row = Record(type="Thing", id=0, values={"properties": Raw(b'{"kind":"a"}')})
    asked = Query(select=(Selected("properties", ("kind",)),), distinct=True)
    assert _members(row, asked) == {"properties": {"kind": "a"}}


@pytest.mark.parametrize(
    ("steps", "path", "type", "is_set"),
    [
        ((Step("Things"),), "Things", "Thing", True),
        ((Step("Things", 1),), "Things(1)", "Thing", False),
        ((Step("Things", 1), Step("Datastreams")), "Things(1)/Datastreams", "Datastream", True),
        ((Step("Things", 1), Step("Datastreams", 2)), "Things(1)/Datastreams(2)", "Datastream", False),
        ((Step("Datastreams", 2), Step("Thing")), "Datastreams(2)/Thing", "Thing", False),
        (
            (Step("Datastreams", 2), Step("Thing"), Step("Locations")),
            "Datastreams(2)/Thing/Locations",
            "Location",
            True,
        ),
    ],
)
def test_targets_are_sets_or_entities(steps: tuple[Step, ...], path: str, type: str, is_set: bool) -> None:
    target = Target(steps=steps)
    assert (target_path(target), target_type(target).name, leads_to_set(target)) == (path, type, is_set)
