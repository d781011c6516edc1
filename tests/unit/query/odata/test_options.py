"""What the options of an address become, and what is refused. Spec: OGC 18-088 9.3."""

from __future__ import annotations

import pytest

from stadtkern.errors import BadRequestData, OperationNotSupported
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.query.odata.options import parse_query
from stadtkern.query.odata.tree import Expanded, Query, Selected


def read(*pairs: tuple[str, str], name: TypeName = "Thing") -> Query:
    return parse_query(pairs, TYPES[name])


def names(expanded: tuple[Expanded, ...]) -> dict[str, object]:
    return {one.relation: names(one.query.expand) for one in expanded}


def test_nothing_is_the_default() -> None:
    assert read() == Query()


def test_names_are_read_in_any_case_and_written_as_the_standard_does() -> None:
    query = read(
        ("$TOP", "5"), ("$Skip", "10"), ("$COUNT", "True"), ("$resultformat", "dataarray"), ("$skipToken", "k")
    )

    assert (query.top, query.skip, query.count, query.result_format, query.after) == (5, 10, True, "dataArray", "k")
    assert query.text == (("$count", "True"), ("$resultFormat", "dataarray"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("json", "json"),
        ("application/json", "json"),
        ("GeoJSON", "GeoJSON"),
        ("application/geo json", "GeoJSON"),
        ("application/vnd.geo+json", "GeoJSON"),
        ("csv", "CSV"),
        ("text/csv", "CSV"),
        ("dataArray", "dataArray"),
    ],
)
def test_formats(text: str, expected: str) -> None:
    assert read(("$format", text)).result_format == expected


def test_selections() -> None:
    text = "name, id,@iot.id,properties/a/b[0],Datastreams,properties"

    query = read(("$select", text))

    assert query.select == (
        Selected("name"),
        Selected("id"),
        Selected("properties", ("a", "b", 0)),
        Selected("Datastreams"),
        Selected("properties"),
    )
    assert not query.distinct


def test_distinct_selections() -> None:
    query = read(("$select", "distinct:unitOfMeasurement/name,observationType"), name="Datastream")

    assert query.distinct
    assert query.select == (Selected("unitOfMeasurement", ("name",)), Selected("observationType"))


def test_paths_that_begin_alike_are_shown_in_one_place() -> None:
    query = read(("$expand", "Datastreams/Sensor,Locations,Datastreams/Observations/FeatureOfInterest,Datastreams"))

    assert names(query.expand) == {
        "Datastreams": {"Sensor": {}, "Observations": {"FeatureOfInterest": {}}},
        "Locations": {},
    }
    assert query.expand[0].query.text == (("$expand", "Sensor,Observations/FeatureOfInterest"),)


def test_options_belong_to_the_last_relation_of_a_path() -> None:
    query = read(("$expand", "Datastreams/Observations($top=1;$skip=2;$count=true;$filter=result gt ';)')"))

    datastreams = query.expand[0].query
    observations = datastreams.expand[0].query
    assert datastreams.top is None
    assert (observations.top, observations.skip, observations.count) == (1, 2, True)
    assert observations.text == (("$count", "true"), ("$filter", "result gt ';)'"))
    assert datastreams.text == (("$expand", "Observations($top=1;$skip=2;$count=true;$filter=result gt ';)')"),)


@pytest.mark.parametrize("text", ["Datastreams()", "Datastreams($top=1;)", " Datastreams ( $top = 1 ) "])
def test_blanks_and_loose_ends_of_options_do_no_harm(text: str) -> None:
    assert names(read(("$expand", text)).expand) == {"Datastreams": {}}


def test_text_of_options_inside_is_read_again_to_the_same() -> None:
    whole = read(
        ("$expand", "Datastreams($select=name;$expand=Sensor($select=name),Observations($orderby=id desc)),Locations")
    )

    again = parse_query(whole.expand[0].query.text, TYPES["Datastream"])

    assert again.select == whole.expand[0].query.select
    assert names(again.expand) == names(whole.expand[0].query.expand)
    assert again.expand[1].query.orderby[0].text == "id desc"


@pytest.mark.parametrize(
    ("option", "text", "at", "words"),
    [
        ("$top", "-1", 0, "whole number"),
        ("$top", "1.5", 0, "whole number"),
        ("$top", "x", 0, "whole number"),
        ("$top", "", 0, "empty"),
        ("$top", "1 2", 2, "expected the end"),
        ("$skip", "1e3", 0, "whole number"),
        ("$count", "1", 0, "true or false"),
        ("$count", "yes", 0, "true or false"),
        ("$resultFormat", "xml", 0, "not known; there are json"),
        ("$resultMetadata", "some", 0, "not known; there are full"),
        ("$skiptoken", "", 0, "0 characters"),
        ("$select", "nam", 0, "Thing has no 'nam'; it has id, name"),
        ("$select", "name,", 5, "expected a property"),
        ("$select", "name/x", 4, "nothing inside name"),
        ("$select", "Datastreams/name", 11, "nothing inside Datastreams"),
        ("$select", "distinct name", 9, "expected ':'"),
        ("$expand", "Datastream", 0, "no relation 'Datastream'; it has Locations"),
        ("$expand", "name", 0, "no relation 'name'"),
        ("$expand", "Datastreams/Things", 12, "Datastream has no relation 'Things'"),
        ("$expand", "Datastreams($top=x)", 17, "whole number"),
        ("$expand", "Datastreams($top=1,$skip=1)", 18, "expected ';' or ')'"),
        ("$expand", "Datastreams($top=1", 18, "expected ';' or ')'"),
        ("$expand", "Datastreams($top=1;$top=2)", 19, "given twice"),
        ("$expand", "Datastreams($resultFormat=CSV)", 12, "inside of $expand there are"),
        ("$expand", "Datastreams($filter=nam eq 1)", 20, "Datastream has no 'nam'"),
        ("$expand", "Datastreams($orderby=Observations/id)", 21, "leads to many"),
        ("$expand", "Datastreams($top=1),Datastreams($top=2)", 20, "expanded twice"),
        ("$expand", "Things", 0, "no relation"),
        ("$filter", "nam eq 1", 0, "Thing has no 'nam'"),
        ("$filter", "id eq 1)", 7, "expected the end"),
        ("$orderby", "nam", 0, "Thing has no 'nam'"),
    ],
)
def test_faults_name_their_option_and_place(option: str, text: str, at: int, words: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        read((option, text))

    assert caught.value.pointer == f"{option}:{at}"
    assert words in caught.value.detail


def test_an_option_is_given_once() -> None:
    with pytest.raises(BadRequestData, match=r"The \$resultFormat option is given twice"):
        read(("$resultFormat", "CSV"), ("$format", "json"))


@pytest.mark.parametrize(("name", "expected"), [("$search", OperationNotSupported), ("limit", BadRequestData)])
def test_unknown_options(name: str, expected: type[Exception]) -> None:
    with pytest.raises(expected, match=r"\$filter, \$orderby"):
        read((name, "1"))


def test_unknown_options_inside_of_expand_are_not_supported() -> None:
    with pytest.raises(OperationNotSupported, match="inside of"):
        read(("$expand", "Datastreams($search=x)"))


def test_numbers_beyond_all_entities_are_cut_to_one_that_can_be_stored() -> None:
    query = read(("$top", "9" * 50), ("$skip", "9" * 50))

    assert (query.top, query.skip) == (2**53, 2**53)
