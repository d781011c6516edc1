"""From a body to operations that are written together: pure.

Each method plans one entity with all that stands inline in it, and gives what others refer to it by.
Spec: OGC 18-088 10.2 (create, deep insert, links).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import msgspec
from msgspec import Raw

from stadtkern.broker.sensorthings.body import Body, Reference, is_null, read_time
from stadtkern.broker.sensorthings.form import (
    attribute_of,
    attribute_of_several,
    entity_patch,
    geometry_of,
    new_id,
    result_kind,
    unit_code,
)
from stadtkern.broker.sensorthings.known import Known
from stadtkern.errors import BadRequestData
from stadtkern.model.entity import NO_DATASET, Entity, EntityPatch, Instance, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.measured import EXTRAS
from stadtkern.model.operation import CreateEntity, DescribeSeries, MoveThing, Operation, RecordHistory
from stadtkern.model.sensorthings_terms import LOCATION, LOCATIONS, UNKNOWN_SENSOR
from stadtkern.model.stream import Description
from stadtkern.store.sensorthings.target import Stream

COMPLEX: Final = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_ComplexObservation"
_decode = msgspec.json.decode
_MEASUREMENT: Final = ("unitOfMeasurement", "observationType", "unitOfMeasurements", "multiObservationDataTypes")


@dataclass(slots=True)
class Thing:
    """A Thing that Datastreams belong to. taken: what they may not be called; location: where Observations are."""

    id: EntityId
    taken: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    location: EntityId | None = None
    placed: bool = False


@dataclass(slots=True)
class StreamTarget:
    """What Observations are written to. feature: the number, or the id where it is new, of what they observe."""

    thing: EntityId
    attribute: Iri
    dataset_id: str
    unit: str | None
    size: int | None
    series: int | None = None
    feature: int | EntityId | None = None
    placed: bool = False


@dataclass(slots=True)
class Place:
    """A Location. geometry: None where none can be read."""

    id: EntityId
    geometry: Raw | None


Target = Reference | Body


def target_of(stream: Stream) -> StreamTarget:
    """Give an existing series as what Observations are written to."""
    return StreamTarget(
        stream.thing,
        stream.attribute,
        stream.dataset_id,
        stream.unit,
        stream.size,
        stream.n,
        stream.feature,
        stream.placed or stream.feature is not None,
    )


class Plan:
    """The operations of one request. now: the time of what has none of its own."""

    def __init__(self, known: Known, now: Instant) -> None:
        self.operations: list[Operation] = []
        self._known = known
        self._now = now
        self._things: dict[EntityId, Thing] = {}
        self._streams: dict[int, StreamTarget] = {}

    def add(self, body: Body, number: int = 0) -> int:
        """Plan the entity that a request is about; give the place of the operation that makes it.

        number: a negative one, by which later requests of the group may link to it.
        """
        at = self._add(body, number)
        operation = self.operations[at]
        if number and isinstance(operation, CreateEntity):
            self._known.entities[number] = entity_to_be(operation)
        return at

    def _add(self, body: Body, number: int) -> int:
        match body.type:
            case "Thing":
                return self._at(self.thing(body).id)
            case "Location":
                return self._at(self.location(body).id)
            case "Sensor" | "ObservedProperty" | "FeatureOfInterest":
                return self._at(self.described(body))
            case "Datastream" | "MultiDatastream":
                target, at = self.stream(body, None)
                self._streams[number] = target
                return at
            case "Observation":
                return self.observation(body, None)
            case "HistoricalLocation":
                return self.stay(body, None)

    def _at(self, id_: EntityId) -> int:
        return next(at for at, one in enumerate(self.operations) if one.id == id_)

    def thing(self, body: Body) -> Thing:
        """Plan a Thing with its Locations and Datastreams."""
        thing = Thing(new_id("Thing"))
        self._things[thing.id] = thing
        patch = entity_patch("Thing", body.values)
        thing.taken = {(str(name), NO_DATASET) for name in patch.attributes}
        self.operations.append(CreateEntity(thing.id, patch))
        if body.all("Locations"):
            self.move(thing, [self.place(one) for one in body.all("Locations")], self._now)
        for one in body.all("HistoricalLocations"):
            self.stay(_inline(one), thing)
        for relation in ("Datastreams", "MultiDatastreams"):
            for one in body.all(relation):
                self.stream(_inline(one), thing)
        return thing

    def move(self, thing: Thing, places: list[Place], time: Instant) -> int:
        """Plan that a Thing is at Locations since a time; give the operation's place."""
        geometry = next((one.geometry for one in places if one.geometry is not None), None)
        patch = InstancePatch(deleted=True) if geometry is None else InstancePatch(kind="GeoProperty", value=geometry)
        thing.location = places[0].id if places else None
        thing.placed = bool(places)
        self.operations.append(MoveThing(thing.id, [one.id for one in places], patch, time))
        return len(self.operations) - 1

    def place(self, target: Target) -> Place:
        """Plan a Location, or find the one that a link is to."""
        if isinstance(target, Body):
            return self.location(target)
        entity = self._known.entity(target)
        group = entity.attributes.get(LOCATION)
        return Place(entity.id, group[0].value if group else None)

    def location(self, body: Body) -> Place:
        """Plan a Location; Things that it names move there."""
        geometry = geometry_of(body.values["location"], body.values["encodingType"], f"{body.pointer}/location")
        place = Place(new_id("Location"), geometry)
        self.operations.append(CreateEntity(place.id, entity_patch("Location", body.values)))
        for one in body.all("Things"):
            thing = self.find_thing(one)
            self.move(thing, [place], self._now)
        for one in body.all("HistoricalLocations"):
            self.stay(_inline(one), None, [place])
        return place

    def find_thing(self, target: Target) -> Thing:
        """Plan a Thing, or find the one that a link is to."""
        if isinstance(target, Body):
            return self.thing(target)
        entity = self._known.entity(target)
        if entity.id not in self._things:
            taken = {(str(name), one.dataset_id) for name, group in entity.attributes.items() for one in group}
            locations = entity.attributes.get(LOCATIONS)
            first = _decode(locations[0].value, type=list[str]) if locations else []
            thing = Thing(entity.id, taken | self._known.taken.get(target.id, set()))
            thing.location = EntityId(first[0]) if first else None
            thing.placed = bool(first) or LOCATION in entity.attributes
            self._things[entity.id] = thing
        return self._things[entity.id]

    def stay(self, body: Body, thing: Thing | None, places: list[Place] | None = None) -> int:
        """Plan a HistoricalLocation."""
        if thing is None:
            thing = self.find_thing(_needed(body, "Thing"))
        found = [*(places or []), *(self.place(one) for one in body.all("Locations"))]
        if not found:
            raise BadRequestData("A HistoricalLocation needs Locations", pointer=f"{body.pointer}/Locations")
        time, _ = read_time(str(body.text("time")), f"{body.pointer}/time")
        return self.move(thing, found, time)

    def described(self, body: Body) -> EntityId:
        """Plan a Sensor, an ObservedProperty or a FeatureOfInterest, with what stands inline in it."""
        id_ = new_id(body.type)
        self.operations.append(CreateEntity(id_, entity_patch(body.type, body.values)))
        for relation in ("Datastreams", "MultiDatastreams", "Observations"):
            for one in body.all(relation):
                inner = _inline(one)
                if relation == "Observations":
                    self.observation(inner, None, feature=id_)
                elif body.type == "Sensor":
                    self.stream(inner, None, sensor=id_)
                else:
                    self.stream(inner, None, observed=(str(body.text("definition")), id_))
        return id_

    def stream(
        self,
        body: Body,
        thing: Thing | None,
        *,
        sensor: EntityId | None = None,
        observed: tuple[str, EntityId] | None = None,
    ) -> tuple[StreamTarget, int]:
        """Plan a Datastream or MultiDatastream with its Observations; give it and the operation's place."""
        if thing is None:
            thing = self.find_thing(_needed(body, "Thing"))
        named = sensor or self.sensor(_needed(body, "Sensor"))
        multi = body.type == "MultiDatastream"
        if multi:
            properties = [self.observed(one) for one in body.all("ObservedProperties")]
            properties = [*([observed] if observed else []), *properties]
            attribute = attribute_of_several([definition for definition, _ in properties])
        else:
            properties = [observed or self.observed(_needed(body, "ObservedProperty"))]
            attribute = attribute_of(properties[0][0])
        description = describe(body, sensor=named, properties=properties)
        target = StreamTarget(
            thing.id,
            attribute,
            _free_dataset(thing, attribute),
            description.unit if isinstance(description.unit, str) else None,
            len(properties) if multi else None,
            feature=thing.location,
            placed=thing.placed,
        )
        self.operations.append(DescribeSeries(thing.id, attribute, target.dataset_id, description, create=True))
        at = len(self.operations) - 1
        for one in body.all("Observations"):
            self.observation(_inline(one), target)
        return target, at

    def sensor(self, target: Target) -> EntityId | None:
        """Plan a Sensor, or find the one that a link is to; None is the unknown one."""
        if isinstance(target, Body):
            return self.described(target)
        return None if target.id == UNKNOWN_SENSOR else self._known.entity(target).id

    def observed(self, target: Target) -> tuple[str, EntityId | int | None]:
        """Plan an ObservedProperty, or find the one that a link is to: its definition, and its id or number."""
        if isinstance(target, Body):
            return str(target.text("definition")), self.described(target)
        definition, entity = self._known.definition(target)
        return definition, target.id if entity is None else entity.id

    def observation(self, body: Body, target: StreamTarget | None, *, feature: EntityId | None = None) -> int:
        """Plan an Observation; give the operation's place."""
        if target is None:
            target = self.find_stream(body)
        given = body.one("FeatureOfInterest")
        named: EntityId | int | None = feature
        if given is not None:
            named = self.described(given) if isinstance(given, Body) else self._known.entity(given).id
        elif feature is None:
            named = feature_of(target, body)
        # an entity is its own feature: that needs no saying
        named = None if named == target.thing else named
        patch = observe(body, target, self._now)
        patch = msgspec.structs.replace(patch, feature=named if isinstance(named, int) else None)
        entity = EntityPatch(attributes={target.attribute: [patch]})
        self.operations.append(
            RecordHistory(
                target.thing,
                entity,
                create=False,
                series=target.series,
                feature=EntityId(named) if isinstance(named, str) else None,
            )
        )
        return len(self.operations) - 1

    def find_stream(self, body: Body) -> StreamTarget:
        """Plan the Datastream that an Observation is of, or find the one that it links to. Raises: BadRequestData."""
        given = [one for one in (body.one("Datastream"), body.one("MultiDatastream")) if one is not None]
        if len(given) != 1:
            raise BadRequestData(
                "An Observation needs a Datastream or a MultiDatastream" + (", not both" if given else ""),
                pointer=f"{body.pointer}/Datastream",
            )
        if isinstance(given[0], Body):
            return self.stream(given[0], None)[0]
        planned = self._streams.get(given[0].id)
        if planned is not None and (planned.size is not None) == (given[0].type == "MultiDatastream"):
            return planned
        return target_of(self._known.stream(given[0]))


