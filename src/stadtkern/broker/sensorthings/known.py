"""What a body links to, looked up before anything is planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from stadtkern.broker.sensorthings.body import Body, Reference
from stadtkern.broker.sensorthings.streams import StreamLookup
from stadtkern.errors import BadRequestData
from stadtkern.model.entity import Entity
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import unraw
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_terms import (
    DEFINITION,
    IMPLIED_PROPERTY,
    LOCATION,
    LOCATIONS,
    TYPE_IRIS,
    UNKNOWN_SENSOR,
)
from stadtkern.policy.grant import Grant
from stadtkern.store.sensorthings.target import Stream, load_attributes, load_entities, load_taken

_STREAMS = frozenset({"Datastream", "MultiDatastream"})


@dataclass(slots=True)
class Known:
    """Existing targets by number. taken: attributes and dataset ids of Things that are Datastreams."""

    entities: dict[int, Entity] = field(default_factory=dict[int, Entity])
    streams: dict[int, Stream] = field(default_factory=dict[int, Stream])
    attributes: dict[int, Iri] = field(default_factory=dict[int, Iri])
    taken: dict[int, set[tuple[str, str]]] = field(default_factory=dict[int, set[tuple[str, str]]])

    def entity(self, reference: Reference) -> Entity:
        """Give the entity that a link is to. Raises: BadRequestData."""
        entity = self.entities.get(reference.id)
        if entity is None or not fits(reference.type, entity, self.taken.get(reference.id)):
            raise missing(reference)
        return entity

    def stream(self, reference: Reference) -> Stream:
        """Give the series that a link is to. Raises: BadRequestData."""
        stream = self.streams.get(reference.id)
        if stream is None or (stream.size is not None) != (reference.type == "MultiDatastream"):
            raise missing(reference)
        return stream

    def definition(self, reference: Reference) -> tuple[str, Entity | None]:
        """Give what an ObservedProperty is defined by, and its entity where it has one. Raises: BadRequestData."""
        if reference.id > IMPLIED_PROPERTY:
            attribute = self.attributes.get(reference.id - IMPLIED_PROPERTY)
            if attribute is None:
                raise missing(reference)
            return str(attribute), None
        entity = self.entity(reference)
        given = entity.attributes.get(DEFINITION)
        definition = unraw(given[0].value) if given else None
        return (definition if isinstance(definition, str) else str(entity.id)), entity


def missing(reference: Reference) -> BadRequestData:
    """Make the failure of linking to what is not there."""
    if reference.id < 0:
        return BadRequestData(f"What is named is no {reference.type}", pointer=reference.pointer)
    return BadRequestData(f"There is no {reference.type} with the id {reference.id}", pointer=reference.pointer)


def fits(type: TypeName, entity: Entity, taken: set[tuple[str, str]] | None) -> bool:
    """Tell whether an entity is one of a set."""
    if type == "FeatureOfInterest" and (TYPE_IRIS["Location"] in entity.types or LOCATION in entity.attributes):
        return True
    if type == "Thing" and taken and any(attribute not in {LOCATION, LOCATIONS, "scope"} for attribute, _ in taken):
        return True
    return TYPE_IRIS[type] in entity.types


def references(body: Body) -> Iterator[Reference]:
    """Give all links of a body to what exists, those of inline entities included."""
    for targets in body.links.values():
        for target in targets:
            if isinstance(target, Reference):
                yield target
            else:
                yield from references(target)


async def look_up(streams_in: StreamLookup, grant: Grant, wanted: list[Reference], now: Instant) -> Known:
    """Look up what links are to. What is not there, or not shown, is found out when it is asked for."""
    known = Known()
    streams = [one.id for one in wanted if one.type in _STREAMS]
    if streams:
        known.streams = await streams_in.find(grant, streams)
        if len(streams) == len(wanted):
            return known  # as of nearly all Observations
    database = streams_in.database
    implied = [one.id - IMPLIED_PROPERTY for one in wanted if _is_implied(one)]
    if implied:
        known.attributes = await load_attributes(database, grant, implied)
    others = [one.id for one in wanted if one.type not in _STREAMS and not _is_implied(one) and one.id < UNKNOWN_SENSOR]
    if others:
        known.entities = await load_entities(database, grant, others, now)
    things = [one.id for one in wanted if one.type == "Thing"]
    if things:
        known.taken = await load_taken(database, grant, things)
    return known


def _is_implied(reference: Reference) -> bool:
    return reference.type == "ObservedProperty" and reference.id > IMPLIED_PROPERTY
