"""What an attribute path leads to in an entity: one target for each attribute instance that has it.

Values stay JSON text until a path needs them; only what is looked at is decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from msgspec import UNSET

from stadtkern.model.entity import Entity, Instance
from stadtkern.model.ids import Iri
from stadtkern.query.filter import ANY_LANGUAGE, INSTANT_MEMBERS, Path

Target = tuple[str, Any]
"""Kind and decoded value. The kind is the attribute kind, or ``instant``/``text`` for core members."""

URI_KINDS = frozenset({"Relationship", "ListRelationship"})
"""Kinds whose values are URIs: they know equality, but no order and no patterns (CIM 009 4.9)."""
GEOMETRY_KINDS = frozenset({"GeoProperty"})
LANGUAGE_KIND = "LanguageProperty"
INSTANT_KIND = "instant"
TEXT_KIND = "text"

Targets = Callable[[Entity], list[Target]]

_decode: Callable[[Any], Any] = msgspec.json.decode
_INSTANCE_FIELDS = {
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "deleted_at",
    "expiresAt": "expires_at",
    "observedAt": "observed_at",
    "unitCode": "unit_code",
    "datasetId": "dataset_id",
    "valueType": "value_type",
    "objectType": "object_type",
}
_ENTITY_FIELDS = {"id": "id", "type": "types", "scope": "scope"} | {
    name: _INSTANCE_FIELDS[name] for name in ("createdAt", "modifiedAt", "deletedAt", "expiresAt")
}


def compile_targets(path: Path) -> Targets:
    """Make the function that gives the targets of a path in an entity, in the order of the instances."""
    if not path.names:
        return _entity_member(path.member)
    read = _member_reader(path.member) if path.member else _value_reader(path.value)
    name, *subs = path.names

    def targets(entity: Entity) -> list[Target]:
        instances = entity.attributes.get(name)
        if not instances:
            return []
        for sub in subs:
            instances = [inner for instance in instances for inner in instance.subs.get(Iri(sub), ())]
        found: list[Target] = []
        for instance in instances:
            read(instance, found)
        return found

    return targets


def elements(target: Target) -> list[Any]:
    """Split a target into what a test looks at, one by one; a ``@value`` object counts as what it holds."""
    kind, value = target
    if kind == LANGUAGE_KIND and isinstance(value, dict):
        found: list[Any] = []
        for text in cast("dict[str, Any]", value).values():
            if isinstance(text, list):
                found.extend(cast("list[Any]", text))
            else:
                found.append(text)
        return found
    members = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [_unwrap(cast("dict[str, Any]", item)) if isinstance(item, dict) else item for item in members]


def _unwrap(item: dict[str, Any]) -> Any:
    return item.get("@value", item)


_Read = Callable[[Instance, list[Target]], None]


def _value_reader(keys: tuple[str, ...]) -> _Read:
    def read_value(instance: Instance, found: list[Target]) -> None:
        found.append((instance.kind, _decode(instance.value)))

    def read_keys(instance: Instance, found: list[Target]) -> None:
        value = _decode(instance.value)
        if keys == (ANY_LANGUAGE,) and instance.kind == LANGUAGE_KIND:
            if value:
                found.append((LANGUAGE_KIND, value))
            return
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return
            value = cast("dict[str, Any]", value)[key]
        found.append((TEXT_KIND if instance.kind == LANGUAGE_KIND else instance.kind, value))

    return read_keys if keys else read_value


def _member_reader(member: str) -> _Read:
    field = _INSTANCE_FIELDS.get(member)
    kind = INSTANT_KIND if member in INSTANT_MEMBERS else TEXT_KIND

    def read_nothing(instance: Instance, found: list[Target]) -> None:
        del instance, found

    def read_object_type(instance: Instance, found: list[Target]) -> None:
        if instance.object_type is not UNSET:
            found.append((kind, _decode(instance.object_type)))

    def read_field(instance: Instance, found: list[Target]) -> None:
        value = getattr(instance, cast("str", field))
        if value is not None and value != "":
            found.append((kind, value))

    if field is None:
        return read_nothing
    return read_object_type if member == "objectType" else read_field


def _entity_member(member: str | None) -> Targets:
    """Read a member of the entity itself; types and scopes are one target with several elements."""
    field = _ENTITY_FIELDS.get(member or "")
    kind = INSTANT_KIND if member in INSTANT_MEMBERS else TEXT_KIND

    def nothing(entity: Entity) -> list[Target]:
        del entity
        return []

    def targets(entity: Entity) -> list[Target]:
        value = getattr(entity, cast("str", field))
        return [] if value is None or value == [] else [(kind, value)]

    return nothing if field is None else targets
