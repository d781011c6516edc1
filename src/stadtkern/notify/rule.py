"""When a subscriber is told of an event: the plain rule, for one watch. Spec: CIM 009 5.2.12, 5.8.6."""

from __future__ import annotations

from collections.abc import Mapping

from stadtkern.model.event import Event, EventVerb
from stadtkern.model.ids import Iri
from stadtkern.model.subscription import Trigger
from stadtkern.notify.watch import Watch
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import Lookup, compile_matcher
from stadtkern.query.filter import hide_attributes

LookUps = Mapping[str, Lookup]
"""Gives linked entities as each Grant shows them, by the Grant's fingerprint."""
_TRIGGERS: dict[EventVerb, Trigger] = {
    "created": "attributeCreated",
    "updated": "attributeUpdated",
    "deleted": "attributeDeleted",
}
_WHOLE: dict[EventVerb, Trigger] = {"created": "entityCreated", "deleted": "entityDeleted"}


class Fired:
    """The triggers that an event fires, for the entity and by attribute.

    The scope and the types of an entity count as attributes here. An entity that comes or goes does so with all its
    attributes.
    """

    __slots__ = ("_all", "_whole", "by_attribute")

    def __init__(self, event: Event, hidden: frozenset[Iri] = frozenset()) -> None:
        self._whole = _WHOLE.get(event.kind)
        self.by_attribute: dict[Iri, set[Trigger]] = {}
        for item in event.items:
            if item.attribute not in hidden:
                self.by_attribute.setdefault(item.attribute, set()).add(_TRIGGERS[item.verb])
        self._all = {one for triggers in self.by_attribute.values() for one in triggers}
        if self._whole is not None:
            self._all.add(self._whole)

    def concerns(self, watch: Watch) -> bool:
        """Tell whether something happened that the watch waits for."""
        watched, triggers = watch.attributes, watch.triggers
        if watched is None:
            return not self._all.isdisjoint(triggers)
        whole = self._whole in triggers
        return any(
            whole or not fired.isdisjoint(triggers) for name, fired in self.by_attribute.items() if name in watched
        )


def is_told(watch: Watch, event: Event, grant: Grant, look_ups: LookUps | None = None) -> bool:
    """Tell whether the holder of a Grant is told of an event.

    The entity is judged as the commit left it, one that went as it was before; what the Grant hides does not exist.
    Without look_ups no condition on linked entities holds.
    """
    if not Fired(event, grant.hidden).concerns(watch):
        return False
    if grant.row_filter is not None and not compile_matcher(grant.row_filter)(event.entity):
        return False
    if watch.filter is None:
        return True
    linked = None if look_ups is None else look_ups.get(grant.fingerprint)
    return compile_matcher(hide_attributes(watch.filter, grant.hidden))(event.entity, linked)
