"""Attribute instances to JSON trees: normalized, concise and simplified.

Trees are dicts whose leaves are ``Raw``: values are spliced into the answer as they were stored, never decoded, except
where the standard changes them (vocabulary terms, language filter). Spec: CIM 009 4.5.2 to 4.5.5, 4.5.18 to 4.5.24.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import msgspec
from msgspec import UNSET, Raw

from stadtkern.jsonld.context import Context
from stadtkern.model.entity import VALUE_MEMBER, Instance
from stadtkern.model.instant import Instant, render_instant
from stadtkern.model.measured import EXTRAS, is_measured, measured_subs
from stadtkern.views.ngsild.parse_geometry import is_geometry
from stadtkern.views.ngsild.parse_node import as_array, as_object, listed
from stadtkern.views.ngsild.parse_terms import KINDS, METADATA, PROHIBITED, VALUE_KINDS
from stadtkern.views.ngsild.render_language import LanguageFilter
from stadtkern.views.ngsild.representation import Format

_decode = msgspec.json.decode
_INFERRED = frozenset(
    {"Relationship", "LanguageProperty", "VocabProperty", "JsonProperty", "ListProperty", "ListRelationship"}
)
"""Kinds that the concise form always tells by the value member."""
_NAMES = frozenset({"entityTypeSealed", "previousVocab"})
"""Further members whose values are names that the reader's context makes short."""
_KEYWORDS = frozenset({"type", "@type", "@value", *VALUE_KINDS, *METADATA, *PROHIBITED})

instant_text = lru_cache(maxsize=8192)(render_instant)
"""Instants as text; the attributes of an entity share most of theirs."""


class InstanceRenderer:
    """Makes trees of attribute instances for one context and one representation."""

    __slots__ = ("_compact", "_is_concise", "_is_simplified", "_lang", "_now", "_sys_attrs")

    def __init__(
        self,
        context: Context,
        now: Instant,
        *,
        form: Format = "normalized",
        sys_attrs: bool = False,
        lang: LanguageFilter | None = None,
    ) -> None:
        self._now = now
        self._compact = context.compact_iri
        self._lang = lang
        self._sys_attrs = sys_attrs
        self._is_simplified = form == "simplified"
        self._is_concise = form == "concise"

    def attribute(self, instances: list[Instance]) -> Any:
        """Give the value of an attribute's member: one instance, an array of several, or the map of simplified values.

        instances: those to be shown, at least one.
        """
        if self._is_simplified:
            return self._simplify_all(instances)
        if len(instances) > 1:
            return [self.instance(instance) for instance in instances]
        tree = self.instance(instances[0])
        return _shorten(tree) if self._is_concise else tree

    def instance(self, instance: Instance) -> dict[str, Any]:
        """Give one instance as an object, normalized or concise."""
        return self._concise(instance) if self._is_concise else self._normalized(instance)

    def simplify(self, instance: Instance) -> Any:
        """Give the bare value of an instance. Spec: CIM 009 4.5.4."""
        kind = instance.kind
        if kind == "LanguageProperty" and (chosen := self._choose(instance.value)):
            return chosen[0]
        if kind == "VocabProperty":
            return {"vocab": self._compact_all(instance.value)}
        if kind == "LanguageProperty" or kind == "JsonProperty":
            return {VALUE_MEMBER[kind]: instance.value}
        return instance.value

    def _normalized(self, instance: Instance) -> dict[str, Any]:
        """Give an instance in normalized form. Spec: CIM 009 4.5.2.2 and its sisters."""
        kind = instance.kind
        tree: dict[str, Any] = {"type": kind}
        if kind == "Property" or kind == "GeoProperty":
            tree["value"] = instance.value
        elif kind == "Relationship":
            tree["object"] = instance.value
        else:
            self._add_value(tree, instance)
        self._add_metadata(tree, instance)
        if instance.subs:
            for name, instances in instance.subs.items():
                if shown := shown_instances(instances, self._now, None):
                    tree[self._compact(name)] = self.attribute(shown)
        if (instance.end_time is not None or instance.result_time is not None or instance.extra) and is_measured(
            instance
        ):
            for name, part in measured_subs(instance):
                tree.setdefault(self._compact(name), self.attribute([part]))
        return tree

    def _concise(self, instance: Instance) -> dict[str, Any]:
        """Give an instance in concise form, its type left out where a reader can infer it. Spec: CIM 009 4.5.2.3."""
        tree = self._normalized(instance)
        kind = tree["type"]
        if (
            kind in _INFERRED
            or kind == "GeoProperty"
            or (kind == "Property" and not _looks_like_geometry(tree["value"]))
        ):
            del tree["type"]
        if kind == "ListRelationship":
            tree["objectList"] = instance.value
        return tree

    def _add_value(self, tree: dict[str, Any], instance: Instance) -> None:
        """Add the value of a kind whose stored form is not what readers see."""
        kind = instance.kind
        if kind == "LanguageProperty" and (chosen := self._choose(instance.value)):
            tree["type"] = "Property"
            tree["value"], tree["lang"] = chosen
        elif kind == "VocabProperty":
            tree["vocab"] = self._compact_all(instance.value)
        elif kind == "ListRelationship":
            targets = as_array(_decode(instance.value))
            tree["objectList"] = instance.value if targets is None else [{"object": target} for target in targets]
        else:
            tree[VALUE_MEMBER[kind]] = instance.value

    def _add_metadata(self, tree: dict[str, Any], instance: Instance) -> None:
        if instance.observed_at is not None:
            tree["observedAt"] = instant_text(instance.observed_at)
        if instance.unit_code is not None:
            tree["unitCode"] = instance.unit_code
        if instance.dataset_id:
            tree["datasetId"] = instance.dataset_id
        if instance.object_type is not UNSET:
            tree["objectType"] = self._compact_all(instance.object_type)
        if instance.value_type is not None and "lang" not in tree:
            tree["valueType"] = self._compact(instance.value_type)
        if instance.extra:
            self._add_extra(tree, instance.extra)
        if self._sys_attrs:
            add_system_times(tree, instance.created_at, instance.modified_at, instance.deleted_at, instance.expires_at)

    def _add_extra(self, tree: dict[str, Any], extra: dict[str, Raw]) -> None:
        for name, text in extra.items():
            if name in _NAMES:
                tree[name] = self._compact_all(text)
            elif name not in tree and name not in EXTRAS:
                tree[name] = text

    def _simplify_all(self, instances: list[Instance]) -> Any:
        if len(instances) == 1:
            return self.simplify(instances[0])
        return {"dataset": {one.dataset_id or "@none": self.simplify(one) for one in instances}}

    def _compact_all(self, text: Raw) -> Any:
        """Compact a name, or each of a list of names."""
        names = _decode(text)
        if isinstance(names, str):
            return self._compact(names)
        return [self._compact(name) for name in cast("list[str]", names)]

    def _choose(self, text: Raw) -> tuple[Any, str] | None:
        """Give the words in the reader's language, and which language that is. Spec: CIM 009 4.15."""
        if self._lang is None:
            return None
        languages = as_object(_decode(text)) or {}
        tag = self._lang.choose(languages)
        return None if tag is None else (languages[tag], tag)