def entity_to_be(operation: CreateEntity) -> Entity:
    """Give the entity that an operation is going to make."""
    attributes = {
        name: [
            Instance(kind=one.kind, value=one.value)
            for one in patches
            if one.kind is not None and isinstance(one.value, Raw)
        ]
        for name, patches in operation.entity.attributes.items()
    }
    return Entity(id=operation.id, types=list(operation.entity.types or ()), attributes=attributes)


def feature_of(target: StreamTarget, body: Body) -> EntityId | int | None:
    """Give what is observed where nobody says so. Raises: BadRequestData. Spec: OGC 18-088 8.2.8."""
    if target.feature is None and not target.placed:
        raise BadRequestData(
            "The Observation needs a FeatureOfInterest: its Thing has no Location that could be it",
            pointer=f"{body.pointer}/FeatureOfInterest",
        )
    return target.feature


def _inline(target: Target) -> Body:
    if isinstance(target, Reference):
        raise BadRequestData(
            f"An existing {target.type} cannot be taken over: it stays where it belongs", pointer=target.pointer
        )
    return target


def _needed(body: Body, relation: str) -> Target:
    target = body.one(relation)
    if target is None:
        raise BadRequestData(f"A {body.type} needs a {relation}", pointer=f"{body.pointer}/{relation}")
    return target


