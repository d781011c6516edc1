"""Attributes in NGSI-LD bodies, in normalized, concise and simplified form, to instance patches.

Which form an attribute has is seen from its shape (CIM 009 4.5.2.3): an object with an attribute type or a value member
is normalized or concise; anything else is a bare value. Where the request says *simplified*, objects are values too.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from stadtkern.errors import BadRequestData, PayloadTooLarge
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import NO_DATASET, VALUE_MEMBER, AttributeKind, InstancePatch
from stadtkern.model.ids import NGSI_LD_NULL, Iri
from stadtkern.model.json import raw
from stadtkern.views.ngsild.parse_geometry import is_geometry
from stadtkern.views.ngsild.parse_limits import MAX_DATASETS, MAX_HISTORY, MAX_INSTANCES, Budget, check_members
from stadtkern.views.ngsild.parse_node import Node, as_array, as_object, elements_of, members_of, point
from stadtkern.views.ngsild.parse_terms import (
    GEO_ONLY,
    KINDS,
    LANG_STRING,
    METADATA,
    NGSILD_PROOF,
    PROHIBITED,
    SYSTEM_MEMBERS,
    VALUE_KINDS,
    expand_attribute,
    expand_types,
    parse_dataset_id,
    parse_time,
)
from stadtkern.views.ngsild.parse_value import contains_null, is_null_value, parse_value

_UNITLESS = frozenset({"Relationship", "ListRelationship", "LanguageProperty", "VocabProperty", "JsonProperty"})
_RELATIONSHIPS = frozenset({"Relationship", "ListRelationship"})
_SIMPLIFIED_MEMBERS = frozenset({"languageMap", "vocab", "json", "valueList", "objectList"})
_REMOVABLE = METADATA - {"datasetId"}


class Form(Struct, frozen=True):
    """What a body may look like, by operation.

    needs_id, needs_type: the entity must say its own. nulls: where NGSI-LD Null may stand: nowhere, as a member or an
    attribute's value, or inside values too (CIM 009 5.5.4). partial: attributes may lack their value.
    history: attributes are lists of instances at different times, and NGSI-LD Null is the value of a deletion.
    """

    needs_id: bool = False
    needs_type: bool = False
    nulls: Literal["never", "members", "values"] = "never"
    partial: bool = False
    history: bool = False


class _Draft:
    """What has been read of one instance so far."""

    __slots__ = ("deleted", "extra", "fields", "kind", "removed", "subs", "value")

    def __init__(self, kind: AttributeKind | None) -> None:
        self.kind: AttributeKind | None = kind
        self.value: Raw | UnsetType = UNSET
        self.deleted = False
        self.fields: dict[str, Any] = {}
        self.extra: dict[str, Raw] = {}
        self.removed: set[str] = set()
        self.subs: dict[Iri, list[InstancePatch]] = {}

    def finish(self) -> InstancePatch:
        return InstancePatch(
            kind=self.kind,
            value=self.value,
            extra=self.extra,
            subs=self.subs,
            removed=frozenset(self.removed),
            deleted=self.deleted,
            **self.fields,
        )


class AttributeParser:
    """Reads attributes of one body: with one context, in one form."""

    __slots__ = ("_batch", "_budget", "context", "form", "simplified")

    def __init__(self, context: Context, form: Form, *, simplified: bool = False, batch: Budget | None = None) -> None:
        """batch: what the elements of a batch have in common."""
        self._budget = Budget(MAX_HISTORY if form.history else MAX_INSTANCES)
        self._batch = batch
        self.context = context
        self.form = form
        self.simplified = simplified

    def parse_instances(self, name: Iri, node: Node, pointer: str) -> list[InstancePatch]:
        """Read the value of one attribute member: one instance, or an array with one per dataset id or time.

        Raises: BadRequestData. Spec: CIM 009 4.5.5 (multi-attribute), 4.5.6 (temporal representation).
        """
        if self._is_list(node.tree):
            nodes = elements_of(node)
            found = [self.parse_instance(name, one, point(pointer, at)) for at, one in enumerate(nodes)]
        elif self.simplified and _is_dataset_map(node.tree):
            return self._parse_dataset_map(name, node, pointer)
        else:
            found = [self.parse_instance(name, node, pointer)]
        if not self.form.history:
            check_datasets(found, pointer)
        else:
            _bound_datasets(len({patch.dataset_id for patch in found}), pointer)
        return found

    def parse_instance(self, name: Iri, node: Node, pointer: str) -> InstancePatch:
        """Read one attribute instance. Raises: BadRequestData, PayloadTooLarge. Spec: CIM 009 4.5.2 to 4.5.4."""
        self._spend(pointer)
        shape = self._shape(node.tree)
        if shape == "null":
            return self._make_deletion(pointer)
        patch = self._parse_bare(node, pointer) if shape == "value" else self._parse_members(name, node, pointer)
        return _check_kind(name, patch, pointer)

    def parse_fragment(self, name: Iri, node: Node, pointer: str) -> InstancePatch:
        """Read the object that is the body of an operation on one attribute: its members, or a bare geometry.

        Raises: BadRequestData. Spec: CIM 009 5.4 (attribute fragment).
        """
        self._spend(pointer)
        bare = is_geometry(node.tree)
        patch = self._parse_bare(node, pointer) if bare else self._parse_members(name, node, pointer)
        return _check_kind(name, patch, pointer)

    def _spend(self, pointer: str) -> None:
        self._budget.spend(pointer)
        if self._batch is not None:
            self._batch.spend(pointer)

    def _parse_members(self, name: Iri, node: Node, pointer: str) -> InstancePatch:
        """Read an object of attribute members, normalized, concise or partial."""
        tree = cast("dict[str, Any]", node.tree)
        check_members(tree, pointer)
        members = members_of(node)
        draft = _Draft(self._kind_of(name, tree, pointer))
        for member, child in members.items():
            self._read_member(name, draft, member, child, point(pointer, member))
        self._check_complete(name, draft, pointer)
        return draft.finish()

    def _is_list(self, tree: Any) -> bool:
        """Tell an array of instances from an array that is a value: all its elements are attribute objects."""
        elements = [as_object(element) for element in as_array(tree) or []]
        objects = [element for element in elements if element is not None]
        if not objects or len(objects) != len(elements):
            return False
        return self.form.history or all(self._is_attribute(element) for element in objects)

    def _is_attribute(self, tree: dict[str, Any]) -> bool:
        if self._declared_kind(tree) is not None:
            return True
        if self.simplified or is_geometry(tree):
            return False
        return not VALUE_KINDS.keys().isdisjoint(tree) or (self.form.partial and not METADATA.isdisjoint(tree))

    def _shape(self, tree: Any) -> Literal["null", "value", "members"]:
        members = as_object(tree)
        if members is None:
            return "null" if tree == NGSI_LD_NULL else "value"
        if self._declared_kind(members) is not None:
            return "members"
        if is_geometry(members) or "@value" in members:
            return "value"
        if self.simplified:
            return "members" if len(members) == 1 and next(iter(members)) in _SIMPLIFIED_MEMBERS else "value"
        typed = "type" in members or "@type" in members
        return "members" if typed or self._looks_partial(members) else "value"

    def _looks_partial(self, members: dict[str, Any]) -> bool:
        """Tell members of an attribute from a JSON object that is a value (CIM 009 4.5.2.3, 5.5.12)."""
        if not VALUE_KINDS.keys().isdisjoint(members) or not METADATA.isdisjoint(members):
            return True
        if not PROHIBITED.isdisjoint(members):
            return "id" not in members
        return any(self._declared_kind(as_object(child) or {}) is not None for child in members.values())

    def _declared_kind(self, tree: dict[str, Any]) -> AttributeKind | None:
        declared = tree.get("type", tree.get("@type"))
        if not isinstance(declared, str):
            return None
        return KINDS.get(declared) or KINDS.get(self.context.expand_term(declared))

    def _kind_of(self, name: Iri, tree: dict[str, Any], pointer: str) -> AttributeKind | None:
        """Tell the kind: declared, or inferred from the one value member. Spec: CIM 009 4.5.2.3."""
        declared = self._declared_kind(tree)
        present = [member for member in VALUE_KINDS if member in tree]
        if declared is not None:
            for member in present:
                if member != VALUE_MEMBER[declared]:
                    raise BadRequestData(f"A {declared} never has the member {member}", pointer=point(pointer, member))
            return declared
        if "type" in tree or "@type" in tree:
            shown = str(tree.get("type", tree.get("@type")))[:60]
            raise BadRequestData(
                f"{shown!r} is not an attribute type", hint=f"one of {', '.join(KINDS)}", pointer=point(pointer, "type")
            )
        return self._infer_kind(name, tree, present, pointer)

    def _infer_kind(self, name: Iri, tree: dict[str, Any], present: list[str], pointer: str) -> AttributeKind | None:
        if len(present) > 1:
            shown = " and ".join(present)
            raise BadRequestData(f"The attribute {name} has {shown}, its type is not clear", pointer=pointer)
        if not present:
            return None
        kind = VALUE_KINDS[present[0]]
        value = tree[present[0]]
        geographic = kind == "Property" and (is_geometry(value) or (name in GEO_ONLY and isinstance(value, str)))
        return "GeoProperty" if geographic else kind

    def _read_member(self, name: Iri, draft: _Draft, member: str, node: Node, pointer: str) -> None:
        if member in VALUE_KINDS:
            self._read_value(draft, node, pointer)
        elif member in ("type", "@type") or member in SYSTEM_MEMBERS:
            if self.form.history and member in _FIELDS:
                draft.fields[_FIELDS[member]] = parse_time(node.tree, pointer)
        elif member in METADATA:
            self._read_metadata(draft, member, node, pointer)
        elif name == NGSILD_PROOF and member in ("entityIdSealed", "entityTypeSealed"):
            draft.extra[member] = self._parse_seal(member, node, pointer)
        elif member in PROHIBITED:
            raise BadRequestData(f"An attribute never has the member {member}", pointer=pointer)
        elif member == "lang":
            draft.extra["lang"] = _parse_text(member, node, pointer)
        else:
            self._read_sub_attribute(draft, member, node, pointer)

    def _read_value(self, draft: _Draft, node: Node, pointer: str) -> None:
        kind = draft.kind or "Property"
        if is_null_value(kind, node.tree):
            if self.form.nulls == "never" and not self.form.history:
                raise _null_refused(pointer)
            draft.deleted = True
            return
        draft.value = parse_value(kind, node, self.context, pointer)
        self._check_nulls_inside(kind, node, pointer)

    def _check_nulls_inside(self, kind: AttributeKind, node: Node, pointer: str) -> None:
        if kind == "JsonProperty" or self.form.nulls == "values" or self.form.history:
            return
        if contains_null(node):
            raise _null_refused(pointer)

    def _read_metadata(self, draft: _Draft, member: str, node: Node, pointer: str) -> None:
        if node.tree == NGSI_LD_NULL and member in _REMOVABLE:
            if self.form.nulls == "never":
                raise _null_refused(pointer)
            draft.removed.add(member)
            return
        draft.fields[_FIELDS[member]] = self._parse_metadata(draft.kind, member, node, pointer)

    def _parse_metadata(self, kind: AttributeKind | None, member: str, node: Node, pointer: str) -> Any:
        if member == "observedAt" or member == "expiresAt":
            return parse_time(node.tree, pointer)
        if member == "datasetId":
            return parse_dataset_id(node.tree, pointer)
        if member == "unitCode":
            if kind in _UNITLESS:
                raise BadRequestData(f"A {kind} never has a unitCode", pointer=pointer)
            return msgspec.json.decode(_parse_text(member, node, pointer))
        if member == "objectType":
            return self._parse_object_type(kind, node, pointer)
        return self._parse_value_type(kind, node, pointer)

    def _parse_object_type(self, kind: AttributeKind | None, node: Node, pointer: str) -> Raw:
        if kind is not None and kind not in _RELATIONSHIPS:
            raise BadRequestData(f"A {kind} never has an objectType", pointer=pointer)
        types = expand_types(node.tree, self.context, pointer)
        return raw(types[0] if as_array(node.tree) is None else types)

    def _parse_value_type(self, kind: AttributeKind | None, node: Node, pointer: str) -> Iri:
        text = msgspec.json.decode(_parse_text("valueType", node, pointer), type=str)
        if kind in _RELATIONSHIPS:
            raise BadRequestData(f"A {kind} never has a valueType", pointer=pointer)
        expanded = self.context.expand_term(text)
        if kind == "LanguageProperty" and expanded != LANG_STRING:
            raise BadRequestData("The valueType of a LanguageProperty is not langString", pointer=pointer)
        return expanded

    def _parse_seal(self, member: str, node: Node, pointer: str) -> Raw:
        text = _parse_text(member, node, pointer)
        return text if member == "entityIdSealed" else raw(self.context.expand_term(node.tree))

    def _read_sub_attribute(self, draft: _Draft, member: str, node: Node, pointer: str) -> None:
        sub = expand_attribute(member, self.context, pointer)
        if sub in draft.subs:
            raise BadRequestData(f"The sub-attribute {sub} occurs twice, under two names", pointer=pointer)
        draft.subs[sub] = self.parse_instances(sub, node, pointer)

    def _parse_bare(self, node: Node, pointer: str) -> InstancePatch:
        """Read a bare value: concise or simplified form. Spec: CIM 009 4.5.2.3, 4.5.4."""
        kind: AttributeKind = "GeoProperty" if _is_geojson(node.tree) else "Property"
        value = parse_value(kind, node, self.context, pointer)
        self._check_nulls_inside(kind, node, pointer)
        return InstancePatch(kind=kind, value=value, simplified=True)

    def _parse_dataset_map(self, name: Iri, node: Node, pointer: str) -> list[InstancePatch]:
        """Read ``{"dataset": {datasetId: value}}``, the simplified form of several instances. Spec: CIM 009 4.5.4."""
        dataset = members_of(node)["dataset"]
        pointer = point(pointer, "dataset")
        found: list[InstancePatch] = []
        for key, child in members_of(dataset).items():
            patch = self.parse_instance(name, child, point(pointer, key))
            found.append(msgspec.structs.replace(patch, dataset_id=parse_dataset_id(key, pointer)))
        return found

    def _make_deletion(self, pointer: str) -> InstancePatch:
        if self.form.nulls == "never":
            raise _null_refused(pointer)
        return InstancePatch(deleted=True)

    def _check_complete(self, name: Iri, draft: _Draft, pointer: str) -> None:
        if draft.value is UNSET and not draft.deleted and not self.form.partial:
            member = VALUE_MEMBER[draft.kind] if draft.kind else "value"
            raise BadRequestData(f"The attribute {self.context.compact_iri(name)} has no {member}", pointer=pointer)
        if name == NGSILD_PROOF and draft.value is not UNSET and bytes(draft.value)[:1] != b"{":
            raise BadRequestData("The value of ngsildproof is not a proof object", pointer=point(pointer, "value"))


_FIELDS = {
    "observedAt": "observed_at",
    "unitCode": "unit_code",
    "datasetId": "dataset_id",
    "expiresAt": "expires_at",
    "valueType": "value_type",
    "objectType": "object_type",
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "deleted_at",
}


def _is_geojson(tree: Any) -> bool:
    """Tell a bare geometry, one of an unsupported type included, so that it is refused instead of stored blindly."""
    members = as_object(tree) or {}
    return is_geometry(tree) or (members.get("type") == "GeometryCollection" and "geometries" in members)


def _is_dataset_map(tree: Any) -> bool:
    members = as_object(tree) or {}
    return len(members) == 1 and bool(as_object(members.get("dataset")))


def _check_kind(name: Iri, patch: InstancePatch, pointer: str) -> InstancePatch:
    if name in GEO_ONLY and patch.kind not in ("GeoProperty", None) and not patch.deleted:
        raise BadRequestData(f"{name} is a GeoProperty, its value must be a GeoJSON geometry", pointer=pointer)
    return patch


def check_datasets(patches: list[InstancePatch], pointer: str) -> None:
    """Check that no two instances have the same dataset id, and that they are not too many.

    Raises: BadRequestData, PayloadTooLarge. Spec: CIM 009 4.5.5.
    """
    _bound_datasets(len(patches), pointer)
    seen: set[str] = set()
    for at, patch in enumerate(patches):
        if patch.dataset_id in seen:
            shown = f"the datasetId {patch.dataset_id}" if patch.dataset_id != NO_DATASET else "no datasetId"
            raise BadRequestData(f"Two instances of an attribute have {shown}", pointer=point(pointer, at))
        seen.add(patch.dataset_id)


def _bound_datasets(count: int, pointer: str) -> None:
    if count > MAX_DATASETS:
        raise PayloadTooLarge(
            f"{count} datasetIds of one attribute are more than the {MAX_DATASETS} that are read at once",
            pointer=pointer,
        )


def _parse_text(member: str, node: Node, pointer: str) -> Raw:
    if not isinstance(node.tree, str) or not node.tree or node.tree == NGSI_LD_NULL:
        raise BadRequestData(f"{member} is not a text", pointer=pointer)
    return node.text


def _null_refused(pointer: str) -> BadRequestData:
    return BadRequestData(
        "NGSI-LD Null is not allowed here",
        hint="it deletes members in partial updates and merges only (CIM 009 5.5.4)",
        pointer=pointer,
    )
