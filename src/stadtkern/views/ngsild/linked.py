"""Entities that relationships point to, for answers that show them inside or beside. Spec: CIM 009 4.5.23."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stadtkern.errors import TooManyResults
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.policy.grant import Grant
from stadtkern.query.projection import Projection
from stadtkern.views.ngsild.render import Representation, targets_of
from stadtkern.views.ngsild.services import Consumption

MAX_LINKED: Final = 10_000
"""Most linked entities in one answer."""

Shown = tuple[Entity, Projection]


async def load_linked(
    grant: Grant, broker: Consumption, representation: Representation, entities: Sequence[Entity]
) -> dict[EntityId, Entity]:
    """Load what the entities point to, level by level. Raises: TooManyResults. Spec: CIM 009 4.5.23."""
    found: dict[EntityId, Entity] = {}
    level = list(entities)
    known = {entity.id for entity in entities}
    for _ in range(representation.join_level if representation.join else 0):
        wanted = {target for entity in level for target in targets_of(entity)} - found.keys()
        if len(wanted) + len(found) > MAX_LINKED:
            raise TooManyResults(
                f"More than {MAX_LINKED} linked entities would be shown", hint="lower limit or joinLevel"
            )
        if not wanted:
            break
        loaded = await broker.load_linked(grant, sorted(wanted), list(found))
        found.update(loaded)
        level = [entity for entity in loaded.values() if entity.id not in known]
    return found


def flatten(entities: Sequence[Entity], linked: dict[EntityId, Entity], representation: Representation) -> list[Shown]:
    """List entities and, with ``join=flat``, behind them the linked ones that the projection shows, each once."""
    shown: dict[EntityId, Shown] = {entity.id: (entity, representation.projection) for entity in entities}
    level = list(shown.values())
    for _ in range(representation.join_level if representation.join == "flat" else 0):
        below: list[Shown] = []
        for entity, projection in level:
            for target, inner in _links(entity, projection):
                if target in linked and target not in shown and target not in representation.contained_by:
                    shown[target] = (linked[target], inner)
                    below.append(shown[target])
        level = below
    return list(shown.values())


def _links(entity: Entity, projection: Projection) -> list[tuple[EntityId, Projection]]:
    """List what the shown relationships of an entity point to, with the projection behind each."""
    return [
        (target, projection.linked(name))
        for name in entity.attributes
        if projection.shows(name)
        for target in targets_of(entity, name)
    ]
