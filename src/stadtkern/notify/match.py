"""Which subscriptions a change concerns: found by index, not by asking each of them.

Type of the entity first, then what each subscription needs most: an id, a value, a place, a changed attribute. What the
index gives is asked for the whole rule, and a condition that many share once an event. Spec: CIM 009 5.8.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from stadtkern.model.event import Event
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.subscription import SubscriptionId
from stadtkern.notify.index.need import HasChanged, HasId, Need, needs
from stadtkern.notify.index.shelf import Shelf
from stadtkern.notify.rule import Fired, LookUps
from stadtkern.notify.watch import Choice, Watch
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import Matcher as Holds
from stadtkern.query.evaluate import compile_matcher
from stadtkern.query.filter import Filter, all_of, hide_attributes, link_depth

GrantOf = Callable[[SubscriptionId], Grant | None]
"""Gives what a subscriber may see now; None: nothing."""
_Decided = dict[tuple[int, str], bool]
"""What was decided of an event, by number of the condition and, where it follows links, the Grant's fingerprint."""


class _Condition:
    """A filter that subscriptions share, compiled when first asked; ``users`` counts them."""

    __slots__ = ("_holds", "_masked", "depth", "filter", "number", "users")

    def __init__(self, filter: Filter, number: int) -> None:
        self.filter = filter
        self.number = number
        self.users = 0
        self.depth = link_depth(filter)
        self._holds: Holds | None = None
        self._masked: dict[frozenset[Iri], Holds] = {}

    def holds(self, hidden: frozenset[Iri]) -> Holds:
        """Give the predicate for somebody from whom some attributes are hidden."""
        if hidden:
            if hidden not in self._masked:
                self._masked[hidden] = compile_matcher(hide_attributes(self.filter, hidden))
            return self._masked[hidden]
        if self._holds is None:
            self._holds = compile_matcher(self.filter)
        return self._holds


@dataclass(slots=True, eq=False)
class _Entry:
    """One choice of a watch in the index. condition: what is left to decide beside the ids, None for nothing."""

    watch: Watch
    ids: frozenset[EntityId] | None
    """Asked again: the index may have found the entry by another need."""
    condition: _Condition | None
    places: list[tuple[Shelf[_Entry], Need | None]] = field(default_factory=list["tuple[Shelf[_Entry], Need | None]"])


class Matcher:
    """An index over the watches of a tenant."""

    def __init__(self, watches: Iterable[Watch] = ()) -> None:
        self._by_type: dict[Iri, Shelf[_Entry]] = {}
        self._any_type = Shelf[_Entry]()
        self._entries: dict[SubscriptionId, list[_Entry]] = {}
        self._conditions: dict[Filter, _Condition] = {}
        self._numbers = 0
        self._following = 0
        for watch in watches:
            self.add(watch)

    def add(self, watch: Watch) -> None:
        """Take a watch in, in the place of the one its subscription had."""
        self.remove(watch.id)
        self._entries[watch.id] = [self._place(watch, choice) for choice in watch.choices]

    def remove(self, id_: SubscriptionId) -> None:
        """Take a subscription's watch out, if it has one."""
        for entry in self._entries.pop(id_, ()):
            for shelf, need in entry.places:
                shelf.remove(need, entry)
            self._release(entry.condition)

    def _place(self, watch: Watch, choice: Choice) -> _Entry:
        entry = _Entry(watch, choice.ids, self._share(all_of(choice.rest, watch.condition)))
        found = list(_needs(watch, choice))
        for shelf in self._shelves_of(choice):
            need = shelf.choose(found)
            shelf.add(need, entry)
            entry.places.append((shelf, need))
        return entry

    def _shelves_of(self, choice: Choice) -> list[Shelf[_Entry]]:
        if choice.types is None:
            return [self._any_type]
        return [self._by_type.setdefault(type_, Shelf[_Entry]()) for type_ in choice.types]

    def _share(self, filter: Filter | None) -> _Condition | None:
        if filter is None:
            return None
        condition = self._conditions.get(filter)
        if condition is None:
            self._numbers += 1
            condition = self._conditions[filter] = _Condition(filter, self._numbers)
        condition.users += 1
        self._following += condition.depth > 0
        return condition

    def _release(self, condition: _Condition | None) -> None:
        if condition is None:
            return
        condition.users -= 1
        self._following -= condition.depth > 0
        if not condition.users:
            del self._conditions[condition.filter]

    def follows(self, event: Event, grant_of: GrantOf) -> dict[str, tuple[Grant, int]]:
        """Tell which Grants' view of linked entities is needed to decide, and over how many relationships in a row.

        Nearly always nobody's. Give the look-ups to ``match``, by the Grants' fingerprints, which are the keys here.
        """
        needed: dict[str, tuple[Grant, int]] = {}
        if not self._following:
            return needed
        fired = Fired(event)
        for entry in self._candidates(event, fired):
            condition = entry.condition
            if condition is None or not condition.depth or not fired.concerns(entry.watch):
                continue
            grant = grant_of(entry.watch.id)
            if grant is not None:
                depth = needed[grant.fingerprint][1] if grant.fingerprint in needed else 0
                needed[grant.fingerprint] = (grant, max(depth, condition.depth))
        return needed

    def match(self, event: Event, grant_of: GrantOf, look_ups: LookUps | None = None) -> list[SubscriptionId]:
        """Give the subscriptions that are to be told of an event (see ``rule.is_told``), each once, in no order.

        look_ups: what ``follows`` asked for; a condition on linked entities that cannot be seen does not hold.
        """
        fired = Fired(event)
        decided: _Decided = {}
        found: dict[SubscriptionId, None] = {}
        for entry in self._candidates(event, fired):
            id_ = entry.watch.id
            if id_ in found or not fired.concerns(entry.watch):
                continue
            if entry.ids is not None and event.id not in entry.ids:
                continue
            grant = grant_of(id_)
            if grant is not None and self._is_told(entry, event, grant, decided, look_ups):
                found[id_] = None
        return list(found)

    def _candidates(self, event: Event, fired: Fired) -> Iterator[_Entry]:
        for type_ in event.entity.types:
            shelf = self._by_type.get(type_)
            if shelf is not None:
                yield from shelf.find(event.entity, fired.by_attribute)
        yield from self._any_type.find(event.entity, fired.by_attribute)

    def _is_told(self, entry: _Entry, event: Event, grant: Grant, decided: _Decided, look_ups: LookUps | None) -> bool:
        if grant.hidden and not Fired(event, grant.hidden).concerns(entry.watch):
            return False
        condition = entry.condition
        if condition is not None:
            # what is hidden belongs to the fingerprint
            key = (condition.number, grant.fingerprint if grant.hidden or condition.depth else "")
            known = decided.get(key)
            if known is None:
                linked = None if look_ups is None or not condition.depth else look_ups.get(grant.fingerprint)
                known = decided[key] = condition.holds(grant.hidden)(event.entity, linked)
            if not known:
                return False
        return grant.row_filter is None or _sees(grant, event, decided)


def _sees(grant: Grant, event: Event, decided: _Decided) -> bool:
    key = (0, grant.fingerprint)
    known = decided.get(key)
    if known is None and grant.row_filter is not None:
        known = decided[key] = compile_matcher(grant.row_filter)(event.entity)
    return bool(known)


def _needs(watch: Watch, choice: Choice) -> Iterator[Need]:
    if choice.ids is not None:
        yield HasId(tuple(choice.ids))
    if watch.attributes is not None:
        yield HasChanged(watch.attributes)
    yield from needs(choice.rest)
    yield from needs(watch.condition)
