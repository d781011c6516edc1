"""Where a Thing is: its Locations and the geometry beside them."""

from __future__ import annotations

import pytest

from stadtkern.broker.apply import apply, leave_locations, record_history
from stadtkern.errors import ResourceNotFound
from stadtkern.model.entity import Entity, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import (
    AppendAttributes,
    DeleteAttribute,
    MoveThing,
    Operation,
    RecordHistory,
    ReplaceEntity,
)
from stadtkern.model.sensorthings_terms import LOCATION, LOCATIONS
from tests.unit.apply.builders import CAR, ID, SPEED, T1, after, car, fragment, instance, prop, verbs

HERE, THERE = EntityId("urn:location:1"), EntityId("urn:location:2")


def point(longitude: float) -> InstancePatch:
    return InstancePatch(kind="GeoProperty", value=raw({"type": "Point", "coordinates": [longitude, 50]}))


def move(locations: list[EntityId] | None, geometry: InstancePatch, time: int = 10) -> MoveThing:
    return MoveThing(ID, locations, geometry, Instant(time))


def placed() -> Entity:
    return after(apply(move([HERE], point(1), 10), car(), T1))


def longitude(entity: Entity) -> float:
    return unraw(instance(entity, LOCATION).value)["coordinates"][0]


def test_move_sets_locations_and_geometry_together() -> None:
    entity = after(apply(move([THERE, HERE], point(2), 20), placed(), T1))
    assert unraw(instance(entity, LOCATIONS).value) == [THERE, HERE]
    assert (instance(entity, LOCATIONS).observed_at, longitude(entity)) == (20, 2)


def test_move_of_the_past_is_recorded_and_moves_nothing() -> None:
    change = apply(move([THERE], point(2), 5), placed(), T1)
    assert verbs(change) == [(LOCATIONS, "", "recorded")]
    assert (unraw(instance(after(change), LOCATIONS).value), longitude(after(change))) == ([HERE], 1)


def test_move_to_where_no_geometry_can_be_read_takes_the_old_one_away() -> None:
    entity = after(apply(move([THERE], InstancePatch(deleted=True), 20), placed(), T1))
    assert LOCATION not in entity.attributes


def test_move_of_the_geometry_alone_leaves_the_locations() -> None:
    entity = after(apply(move(None, point(3)), placed(), T1))
    assert (unraw(instance(entity, LOCATIONS).value), longitude(entity)) == ([HERE], 3)
    with pytest.raises(ResourceNotFound):
        apply(move(None, point(3)), None, T1)


@pytest.mark.parametrize(
    "operation",
    [
        AppendAttributes(ID, fragment({LOCATION: point(9)})),
        ReplaceEntity(ID, fragment({LOCATION: point(9)}, types=[CAR])),
        DeleteAttribute(ID, Iri("location")),
    ],
)
def test_write_of_the_geometry_alone_ends_the_locations(operation: Operation) -> None:
    change = apply(operation, placed(), T1)  # type: ignore[arg-type]
    assert LOCATIONS not in after(change).attributes
    assert (LOCATIONS, "", "deleted") in verbs(change)


def test_write_of_something_else_leaves_the_locations() -> None:
    assert LOCATIONS in after(apply(AppendAttributes(ID, fragment({SPEED: prop(1)})), placed(), T1)).attributes


def test_recorded_geometry_that_becomes_current_ends_the_locations() -> None:
    before = placed()
    late = point(9)
    for time, expected in ((T1 + 1, False), (T1 - 1, True)):
        observed = InstancePatch(kind="GeoProperty", value=late.value, observed_at=Instant(time))
        change = record_history(RecordHistory(ID, fragment({LOCATION: observed})), before, T1)
        assert (LOCATIONS in after(leave_locations(change, T1)).attributes) is expected
