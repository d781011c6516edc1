"""Updates: what is given takes the place of what was. Spec: OGC 18-088 10.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import UNSET

from stadtkern.broker.sensorthings.body import Body, Reference, is_null, read_time
from stadtkern.broker.sensorthings.deletion import absent, find_entity, find_instance, implied
from stadtkern.broker.sensorthings.form import unit_code, update_patch
from stadtkern.broker.sensorthings.known import Known, missing
from stadtkern.broker.sensorthings.plan import Place, Plan, check_counts, check_result
from stadtkern.broker.sensorthings.streams import StreamLookup
from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import BadRequestData, OperationNotSupported, Problem
from stadtkern.model.entity import Entity, InstancePatch
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.measured import EXTRAS
from stadtkern.model.operation import (
    DescribeSeries,
    MoveThing,
    Operation,
    PatchHistoryInstance,
    UpdateAttributes,
)
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_terms import (
    ENCODING_TYPE,
    IMPLIED_PROPERTY,
    LOCATION,
    LOCATIONS,
    RAW_LOCATION,
    TYPE_IRIS,
    UNKNOWN_SENSOR,
)
from stadtkern.model.stream import Description
from stadtkern.policy.grant import Grant
from stadtkern.store.read import load_by_id
from stadtkern.store.sensorthings import target
from stadtkern.store.sensorthings.target import Stream

_MEASUREMENT = ("unitOfMeasurement", "observationType", "unitOfMeasurements", "multiObservationDataTypes")


class Update:
    """One update. size: bytes of its request."""

    def __init__(
        self, tenant: OpenTenant, streams: StreamLookup, grant: Grant, known: Known, now: Instant, size: int
    ) -> None:
        self._tenant = tenant
        self._streams = streams
        self._grant = grant
        self._known = known
        self._now = now
        self._size = size

    async def run(self, type: TypeName, id_: int, body: Body) -> None:
        """Change an entity of SensorThings. Raises: ResourceNotFound, BadRequestData, OperationNotSupported."""
        match type:
            case "Observation":
                await self._observation(id_, body)
            case "HistoricalLocation":
                await self._stay(id_, body)
            case "Datastream" | "MultiDatastream":
                await self._stream(type, id_, body)
            case _:
                await self._entity(type, id_, body)

    async def _entity(self, type: TypeName, id_: int, body: Body) -> None:
        if id_ == UNKNOWN_SENSOR or (type == "ObservedProperty" and id_ > IMPLIED_PROPERTY):
            raise implied(type)
        entity = await find_entity(self._tenant, self._grant, type, id_, self._now)
        if type in {"Location", "FeatureOfInterest"} and TYPE_IRIS[type] not in entity.types:
            raise implied(type)
        operations = self._links(type, id_, entity, body)
        if body.values:
            operations.insert(0, UpdateAttributes(entity.id, update_patch(*_with_place(entity, body))))
        await self._write(operations)
        if type == "Location" and not {"location", "encodingType"}.isdisjoint(body.values):
            await self._move_things(entity.id)

    def _links(self, type: TypeName, id_: int, entity: Entity, body: Body) -> list[Operation]:
        """Give what other links of an entity come to."""
        operations: list[Operation] = []
        for relation, targets in body.links.items():
            found = cast("list[Reference]", targets)
            if (type, relation) == ("Thing", "Locations"):
                operations.append(self._move(entity, found))
            elif (type, relation) == ("Location", "Things"):
                place = Place(entity.id, _geometry(entity))
                for one in found:
                    plan = Plan(self._known, self._now)
                    plan.move(plan.find_thing(one), [place], self._now)
                    operations.extend(plan.operations)
            elif type in {"Sensor", "ObservedProperty"} and relation == "Datastreams":
                operations.extend(self._attach(type, entity, one) for one in found)
            else:
                self._refuse_to_move(type, id_, relation, found)
        return operations

    def _move(self, entity: Entity, locations: list[Reference]) -> Operation:
        plan = Plan(self._known, self._now)
        places = [plan.place(one) for one in locations]
        geometry = next((one.geometry for one in places if one.geometry is not None), None)
        return MoveThing(entity.id, [one.id for one in places], _as_patch(geometry), self._now)

    def _attach(self, type: TypeName, entity: Entity, reference: Reference) -> Operation:
        """Link a Datastream to another Sensor or ObservedProperty."""
        stream = self._known.stream(reference)
        said = Description(sensor=entity.id) if type == "Sensor" else Description(observed_property=entity.id)
        return DescribeSeries(stream.thing, stream.attribute, stream.dataset_id, said)

    def _refuse_to_move(self, type: TypeName, id_: int, relation: str, found: list[Reference]) -> None:
        """Let a link pass that is there already; what belongs to another cannot be taken over."""
        for one in found:
            streams = [self._known.streams.get(one.id)] if one.type in {"Datastream", "MultiDatastream"} else []
            if not (type == "Thing" and streams and streams[0] is not None and streams[0].thing_n == id_):
                raise OperationNotSupported(
                    f"The {relation} of a {type} cannot be changed by an update of the {type}",
                    hint=f"a {TYPES[type].relations[relation].target} stays where it was created",
                )

    async def _move_things(self, location: EntityId) -> None:
        """Let the geometry of a Location that changed reach the Things that are there, slice after slice."""
        after = 0
        while True:
            things = await target.things_at(self._tenant.database, self._grant, location, after)
            if not things:
                return
            after = things[-1]
            found = await target.load_entities(self._tenant.database, self._grant, things, self._now)
            locations = {one.id: _locations(one) for one in found.values()}
            wanted = list(dict.fromkeys(id_ for ids in locations.values() for id_ in ids))
            shapes = await self._shapes(wanted)
            operations = [
                MoveThing(thing, None, _as_patch(next((s for id_ in ids if (s := shapes.get(id_)) is not None), None)))
                for thing, ids in locations.items()
                if ids
            ]
            await self._write(operations, together=False)

    async def _shapes(self, locations: Sequence[EntityId]) -> dict[EntityId, msgspec.Raw | None]:
        """Give the geometries of Locations."""
        loaded = await load_by_id(self._tenant.database, self._grant, locations, self._now)
        return {id_: _geometry(entity) for id_, (_, entity) in loaded.items()}

    async def _stream(self, type: TypeName, id_: int, body: Body) -> None:
        stream = self._known.streams.get(id_)
        if stream is None or (stream.size is not None) != (type == "MultiDatastream"):
            raise absent(type, id_)
        if stream.size is not None:
            check_counts(body, stream.size)
        said = self._description(stream, body)
        if said != Description():
            await self._write([DescribeSeries(stream.thing, stream.attribute, stream.dataset_id, said)])

    def _description(self, stream: Stream, body: Body) -> Description:
        thing = body.one("Thing")
        if thing is not None and cast("Reference", thing).id != stream.thing_n:
            raise OperationNotSupported("A Datastream stays with its Thing", hint="create another one")
        if body.links.keys() - {"Thing", "Sensor", "ObservedProperty"}:
            raise OperationNotSupported("An update of a Datastream can link to a Sensor and an ObservedProperty alone")
        sensor, observed = body.one("Sensor"), body.one("ObservedProperty")
        plan = Plan(self._known, self._now)
        named = None if observed is None else plan.observed(observed)[1]
        property_id = EntityId(named) if isinstance(named, str) else None
        unit = body.values.get("unitOfMeasurement")
        given = body.values.get("properties")
        return Description(
            name=body.text("name") if "name" in body.values else UNSET,
            description=body.text("description") if "description" in body.values else UNSET,
            measurement={name: body.values[name] for name in _MEASUREMENT if name in body.values},
            unit=UNSET if unit is None else unit_code(unit),
            sensor=UNSET if sensor is None else plan.sensor(sensor),
            observed_property=UNSET if observed is None else property_id,
            properties=UNSET if given is None else None if is_null(given) else given,
        )

    async def _observation(self, id_: int, body: Body) -> None:
        found = await find_instance(self._tenant, self._grant, "Observation", id_, self._now)
        stream = (await self._streams.find(self._grant, [found.series])).get(found.series)
        if stream is None:
            raise absent("Observation", id_)
        patch = self._instance(stream, body)
        if patch != InstancePatch():
            await self._write([PatchHistoryInstance(found.thing, found.attribute, id_, patch)])

    def _instance(self, stream: Stream, body: Body) -> InstancePatch:
        """Give what changes of an Observation."""
        values = body.values
        removed = {name for name in EXTRAS if name in values and is_null(values[name])}
        start = end = result_time = None
        time, result = body.text("phenomenonTime"), values.get("result")
        if time is not None:
            start, end = read_time(time, "/phenomenonTime")
            removed |= set() if end is not None else {"phenomenonTimeEnd"}
        elif "phenomenonTime" in values:
            raise BadRequestData("phenomenonTime of an Observation cannot be null", pointer="/phenomenonTime")
        if "resultTime" in values:
            text = body.text("resultTime")
            result_time = None if text is None else read_time(text, "/resultTime")[0]
            removed |= set() if text is not None else {"resultTime"}
        if result is not None:
            check_result(result, stream.size, "/result")
        feature = self._feature(stream, body)
        return InstancePatch(
            value=UNSET if result is None else result,
            observed_at=start,
            end_time=end,
            result_time=result_time,
            feature=feature or None,
            extra={name: values[name] for name in EXTRAS if name in values and name not in removed},
            removed=frozenset(removed | ({"featureOfInterest"} if feature == 0 else set())),
        )

    def _feature(self, stream: Stream, body: Body) -> int | None:
        """Give the number of another feature of interest; 0 for the Thing itself, None where nothing changes."""
        for relation in ("Datastream", "MultiDatastream"):
            given = body.one(relation)
            if given is not None and cast("Reference", given).id != stream.n:
                raise OperationNotSupported("An Observation stays with its Datastream", hint="create another one")
        feature = body.one("FeatureOfInterest")
        if feature is None:
            return None
        reference = cast("Reference", feature)
        self._known.entity(reference)
        return 0 if reference.id == stream.thing_n else reference.id

    async def _stay(self, id_: int, body: Body) -> None:
        found = await find_instance(self._tenant, self._grant, "HistoricalLocation", id_, self._now)
        time, locations = body.text("time"), cast("list[Reference]", body.all("Locations"))
        if "Thing" in body.links and not self._is_thing(cast("Reference", body.one("Thing")), found.thing):
            raise OperationNotSupported("A HistoricalLocation stays with its Thing", hint="create another one")
        if locations and found.attribute != LOCATIONS:
            raise implied("Location")
        patch = InstancePatch(
            value=raw([self._known.entity(one).id for one in locations]) if locations else UNSET,
            observed_at=None if time is None else read_time(time, "/time")[0],
        )
        if patch != InstancePatch():
            await self._write([PatchHistoryInstance(found.thing, found.attribute, id_, patch)])

    def _is_thing(self, reference: Reference, thing: EntityId) -> bool:
        entity = self._known.entities.get(reference.id)
        if entity is None:
            raise missing(reference)
        return entity.id == thing

    async def _write(self, operations: Sequence[Operation], *, together: bool = True) -> None:
        if together and len(operations) > 1:
            await self._tenant.writer.write_together(self._grant, operations, self._size)
            return
        for one in await self._tenant.writer.write(self._grant, operations, self._size):
            if isinstance(one, Problem):
                raise one


def _with_place(entity: Entity, body: Body) -> tuple[dict[str, msgspec.Raw], msgspec.Raw | None]:
    """Give the properties to write and the encoding that a place will have; another encoding reads the place anew."""
    values = dict(body.values)
    encoding = values.get("encodingType")
    stored = entity.attributes.get(ENCODING_TYPE)
    if encoding is None:
        return values, stored[0].value if stored else None
    for name in ("location", "feature"):
        is_there = LOCATION in entity.attributes or RAW_LOCATION in entity.attributes
        if name not in values and is_there and name in _place_name(entity):
            group = entity.attributes.get(RAW_LOCATION) or entity.attributes[LOCATION]
            values[name] = group[0].value
    return values, encoding


def _place_name(entity: Entity) -> set[str]:
    return {"feature"} if TYPE_IRIS["FeatureOfInterest"] in entity.types else {"location"}


def _geometry(entity: Entity) -> msgspec.Raw | None:
    group = entity.attributes.get(LOCATION)
    return group[0].value if group else None


def _locations(thing: Entity) -> list[EntityId]:
    group = thing.attributes.get(LOCATIONS)
    return [EntityId(one) for one in unraw(group[0].value)] if group else []


def _as_patch(geometry: msgspec.Raw | None) -> InstancePatch:
    """Give a Thing's geometry; one that is deleted where none of its Locations has one."""
    return InstancePatch(deleted=True) if geometry is None else InstancePatch(kind="GeoProperty", value=geometry)
