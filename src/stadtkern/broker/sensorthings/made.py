"""What writes make: which entity an outcome is about, and what the address of a request says of a new one."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from stadtkern.broker.sensorthings.body import Body, Reference
from stadtkern.model.change import Outcome
from stadtkern.model.sensorthings import TYPES, TypeName


class Created(Struct, frozen=True, gc=False):
    """What a request made: where its answer's ``Location`` leads."""

    type: TypeName
    id: int


def under(body: Body, relation: str, id_: int) -> Body:
    """Link a new entity to the one that the address led through."""
    one = TYPES[body.type].relations[relation]
    reference = Reference(one.target, id_, f"/{relation}")
    targets = [reference, *body.all(relation)] if one.many else [reference]
    links = {**body.links, relation: targets}
    if relation in {"Datastream", "MultiDatastream"}:
        # an Observation is of one of the two
        links.pop("MultiDatastream" if relation == "Datastream" else "Datastream", None)
    return replace(body, links=links)


def id_of(type: TypeName, outcome: Outcome) -> int:
    """Give the id of what an operation made."""
    if type in {"Datastream", "MultiDatastream"}:
        return outcome.series
    if type in {"Observation", "HistoricalLocation"}:
        return outcome.observations[0]
    return outcome.n
