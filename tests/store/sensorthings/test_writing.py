"""What is written in the terms of SensorThings is there as NGSI-LD, whole, and the other way round."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from stadtkern.broker.broker import Broker
from stadtkern.broker.sensorthings.writing import SensorThingsWriter
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import BadRequestData, OperationNotSupported, Problem, ResourceNotFound
from stadtkern.model.entity import Entity, EntityPatch, Instance, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import now, parse_instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import AppendAttributes, CreateEntity
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_terms import IMPLIED_PROPERTY, LOCATION, LOCATIONS, NAME, PROPERTIES, TYPE_IRIS
from stadtkern.model.sensorthings_terms import UNKNOWN_SENSOR as UNKNOWN
from stadtkern.policy.grant import make_grant
from stadtkern.query.filter import HasType
from stadtkern.query.request import TemporalQuery
from stadtkern.store.sensorthings.target import load_entities
from tests.store.consistency import assert_consistent
from tests.store.sensorthings.bodies import NO2, NOON, PROPERTY, SENSOR, UNIT, link, multi, place, stream, thing
from tests.store.stores import GRANT, ROOM, TEMPERATURE, count, succeed


class Service:
    """SensorThings and NGSI-LD over one tenant."""

    def __init__(self, tenants: Tenants, tenant: OpenTenant) -> None:
        self.writer = SensorThingsWriter(tenants)
        self.broker = Broker(tenants)
        self.tenant = tenant

    async def create(self, type: TypeName, body: Any, parent: tuple[str, int] | None = None) -> int:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        created = await self.writer.create(GRANT, type, text, parent=parent)
        assert created.type == type
        return created.id

    async def update(self, type: TypeName, id_: int, body: Any) -> None:
        await self.writer.update(GRANT, type, id_, json.dumps(body).encode())

    async def delete(self, type: TypeName, id_: int) -> None:
        await self.writer.delete(GRANT, type, id_)

    async def entity(self, n: int) -> Entity:
        return (await load_entities(self.tenant.database, GRANT, [n], now()))[n]

    async def ids(self, table: str, column: str = "n") -> list[int]:
        return [row[0] for row in await self.tenant.database.fetch(f"SELECT {column} FROM {table} ORDER BY {column}")]

    async def history(self, id_: EntityId, attribute: str) -> list[Instance]:
        page = await self.broker.retrieve_history(GRANT, id_, TemporalQuery(), attributes=None, most=100)
        return [one for series in page.histories[0].attributes[Iri(attribute)] for one in series.instances]

    async def typed(self, type: TypeName) -> list[int]:
        rows = await self.tenant.database.fetch("SELECT n, type FROM entity_type ORDER BY n")
        live = {row[0] for row in await self.tenant.database.fetch("SELECT n FROM entity WHERE state = 0")}
        return [row[0] for row in rows if row[1] == TYPE_IRIS[type] and row[0] in live]


@pytest.fixture
def service(tenants: Tenants, tenant: OpenTenant) -> Service:
    return Service(tenants, tenant)


async def test_thing_with_everything_inline_is_an_ngsi_ld_entity_with_history(service: Service) -> None:
    observations = [
        {"result": 20.50, "phenomenonTime": NOON, "resultTime": "2026-03-01T12:00:05Z", "parameters": {"a": 1}},
        {"result": 21, "phenomenonTime": "2026-03-01T12:00:00Z/2026-03-01T13:00:00Z", "resultQuality": "good"},
    ]
    body = thing(Locations=[place()], Datastreams=[stream(Observations=observations)])
    n = await service.create("Thing", body)
    entity = await service.entity(n)
    assert entity.types == [TYPE_IRIS["Thing"]]
    assert entity.id.startswith("urn:ngsi-ld:Thing:")
    assert unraw(entity.attributes[NAME][0].value) == "T"
    assert bytes(entity.attributes[PROPERTIES][0].value) == b'{"floor": 1.5}'
    assert unraw(entity.attributes[LOCATION][0].value)["coordinates"] == [10, 50]
    assert entity.attributes[Iri(NO2)][0].unit_code == "CEL"
    first, second = await service.history(entity.id, NO2)
    assert (unraw(first.value), first.observed_at) == (20.5, parse_instant(NOON))
    assert (first.result_time, unraw(first.extra["parameters"])) == (parse_instant("2026-03-01T12:00:05Z"), {"a": 1})
    assert (second.end_time, second.result_time) == (parse_instant("2026-03-01T13:00:00Z"), None)
    [location] = await service.typed("Location")
    assert first.feature == second.feature == location
    [[sensor, observed]] = await service.tenant.database.fetch(
        "SELECT sensor, observed_property FROM series WHERE sensor IS NOT NULL"
    )
    assert ([sensor], [observed]) == (await service.typed("Sensor"), await service.typed("ObservedProperty"))
    await assert_consistent(service.tenant.database)


async def test_observation_of_an_existing_datastream_is_the_current_value(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place()]))
    datastream = await service.create("Datastream", stream(), ("Thing", n))
    before = now()
    first = await service.create("Observation", b'{"result": 1.10, "Datastream": {"@iot.id": %d}}' % datastream)
    second = await service.create("Observation", {"result": 3, "phenomenonTime": NOON}, ("Datastream", datastream))
    assert await service.ids("observation WHERE observed = 1 AND num IS NOT NULL", "id") == [first, second]
    current = (await service.entity(n)).attributes[Iri(NO2)][0]
    assert bytes(current.value) == b"1.10"
    assert before <= (current.observed_at or 0) <= now()
    assert current.result_time is None
    await assert_consistent(service.tenant.database)


@pytest.mark.parametrize(
    ("result", "kind"),
    [('"a"', "Property"), ("true", "Property"), ("null", "JsonProperty"), ('{"a": 1.0}', "JsonProperty")],
)
async def test_results_of_any_type_keep_their_literal(service: Service, result: str, kind: str) -> None:
    n = await service.create("Thing", thing(Locations=[place()], Datastreams=[stream()]))
    [datastream] = await service.ids("series WHERE name IS NOT NULL")
    await service.create("Observation", f'{{"result": {result}}}'.encode(), ("Datastream", datastream))
    current = (await service.entity(n)).attributes[Iri(NO2)][0]
    assert (bytes(current.value).decode(), current.kind) == (result, kind)
    await assert_consistent(service.tenant.database)


async def test_multi_datastream_takes_as_many_values_as_it_has_properties(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place()]))
    id_ = await service.create("MultiDatastream", multi(), ("Thing", n))
    await service.create("Observation", {"result": [1, None]}, ("MultiDatastream", id_))
    attribute = Iri("https://uri.etsi.org/ngsi-ld/default-context/no2_humidity")
    current = (await service.entity(n)).attributes[attribute][0]
    assert (current.kind, unraw(current.value)) == ("JsonProperty", [1, None])
    for result in ([1], [1, 2, 3], 1):
        with pytest.raises(BadRequestData):
            await service.create("Observation", {"result": result}, ("MultiDatastream", id_))
    with pytest.raises(BadRequestData):
        await service.create("Observation", {"result": 1, "Datastream": link(id_)})
    with pytest.raises(BadRequestData, match="unitOfMeasurements"):
        await service.create("MultiDatastream", multi(unitOfMeasurements=[UNIT]), ("Thing", n))


async def test_second_datastream_of_one_property_has_a_dataset_id(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place()], Datastreams=[stream(), stream()]))
    await service.create("Datastream", stream(), ("Thing", n))
    rows = await service.tenant.database.fetch("SELECT dataset_id FROM series WHERE name = 'D' ORDER BY n")
    assert rows[0][0] == ""
    assert len({row[0] for row in rows}) == 3
    assert all(row[0].startswith("urn:ngsi-ld:Datastream:") for row in rows[1:])


async def test_datastreams_created_at_once_have_dataset_ids_of_their_own(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place()]))
    sensor, observed = await service.create("Sensor", SENSOR), await service.create("ObservedProperty", PROPERTY)
    body = stream(Sensor=link(sensor), ObservedProperty=link(observed))
    results = await asyncio.gather(
        *(service.create("Datastream", body, ("Thing", n)) for _ in range(3)), return_exceptions=True
    )
    assert len({one for one in results if isinstance(one, int)}) == 3
    assert await count(service.tenant, "series WHERE name = 'D'") == 3
    await assert_consistent(service.tenant.database)


async def test_things_that_a_grant_does_not_show_are_not_there_for_writes(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place()], Datastreams=[stream(Observations=[{"result": 1}])]))
    thing_id = (await service.entity(n)).id
    [datastream] = await service.ids("series WHERE name IS NOT NULL")
    [observation] = await service.ids("observation WHERE num = 1", "id")
    other = make_grant(GRANT.tenant, "guest", "write", row_filter=HasType(ROOM))
    text = json.dumps({"result": 2, "Datastream": link(datastream)}).encode()
    with pytest.raises(BadRequestData) as raised:
        await service.writer.create(other, "Observation", text)
    assert thing_id not in raised.value.detail
    with pytest.raises(ResourceNotFound):
        await service.writer.create(other, "Datastream", json.dumps(stream()).encode(), parent=("Thing", n))
    hidden: list[tuple[TypeName, int]] = [("Thing", n), ("Datastream", datastream), ("Observation", observation)]
    for type_, id_ in hidden:
        with pytest.raises(ResourceNotFound):
            await service.writer.update(
                other, type_, id_, b'{"name": "x"}' if type_ != "Observation" else b'{"result": 5}'
            )
        with pytest.raises(ResourceNotFound):
            await service.writer.delete(other, type_, id_)
    assert await count(service.tenant, "observation WHERE num IS NOT NULL AND num <> 1") == 0


async def test_ngsi_ld_entity_takes_observations_as_a_thing(service: Service) -> None:
    point = InstancePatch(kind="GeoProperty", value=raw({"type": "Point", "coordinates": [1, 2]}))
    value = InstancePatch(kind="Property", value=raw(1), observed_at=parse_instant("2026-01-01T00:00:00Z"))
    entity = EntityPatch(types=[ROOM], attributes={LOCATION: [point], TEMPERATURE: [value]})
    room = EntityId("urn:room:1")
    await succeed(service.tenant, CreateEntity(room, entity))
    [n], [datastream] = await service.ids("entity"), await service.ids("series")
    [attribute] = await service.ids("observed_attribute")
    await service.create("Observation", {"result": 2}, ("Datastream", datastream))
    implied = stream(ObservedProperty=link(IMPLIED_PROPERTY + attribute), Sensor=link(UNKNOWN))
    await service.create("Datastream", implied, ("Thing", n))
    history = await service.history(room, TEMPERATURE)
    assert [(unraw(one.value), one.feature) for one in history] == [(1, None), (2, None)]
    rows = await service.tenant.database.fetch(
        "SELECT attribute, sensor, observed_property FROM series WHERE name = 'D'"
    )
    assert [tuple(row) for row in rows] == [(TEMPERATURE, None, None)]


@pytest.mark.parametrize(
    ("type", "body", "pointer"),
    [
        ("Thing", {"description": "t"}, "/name"),
        ("Thing", thing(name=None), "/name"),
        ("Thing", thing(name=5), "/name"),
        ("Thing", thing(colour="red"), "/colour"),
        ("Thing", thing(properties=[1]), "/properties"),
        ("Thing", thing(Locations=[{**place(), "location": {"type": "Point", "coordinates": [999, 0]}}]), None),
        ("Thing", thing(Locations=place()), "/Locations"),
        ("Thing", thing(Locations=[link(77)]), "/Locations/0"),
        ("Thing", thing(Datastreams=[stream(Sensor=link(77))]), "/Datastreams/0/Sensor"),
        ("Thing", thing(Datastreams=[stream(Observations=[{"result": 1}])]), None),
        ("Thing", thing(Locations=[place()], Datastreams=[stream(Observations=[{}])]), None),
        ("Datastream", stream(), "/Thing"),
        ("Observation", {"result": 1}, "/Datastream"),
        ("Observation", {"result": 1, "Datastream": link(1)}, "/Datastream"),
        ("Observation", {"result": 1, "phenomenonTime": "yesterday", "Datastream": link(1)}, "/phenomenonTime"),
        ("Observation", {"result": 1, "phenomenonTime": f"{NOON}/2020-01-01T00:00:00Z"}, "/phenomenonTime"),
        ("Observation", {"result": 1, "Datastream": {"@iot.id": "x"}}, "/Datastream/@iot.id"),
        ("HistoricalLocation", {"time": NOON, "Locations": [place()]}, "/Thing"),
        ("Sensor", {**SENSOR, "metadata": None}, "/metadata"),
    ],
)
async def test_broken_bodies_are_refused_and_leave_nothing(
    service: Service, type: TypeName, body: Any, pointer: str | None
) -> None:
    with pytest.raises(BadRequestData) as raised:
        await service.create(type, body)
    assert pointer is None or raised.value.pointer == pointer
    assert [await count(service.tenant, table) for table in ("entity", "series", "observation", "change")] == [0] * 4


async def test_parent_that_is_not_there_is_not_found(service: Service) -> None:
    with pytest.raises(ResourceNotFound):
        await service.create("Datastream", stream(), ("Thing", 5))
    with pytest.raises(ResourceNotFound):
        await service.create("Observation", {"result": 1}, ("Datastream", 5))


async def test_thing_moves_through_its_locations_and_keeps_where_it_was(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place(1)]))
    second = await service.create("Location", place(2), ("Things", n))
    entity = await service.entity(n)
    assert unraw(entity.attributes[LOCATION][0].value)["coordinates"] == [2, 50]
    past = {"time": "2020-01-01T00:00:00Z", "Locations": [link(second)]}
    id_ = await service.create("HistoricalLocation", past, ("Thing", n))
    history = await service.history(entity.id, LOCATIONS)
    assert history[0].instance_id == id_
    assert len(history) == 3
    first = (await service.typed("Location"))[0]
    await service.update("Thing", n, {"Locations": [link(first)]})
    entity = await service.entity(n)
    assert unraw(entity.attributes[LOCATION][0].value)["coordinates"] == [1, 50]
    await service.update("Location", first, {"location": place(7)["location"]})
    entity = await service.entity(n)
    assert unraw(entity.attributes[LOCATION][0].value)["coordinates"] == [7, 50]
    assert LOCATIONS in entity.attributes
    await service.update("HistoricalLocation", id_, {"time": "2019-01-01T00:00:00Z"})
    assert (await service.history(entity.id, LOCATIONS))[0].observed_at == parse_instant("2019-01-01T00:00:00Z")
    point = InstancePatch(kind="GeoProperty", value=raw({"type": "Point", "coordinates": [8, 8]}))
    await succeed(service.tenant, AppendAttributes(entity.id, EntityPatch(attributes={LOCATION: [point]})))
    assert LOCATIONS not in (await service.entity(n)).attributes
    await assert_consistent(service.tenant.database)


async def test_update_replaces_what_is_given_and_nothing_else(service: Service) -> None:
    n = await service.create("Thing", thing())
    await service.update("Thing", n, {"@iot.id": 99, "description": "new", "properties": {"b": 2}})
    entity = await service.entity(n)
    texts = {name.rpartition("/")[2]: unraw(group[0].value) for name, group in entity.attributes.items()}
    assert texts == {"name": "T", "description": "new", "properties": {"b": 2}}
    await service.update("Thing", n, {"properties": None})
    assert PROPERTIES not in (await service.entity(n)).attributes
    for body in ({"name": None}, {"Locations": [place()]}, {"nothing": 1}):
        with pytest.raises(BadRequestData):
            await service.update("Thing", n, body)
    with pytest.raises(ResourceNotFound):
        await service.update("Thing", n + 50, {"name": "x"})
    with pytest.raises(ResourceNotFound):
        await service.update("Sensor", n, {"name": "x"})


async def test_update_of_a_datastream_keeps_its_values_in_step(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place()], Datastreams=[stream(Observations=[{"result": 1}])]))
    [id_] = await service.ids("series WHERE name IS NOT NULL")
    other = await service.create("Sensor", SENSOR)
    kelvin = {"name": "kelvin", "symbol": "K", "definition": None}
    await service.update("Datastream", id_, {"name": "E", "unitOfMeasurement": kelvin, "Sensor": link(other)})
    assert (await service.entity(n)).attributes[Iri(NO2)][0].unit_code == "KEL"
    [row] = await service.tenant.database.fetch(
        f"SELECT name, sensor, description, measurement FROM series WHERE n = {id_}"
    )
    assert tuple(row[:3]) == ("E", other, "d")
    assert json.loads(row[3]) == {"unitOfMeasurement": kelvin, "observationType": "http://example.org/Measurement"}
    with pytest.raises(OperationNotSupported):
        await service.update("Datastream", id_, {"Thing": link(await service.create("Thing", thing()))})
    with pytest.raises(BadRequestData):
        await service.update("Datastream", id_, {"Sensor": link(n)})
    await assert_consistent(service.tenant.database)


async def test_update_of_an_observation_changes_what_it_names(service: Service) -> None:
    body = thing(Locations=[place()], Datastreams=[stream()])
    n = await service.create("Thing", body)
    [datastream] = await service.ids("series WHERE name IS NOT NULL")
    span = {"result": 1, "phenomenonTime": f"{NOON}/2026-03-01T13:00:00Z", "resultTime": NOON, "parameters": {"a": 1}}
    id_ = await service.create("Observation", span, ("Datastream", datastream))
    await service.update("Observation", id_, {"result": 2, "resultTime": None})
    current = (await service.entity(n)).attributes[Iri(NO2)][0]
    assert (unraw(current.value), current.result_time, unraw(current.extra["parameters"])) == (2, None, {"a": 1})
    assert current.end_time == parse_instant("2026-03-01T13:00:00Z")
    await service.update("Observation", id_, {"phenomenonTime": "2026-03-01T11:00:00Z", "parameters": None})
    current = (await service.entity(n)).attributes[Iri(NO2)][0]
    assert (current.observed_at, current.end_time) == (parse_instant("2026-03-01T11:00:00Z"), None)
    assert current.extra == {}
    await service.update("Observation", id_, {"FeatureOfInterest": link(n)})
    assert (await service.entity(n)).attributes[Iri(NO2)][0].feature is None
    with pytest.raises(ResourceNotFound):
        await service.update("Observation", id_ + 1, {"result": 2})
    await assert_consistent(service.tenant.database)


async def test_observation_with_a_feature_of_its_own(service: Service) -> None:
    n = await service.create("Thing", thing(Datastreams=[stream()]))
    [datastream] = await service.ids("series WHERE name IS NOT NULL")
    feature = {"name": "F", "description": "f", "encodingType": "application/geo+json", "feature": place()["location"]}
    body = {"result": 1, "FeatureOfInterest": feature}
    await service.create("Observation", body, ("Datastream", datastream))
    [made] = await service.typed("FeatureOfInterest")
    await service.create("Observation", {"result": 2, "FeatureOfInterest": link(made)}, ("Datastream", datastream))
    thing_id = (await service.entity(n)).id
    assert [one.feature for one in await service.history(thing_id, NO2)] == [made, made]
    with pytest.raises(BadRequestData, match="FeatureOfInterest"):
        await service.create("Observation", {"result": 1}, ("Datastream", datastream))
    await service.delete("FeatureOfInterest", made)
    assert (
        await count(service.tenant, "observation WHERE observed = 1"),
        await service.typed("FeatureOfInterest"),
    ) == (0, [])
    await assert_consistent(service.tenant.database)


async def _full(service: Service) -> tuple[int, int, int]:
    """A Thing with a Location, a Datastream and a MultiDatastream with values; the ids of the latter."""
    n = await service.create(
        "Thing",
        thing(
            Locations=[place()],
            Datastreams=[stream(Observations=[{"result": 1}])],
            MultiDatastreams=[multi(Observations=[{"result": [1, 2]}])],
        ),
    )
    one, several = await service.ids("series WHERE name IS NOT NULL")
    return n, one, several


@pytest.mark.parametrize(("type", "left"), [("Thing", [0, 0]), ("Sensor", [1, 2]), ("ObservedProperty", [1, 2])])
async def test_deletion_takes_what_cannot_be_without(service: Service, type: TypeName, left: list[int]) -> None:
    n, *_ = await _full(service)
    numbers = [n] if type == "Thing" else await service.typed(type)
    for one in numbers:
        await service.delete(type, one)
    series = await count(service.tenant, "series WHERE name IS NOT NULL")
    observations = await count(service.tenant, "observation WHERE observed = 1")
    # where the Thing was stays, unless it is gone
    assert (series, observations) == (0, left[0])
    assert await service.typed(type) == []
    with pytest.raises(ResourceNotFound):
        await service.delete(type, numbers[0])
    await assert_consistent(service.tenant.database)


async def test_deletion_of_streams_values_and_places(service: Service) -> None:
    n, one, several = await _full(service)
    [observation] = [
        row[0] for row in await service.tenant.database.fetch(f"SELECT id FROM observation WHERE series = {one}")
    ]
    await service.delete("Observation", observation)
    assert Iri(NO2) not in (await service.entity(n)).attributes
    assert await service.ids("series WHERE name IS NOT NULL") == [one, several]
    with pytest.raises(ResourceNotFound):
        await service.delete("Datastream", several)
    await service.delete("Datastream", one)
    await service.delete("MultiDatastream", several)
    [location] = await service.typed("Location")
    await service.delete("Location", location)
    assert await count(service.tenant, "observation WHERE observed = 1") == 0
    assert LOCATIONS not in (await service.entity(n)).attributes
    with pytest.raises(OperationNotSupported):
        await service.delete("Sensor", UNKNOWN)
    await assert_consistent(service.tenant.database)


async def test_masked_and_reading_credentials_write_nothing_they_may_not(service: Service) -> None:
    n = await service.create("Thing", thing(Locations=[place()], Datastreams=[stream()]))
    [datastream] = await service.ids("series WHERE name IS NOT NULL")
    body = json.dumps({"result": 1, "Datastream": link(datastream)}).encode()
    masked = make_grant(GRANT.tenant, "guest", "write", hidden=frozenset({Iri(NO2)}))
    for grant in (
        masked,
        make_grant(GRANT.tenant, "reader", "read"),
        make_grant(GRANT.tenant, "s", "record", types=frozenset({ROOM})),
    ):
        with pytest.raises(Problem):
            await service.writer.create(grant, "Observation", body)
    assert await count(service.tenant, "observation WHERE series > 0 AND num IS NOT NULL") == 0
    source = make_grant(GRANT.tenant, "s", "record", types=frozenset({TYPE_IRIS["Thing"]}))
    await service.writer.create(source, "Observation", body)
    with pytest.raises(Problem):
        await service.writer.delete(source, "Thing", n)
    assert msgspec.json.decode((await service.entity(n)).attributes[Iri(NO2)][0].value) == 1
