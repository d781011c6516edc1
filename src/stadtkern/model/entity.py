"""Entities and attribute instances: the canonical value that every view reads and writes.

Names of types, attributes and vocabulary terms are IRIs here; compaction to a reader's terms happens in the views.
The JSON values of attributes are kept as the text that came (``Raw``), so that ``1.10`` stays ``1.10``.
Spec: CIM 009 4.5 (representations), 5.2.4 (Entity), 5.2.5 to 5.2.37 (attributes).
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant

AttributeKind = Literal[
    "Property",
    "Relationship",
    "GeoProperty",
    "LanguageProperty",
    "VocabProperty",
    "JsonProperty",
    "ListProperty",
    "ListRelationship",
]

VALUE_MEMBER: dict[str, str] = {
    "Property": "value",
    "Relationship": "object",
    "GeoProperty": "value",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
"""Which member holds the value, by attribute type (CIM 009 4.5.2 and 4.5.18 to 4.5.24)."""

NO_DATASET = ""
"""The dataset id of the default instance (CIM 009 4.5.5)."""

Attributes = dict[Iri, list["Instance"]]
"""Attributes by expanded name; each has one or more instances with different dataset ids, the default one first."""


class Instance(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One instance of an attribute: what the standard calls Property, Relationship and so on.

    ``value`` is the JSON text of whatever member holds the value for this kind (see ``VALUE_MEMBER``): vocabulary terms
    and list relationships are already expanded (an objectList is a JSON array of URIs, without the ``object``
    wrappers).
    Times are instants (microseconds, UTC). ``created_at``/``modified_at`` are set by the write path only.
    """

    kind: AttributeKind
    value: Raw
    dataset_id: str = NO_DATASET
    observed_at: Instant | None = None
    unit_code: str | None = None
    object_type: Raw | UnsetType = UNSET
    """Expanded type name(s) of a relationship's target: JSON string or array."""
    value_type: str | None = None
    expires_at: Instant | None = None
    created_at: Instant = Instant(0)
    modified_at: Instant = Instant(0)
    deleted_at: Instant | None = None
    instance_id: int | None = None
    """The observation's id; shown by the temporal API only."""
    end_time: Instant | None = None
    """The end of the stretch of time that was observed; ``observed_at`` is its start."""
    result_time: Instant | None = None
    """When the result was there. It stays unknown where nobody said so, like every time here."""
    feature: int | None = None
    """The number of the entity that was observed, where it is not the one with the attribute."""
    extra: dict[str, Raw] = {}
    """Further members that are kept as they came: core ones such as ``ngsildproof``, those of ``model.measured``."""
    subs: dict[Iri, list[Instance]] = {}
    """Sub-attributes, recursively."""


class Entity(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """An entity as it is now: the whole current state, observed attributes included."""

    id: EntityId
    types: list[Iri]
    scope: list[str] = []
    scope_at: Instant = Instant(0)
    """Since when the scope has been what it is; 0 where there never was one."""
    attributes: Attributes = {}
    created_at: Instant = Instant(0)
    modified_at: Instant = Instant(0)
    expires_at: Instant | None = None
    deleted_at: Instant | None = None


class InstancePatch(Struct, frozen=True, gc=False, kw_only=True):
    """One attribute instance as a client sent it: possibly partial, possibly a deletion.

    Parsed from normalized, concise or simplified form. For a whole attribute ``kind`` and ``value`` are set.
    In fragments (partial update, merge) either may be missing; ``removed`` names the core members that
    were set to NGSI-LD Null (``observedAt``, ``unitCode`` …), ``deleted`` says that the whole instance was.
    """

    kind: AttributeKind | None = None
    value: Raw | UnsetType = UNSET
    dataset_id: str = NO_DATASET
    observed_at: Instant | None = None
    unit_code: str | None = None
    object_type: Raw | UnsetType = UNSET
    value_type: str | None = None
    expires_at: Instant | None = None
    created_at: Instant | None = None
    modified_at: Instant | None = None
    deleted_at: Instant | None = None
    """When it was deleted, as a client says of an instance in the past."""
    end_time: Instant | None = None
    result_time: Instant | None = None
    feature: int | None = None
    extra: dict[str, Raw] = {}
    subs: dict[Iri, list[InstancePatch]] = {}
    removed: frozenset[str] = frozenset()
    deleted: bool = False
    simplified: bool = False
    """Came as a bare value (simplified form): a merge keeps the kind and the other members of what exists."""


class EntityPatch(Struct, frozen=True, gc=False, kw_only=True):
    """An entity or entity fragment as a client sent it."""

    id: EntityId | None = None
    types: list[Iri] = []
    scope: list[str] | None = None
    """None: not mentioned. An empty list: removed (NGSI-LD Null)."""
    attributes: dict[Iri, list[InstancePatch]] = {}
    expires_at: Instant | None = None
    expires_removed: bool = False


def find_instance(instances: list[Instance], dataset_id: str) -> Instance | None:
    """Give the instance with this dataset id (``NO_DATASET`` for the default one)."""
    for instance in instances:
        if instance.dataset_id == dataset_id:
            return instance
    return None


replace = msgspec.structs.replace
"""Copy with some fields changed."""
