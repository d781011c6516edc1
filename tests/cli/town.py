"""A small town with a bit of everything that a store can hold."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from stadtkern.app import running
from stadtkern.control.controller import Controller, grant_for
from stadtkern.control.messages import AddContext, CreateKey, CreateTenant, RevokeKey
from stadtkern.errors import Problem
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri, TenantId
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    AppendAttributes,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    DeleteHistory,
    Operation,
    RecordHistory,
    UpdateAttributes,
)
from stadtkern.settings import Settings

TREE = Iri("https://example.org/Tree")
BUS = Iri("https://example.org/Bus")
DEFAULT, FOREST = TenantId("default"), TenantId("forest")
NOON = 1_772_366_400_000_000


def name(what: str) -> Iri:
    """An attribute's full name."""
    return Iri(f"https://example.org/{what}")


def patch(value: str, kind: Any = "Property", **members: Any) -> InstancePatch:
    """One attribute instance, its value as JSON text."""
    return InstancePatch(kind=kind, value=Raw(value.encode()), **members)


def make(id_: str, types: list[Iri], scope: list[str] | None = None, **attributes: InstancePatch) -> CreateEntity:
    """The operation that creates an entity."""
    named = {name(key): [one] for key, one in attributes.items()}
    return CreateEntity(EntityId(id_), EntityPatch(types=types, scope=scope, attributes=named))


def _point(longitude: float) -> str:
    return f'{{"type":"Point","coordinates":[{longitude},51.95]}}'


def _operations() -> list[Operation]:
    tree = EntityId("urn:tree:1")
    bus = EntityId("urn:bus:1")
    moves = [patch(_point(7.6 + hour / 100), "GeoProperty", observed_at=Instant(NOON + hour)) for hour in range(300)]
    readings = [
        patch(str(hour / 8), observed_at=Instant(NOON - hour * 3_600_000_000), unit_code="CEL") for hour in range(9)
    ]
    quality = {"resultQuality": Raw(b'{"code": "good"}')}
    end, result = Instant(NOON + 60_000_000), Instant(NOON + 90_000_000)
    spans = [patch("1.50", observed_at=Instant(NOON), end_time=end, result_time=result, feature=1, extra=quality)]
    return [
        make(tree, [TREE], ["/park/north"], height=patch("12.50"), place=patch(_point(7.6), "GeoProperty")),
        make(
            "urn:tree:2",
            [TREE, BUS],
            note=patch('{\n  "lines": "first\\nsecond"\r\n}'),
            near=patch('"urn:tree:1"', "Relationship"),
        ),
        make("urn:tree:3", [TREE], names=patch('{"de":"Eiche","en":"Oak"}', "LanguageProperty")),
        make("urn:tree:4", [TREE], height=patch("3")),
        make("urn:tree:5", [TREE], height=patch("4")),
        UpdateAttributes(tree, EntityPatch(attributes={name("height"): [patch("13.0")]})),
        AppendAttributes(tree, EntityPatch(attributes={name("height"): [patch("9", dataset_id="urn:laser")]})),
        DeleteAttribute(EntityId("urn:tree:3"), name("names")),
        DeleteEntity(EntityId("urn:tree:4")),
        DeleteHistory(EntityId("urn:tree:5")),
        make(bus, [BUS], at=patch(_point(7.5), "GeoProperty", observed_at=Instant(NOON - 1))),
        RecordHistory(bus, EntityPatch(attributes={name("at"): moves, name("heat"): readings, name("dust"): spans})),
    ]


async def write(controller: Controller, tenant: TenantId, *operations: Operation) -> None:
    """Write what must not fail, one transaction after the other."""
    for operation in operations:
        result = (await controller.services.broker.write(grant_for(tenant), [operation]))[0]
        if isinstance(result, Problem):
            raise result


async def fill(settings: Settings) -> None:
    """Make the town in an empty store."""
    async with running(settings) as application:
        controller = application.controller
        await controller.ask(CreateTenant("forest", "forest.example.org", "The forest"))
        await controller.ask(CreateKey(DEFAULT, "reader", "read"))
        revoked = await controller.ask(CreateKey(DEFAULT, "old", "write"))
        await controller.ask(RevokeKey(DEFAULT, revoked.key.id))
        await controller.ask(CreateKey(FOREST, "sensor", "source", [TREE], Instant(NOON * 2)))
        await controller.ask(AddContext(DEFAULT, Raw(b'{"Tree": "https://example.org/Tree"}')))
        await write(controller, DEFAULT, *_operations())
        await write(controller, FOREST, make("urn:tree:1", [TREE], height=patch("1")))
