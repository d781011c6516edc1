"""Answers in the shape of an earlier version of NGSI-LD, for readers that know no later one.

``Prefer: ngsi-ld=1.x`` asks for it. What a version did not have is shown as the nearest thing that it had, or left out;
the answer then says 203, and in any case which version it keeps to. Spec: CIM 009 4.3.6.8, 6.3.18; RFC 7240.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw

from stadtkern.jsonld.context import Context
from stadtkern.model.entity import NO_DATASET, AttributeKind, Attributes, Entity, Instance, replace
from stadtkern.model.history import EntityHistory, Series
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.query.projection import Projection
from stadtkern.views._http.message import Response
from stadtkern.views.ngsild.render import EntityRenderer, HistoryRenderer
from stadtkern.views.ngsild.render_entity import Linked
from stadtkern.views.ngsild.representation import Representation

PRESENT: Final = 9
"""The minor version of what is answered without a preference."""
TYPED: Final = 8
"""Since 1.8 there are vocabulary, JSON and list attributes, relationships to several targets and types of targets."""
MULTIPLE_TYPES: Final = 5
"""Since 1.5 entities have several types, and scopes."""
LANGUAGES: Final = 4
"""Since 1.4 there are LanguageProperties."""
DATASETS: Final = 2
"""Since 1.2 attributes have several instances."""

_LATE_KINDS: Final = frozenset({"VocabProperty", "JsonProperty", "ListProperty"})


class EarlierEntities:
    """Renders entities as a version has them, and tells whether that made a difference."""

    def __init__(self, minor: int, context: Context, representation: Representation, now: Instant, linked: Linked):
        """linked: for ``join=inline``."""
        self.minor = minor
        self.amended = False
        self._amend = Amender(context, minor).entity
        self._present = EntityRenderer(context, representation, now, linked)
        inside = {id_: self._amend(entity) for id_, entity in linked.items()}
        self._earlier = EntityRenderer(context, representation, now, inside)

    def render(self, entity: Entity, projection: Projection | None = None) -> bytes:
        """Render one entity as JSON text."""
        body = self._earlier.render(self._amend(entity), projection)
        self.amended = self.amended or body != self._present.render(entity, projection)
        return body


class EarlierHistories:
    """Renders histories as a version has them, and tells whether that made a difference."""

    def __init__(self, minor: int, context: Context, renderer: HistoryRenderer) -> None:
        self.minor = minor
        self.amended = False
        self._amend = Amender(context, minor).history
        self._renderer = renderer

    def render(self, history: EntityHistory) -> bytes:
        """Render one history as JSON text."""
        body = self._renderer.render(self._amend(history))
        self.amended = self.amended or body != self._renderer.render(history)
        return body


def with_preference(response: Response, renderer: object) -> Response:
    """Say in an answer which version it keeps to, and whether it was changed for that (203). Spec: CIM 009 6.3.18."""
    if isinstance(renderer, EarlierEntities | EarlierHistories):
        response.headers.append(("Preference-Applied", f"ngsi-ld=1.{renderer.minor}"))
        if renderer.amended and response.status == 200:
            response.status = 203
    return response


class Amender:
    """Makes entities and histories look as if an earlier version had them."""

    __slots__ = ("_context", "_minor")

    def __init__(self, context: Context, minor: int) -> None:
        self._context = context
        self._minor = minor

    def entity(self, entity: Entity) -> Entity:
        """Give an entity as the version has it."""
        older = self._minor < MULTIPLE_TYPES
        return replace(
            entity,
            types=entity.types[:1] if older else entity.types,
            scope=[] if older else entity.scope,
            attributes=self._attributes(entity.attributes),
            expires_at=None if self._minor < PRESENT else entity.expires_at,
        )

    def history(self, history: EntityHistory) -> EntityHistory:
        """Give a history as the version has it."""
        older = self._minor < MULTIPLE_TYPES
        attributes = {name: self._series(series) for name, series in history.attributes.items()}
        return msgspec.structs.replace(
            history,
            types=history.types[:1] if older else history.types,
            scope=[] if older else history.scope,
            scopes=[] if older else history.scopes,
            attributes={name: series for name, series in attributes.items() if series},
            expires_at=None if self._minor < PRESENT else history.expires_at,
        )

    def _series(self, all_series: list[Series]) -> list[Series]:
        """Give the series of an attribute; kinds of a series that was shown as another go with its instances."""
        found: list[Series] = []
        for series in all_series:
            if series.dataset_id != NO_DATASET and self._minor < DATASETS:
                continue
            instances = [self._instance(instance) for instance in series.instances]
            kind = instances[-1].kind if instances else self._kind(series.kind)
            found.append(msgspec.structs.replace(series, kind=kind, instances=instances))
        return found

    def _attributes(self, attributes: Attributes) -> Attributes:
        found = {name: self._instances(instances) for name, instances in attributes.items()}
        return {name: instances for name, instances in found.items() if instances}

    def _instances(self, instances: list[Instance]) -> list[Instance]:
        return [
            self._instance(instance)
            for instance in instances
            if instance.dataset_id == NO_DATASET or self._minor >= DATASETS
        ]

    def _instance(self, instance: Instance) -> Instance:
        kind, value = self._value(instance)
        return replace(
            instance,
            kind=kind,
            value=value,
            object_type=UNSET if self._minor < TYPED else instance.object_type,
            value_type=None if self._minor < PRESENT else instance.value_type,
            expires_at=None if self._minor < PRESENT else instance.expires_at,
            subs=self._attributes(instance.subs) if instance.subs else instance.subs,
        )

    def _kind(self, kind: AttributeKind) -> AttributeKind:
        if (kind in _LATE_KINDS and self._minor < TYPED) or (kind == "LanguageProperty" and self._minor < LANGUAGES):
            return "Property"
        return "Relationship" if kind == "ListRelationship" and self._minor < TYPED else kind

    def _value(self, instance: Instance) -> tuple[AttributeKind, Raw]:
        """Give the kind that stands for a later one, and the value in its form.

        Several targets are no relationship of an earlier version: they become a Property that lists them.
        """
        kind = self._kind(instance.kind)
        if self._minor >= TYPED or instance.deleted_at is not None:
            return kind, instance.value
        if instance.kind == "VocabProperty":
            return kind, self._words(instance.value)
        if kind == "Relationship":
            targets = msgspec.json.decode(instance.value)
            if isinstance(targets, list):
                single = len(targets) == 1  # pyright: ignore[reportUnknownArgumentType]
                return ("Relationship", raw(targets[0])) if single else ("Property", instance.value)
        return kind, instance.value

    def _words(self, value: Raw) -> Raw:
        """Write vocabulary terms as a reader of the context knows them."""
        words = msgspec.json.decode(value, type=str | list[str])
        compact = self._context.compact_iri
        return raw(compact(words) if isinstance(words, str) else [compact(word) for word in words])
