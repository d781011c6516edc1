"""What a series is said to be: pure. Spec: OGC 18-088 8.2.4 (Datastream), 10.3 (update)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from stadtkern.errors import Conflict, ResourceNotFound
from stadtkern.model.change import Change, Item, Outcome
from stadtkern.model.entity import Entity, find_instance
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.operation import DescribeSeries
from stadtkern.model.stream import Described, Description

_T = TypeVar("_T")
_members = msgspec.json.Decoder(dict[str, Raw])
NumberOf = Callable[[EntityId], int]


def describe_series(
    operation: DescribeSeries,
    before: Entity | None,
    stored: tuple[bool, Described] | None,
    number_of: NumberOf,
    now: Instant,
) -> tuple[Change, Described]:
    """Decide what is said of a series from now on.

    stored: whether the series is observed and what is said of it; None where there is none. number_of: gives the
    numbers of the entities that the description names. Values that were measured in the unit that is corrected are in
    the new one from now on, the current one included.
    Raises: ResourceNotFound (the entity), Conflict (the series is there and was to be a new one).
    """
    if before is None:
        raise ResourceNotFound(f"Entity {operation.id} does not exist")
    name, dataset_id = operation.attribute, operation.dataset_id
    current = find_instance(before.attributes.get(name, []), dataset_id)
    if operation.create and (current is not None or (stored is not None and stored[0])):
        raise Conflict(f"Entity {operation.id} has values of {name} with the dataset id {dataset_id!r} already")
    old = Described() if stored is None else stored[1]
    described = _overlay(old, operation.description, number_of)
    items = [Item(name, dataset_id, "described")]
    after = replace(before, modified_at=now)
    if current is not None and current.observed_at is not None and current.unit_code == old.unit != described.unit:
        moved = replace(current, unit_code=described.unit)
        group = [moved if one is current else one for one in before.attributes[name]]
        after = replace(after, attributes={**before.attributes, name: group})
        items.append(Item(name, dataset_id, "revised", current, moved))
    return Change(before, after, items, Outcome(updated=[name])), described


def _overlay(old: Described, said: Description, number_of: NumberOf) -> Described:
    properties = _given(said.properties, old.properties)
    return Described(
        name=_given(said.name, old.name),
        description=_given(said.description, old.description),
        measurement=_measurement(old.measurement, said, number_of),
        unit=_given(said.unit, old.unit),
        sensor=_number(said.sensor, old.sensor, number_of),
        observed_property=_number(said.observed_property, old.observed_property, number_of),
        properties=bytes(properties).decode() if isinstance(properties, Raw) else properties,
        multi=old.multi if said.multi is UNSET else int(said.multi),
    )


def _given(new: _T | UnsetType, old: _T | str | None) -> _T | str | None:
    return old if new is UNSET else new


def _number(new: EntityId | UnsetType | None, old: int | None, number_of: NumberOf) -> int | None:
    if new is UNSET:
        return old
    return None if new is None else number_of(new)


def _measurement(old: str | None, said: Description, number_of: NumberOf) -> str | None:
    members: dict[str, Raw] = {} if old is None else _members.decode(old)
    members.update(said.measurement)
    if said.observed_properties is not None:
        numbers = [one if isinstance(one, int) else number_of(one) for one in said.observed_properties]
        members["observedProperties"] = Raw(msgspec.json.encode(numbers))
    return msgspec.json.encode(members).decode() if members else None


def named_entities(description: Description) -> list[EntityId]:
    """List the entities that a description names."""
    named = [description.sensor, description.observed_property, *(description.observed_properties or [])]
    return [one for one in named if isinstance(one, str)]
