"""Which subscriptions a change concerns: found by index, not by asking each of them.

Type of the entity first, then its id or the attributes that changed; what remains is asked once for each distinct
filter, however many subscriptions share it. Spec: CIM 009 5.8.6.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from stadtkern.model.entity import Entity
from stadtkern.model.event import Event
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.subscription import SubscriptionId, Trigger
from stadtkern.notify.watch import Choice, Watch
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import compile_matcher
from stadtkern.query.filter import Filter, all_of, hide_attributes

GrantOf = Callable[[SubscriptionId], Grant | None]
"""Gives what a subscriber may see now; None: nothing."""
_MAX_COMPILED = 50_000
_VERB_TRIGGERS: dict[str, Trigger] = {
    "created": "attributeCreated",
    "updated": "attributeUpdated",
    "deleted": "attributeDeleted",
}
_KIND_TRIGGERS: dict[str, Trigger] = {
    "created": "entityCreated",
    "updated": "entityUpdated",
    "deleted": "entityDeleted",
}


@dataclass(slots=True)
class _Entry:
    watch: Watch
    filter: Filter | None
    """What is left to be decided, the watch's condition included."""


_Entries = dict[tuple[SubscriptionId, int], _Entry]
"""By subscription and number of the choice, so that one can be taken out again."""
_NOBODY: _Entries = {}


@dataclass(slots=True)
class _Shelf:
    """The watches for entities of one type, or of any."""

    by_id: dict[EntityId, _Entries] = field(default_factory=dict[EntityId, _Entries])
    by_attribute: dict[Iri, _Entries] = field(default_factory=dict[Iri, _Entries])
    others: _Entries = field(default_factory=_Entries)

    def places(self, watch: Watch, choice: Choice) -> list[_Entries]:
        """Give where a watch stands if it chooses in this way; places are made where they are missing."""
        if choice.ids is not None:
            return [self.by_id.setdefault(id_, {}) for id_ in choice.ids]
        if watch.attributes is not None:
            return [self.by_attribute.setdefault(name, {}) for name in watch.attributes]
        return [self.others]

    def find(self, id_: EntityId, changed: Iterable[Iri]) -> Iterable[_Entry]:
        """Give all that may be concerned."""
        yield from self.by_id.get(id_, _NOBODY).values()
        for name in changed:
            yield from self.by_attribute.get(name, _NOBODY).values()
        yield from self.others.values()


class Matcher:
    """An index over the watches of a tenant."""

    def __init__(self, watches: Iterable[Watch] = ()) -> None:
        self._by_type: dict[Iri, _Shelf] = {}
        self._any_type = _Shelf()
        self._compiled: dict[Filter, Callable[[Entity], bool]] = {}
        self._watches: dict[SubscriptionId, Watch] = {}
        for watch in watches:
            self.add(watch)

    def add(self, watch: Watch) -> None:
        """Take a watch in, in the place of the one its subscription had."""
        self.remove(watch.id)
        self._watches[watch.id] = watch
        for number, choice in enumerate(watch.choices):
            entry = _Entry(watch, all_of(choice.rest, watch.condition))
            for place in self._places(watch, choice):
                place[watch.id, number] = entry

    def remove(self, id_: SubscriptionId) -> None:
        """Take a subscription's watch out, if it has one."""
        watch = self._watches.pop(id_, None)
        if watch is None:
            return
        for number, choice in enumerate(watch.choices):
            for place in self._places(watch, choice):
                place.pop((id_, number), None)

    def _places(self, watch: Watch, choice: Choice) -> list[_Entries]:
        if choice.types is None:
            return self._any_type.places(watch, choice)
        shelves = [self._by_type.setdefault(type_, _Shelf()) for type_ in choice.types]
        return [place for shelf in shelves for place in shelf.places(watch, choice)]

    def match(self, event: Event, grant_of: GrantOf) -> list[SubscriptionId]:
        """Give the subscriptions that are to be told of an event, each once, in no particular order."""
        if not event.items:
            return []
        fired = _Fired(event)
        decided: dict[Filter, bool] = {}
        found: dict[SubscriptionId, None] = {}
        for shelf in self._shelves(event.entity):
            for entry in shelf.find(event.id, fired.changed):
                id_ = entry.watch.id
                if id_ not in found and fired.concerns(entry.watch) and self._holds(entry, event, grant_of, decided):
                    found[id_] = None
        return list(found)

    def _shelves(self, entity: Entity) -> Iterable[_Shelf]:
        for type_ in entity.types:
            shelf = self._by_type.get(type_)
            if shelf is not None:
                yield shelf
        yield self._any_type

    def _holds(self, entry: _Entry, event: Event, grant_of: GrantOf, decided: dict[Filter, bool]) -> bool:
        """Tell whether the entity matches as far as the subscriber can see it."""
        grant = grant_of(entry.watch.id)
        if grant is None:
            return False
        wanted = entry.filter
        if grant.hidden:
            if not _shows(entry.watch, event, grant.hidden):
                return False
            wanted = None if wanted is None else hide_attributes(wanted, grant.hidden)
        return self._decide(wanted, event.entity, decided) and self._decide(grant.row_filter, event.entity, decided)

    def _decide(self, filter: Filter | None, entity: Entity, decided: dict[Filter, bool]) -> bool:
        if filter is None:
            return True
        known = decided.get(filter)
        if known is None:
            matcher = self._compiled.get(filter)
            if matcher is None:
                if len(self._compiled) >= _MAX_COMPILED:
                    self._compiled.clear()
                matcher = self._compiled[filter] = compile_matcher(filter)
            known = decided[filter] = matcher(entity)
        return known


class _Fired:
    """The triggers of an event, for the entity and by attribute."""

    __slots__ = ("_all", "_by_attribute", "_whole", "changed")

    def __init__(self, event: Event) -> None:
        self._whole: Trigger = _KIND_TRIGGERS[event.kind]
        self._by_attribute: dict[Iri, set[Trigger]] = defaultdict(set)
        for item in event.items:
            self._by_attribute[item.attribute].add(_VERB_TRIGGERS[item.verb])
        self.changed = list(self._by_attribute)
        self._all = {self._whole, *(one for triggers in self._by_attribute.values() for one in triggers)}

    def concerns(self, watch: Watch) -> bool:
        """Tell whether something happened that the watch waits for."""
        if watch.attributes is None:
            return not self._all.isdisjoint(watch.triggers)
        if self._whole in watch.triggers and not watch.attributes.isdisjoint(self._by_attribute):
            return True
        watched = (self._by_attribute[name] for name in self.changed if name in watch.attributes)
        return any(not triggers.isdisjoint(watch.triggers) for triggers in watched)


def _shows(watch: Watch, event: Event, hidden: frozenset[Iri]) -> bool:
    """Tell whether anything is left of an event once the hidden attributes are taken away."""
    seen = [item for item in event.items if item.attribute not in hidden]
    if not seen:
        return False
    return _Fired(replace(event, items=tuple(seen))).concerns(watch)