def _free_dataset(thing: Thing, attribute: Iri) -> str:
    """Choose the dataset id of a new series: the first of its attribute is the default one."""
    free = (str(attribute), NO_DATASET) not in thing.taken
    dataset_id = NO_DATASET if free else f"urn:ngsi-ld:Datastream:{uuid4()}"
    thing.taken.add((str(attribute), dataset_id))
    return dataset_id


def describe(
    body: Body, *, sensor: EntityId | None, properties: list[tuple[str, EntityId | int | None]]
) -> Description:
    """Make the description of a new series. Raises: BadRequestData (counts that do not fit)."""
    multi = body.type == "MultiDatastream"
    measurement = {name: body.values[name] for name in _MEASUREMENT if name in body.values}
    if multi:
        check_counts(body, len(properties))
        measurement.setdefault("observationType", raw(COMPLEX))
    ids = [one for _, one in properties if one is not None]
    own = ids[0] if ids and not multi else None
    given = body.values.get("properties")
    return Description(
        name=body.text("name"),
        description=body.text("description"),
        measurement=measurement,
        unit=None if multi else unit_code(body.values["unitOfMeasurement"]),
        sensor=sensor,
        observed_property=EntityId(own) if isinstance(own, str) else None,
        observed_properties=ids if multi else None,
        properties=None if given is None or is_null(given) else given,
        multi=multi,
    )


