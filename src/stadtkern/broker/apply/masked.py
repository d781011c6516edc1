"""Operations of somebody who does not see everything: what is hidden is neither written nor lost.

The operation is applied to the entity as its holder sees it, and what was hidden is put back into the outcome. Nothing
in the answer depends on whether a hidden attribute is there. See ``docs/adr/0012-masks-hold-on-writes.md``.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from stadtkern.errors import Forbidden
from stadtkern.model.change import Change, Item, NotUpdated
from stadtkern.model.entity import Attributes, Entity, Instance, InstancePatch, find_instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import (
    CreateEntity,
    DeleteEntity,
    DescribeSeries,
    DocumentOperation,
    MoveThing,
    Operation,
    PartialUpdateAttribute,
    PatchHistoryInstance,
    RecordHistory,
    ReplaceAttribute,
    UpsertEntity,
)
from stadtkern.model.sensorthings_terms import LOCATION, LOCATIONS
from stadtkern.policy.mask import Hidden, named_subs, with_hidden, without_hidden

Decide = Callable[[Entity | None], Change]


def strip_hidden(operation: Operation, hidden: Hidden, before: Entity | None) -> tuple[Operation, list[NotUpdated]]:
    """Take out of an operation what its holder may not write, and say of each attribute that it was left alone.

    What has no answer to say so in is refused as a whole: making an entity, history, a fragment of one attribute.
    Raises: Forbidden.
    """
    match operation:
        case (
            PartialUpdateAttribute(attribute=name, patches=patches) | ReplaceAttribute(attribute=name, patches=patches)
        ):
            _refuse_subs(name, patches, hidden)
            return operation, []
        case PatchHistoryInstance():
            _refuse_subs(operation.attribute, [operation.patch], hidden)
            return operation, []
        case DescribeSeries(attribute=name) if name in hidden:
            raise Forbidden(f"These credentials may not write the attribute {name}")
        case MoveThing() if not hidden.isdisjoint((LOCATION, LOCATIONS)):
            raise Forbidden("These credentials may not say where a Thing is")
        case _:
            pass
    entity = getattr(operation, "entity", None)
    if entity is None:
        return operation, []
    notes = [note for name, patches in entity.attributes.items() if (note := _refusal(name, patches, hidden))]
    if not notes:
        return operation, []
    makes = before is None and isinstance(operation, UpsertEntity)
    if makes or isinstance(operation, CreateEntity | RecordHistory):
        raise Forbidden(f"{notes[0].reason}: {notes[0].attribute}", pointer=f"/{notes[0].attribute}")
    refused = {note.attribute for note in notes}
    kept = {name: group for name, group in entity.attributes.items() if name not in refused}
    return replace(operation, entity=replace(entity, attributes=kept)), notes


def _refusal(name: Iri, patches: list[InstancePatch], hidden: Hidden) -> NotUpdated | None:
    if name in hidden:
        return NotUpdated(name, "These credentials may not write this attribute", forbidden=True)
    for sub in named_subs(patches):
        if sub in hidden:
            return NotUpdated(name, f"These credentials may not write the sub-attribute {sub}", forbidden=True)
    return None


def _refuse_subs(name: Iri, patches: list[InstancePatch], hidden: Hidden) -> None:
    for sub in named_subs(patches):
        if sub in hidden:
            raise Forbidden(f"These credentials may not write the sub-attribute {sub} of {name}")


def apply_masked(
    operation: DocumentOperation | RecordHistory, hidden: Hidden, before: Entity | None, now: Instant, decide: Decide
) -> Change:
    """Apply an operation to what its holder sees, and put back what is hidden.

    An entity that is deleted as a whole, or is over as a whole, goes with all that is in it.
    """
    if before is None or isinstance(operation, DeleteEntity) or _is_over(before, now):
        return decide(before)
    attributes = without_hidden(before.attributes, hidden)
    if attributes is before.attributes:
        return decide(before)
    shown = replace(before, attributes=attributes)
    change = decide(shown)
    if change.after is shown:
        return Change(before, before, [], change.outcome)
    # a recorded value says all that there is to say about its time; what it succeeds stays in history
    restore = _Restore(before, shown, frozenset() if isinstance(operation, RecordHistory) else hidden)
    after = change.after
    if after is not None:
        kept = {name: group for name, group in before.attributes.items() if name in hidden}
        after = replace(after, attributes={**restore.attributes(after.attributes), **kept})
    return Change(before, after, [restore.item(item) for item in change.items], change.outcome)


def _is_over(entity: Entity, now: Instant) -> bool:
    return entity.expires_at is not None and entity.expires_at <= now


class _Restore:
    """Gives for what a masked operation left what the store is to hold."""

    def __init__(self, before: Entity, shown: Entity, hidden: Hidden) -> None:
        self._before = before.attributes
        self._hidden = hidden
        self._originals = {
            id(masked): original
            for name, group in shown.attributes.items()
            for masked, original in zip(group, before.attributes[name], strict=True)
        }

    def attributes(self, attributes: Attributes) -> Attributes:
        return {name: [self._instance(name, one) for one in group] for name, group in attributes.items()}

    def item(self, item: Item) -> Item:
        previous, new = item.previous, item.new
        return replace(
            item,
            previous=None if previous is None else self._instance(item.attribute, previous),
            new=None if new is None else self._instance(item.attribute, new),
        )

    def _instance(self, name: Iri, instance: Instance) -> Instance:
        original = self._originals.get(id(instance))
        if original is not None:
            return original
        old = find_instance(self._before.get(name, []), instance.dataset_id)
        return with_hidden(instance, old, self._hidden) if self._hidden else instance
