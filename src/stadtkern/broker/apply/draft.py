"""The entity while an operation changes it: a shallow copy, the trace of what changed, and the answer."""

from __future__ import annotations

from stadtkern.model.change import SCOPE, TYPE, Change, Item, NotUpdated, Outcome
from stadtkern.model.entity import NO_DATASET, Attributes, Entity, EntityPatch, Instance, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw


def scope_item(old: list[str], old_at: Instant, new: list[str], now: Instant) -> Item:
    """Tell how the scope changed; each value is the newer for standing where another was."""
    verb = "deleted" if not new else "updated" if old else "created"
    return Item(SCOPE, NO_DATASET, verb, _as_instance(old, old_at), _as_instance(new, now if new != old else old_at))


def _as_instance(scope: list[str], at: Instant) -> Instance | None:
    return Instance(kind="Property", value=raw(scope), created_at=at, modified_at=at) if scope else None


class Draft:
    """Collects the changes of one operation; ``finish`` makes the Change. Never touches ``before``."""

    __slots__ = (
        "attributes", "before", "expires_at", "items", "not_updated", "now", "scope", "scope_at", "types", "updated",
    )  # fmt: skip

    def __init__(self, before: Entity, now: Instant) -> None:
        self.before = before
        self.now = now
        self.attributes: Attributes = dict(before.attributes)
        self.types = before.types
        self.scope = before.scope
        self.scope_at = before.scope_at
        self.expires_at = before.expires_at
        self.items: list[Item] = []
        self.updated: list[Iri] = []
        self.not_updated: list[NotUpdated] = []

    def find(self, attribute: Iri, dataset_id: str) -> Instance | None:
        """Give the instance with this dataset id as it stands now."""
        instances = self.attributes.get(attribute)
        return None if instances is None else find_instance(instances, dataset_id)

    def put(self, attribute: Iri, instance: Instance, previous: Instance | None) -> None:
        """Set one instance. ``previous`` is what ``find`` gave for it."""
        instances = self.attributes.get(attribute)
        if instances is None:
            self.attributes[attribute] = [instance]
        elif previous is not None:
            self.attributes[attribute] = [instance if old is previous else old for old in instances]
        elif instance.dataset_id == NO_DATASET:
            self.attributes[attribute] = [instance, *instances]
        else:
            self.attributes[attribute] = [*instances, instance]
        verb = "created" if previous is None else "updated"
        self.items.append(Item(attribute, instance.dataset_id, verb, previous, instance))

    def remove(self, attribute: Iri, instance: Instance) -> None:
        """Take one instance away, and the attribute with its last one."""
        rest = [old for old in self.attributes[attribute] if old is not instance]
        if rest:
            self.attributes[attribute] = rest
        else:
            del self.attributes[attribute]
        self.items.append(Item(attribute, instance.dataset_id, "deleted", instance))

    def end(self, attribute: Iri, deletion: Instance, previous: Instance | None) -> None:
        """Take an instance away by a deletion that history tells of. ``previous`` is what ``find`` gave for it."""
        if previous is None:
            self.items.append(Item(attribute, deletion.dataset_id, "recorded", None, deletion))
            return
        self.remove(attribute, previous)
        self.items[-1] = Item(attribute, deletion.dataset_id, "deleted", previous, deletion=deletion)

    def remove_all(self, attribute: Iri) -> None:
        """Take an attribute away with all its instances."""
        for instance in self.attributes.pop(attribute):
            self.items.append(Item(attribute, instance.dataset_id, "deleted", instance))

    def note(self, attribute: Iri) -> None:
        """Say that an attribute was applied (once, whatever the number of its instances)."""
        if not self.updated or self.updated[-1] != attribute:
            self.updated.append(attribute)

    def refuse(self, attribute: Iri, reason: str) -> None:
        """Say that an attribute was left alone, and why."""
        note = NotUpdated(attribute, reason)
        if note not in self.not_updated:
            self.not_updated.append(note)

    def add_types(self, types: list[Iri]) -> None:
        """Unite the types: writing to an entity adds types and never takes one away. Spec: CIM 009 4.16."""
        new = [name for name in dict.fromkeys(types) if name not in self.types]
        if new:
            self.types = [*self.types, *new]
            self.note(TYPE)

    def set_scope(self, scope: list[str]) -> None:
        """Replace the scope; an empty list removes it. Spec: CIM 009 4.18."""
        if self.scope or scope:
            self.items.append(scope_item(self.scope, self.scope_at, scope, self.now))
            if scope != self.scope:
                self.scope, self.scope_at = scope, self.now
        self.note(SCOPE)

    def set_expiry(self, entity: EntityPatch) -> None:
        """Take over the entity's own expiry time. Spec: CIM 009 5.2.4 (expiresAt)."""
        if entity.expires_at is not None:
            self.expires_at = entity.expires_at
        elif entity.expires_removed:
            self.expires_at = None

    def finish(self) -> Change:
        """Make the Change. Where nothing changed, ``after`` is ``before`` itself and no time moves."""
        before = self.before
        if not self.items and self.types is before.types and self.expires_at == before.expires_at:
            outcome = Outcome(changed=False, updated=self.updated, not_updated=self.not_updated)
            return Change(before, before, [], outcome)
        after = Entity(
            id=before.id,
            types=self.types,
            scope=self.scope,
            scope_at=self.scope_at,
            attributes=self.attributes,
            created_at=before.created_at,
            modified_at=self.now,
            expires_at=self.expires_at,
        )
        return Change(before, after, self.items, Outcome(updated=self.updated, not_updated=self.not_updated))
