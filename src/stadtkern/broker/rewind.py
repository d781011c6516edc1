"""How an entity was at a row of the change log: later rows taken back, one after the other. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from stadtkern.model.change import SCOPE, TYPE
from stadtkern.model.entity import NO_DATASET, Attributes, Entity, Instance, find_instance
from stadtkern.model.event import Event, EventItem, EventVerb
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.store.changelog import NOTHING, ChangeRow, LoggedItem
from stadtkern.store.document import ImageTimes, decode_document

Key = tuple[Iri, str]
"""Attribute and dataset id."""

_instance = msgspec.json.Decoder(Instance | None)
_names = msgspec.json.Decoder(list[str])
_times = msgspec.json.Decoder(ImageTimes | None)


class Net(NamedTuple):
    """What all entries for one instance come to: JSON texts, ``NOTHING`` where it was not, or is not, there."""

    previous: Raw
    new: Raw
    there: bool
    """The instance is there afterwards; ``new`` is ``NOTHING`` all the same where the log did not repeat it."""


def net_items(row: ChangeRow) -> dict[Key, Net]:
    """Fold the entries of a row that changed the current state, in their order."""
    nets: dict[Key, Net] = {}
    for item in row.items:
        if item.verb in {"recorded", "series", "described"} or not item.attribute:
            continue
        key = (item.attribute, item.dataset_id)
        first = nets.get(key)
        nets[key] = Net(item.previous if first is None else first.previous, item.new, _is_left(item))
    return nets


def _is_left(item: LoggedItem) -> bool:
    # an edit of history says by the new value alone whether there is one
    return item.verb in {"created", "updated"} or (item.verb == "revised" and item.new != NOTHING)


def ends(row: ChangeRow) -> bool:
    """Tell whether the entity was gone after a row."""
    return row.kind in {"deleted", "erased"}


def step_back(row: ChangeRow, after: Entity | None) -> Entity | None:
    """Give an entity as it was before a row; None where it was not there. ``modified_at`` stays as it is.

    after: how it was after the row; not asked for where the row ended it.
    """
    if ends(row):
        return image(row)
    nets = net_items(row)
    if after is None or (row.kind == "created" and all(net.previous == NOTHING for net in nets.values())):
        return None
    return _with_previous(after, nets)


def image(row: ChangeRow) -> Entity | None:
    """Give the last state of an entity before a row that ended it; None where the commit had begun it too."""
    item = next((item for item in row.items if item.verb == "before" and not item.attribute), None)
    if item is None:
        return None
    document = decode_document(bytes(item.previous).decode())
    attributes = dict(document.attributes)
    for key, net in net_items(row).items():
        previous = _instance.decode(net.previous)
        if previous is not None and previous.observed_at is not None:
            _put(attributes, key, previous)
    times = _times.decode(item.new) or _guess_times(attributes, row.at)
    return Entity(
        id=row.id,
        types=document.types,
        scope=document.scope,
        scope_at=document.scope_at,
        attributes=attributes,
        created_at=times.created_at,
        modified_at=times.modified_at,
        expires_at=times.expires_at,
    )


def _guess_times(attributes: Attributes, at: Instant) -> ImageTimes:
    """Tell when an entity was written from its parts: rows of earlier versions did not say."""
    parts = [one for group in attributes.values() for one in group]
    created = min((one.created_at for one in parts), default=at)
    return ImageTimes(created, max((one.modified_at for one in parts), default=at))


def _with_previous(after: Entity, nets: dict[Key, Net]) -> Entity:
    attributes, scope, scope_at = dict(after.attributes), after.scope, after.scope_at
    types, created_at = after.types, after.created_at
    for key, net in nets.items():
        previous = _instance.decode(net.previous)
        if key[0] == SCOPE:
            scope = [] if previous is None else _names.decode(previous.value)
            scope_at = Instant(0) if previous is None else previous.created_at
        elif key[0] == TYPE:
            if previous is not None:
                types, created_at = [Iri(name) for name in _names.decode(previous.value)], previous.created_at
        else:
            _put(attributes, key, previous)
    return replace(after, attributes=attributes, scope=scope, scope_at=scope_at, types=types, created_at=created_at)


def _put(attributes: Attributes, key: Key, instance: Instance | None) -> None:
    """Set one instance, or take it away; the list that is there is left alone."""
    name, dataset_id = key
    group = attributes.get(name, [])
    if find_instance(group, dataset_id) is not None and instance is not None:
        attributes[name] = [instance if one.dataset_id == dataset_id else one for one in group]
        return
    others = [one for one in group if one.dataset_id != dataset_id]
    if instance is not None:
        others = [instance, *others] if dataset_id == NO_DATASET else [*others, instance]
    if others:
        attributes[name] = others
    else:
        attributes.pop(name, None)


def overlay(row: ChangeRow, entity: Entity) -> Entity:
    """Lay what a row wrote over a later state; what the log did not repeat stays as it is."""
    attributes, scope, types = dict(entity.attributes), entity.scope, entity.types
    for key, net in net_items(row).items():
        new = _instance.decode(net.new)
        if key[0] == SCOPE:
            scope = [] if not net.there else scope if new is None else _names.decode(new.value)
        elif key[0] == TYPE:
            types = types if new is None else [Iri(name) for name in _names.decode(new.value)]
        elif new is not None or not net.there:
            _put(attributes, key, new)
    return replace(entity, attributes=attributes, scope=scope, types=types)


def make_event(row: ChangeRow, after: Entity | None, *, exact: bool = True) -> Event | None:
    """Make the Event of a row; None where nobody could see anything: begun and ended by one commit.

    after: the state after the row; not asked for where the row ended the entity.
    """
    if ends(row):
        return _end_event(row)
    if after is None:
        return None
    entity = replace(after, modified_at=row.at)
    nets = net_items(row)
    if row.kind == "created" and all(net.previous == NOTHING for net in nets.values()):
        items = tuple(_all_items(entity, "created"))
    else:
        items = tuple(_changed_items(entity, nets))
    # what had expired and not been swept up yet is begun anew without having been ended
    kind: EventVerb = "created" if row.kind == "created" or after.created_at == row.at else "updated"
    return Event(
        position=row.position, at=row.at, n=row.n, id=row.id, kind=kind, entity=entity, items=items, exact=exact
    )


def _end_event(row: ChangeRow) -> Event | None:
    last = image(row)
    if last is None:
        return None
    entity = replace(last, deleted_at=row.at)
    items = tuple(_all_items(entity, "deleted"))
    return Event(position=row.position, at=row.at, n=row.n, id=row.id, kind="deleted", entity=entity, items=items)


def _all_items(entity: Entity, verb: EventVerb) -> Iterable[EventItem]:
    """Tell that the entity began or ended: everything it has did."""
    for key, one in _parts(entity):
        yield EventItem(*key, verb, one, None) if verb == "deleted" else EventItem(*key, verb, None, one)


def _parts(entity: Entity) -> Iterable[tuple[Key, Instance]]:
    for name, group in entity.attributes.items():
        for one in group:
            yield (name, one.dataset_id), one
    scope = _scope(entity)
    if scope is not None:
        yield (SCOPE, NO_DATASET), scope


def _scope(entity: Entity) -> Instance | None:
    return _listed(entity.scope, entity.scope_at) if entity.scope else None


def _listed(names: list[str] | list[Iri], at: Instant) -> Instance:
    return Instance(kind="Property", value=raw(names), created_at=at, modified_at=at)


def _changed_items(entity: Entity, nets: dict[Key, Net]) -> Iterable[EventItem]:
    for key, net in nets.items():
        previous, new = _instance.decode(net.previous), _now(entity, key)
        if previous is None and new is None:
            continue  # came and went within the commit
        if key[0] in {SCOPE, TYPE} and previous is not None and new is not None and previous.value == new.value:
            continue  # written again: no attribute whose times move with every write
        verb: EventVerb = "created" if previous is None else "deleted" if new is None else "updated"
        yield EventItem(*key, verb, previous, new)


def _now(entity: Entity, key: Key) -> Instance | None:
    if key[0] == SCOPE:
        return _scope(entity)
    if key[0] == TYPE:
        return _listed(entity.types, entity.modified_at)
    return find_instance(entity.attributes.get(key[0], []), key[1])