def add_system_times(
    tree: dict[str, Any],
    created_at: Instant,
    modified_at: Instant,
    deleted_at: Instant | None,
    expires_at: Instant | None,
) -> None:
    """Add the system attributes, where they are known. Spec: CIM 009 6.3.11, 4.8."""
    if created_at:
        tree["createdAt"] = instant_text(created_at)
    if modified_at:
        tree["modifiedAt"] = instant_text(modified_at)
    if deleted_at is not None:
        tree["deletedAt"] = instant_text(deleted_at)
    if expires_at is not None:
        tree["expiresAt"] = instant_text(expires_at)


def _shorten(tree: dict[str, Any]) -> Any:
    """Give the bare value where an object would say no more, and a reader could not mistake it (CIM 009 4.5.2.3)."""
    if len(tree) != 1 or "value" not in tree:
        return tree
    value = tree["value"]
    return value if not isinstance(value, Raw) or _is_plain(value) else tree


def _is_plain(value: Raw) -> bool:
    """Tell whether a bare value reads back as that value: no object that looks like an attribute."""
    text = bytes(value)
    if text[:1] not in (b"{", b"["):
        return True
    tree = _decode(text)
    if is_geometry(tree):
        return True
    if as_array(tree) is not None:
        return not any(as_object(element) is not None for element in listed(tree))
    members = as_object(tree) or {}
    return _KEYWORDS.isdisjoint(members) and not any(
        str((as_object(child) or {}).get("type")) in KINDS for child in members.values()
    )


def _looks_like_geometry(value: Any) -> bool:
    """Tell a Property's value that a reader of the concise form would take for a GeoProperty's."""
    return isinstance(value, Raw) and bytes(value)[:1] == b"{" and is_geometry(_decode(value))


def shown_instances(instances: list[Instance], now: Instant, dataset_ids: frozenset[str] | None) -> list[Instance]:
    """Leave out expired instances, and those whose dataset id was not asked for. Spec: CIM 009 4.22, 4.5.5."""
    if dataset_ids is None and not any(instance.expires_at for instance in instances):
        return instances
    return [
        instance
        for instance in instances
        if (instance.expires_at is None or instance.expires_at > now)
        and (dataset_ids is None or instance.dataset_id in dataset_ids)
    ]
