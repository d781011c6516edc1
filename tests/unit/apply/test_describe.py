"""What a series is said to be."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from stadtkern.broker.apply import describe_series
from stadtkern.errors import Conflict, ResourceNotFound
from stadtkern.model.ids import EntityId
from stadtkern.model.json import raw
from stadtkern.model.operation import DescribeSeries
from stadtkern.model.stream import Described, Description
from tests.unit.apply.builders import GPS, ID, SPEED, T1, after, car, instance, prop

SENSOR = EntityId("urn:sensor:1")


def number_of(id_: EntityId) -> int:
    return int(id_.rsplit(":", 1)[1])


def describe(dataset_id: str = "", *, create: bool = False, **said: object) -> DescribeSeries:
    return DescribeSeries(ID, SPEED, dataset_id, Description(**said), create)  # type: ignore[arg-type]


def test_describe_names_a_series_that_was_not_there() -> None:
    operation = describe(
        name="Speed", sensor=SENSOR, observed_properties=[EntityId("urn:p:4"), EntityId("urn:p:3")], multi=True
    )
    change, described = describe_series(operation, car(), None, number_of, T1)
    assert described == Described(name="Speed", sensor=1, measurement='{"observedProperties":[4,3]}', multi=1)
    assert [(item.verb, item.previous, item.new) for item in change.items] == [("described", None, None)]
    assert (after(change).modified_at, after(change).attributes) == (T1, {})


def test_describe_replaces_what_it_names_and_leaves_the_rest() -> None:
    old = Described(name="a", description="b", measurement='{"x":1.0,"y":2}', sensor=7, properties='{"p":1}')
    said = describe(description="c", measurement={"y": raw(3)}, sensor=None, properties=Raw(b'{"q": 1.50}'))
    _, described = describe_series(said, car(), (True, old), number_of, T1)
    expected = replace(old, description="c", measurement='{"x":1.0,"y":3}', sensor=None, properties='{"q": 1.50}')
    assert described == expected


def test_describe_of_another_unit_corrects_the_current_value_that_has_the_usual_one() -> None:
    before = car({SPEED: [prop(1, observed_at=T1, unit_code="KMH"), prop(2, dataset_id=GPS, unit_code="KMH")]})
    change, described = describe_series(describe(unit="MTS"), before, (True, Described(unit="KMH")), number_of, T1)
    assert described.unit == "MTS"
    assert (instance(after(change), SPEED).unit_code, instance(after(change), SPEED, GPS).unit_code) == ("MTS", "KMH")
    assert [item.verb for item in change.items] == ["described", "revised"]
    other, _ = describe_series(describe(unit="MTS"), before, (True, Described(unit="KNT")), number_of, T1)
    assert instance(after(other), SPEED).unit_code == "KMH"


def test_describe_makes_only_what_is_not_there() -> None:
    with pytest.raises(Conflict):
        describe_series(describe(create=True), car({SPEED: prop(1)}), None, number_of, T1)
    with pytest.raises(Conflict):
        describe_series(describe(create=True), car(), (True, Described()), number_of, T1)
    describe_series(describe(create=True), car(), (False, Described()), number_of, T1)
    with pytest.raises(ResourceNotFound):
        describe_series(describe(), None, None, number_of, T1)
