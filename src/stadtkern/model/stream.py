"""What a series is described by: its metadata as a Datastream of SensorThings. Spec: OGC 18-088 8.2.4, 14."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from stadtkern.model.ids import EntityId


class Description(Struct, frozen=True, gc=False, kw_only=True):
    """What to say of a series from now on; UNSET stays as it is, None takes it away.

    measurement: members of a JSON object (unitOfMeasurement, observationType …), each of which replaces the one of its
    name. unit: the UN/CEFACT code that the unit has, if it has one. sensor, observed_property: ids of live entities.
    observed_properties: those of a series with several, in order; numbers of those that no entity describes.
    """

    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    measurement: dict[str, Raw] = {}
    unit: str | UnsetType | None = UNSET
    sensor: EntityId | UnsetType | None = UNSET
    observed_property: EntityId | UnsetType | None = UNSET
    observed_properties: list[EntityId | int] | None = None
    properties: Raw | UnsetType | None = UNSET
    multi: bool | UnsetType = UNSET


class Described(Struct, frozen=True, gc=False, kw_only=True):
    """What is stored of it. measurement, properties: JSON texts; sensor, observed_property: numbers of entities."""

    name: str | None = None
    description: str | None = None
    measurement: str | None = None
    unit: str | None = None
    sensor: int | None = None
    observed_property: int | None = None
    properties: str | None = None
    multi: int = 0
