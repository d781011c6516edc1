"""Where a Thing is: its Locations as a history of their own, and its geometry beside them. Pure.

A Thing's LOCATIONS attribute names its Locations since a time; ``location`` is the geometry that they have. Whoever
writes ``location`` alone says that the Thing is somewhere else: then the Locations do not hold any longer.
Spec: OGC 18-088 8.2.2 (Location), 8.2.3 (HistoricalLocation).
"""

from __future__ import annotations

from msgspec.structs import replace

from stadtkern.broker.apply.draft import Draft
from stadtkern.broker.apply.history import becomes_current
from stadtkern.broker.apply.instance import make_instance
from stadtkern.model.change import Change, Item
from stadtkern.model.entity import NO_DATASET, Entity, InstancePatch, find_instance
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.operation import MoveThing
from stadtkern.model.sensorthings_terms import LOCATION, LOCATIONS


def move_thing(operation: MoveThing, before: Entity, now: Instant) -> Change:
    """Record where a Thing is since a time, and let its geometry follow where that is the latest."""
    draft = Draft(before, now)
    if operation.locations is None or _record(draft, operation):
        _set_geometry(draft, operation.geometry)
    draft.note(LOCATIONS)
    return draft.finish()


def _record(draft: Draft, operation: MoveThing) -> bool:
    """Record the Locations and tell whether they are the current ones."""
    patch = InstancePatch(
        kind="ListRelationship", value=raw(operation.locations), observed_at=operation.time, dataset_id=NO_DATASET
    )
    current = draft.find(LOCATIONS, NO_DATASET)
    instance = make_instance(LOCATIONS, patch, draft.now, current)
    if not becomes_current(current, instance, draft.now):
        draft.items.append(Item(LOCATIONS, NO_DATASET, "recorded", None, replace(instance, created_at=draft.now)))
        return False
    draft.put(LOCATIONS, instance, current)
    return True


def _set_geometry(draft: Draft, geometry: InstancePatch) -> None:
    current = draft.find(LOCATION, NO_DATASET)
    if not geometry.deleted:
        draft.put(LOCATION, make_instance(LOCATION, geometry, draft.now, current), current)
    elif current is not None:
        draft.remove(LOCATION, current)


def leave_locations(change: Change, now: Instant) -> Change:
    """Let the Locations go where a geometry was written beside them; their past stays."""
    after = change.after
    if after is None or LOCATIONS not in after.attributes or not any(map(_moves, change.items)):
        return change
    if any(item.attribute == LOCATIONS for item in change.items):
        return change  # whoever writes both knows of both
    instance = find_instance(after.attributes[LOCATIONS], NO_DATASET)
    if instance is None:
        return change
    draft = Draft(after, now)
    draft.remove(LOCATIONS, instance)
    left = draft.finish()
    return Change(change.before, left.after, [*change.items, *left.items], change.outcome)


def _moves(item: Item) -> bool:
    return item.attribute == LOCATION and item.dataset_id == NO_DATASET and item.verb != "recorded"
