"""Paths in expressions: relations, a property, the way inside it; and what to say where there is no such thing."""

from __future__ import annotations

from typing import Literal as Choice
from typing import NamedTuple

from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings import TYPES, EntityType, Relation
from stadtkern.query.odata.kinds import OF_PROPERTY, Kind
from stadtkern.query.odata.tokens import Token, Tokens

MAX_STEPS = 10
"""Most relations in one path."""
OPEN: frozenset[str] = frozenset({"json", "any", "list", "geometry"})
"""Types of properties that have an inside."""
IDS = frozenset({"id", "@iot.id"})


class Way(NamedTuple):
    """A path that was read. crossing: how many of the relations lead to the last set that has to be searched.

    ends: at a ``property``, an ``entity``, a ``count`` (``/$count``), or ``any`` (before the bracket of a lambda).
    """

    relations: tuple[str, ...]
    property: str | None
    inside: tuple[str | int, ...]
    kind: Kind
    ends: Choice["property", "entity", "count", "any"]
    crossing: int
    type: EntityType
    """What the relations lead to."""


def read_way(tokens: Tokens, type: EntityType, first: Token) -> Way:
    """Read a path whose first name was taken. Raises: BadRequestData."""
    relations: list[Relation] = []
    name = first
    while (relation := type.relations.get(name.text)) is not None:
        type = _follow(tokens, relations, relation, name)
        if not tokens.take("/"):
            return _at_entity(tokens, relations, type, name)
        name = tokens.name("a property or a relation")
        word = name.text.lower()
        if word == "$count" or (word in {"any", "all"} and tokens.sees("(")):
            return _at_set(tokens, relations, type, name)
    kind, property = _property(tokens, type, name)
    is_open = property in type.properties and type.properties[property].type in OPEN
    inside = tokens.inside() if is_open else ()
    if not is_open and (tokens.sees("/") or tokens.sees("[")):
        raise tokens.error(f"there is nothing inside {property} of {type.name}")
    return Way(_names(relations), property, inside, "any" if inside else kind, "property", _crossing(relations), type)


def _follow(tokens: Tokens, relations: list[Relation], relation: Relation, name: Token) -> EntityType:
    relations.append(relation)
    tokens.count_relation()
    if len(relations) > MAX_STEPS:
        raise tokens.error(f"the path has more than {MAX_STEPS} relations", name.start)
    return TYPES[relation.target]


def _names(relations: list[Relation]) -> tuple[str, ...]:
    return tuple(relation.name for relation in relations)


def _crossing(relations: list[Relation]) -> int:
    return max((place for place, relation in enumerate(relations, 1) if relation.many), default=0)


def _property(tokens: Tokens, type: EntityType, name: Token) -> tuple[Kind, str]:
    if name.text in IDS:
        return "number", "id"
    found = type.properties.get(name.text)
    if found is None:
        raise unknown(tokens, type, name)
    return OF_PROPERTY[found.type], found.name


def unknown(tokens: Tokens, type: EntityType, name: Token) -> BadRequestData:
    """Make the problem of a name that a type does not have."""
    there = ", ".join(["id", *type.properties, *type.relations])
    return tokens.error(f"{type.name} has no {name.text[:60]!r}; it has {there}", name.start)


def _at_entity(tokens: Tokens, relations: list[Relation], type: EntityType, name: Token) -> Way:
    if relations[-1].many:
        what = f"{name.text} leads to many entities: name a property, any(…) or $count"
        raise tokens.error(what, name.start)
    return Way(_names(relations), None, (), "entity", "entity", _crossing(relations), type)


def _at_set(tokens: Tokens, relations: list[Relation], type: EntityType, name: Token) -> Way:
    if not relations[-1].many:
        raise tokens.error(
            f"{relations[-1].name} leads to one entity: {name.text} takes a relation to many", name.start
        )
    if name.text.lower() == "$count":
        return Way(_names(relations), None, (), "number", "count", _crossing(relations[:-1]), type)
    if name.text.lower() == "all":
        raise tokens.error("all(…) is not known; say not …/any(… not …)", name.start)
    return Way(_names(relations), None, (), "boolean", "any", len(relations), type)
