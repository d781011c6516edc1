"""Short forms for the values that the tests of apply need."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from stadtkern.broker.apply import apply
from stadtkern.model.change import Change
from stadtkern.model.entity import Entity, EntityPatch, InstancePatch, find_instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import CreateEntity

ID = EntityId("urn:ngsi-ld:Vehicle:1")
CAR = Iri("https://example.org/Car")
VAN = Iri("https://example.org/Van")
SPEED = Iri("https://example.org/speed")
NAME = Iri("https://example.org/name")
SOURCE = Iri("https://example.org/source")
GPS = "urn:ngsi-ld:Dataset:gps"
T0 = Instant(1_000_000)
T1 = Instant(2_000_000)


def prop(value: Any, **members: Any) -> InstancePatch:
    return InstancePatch(kind="Property", value=raw(value), **members)


def rel(target: Any, **members: Any) -> InstancePatch:
    return InstancePatch(kind="Relationship", value=raw(target), **members)


def null(**members: Any) -> InstancePatch:
    return InstancePatch(deleted=True, **members)


def text(value: str) -> Raw:
    return Raw(value.encode())


def fragment(attributes: dict[Iri, Any] | None = None, **members: Any) -> EntityPatch:
    """attributes: one instance or a list of them for each name."""
    groups = {name: a if isinstance(a, list) else [a] for name, a in (attributes or {}).items()}
    return EntityPatch(attributes=groups, **members)


def car(attributes: dict[Iri, Any] | None = None, **members: Any) -> Entity:
    """An entity of type Car, created at T0."""
    members.setdefault("types", [CAR])
    change = apply(CreateEntity(ID, fragment(attributes, **members)), None, T0)
    assert change.after is not None
    return change.after


def after(change: Change) -> Entity:
    assert change.after is not None
    return change.after


def values(entity: Entity, name: Iri) -> dict[str, Any]:
    """Values by dataset id, in the order in which they are kept."""
    return {i.dataset_id: unraw(i.value) for i in entity.attributes.get(name, [])}


def instance(entity: Entity, name: Iri, dataset_id: str = "") -> Any:
    found = find_instance(entity.attributes[name], dataset_id)
    assert found is not None
    return found


def verbs(change: Change) -> list[tuple[str, str, str]]:
    return [(i.attribute, i.dataset_id, i.verb) for i in change.items]
