"""What addresses lead to. Spec: OGC 18-088 9.2."""

from __future__ import annotations

import pytest

from stadtkern.errors import ResourceNotFound
from stadtkern.model.sensorthings import SETS
from stadtkern.query.odata.target import parse_target
from stadtkern.query.odata.tree import Step, Target

THING = Step("Things", 1, 0)


@pytest.mark.parametrize("name", list(SETS))
def test_sets_and_their_entities(name: str) -> None:
    assert parse_target(name) == Target((Step(name),))
    assert parse_target(f"{name}(12)") == Target((Step(name, 12),))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Things('1')", Target((THING,))),
        ("Things(1)/", Target((THING,))),
        ("Things(-1)", Target((Step("Things", -1),))),
        ("Things/$ref", Target((Step("Things"),), ref=True)),
        ("Things(1)/Locations/$ref", Target((THING, Step("Locations", None, 10)), ref=True)),
        ("Things(1)/Locations(2)/$ref", Target((THING, Step("Locations", 2, 10)), ref=True)),
        ("Datastreams(1)/Thing/$ref", Target((Step("Datastreams", 1), Step("Thing", None, 15)), ref=True)),
        ("Datastreams(1)/Observations(2)", Target((Step("Datastreams", 1), Step("Observations", 2, 15)))),
        ("Things(1)/name", Target((THING,), "name")),
        ("Things(1)/name/$value", Target((THING,), "name", value=True)),
        ("Things(1)/@iot.id", Target((THING,), "id")),
        ("Things(1)/id/$value", Target((THING,), "id", value=True)),
        ("Things(1)/properties/a/b", Target((THING,), "properties", ("a", "b"))),
        ("Things(1)/properties/a b[2][0]/c.d/$value", Target((THING,), "properties", ("a b", 2, 0, "c.d"), value=True)),
        ("Observations(5)/result/$value", Target((Step("Observations", 5),), "result", value=True)),
        ("Observations(5)/result[1]", Target((Step("Observations", 5),), "result", (1,))),
        (
            "Observations(5)/Datastream/Thing/Locations(3)/location/type",
            Target(
                (
                    Step("Observations", 5),
                    Step("Datastream", None, 16),
                    Step("Thing", None, 27),
                    Step("Locations", 3, 33),
                ),
                "location",
                ("type",),
            ),
        ),
    ],
)
def test_addresses(path: str, expected: Target) -> None:
    assert parse_target(path) == expected


@pytest.mark.parametrize(
    ("path", "at", "words"),
    [
        ("", 0, "there is no set ''; there are Things, Locations"),
        ("/Things", 0, "there is no set"),
        ("things", 0, "there is no set 'things'"),
        ("Thing(1)", 0, "there is no set 'Thing'"),
        ("Things(1)/Observations", 10, "Thing has no 'Observations'; it has id, name"),
        ("Things(1)/nam", 10, "Thing has no 'nam'"),
        ("Things/name", 7, "Things is a set"),
        ("Things/Locations", 7, "Things is a set"),
        ("Things/$value", 7, "Things is a set"),
        ("Things(x)", 0, "no id that can be read"),
        ("Things(1", 0, "no id that can be read"),
        ("Things(1)(2)", 0, "no id that can be read"),
        ("Things()", 0, "no id that can be read"),
        ("Things(9223372036854775808)", 0, "no entity has the id"),
        ("Datastreams(1)/Thing(2)", 15, "takes no id"),
        ("Things(1)/name/x", 14, "nothing inside name"),
        ("Things(1)/properties//x", 21, "cannot stand here"),
        ("Things(1)/properties/$ref", 21, "cannot stand here"),
        ("Things(1)/name/$value/x", 15, "cannot stand here"),
        ("Things(1)/$value", 10, "Thing has no '$value'"),
        ("Things(1)/$ref/$ref", 10, "Thing has no '$ref'"),
        ("Things(1)//name", 10, "Thing has no ''"),
        ("Things(1)" + "/Datastreams(1)/Thing" * 6, 130, "more than 12 steps"),
        ("Things(1)/properties" + "/a" * 51, 10, "more than 50 levels"),
        ("Things(1)/properties/" + "a" * 5000, 4096, "at most 4096"),
    ],
)
def test_addresses_that_lead_nowhere(path: str, at: int, words: str) -> None:
    with pytest.raises(ResourceNotFound) as caught:
        parse_target(path)

    assert words in caught.value.detail
    assert caught.value.pointer == f"path:{at}"
