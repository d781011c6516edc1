"""Short forms for writing and asking for histories of rooms."""

from __future__ import annotations

from typing import Any

from stadtkern.broker.broker import Broker
from stadtkern.broker.history_answer import HistoryPage
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.history import EntityHistory
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import CreateEntity, RecordHistory, Repeated
from stadtkern.query.filter import Filter
from stadtkern.query.request import EntityQuery, TemporalQuery, parse_temporal_query
from tests.store.stores import GRANT, ROOM, TEMPERATURE

ID = EntityId("urn:room:1")
HUMIDITY = Iri("https://example.org/humidity")
NAME = Iri("https://example.org/name")
GPS = "urn:ngsi-ld:Dataset:gps"
MINUTE = 60_000_000
T0 = parse_instant("2026-01-01T00:00:00Z")
MANY = 1_000
EARLY, LATE = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"


def at(minute: int) -> Instant:
    return Instant(T0 + minute * MINUTE)


def observed(minute: int, value: Any, **members: Any) -> InstancePatch:
    return InstancePatch(kind="Property", value=raw(value), observed_at=at(minute), **members)


def static(value: Any, **members: Any) -> InstancePatch:
    return InstancePatch(kind="Property", value=raw(value), **members)


def record(
    *instances: InstancePatch,
    id: str = ID,
    attribute: Iri = TEMPERATURE,
    repeated: Repeated = "replace",
    scope: list[str] | None = None,
) -> RecordHistory:
    entity = EntityPatch(types=[ROOM], scope=scope, attributes={attribute: list(instances)} if instances else {})
    return RecordHistory(EntityId(id), entity, repeated=repeated)


def create(scope: list[str] | None = None, id: str = ID, **attributes: InstancePatch) -> CreateEntity:
    named = {Iri(f"https://example.org/{name}"): [patch] for name, patch in attributes.items()}
    return CreateEntity(EntityId(id), EntityPatch(types=[ROOM], scope=scope, attributes=named))


async def retrieve(
    broker: Broker, query: TemporalQuery | None = None, *, id: str = ID, most: int = MANY
) -> HistoryPage:
    return await broker.retrieve_history(GRANT, EntityId(id), query or TemporalQuery(), attributes=None, most=most)


async def query(
    broker: Broker, filter: Filter | None = None, most: int = MANY, **members: Any
) -> tuple[list[str], HistoryPage]:
    """Ask for the histories of all that match within a window that holds everything; give their ids, too."""
    time = members.pop("time", None) or parse_temporal_query(timerel="after", time_at=EARLY)
    attributes = members.pop("attributes", None)
    page = await broker.query_histories(
        members.pop("grant", GRANT), EntityQuery(filter=filter, **members), time, attributes=attributes, most=most
    )
    return [history.id for history in page.histories], page


def by(time_property: str, **members: Any) -> TemporalQuery:
    return parse_temporal_query(timeproperty=time_property, **members)


def shown(history: EntityHistory, attribute: Iri = TEMPERATURE, dataset_id: str = "") -> list[Any]:
    """The values of one series in the order of the answer."""
    return [
        unraw(one.value)
        for series in history.attributes.get(attribute, [])
        if series.dataset_id == dataset_id
        for one in series.instances
    ]


async def instance_ids(broker: Broker, attribute: Iri = TEMPERATURE) -> list[int]:
    [history] = (await retrieve(broker)).histories
    return [one.instance_id or 0 for series in history.attributes[attribute] for one in series.instances]