def check_counts(body: Body, properties: int) -> None:
    """Refuse a MultiDatastream whose parts are not equally many. Spec: OGC 18-088 14.3."""
    if not properties:
        raise BadRequestData("A MultiDatastream needs ObservedProperties", pointer=f"{body.pointer}/ObservedProperties")
    for name in ("unitOfMeasurements", "multiObservationDataTypes"):
        if name in body.values and len(_decode(body.values[name], type=list[Raw])) != properties:
            raise BadRequestData(
                f"{name} must have one element for each of the {properties} ObservedProperties",
                pointer=f"{body.pointer}/{name}",
            )


def check_result(value: Raw, size: int | None, pointer: str) -> None:
    """Refuse a result of a MultiDatastream that has not one value for each property."""
    if size is None:
        return
    fits = bytes(value).lstrip()[:1] == b"[" and len(_decode(value, type=list[Raw])) == size
    if not fits:
        raise BadRequestData(f"The result must be a list of {size} values, one for each property", pointer=pointer)


def observe(body: Body, target: StreamTarget, now: Instant) -> InstancePatch:
    """Make the instance that an Observation is. Raises: BadRequestData."""
    result = body.values["result"]
    check_result(result, target.size, f"{body.pointer}/result")
    time, result_time = body.text("phenomenonTime"), body.text("resultTime")
    start, end = (now, None) if time is None else read_time(time, f"{body.pointer}/phenomenonTime")
    return InstancePatch(
        kind=result_kind(result),
        value=result,
        dataset_id=target.dataset_id,
        observed_at=start,
        unit_code=target.unit,
        end_time=end,
        result_time=None if result_time is None else read_time(result_time, f"{body.pointer}/resultTime")[0],
        extra={name: body.values[name] for name in EXTRAS if name in body.values and not is_null(body.values[name])},
    )
