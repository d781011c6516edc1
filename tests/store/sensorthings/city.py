"""A small city, written as NGSI-LD and read as SensorThings: everything that a set can hold, and what it must not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stadtkern.broker.sensorthings.reading import SensorThingsReader
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw
from stadtkern.model.operation import (
    CreateEntity,
    DeleteEntity,
    DescribeSeries,
    MoveThing,
    Operation,
    RecordHistory,
)
from stadtkern.model.sensorthings import SETS, TYPES
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.model.sensorthings_terms import (
    DEFINITION,
    DESCRIPTION,
    ENCODING_TYPE,
    LOCATION,
    METADATA,
    NAME,
    PROPERTIES,
    TYPE_IRIS,
)
from stadtkern.model.stream import Description
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.options import parse_query
from stadtkern.query.odata.target import parse_target
from tests.store.histories import at
from tests.store.stores import GRANT, succeed

EX = "https://example.org/"
STATION, LAMP = Iri(f"{EX}Station"), Iri(f"{EX}Lamp")
NO2, TEMPERATURE, SECRET = Iri(f"{EX}no2"), Iri(f"{EX}temperature"), Iri(f"{EX}secret")
SECOND = "urn:ngsi-ld:Dataset:roof"
A, B, TREE, CAR = (EntityId(f"urn:city:{name}") for name in ("a", "b", "tree", "car"))
GONE, OVER, HALL = EntityId("urn:city:gone"), EntityId("urn:city:over"), EntityId("urn:city:hall")
DEVICE, GAS, HERE, THERE, AIR = (EntityId(f"urn:city:{name}") for name in ("device", "gas", "here", "there", "air"))


def value(content: Any, **members: Any) -> InstancePatch:
    return InstancePatch(kind="Property", value=raw(content), **members)


def json(content: Any) -> InstancePatch:
    return InstancePatch(kind="JsonProperty", value=raw(content))


def point(east: float, north: float, **members: Any) -> InstancePatch:
    return InstancePatch(kind="GeoProperty", value=raw({"type": "Point", "coordinates": [east, north]}), **members)


def make(id_: EntityId, types: Sequence[Iri], **attributes: Any) -> CreateEntity:
    return CreateEntity(id_, EntityPatch(types=list(types), **attributes))


def recorded(id_: EntityId, attribute: Iri, *instances: InstancePatch) -> RecordHistory:
    return RecordHistory(id_, EntityPatch(attributes={attribute: list(instances)}), create=False)


def series(*values: Any, start: int = 0, **members: Any) -> list[InstancePatch]:
    return [value(one, observed_at=at(start + minute), **members) for minute, one in enumerate(values)]


def operations() -> list[Operation]:
    """What is written, in order."""
    thing, location, sensor, observed_property, feature = (
        TYPE_IRIS[name] for name in ("Thing", "Location", "Sensor", "ObservedProperty", "FeatureOfInterest")
    )
    return [
        make(
            A,
            [STATION],
            attributes={
                NAME: [value("Station A")],
                DESCRIPTION: [value("at the market")],
                Iri(f"{EX}owner"): [value("city")],
                Iri(f"{EX}levels"): [value([1, 2.50, 3])],
                Iri(f"{EX}partOf"): [InstancePatch(kind="Relationship", value=raw(str(HALL)))],
                LOCATION: [point(9.9, 53.5, observed_at=at(0))],
                NO2: [value(20, observed_at=at(0), unit_code="GQ")],
                SECRET: [value("hidden", observed_at=at(0))],
            },
        ),
        make(
            B,
            [STATION, thing],
            attributes={
                Iri("https://schema.org/name"): [value("Station B")],
                PROPERTIES: [json({"room": {"level": 4}, "owner": "state"})],
                LOCATION: [point(10.0, 53.6)],
                TEMPERATURE: [value(18.5, observed_at=at(0), unit_code="CEL")],
            },
        ),
        make(TREE, [Iri(f"{EX}Tree")], attributes={NAME: [value("Tree")], LOCATION: [point(9.0, 53.0)]}),
        make(CAR, [thing], attributes={NAME: [value("Car")]}),
        make(GONE, [STATION], attributes={NO2: [value(1, observed_at=at(0))], LOCATION: [point(1, 1)]}),
        CreateEntity(
            OVER,
            EntityPatch(
                types=[STATION],
                expires_at=Instant(now() + 1_000),
                attributes={NO2: [value(1, observed_at=at(0))], LOCATION: [point(1, 1)]},
            ),
        ),
        make(HALL, [LAMP], attributes={TEMPERATURE: [value(30, observed_at=at(0), unit_code="ZZ")]}),
        make(
            DEVICE,
            [sensor],
            attributes={
                NAME: [value("Device")],
                METADATA: [value("https://x.org/d")],
                ENCODING_TYPE: [value("text/html")],
            },
        ),
        make(GAS, [observed_property], attributes={NAME: [value("Gas")], DEFINITION: [value("https://x.org/gas")]}),
        make(HERE, [location], attributes={NAME: [value("Here")], LOCATION: [point(11.0, 54.0)]}),
        make(THERE, [location], attributes={NAME: [value("There")], LOCATION: [point(12.0, 55.0)]}),
        make(AIR, [feature], attributes={NAME: [value("Air")], LOCATION: [point(13.0, 56.0)]}),
        recorded(A, NO2, *series(21, 22, "n/a", True, start=1), *series(1.50, 2.5, dataset_id=SECOND)),
        recorded(A, LOCATION, point(9.8, 53.4, observed_at=at(-10)), point(9.9, 53.5, observed_at=at(5))),
        recorded(B, TEMPERATURE, value(19.0, observed_at=at(10), end_time=at(20), result_time=at(21))),
        DescribeSeries(
            A,
            NO2,
            SECOND,
            Description(
                name="Roof",
                sensor=DEVICE,
                observed_property=GAS,
                properties=raw({"height": 12}),
                measurement={"unitOfMeasurement": raw({"name": "gram", "symbol": "g", "definition": "x"})},
            ),
        ),
        DescribeSeries(
            CAR,
            TEMPERATURE,
            "",
            Description(name="Both", sensor=DEVICE, multi=True, observed_properties=[GAS]),
            create=True,
        ),
        RecordHistory(
            CAR,
            EntityPatch(
                attributes={TEMPERATURE: [InstancePatch(kind="JsonProperty", value=raw([1, 2]), observed_at=at(0))]}
            ),
            create=False,
            feature=AIR,
        ),
        RecordHistory(B, EntityPatch(attributes={TEMPERATURE: series(17, start=-5)}), create=False, feature=HERE),
        MoveThing(CAR, [HERE], point(11.0, 54.0), at(0)),
        MoveThing(CAR, [THERE, HERE], point(12.0, 55.0), at(9)),
        DeleteEntity(GONE),
    ]


async def build(tenant: OpenTenant) -> None:
    """Write the city."""
    for operation in operations():
        await succeed(tenant, operation)


class City:
    """Asks as a client would, in the words of an address."""

    def __init__(self, tenants: Tenants, grant: Grant = GRANT) -> None:
        self._reader = SensorThingsReader(tenants)
        self._grant = grant

    async def page(self, address: str, limit: int = 100, after: str | None = None) -> Page:
        target, query = _parse(address)
        query = msgspec.structs.replace(query, after=after)
        return await self._reader.read_set(self._grant, target, query, limit=limit)

    async def all(self, address: str) -> list[Record]:
        return (await self.page(address)).records

    async def ids(self, address: str) -> list[int]:
        return [one.id for one in await self.all(address)]

    async def one(self, address: str) -> Record | None:
        return await self._reader.read_one(self._grant, *_parse(address))

    async def get(self, address: str) -> Record:
        found = await self.one(address)
        assert found is not None
        return found

    async def named(self, address: str, name: str) -> Record:
        found = [one for one in await self.all(address) if plain(one).get("name") == name]
        assert len(found) == 1
        return found[0]


def plain(record: Record) -> dict[str, Any]:
    """The values of a record, parsed."""
    return {name: None if text is None else msgspec.json.decode(text) for name, text in record.values.items()}


def texts(record: Record) -> dict[str, str | None]:
    return {name: None if text is None else bytes(text).decode() for name, text in record.values.items()}


def _parse(address: str) -> Any:
    path, _, options = address.partition("?")
    target = parse_target(path)
    type_ = SETS[target.steps[0].name]
    for step in target.steps[1:]:
        type_ = TYPES[type_.relations[step.name].target]
    pairs = [tuple(part.split("=", 1)) for part in options.split("&") if part]
    return target, parse_query(pairs, type_)
