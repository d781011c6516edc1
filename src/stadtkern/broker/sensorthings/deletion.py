"""Deletion with what cannot be without it, slice after slice. Spec: OGC 18-088 10.4 (delete, Table 25)."""

from __future__ import annotations

from collections.abc import Sequence

from stadtkern.broker.sensorthings.known import fits
from stadtkern.broker.sensorthings.streams import StreamLookup
from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import Forbidden, OperationNotSupported, Problem, ResourceNotFound
from stadtkern.model.entity import Entity
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    DeleteHistory,
    DeleteHistoryAttribute,
    DeleteHistoryInstance,
    Operation,
)
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_terms import IMPLIED_PROPERTY, LOCATION, LOCATIONS, TYPE_IRIS, UNKNOWN_SENSOR
from stadtkern.policy.grant import Grant
from stadtkern.store.sensorthings import target


class Deletion:
    """One deletion."""

    def __init__(self, tenant: OpenTenant, streams: StreamLookup, grant: Grant, now: Instant) -> None:
        self._tenant = tenant
        self._streams = streams
        self._database = tenant.database
        self._grant = grant
        self._now = now

    async def run(self, type: TypeName, id_: int) -> None:
        """Delete an entity of SensorThings. Raises: ResourceNotFound, OperationNotSupported, Forbidden."""
        if type in {"Observation", "HistoricalLocation"}:
            await self._instance(type, id_)
        elif type in {"Datastream", "MultiDatastream"}:
            await self._stream(type, id_)
        else:
            await self._entity(type, id_)

    async def _instance(self, type: TypeName, id_: int) -> None:
        found = await find_instance(self._tenant, self._grant, type, id_, self._now)
        await self._write([DeleteHistoryInstance(found.thing, found.attribute, id_)])

    async def _stream(self, type: TypeName, id_: int) -> None:
        stream = (await self._streams.find(self._grant, [id_])).get(id_)
        if stream is None or (stream.size is not None) != (type == "MultiDatastream"):
            raise absent(type, id_)
        await self._write([DeleteHistoryAttribute(stream.thing, stream.attribute, stream.dataset_id, described=True)])

    async def _entity(self, type: TypeName, id_: int) -> None:
        if id_ == UNKNOWN_SENSOR or (type == "ObservedProperty" and id_ > IMPLIED_PROPERTY):
            raise implied(type)
        entity = await find_entity(self._tenant, self._grant, type, id_, self._now)
        if type == "Location" and TYPE_IRIS["Location"] not in entity.types:
            # where a Thing is that names no Location: its own geometry
            await self._write([DeleteHistoryAttribute(entity.id, LOCATION)])
            return
        if type == "FeatureOfInterest" and TYPE_IRIS["FeatureOfInterest"] not in entity.types:
            raise OperationNotSupported(
                f"FeatureOfInterest {id_} is a Location or a Thing", hint="delete that, or the Observations"
            )
        await self._cascade(type, id_, entity)
        await self._write([DeleteHistory(entity.id)])

    async def _cascade(self, type: TypeName, id_: int, entity: Entity) -> None:
        """Delete what cannot be without an entity."""
        while True:
            operations = await self._dependent(type, id_, entity)
            if not operations:
                return
            await self._write(operations)

    async def _dependent(self, type: TypeName, id_: int, entity: Entity) -> Sequence[Operation]:
        match type:
            case "Sensor" | "ObservedProperty":
                relation = "sensor" if type == "Sensor" else "property"
                keys = await target.streams_of(self._database, self._grant, relation, id_)
                return [DeleteHistoryAttribute(*key, described=True) for key in keys]
            case "FeatureOfInterest":
                found = await target.observations_of(self._database, self._grant, id_)
                return [DeleteHistoryInstance(*one) for one in found]
            case "Location":
                stays = await target.stays_at(self._database, self._grant, entity.id)
                return [DeleteHistoryInstance(thing, LOCATIONS, stay) for thing, stay in stays]
            case _:
                return []

    async def _write(self, operations: Sequence[Operation]) -> None:
        problems = [one for one in await self._tenant.writer.write(self._grant, operations) if isinstance(one, Problem)]
        if not problems:
            return
        if len(operations) > 1 and isinstance(problems[0], ResourceNotFound):
            raise Forbidden("What hangs on it is not all shown to these credentials: it cannot be deleted with them")
        raise problems[0]


async def find_entity(tenant: OpenTenant, grant: Grant, type: TypeName, id_: int, now: Instant) -> Entity:
    """Give an entity of a set. Raises: ResourceNotFound."""
    entity = (await target.load_entities(tenant.database, grant, [id_], now)).get(id_)
    if entity is None:
        raise absent(type, id_)
    taken = await target.load_taken(tenant.database, grant, [id_]) if type in {"Thing", "Location"} else {}
    is_place = type == "Location" and LOCATION in entity.attributes and LOCATIONS not in entity.attributes
    if not fits(type, entity, taken.get(id_)) and not (is_place and fits("Thing", entity, taken.get(id_))):
        raise absent(type, id_)
    return entity


async def find_instance(tenant: OpenTenant, grant: Grant, type: TypeName, id_: int, now: Instant) -> target.Instance:
    """Give an Observation or a HistoricalLocation. Raises: ResourceNotFound."""
    found = await target.find_instance(tenant.database, grant, id_, now)
    is_stay = found is not None and found.attribute in {LOCATION, LOCATIONS}
    if found is None or is_stay != (type == "HistoricalLocation"):
        raise absent(type, id_)
    return found


def absent(type: TypeName, id_: int) -> ResourceNotFound:
    """Make the failure of asking for what is not there."""
    return ResourceNotFound(f"There is no {type} with the id {id_}")


def implied(type: TypeName) -> OperationNotSupported:
    """Make the failure of changing what no entity describes."""
    return OperationNotSupported(
        f"This {type} follows from the values that are there: it cannot be changed or deleted itself",
        hint=f"create a {type} and link the Datastreams to it",
    )
