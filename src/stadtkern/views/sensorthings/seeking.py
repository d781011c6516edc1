"""From an address to the entity that a write is about."""

from __future__ import annotations

from typing import Final

from stadtkern.errors import ResourceNotFound
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.tree import Query, Selected, Step, Target
from stadtkern.views.sensorthings.addresses import target_path
from stadtkern.views.sensorthings.services import Reader

ID_ALONE: Final = Query(select=(Selected("id"),))


def one(type: TypeName, id_: int) -> Target:
    """Give the address of an entity."""
    return Target((Step(TYPES[type].set, id_),))


async def find_id(reader: Reader, grant: Grant, target: Target) -> int:
    """Give the id of the entity that an address leads to. Raises: ResourceNotFound."""
    if len(target.steps) == 1 and target.steps[0].id is not None:
        return target.steps[0].id  # whether it is there is for the write to say
    record = await reader.read_one(grant, Target(target.steps), ID_ALONE)
    if record is None:
        raise ResourceNotFound(f"{target_path(target)} leads to nothing")
    return record.id
