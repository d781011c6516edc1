"""The temporal evolution of entities to JSON text: instances, pairs of value and time, or aggregates.

Spec: CIM 009 4.5.6 to 4.5.9 (temporal representations), 4.5.19 (aggregated values).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from stadtkern.jsonld.context import Context
from stadtkern.model.entity import AttributeKind, Instance, replace
from stadtkern.model.history import EntityHistory, ScopeInstance, Series
from stadtkern.model.ids import NGSI_LD_NULL
from stadtkern.model.instant import Instant
from stadtkern.query.request import TimeProperty
from stadtkern.views.ngsild.render_instance import InstanceRenderer, add_system_times, instant_text
from stadtkern.views.ngsild.representation import Representation

INSTANCE_URN = "urn:ngsi-ld:instance:"
"""What an ``instanceId`` begins with; the observation's number follows."""

_VALUES: dict[AttributeKind, str] = {
    "Property": "values",
    "Relationship": "objects",
    "GeoProperty": "values",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "JsonProperty": "jsons",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
}
"""Members of the simplified temporal representation (CIM 009 4.5.9)."""

_NULL = f'"{NGSI_LD_NULL}"'.encode()
_encode = msgspec.json.Encoder().encode


def render_history(history: EntityHistory, context: Context, representation: Representation, *, now: Instant) -> bytes:
    """Render one entity's history as JSON text, without ``@context``; instances come in the order given."""
    return HistoryRenderer(context, representation, now).render(history)


class HistoryRenderer:
    """Renders the histories of one answer.

    keep_empty: attributes without an instance are shown as empty; for answers that were cut (CIM 009 6.3.10).
    """

    __slots__ = ("_compact", "_instances", "_keeps_empty", "_representation")

    def __init__(
        self, context: Context, representation: Representation, now: Instant, *, keep_empty: bool = False
    ) -> None:
        self._compact = context.compact_iri
        self._representation = representation
        self._keeps_empty = keep_empty
        self._instances = InstanceRenderer(
            context,
            now,
            form="concise" if representation.temporal == "concise" else "normalized",
            sys_attrs=representation.sys_attrs,
            lang=representation.lang,
        )

    def render(self, history: EntityHistory) -> bytes:
        """Render one history as JSON text."""
        return _encode(self.tree(history))

    def tree(self, history: EntityHistory) -> dict[str, Any]:
        """Give one history as a tree; empty if the projection leaves nothing of it."""
        projection = self._representation.projection
        types = [self._compact(type_) for type_ in history.types]
        tree: dict[str, Any] = {"id": history.id, "type": types[0] if len(types) == 1 else types}
        if history.scopes or history.scope:
            tree["scope"] = self._scope(history)
        if self._representation.sys_attrs:
            add_system_times(tree, history.created_at, history.modified_at, history.deleted_at, history.expires_at)
        tree = {name: value for name, value in tree.items() if projection.shows_member(name)}
        for name, all_series in history.attributes.items():
            series = self._shown(all_series)
            if projection.shows(name) and (series or self._keeps_empty):
                tree[self._compact(name)] = self._attribute(series)
        return tree

    def _shown(self, series: list[Series]) -> list[Series]:
        wanted = self._representation.dataset_ids
        return [
            one for one in series if (one.instances or one.aggregates) and (wanted is None or one.dataset_id in wanted)
        ]

    def _attribute(self, all_series: list[Series]) -> Any:
        if self._representation.temporal in ("normalized", "concise"):
            return [self._instance(instance) for series in all_series for instance in series.instances]
        trees = [
            self._aggregates(series) if self._representation.temporal == "aggregatedValues" else self._pairs(series)
            for series in all_series
        ]
        if not trees:
            return {"type": "Property", "values": []}
        return trees[0] if len(trees) == 1 else trees

    def _instance(self, instance: Instance) -> dict[str, Any]:
        tree = self._instances.instance(_with_null_map(instance))
        if instance.instance_id is not None:
            tree["instanceId"] = f"{INSTANCE_URN}{instance.instance_id}"
        if instance.deleted_at is not None:
            tree["deletedAt"] = instant_text(instance.deleted_at)
        return tree

    def _pairs(self, series: Series) -> dict[str, Any]:
        """Give a series as pairs of value and time. Spec: CIM 009 4.5.9."""
        tree = self._head(series)
        member = "values" if tree["type"] == "Property" else _VALUES[series.kind]
        tree[member] = [[self._instances.simplify(_with_null_map(one)), self._time(one)] for one in series.instances]
        return tree

    def _aggregates(self, series: Series) -> dict[str, Any]:
        """Give a series as rows of result, start and end by method. Spec: CIM 009 4.5.19.3."""
        tree = self._head(series)
        for method, rows in series.aggregates.items():
            tree[method] = [[row.value, instant_text(row.start), instant_text(row.end)] for row in rows]
        return tree

    def _head(self, series: Series) -> dict[str, Any]:
        tree: dict[str, Any] = {"type": series.kind}
        if series.kind == "LanguageProperty" and self._representation.lang is not None:
            tree["type"] = "Property"
        if series.dataset_id:
            tree["datasetId"] = series.dataset_id
        return tree

    def _time(self, instance: Instance) -> str:
        """Give the time that stands beside a value: that which was asked for, else the one that is there."""
        times: dict[TimeProperty, Instant | None] = {
            "observedAt": instance.observed_at,
            "deletedAt": instance.deleted_at,
            "modifiedAt": instance.modified_at or None,
            "createdAt": instance.created_at or None,
        }
        asked = times[self._representation.time_property]
        return instant_text(asked or next((time for time in times.values() if time is not None), Instant(0)))

    def _scope(self, history: EntityHistory) -> Any:
        """Give the scope as a temporal Property; plain where it has no history. Spec: CIM 009 4.5.6."""
        if not history.scopes:
            return _one_or_all(history.scope)
        if self._representation.temporal in ("normalized", "concise"):
            return [self._scope_instance(instance) for instance in history.scopes]
        pairs = [[_one_or_all(one.scope), instant_text(_scope_time(one))] for one in history.scopes]
        return {"type": "Property", "values": pairs}

    def _scope_instance(self, instance: ScopeInstance) -> dict[str, Any]:
        tree: dict[str, Any] = {"type": "Property", "value": _one_or_all(instance.scope)}
        if instance.observed_at is not None:
            tree["observedAt"] = instant_text(instance.observed_at)
        if self._representation.sys_attrs:
            add_system_times(tree, instance.created_at, instance.modified_at, None, None)
        if instance.deleted_at is not None:
            tree["deletedAt"] = instant_text(instance.deleted_at)
        return tree


def _with_null_map(instance: Instance) -> Instance:
    """Write the deletion of a LanguageProperty as a language map. Spec: CIM 009 4.6.5."""
    if instance.kind != "LanguageProperty" or bytes(instance.value) != _NULL:
        return instance
    return replace(instance, value=Raw(b'{"@none":' + _NULL + b"}"))


def _one_or_all(scope: list[str]) -> Any:
    return scope[0] if len(scope) == 1 else scope


def _scope_time(instance: ScopeInstance) -> Instant:
    return instance.deleted_at or instance.observed_at or instance.modified_at
