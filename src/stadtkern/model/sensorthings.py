"""The data model of OGC SensorThings 1.1 as a table: which sets, properties and relations there are.

Parsers, the compiler and the views read it; none of them knows a set by name where the table can tell.
Spec: OGC 18-088 8.2 (Sensing entities), 14 (MultiDatastream).
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

TypeName = Literal[
    "Thing",
    "Location",
    "HistoricalLocation",
    "Datastream",
    "MultiDatastream",
    "Sensor",
    "ObservedProperty",
    "Observation",
    "FeatureOfInterest",
]

PropertyType = Literal["id", "text", "json", "any", "instant", "interval", "time", "geometry", "list"]
"""``json``: an object; ``any``: any JSON (results, locations, metadata); ``time``: an instant or an interval;
``list``: a JSON array whose order matters; ``geometry``: GeoJSON that the server computed.
"""


class Property(Struct, frozen=True, kw_only=True, gc=False):
    """One property. mandatory: a client has to give it; computed: the server alone writes it."""

    name: str
    type: PropertyType
    mandatory: bool = False
    computed: bool = False
    nullable: bool = False


class Relation(Struct, frozen=True, kw_only=True, gc=False):
    """One relation, seen from one side. many: to a set; mandatory: a client has to give its target."""

    name: str
    target: TypeName
    many: bool
    inverse: str
    mandatory: bool = False


class EntityType(Struct, frozen=True, kw_only=True):
    """One entity type and its set."""

    name: TypeName
    set: str
    properties: dict[str, Property]
    relations: dict[str, Relation]


def _type(name: TypeName, set: str, properties: list[Property], relations: list[Relation]) -> EntityType:
    return EntityType(
        name=name,
        set=set,
        properties={one.name: one for one in properties},
        relations={one.name: one for one in relations},
    )


def _text(name: str, *, mandatory: bool = True) -> Property:
    return Property(name=name, type="text", mandatory=mandatory)


_NAMED: Final = [_text("name"), _text("description")]
_PROPERTIES: Final = Property(name="properties", type="json", nullable=True)


def _one(name: str, target: TypeName, inverse: str, *, mandatory: bool = False) -> Relation:
    return Relation(name=name, target=target, many=False, inverse=inverse, mandatory=mandatory)


def _many(name: str, target: TypeName, inverse: str, *, mandatory: bool = False) -> Relation:
    return Relation(name=name, target=target, many=True, inverse=inverse, mandatory=mandatory)


def _computed(name: str, type: PropertyType) -> Property:
    return Property(name=name, type=type, computed=True, nullable=True)


_STREAM: Final = [
    _computed("observedArea", "geometry"),
    _computed("phenomenonTime", "interval"),
    _computed("resultTime", "interval"),
]

TYPES: Final[dict[TypeName, EntityType]] = {
    one.name: one
    for one in (
        _type(
            "Thing",
            "Things",
            [*_NAMED, _PROPERTIES],
            [
                _many("Locations", "Location", "Things"),
                _many("HistoricalLocations", "HistoricalLocation", "Thing"),
                _many("Datastreams", "Datastream", "Thing"),
                _many("MultiDatastreams", "MultiDatastream", "Thing"),
            ],
        ),
        _type(
            "Location",
            "Locations",
            [
                *_NAMED,
                _text("encodingType"),
                Property(name="location", type="any", mandatory=True),
                _PROPERTIES,
            ],
            [
                _many("Things", "Thing", "Locations"),
                _many("HistoricalLocations", "HistoricalLocation", "Locations"),
            ],
        ),
        _type(
            "HistoricalLocation",
            "HistoricalLocations",
            [Property(name="time", type="instant", mandatory=True)],
            [
                _one("Thing", "Thing", "HistoricalLocations", mandatory=True),
                _many("Locations", "Location", "HistoricalLocations", mandatory=True),
            ],
        ),
        _type(
            "Datastream",
            "Datastreams",
            [
                *_NAMED,
                Property(name="unitOfMeasurement", type="json", mandatory=True),
                _text("observationType"),
                *_STREAM,
                _PROPERTIES,
            ],
            [
                _one("Thing", "Thing", "Datastreams", mandatory=True),
                _one("Sensor", "Sensor", "Datastreams", mandatory=True),
                _one("ObservedProperty", "ObservedProperty", "Datastreams", mandatory=True),
                _many("Observations", "Observation", "Datastream"),
            ],
        ),
        _type(
            "MultiDatastream",
            "MultiDatastreams",
            [
                *_NAMED,
                Property(name="unitOfMeasurements", type="list", mandatory=True),
                _text("observationType", mandatory=False),
                Property(name="multiObservationDataTypes", type="list", mandatory=True),
                *_STREAM,
                _PROPERTIES,
            ],
            [
                _one("Thing", "Thing", "MultiDatastreams", mandatory=True),
                _one("Sensor", "Sensor", "MultiDatastreams", mandatory=True),
                _many("ObservedProperties", "ObservedProperty", "MultiDatastreams", mandatory=True),
                _many("Observations", "Observation", "MultiDatastream"),
            ],
        ),
        _type(
            "Sensor",
            "Sensors",
            [*_NAMED, _text("encodingType"), Property(name="metadata", type="any", mandatory=True), _PROPERTIES],
            [
                _many("Datastreams", "Datastream", "Sensor"),
                _many("MultiDatastreams", "MultiDatastream", "Sensor"),
            ],
        ),
        _type(
            "ObservedProperty",
            "ObservedProperties",
            [_text("name"), _text("definition"), _text("description"), _PROPERTIES],
            [
                _many("Datastreams", "Datastream", "ObservedProperty"),
                _many("MultiDatastreams", "MultiDatastream", "ObservedProperties"),
            ],
        ),
        _type(
            "Observation",
            "Observations",
            [
                Property(name="phenomenonTime", type="time"),
                Property(name="result", type="any", nullable=True),
                Property(name="resultTime", type="instant", nullable=True),
                Property(name="resultQuality", type="any", nullable=True),
                Property(name="validTime", type="interval", nullable=True),
                Property(name="parameters", type="json", nullable=True),
            ],
            [
                _one("Datastream", "Datastream", "Observations"),
                _one("MultiDatastream", "MultiDatastream", "Observations"),
                _one("FeatureOfInterest", "FeatureOfInterest", "Observations"),
            ],
        ),
        _type(
            "FeatureOfInterest",
            "FeaturesOfInterest",
            [
                *_NAMED,
                _text("encodingType"),
                Property(name="feature", type="any", mandatory=True),
                _PROPERTIES,
            ],
            [_many("Observations", "Observation", "FeatureOfInterest")],
        ),
    )
}
SETS: Final[dict[str, EntityType]] = {one.set: one for one in TYPES.values()}
