"""Whole entities, entity fragments, batches and temporal entities to entity patches.

Spec: CIM 009 4.5.1 (entity representation), 5.4 (fragments), 5.5.4 (validation), 4.5.6 (temporal representation).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from stadtkern.errors import BadRequestData, InvalidRequest, Problem
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import NGSI_LD_NULL, EntityId, Iri, parse_entity_id
from stadtkern.model.instant import Instant
from stadtkern.views.ngsild.parse_attribute import AttributeParser, Form, check_datasets
from stadtkern.views.ngsild.parse_limits import Budget, check_members
from stadtkern.views.ngsild.parse_node import (
    Node,
    as_array,
    as_object,
    elements_of,
    listed,
    members_of,
    point,
    read_node,
    read_object,
)
from stadtkern.views.ngsild.parse_terms import expand_attribute, expand_types, parse_id, parse_scope, parse_time

CREATE = Form(needs_id=True, needs_type=True)
"""Create, batch create, batch upsert in replace mode (CIM 009 5.6.1, 5.6.7, 5.6.8)."""
REPLACE = Form()
"""Replace entity, replace attribute, append attributes (CIM 009 5.6.18, 5.6.19, 5.6.3)."""
UPDATE = Form(nulls="members")
"""Update attributes (CIM 009 5.6.2): whole attributes, NGSI-LD Null deletes one."""
PARTIAL = Form(nulls="members", partial=True)
"""Partial attribute update (CIM 009 5.6.4)."""
MERGE = Form(nulls="values", partial=True)
"""Merge entity (CIM 009 5.6.17)."""
BATCH_UPDATE = Form(needs_id=True, nulls="members")
"""Batch update, and batch upsert in update mode (CIM 009 5.6.9, 5.6.8)."""
BATCH_MERGE = Form(needs_id=True, nulls="values", partial=True)
"""Batch merge (CIM 009 5.6.20)."""
HISTORY = Form(needs_id=True, needs_type=True, history=True)
"""Create or update the temporal evolution (CIM 009 5.6.11)."""
HISTORY_FRAGMENT = Form(history=True)
"""Add attributes to the temporal evolution (CIM 009 5.6.12)."""
HISTORY_INSTANCE = Form(nulls="members", partial=True, history=True)
"""Change one instance of the temporal evolution (CIM 009 5.6.14)."""

_IGNORED = frozenset({"@context", "createdAt", "modifiedAt", "deletedAt"})


class BatchElement(NamedTuple):
    """One element of a batch, read or refused.

    id: as it was sent, for the report of errors, empty if there is none; patch: what it says, or what is wrong.
    """

    id: str
    patch: EntityPatch | Problem


def parse_entity(
    source: bytes | Node,
    context: Context,
    *,
    form: Form = CREATE,
    simplified: bool = False,
    pointer: str = "",
    batch: Budget | None = None,
) -> EntityPatch:
    """Read an entity in normalized or concise form, or simplified where the request says so.

    source: the body, or a part of it that was read before. pointer: where that part stood. batch: what all elements of
    a batch may have together. Raises: InvalidRequest (no JSON object), BadRequestData (with a JSON Pointer to the
    fault), PayloadTooLarge.
    """
    node = read_object(source) if isinstance(source, bytes) else source
    tree = as_object(node.tree)
    if tree is None:
        raise BadRequestData("The entity is not a JSON object", pointer=pointer)
    check_members(tree, pointer)
    draft = _EntityDraft(AttributeParser(context, form, simplified=simplified, batch=batch))
    for name, member in members_of(node).items():
        draft.read(name, member, point(pointer, name))
    return draft.finish(pointer)


def parse_fragment(
    source: bytes | Node, context: Context, *, form: Form = UPDATE, simplified: bool = False
) -> EntityPatch:
    """Read an entity fragment: id and type may be missing.

    Raises: InvalidRequest, BadRequestData. Spec: CIM 009 5.4.
    """
    return parse_entity(source, context, form=form, simplified=simplified)


def parse_attribute_fragment(
    source: bytes | Node, attribute: Iri, context: Context, *, form: Form = PARTIAL
) -> list[InstancePatch]:
    """Read the body that changes or replaces one attribute: members of one instance, or an array of such objects.

    Raises: InvalidRequest, BadRequestData. Spec: CIM 009 5.6.4, 5.6.14, 5.6.19.
    """
    node = _read_fragment(source)
    parser = AttributeParser(context, form)
    if as_array(node.tree) is not None:
        found = [parser.parse_fragment(attribute, one, f"/{at}") for at, one in enumerate(elements_of(node))]
        check_datasets(found, "")
        return found
    members = members_of(node)
    if members.pop("@context", None) is not None:
        node = _join(members)
    if not members:
        raise BadRequestData("The attribute fragment is empty")
    return [parser.parse_fragment(attribute, node, "")]


def parse_batch(
    elements: Sequence[Node],
    contexts: Sequence[Context | Problem],
    *,
    form: Form = CREATE,
    simplified: bool = False,
    first: int = 0,
    budget: Budget | None = None,
) -> list[BatchElement]:
    """Read each element of a batch with its own context; a bad one becomes a Problem and harms no other.

    elements: from ``read_batch``; contexts: one for each, a Problem where it could not be had.
    first: where these elements begin in the whole batch, for the pointers to faults. budget: of the whole batch.
    Spec: CIM 009 5.6.7 to 5.6.9, 5.6.20.
    """
    return [
        _parse_element(element, context, form, simplified, f"/{at}", budget)
        for at, (element, context) in enumerate(zip(elements, contexts, strict=True), first)
    ]


def parse_batch_ids(elements: Sequence[Node]) -> list[tuple[str, EntityId | Problem]]:
    """Read the array of URIs of a batch delete, each with what was sent. Spec: CIM 009 5.6.10."""
    found: list[tuple[str, EntityId | Problem]] = []
    for element in elements:
        shown = str(element.tree)[:200]
        try:
            found.append((shown, parse_entity_id(element.tree)))
        except BadRequestData as problem:
            found.append((shown, problem))
    return found


def _parse_element(
    element: Node, context: Context | Problem, form: Form, simplified: bool, pointer: str, budget: Budget | None
) -> BatchElement:
    sent = (as_object(element.tree) or {}).get("id")
    shown = sent[:1000] if isinstance(sent, str) else ""
    if isinstance(context, Problem):
        return BatchElement(shown, context)
    try:
        patch = parse_entity(element, context, form=form, simplified=simplified, pointer=pointer, batch=budget)
        return BatchElement(shown, patch)
    except Problem as problem:
        return BatchElement(shown, problem)


class _EntityDraft:
    """What has been read of one entity so far."""

    def __init__(self, parser: AttributeParser) -> None:
        self._parser = parser
        self._form = parser.form
        self._id: EntityId | None = None
        self._types: list[Iri] = []
        self._scope: list[str] | None = None
        self._expires_at: Instant | None = None
        self._expires_removed = False
        self._attributes: dict[Iri, list[InstancePatch]] = {}

    def read(self, name: str, node: Node, pointer: str) -> None:
        if name in ("id", "@id"):
            self._id = parse_id(node.tree, pointer)
        elif name in ("type", "@type"):
            self._types = expand_types(node.tree, self._parser.context, pointer)
        elif name == "scope":
            self._read_scope(node, pointer)
        elif name == "expiresAt":
            self._read_expiry(node, pointer)
        elif name not in _IGNORED:
            self._read_attribute(name, node, pointer)

    def finish(self, pointer: str) -> EntityPatch:
        if self._form.needs_id and self._id is None:
            raise BadRequestData("The entity has no id", pointer=pointer)
        if self._form.needs_type and not self._types:
            raise BadRequestData("The entity has no type", pointer=pointer)
        return EntityPatch(
            id=self._id,
            types=self._types,
            scope=self._scope,
            attributes=self._attributes,
            expires_at=self._expires_at,
            expires_removed=self._expires_removed,
        )

    def _read_attribute(self, name: str, node: Node, pointer: str) -> None:
        attribute = expand_attribute(name, self._parser.context, pointer)
        if attribute in self._attributes:
            raise BadRequestData(f"The attribute {attribute} occurs twice, under two names", pointer=pointer)
        self._attributes[attribute] = self._parser.parse_instances(attribute, node, pointer)

    def _read_scope(self, node: Node, pointer: str) -> None:
        if self._is_null(node, pointer):
            self._scope = []
        elif self._form.history:
            self._scope = parse_scope(_latest_scope(node), pointer)
        else:
            self._scope = parse_scope(node.tree, pointer)

    def _read_expiry(self, node: Node, pointer: str) -> None:
        if self._is_null(node, pointer):
            self._expires_removed = True
        else:
            self._expires_at = parse_time(node.tree, pointer)

    def _is_null(self, node: Node, pointer: str) -> bool:
        if node.tree != NGSI_LD_NULL:
            return False
        if self._form.nulls == "never" or self._form.history:
            raise BadRequestData("NGSI-LD Null is not allowed here", pointer=pointer)
        return True


def _latest_scope(node: Node) -> Any:
    """Give the scope in a temporal entity: plain, or the latest of its Property instances. Spec: CIM 009 4.5.6."""
    instances = [as_object(instance) for instance in listed(node.tree)]
    reified = [instance for instance in instances if instance is not None and "value" in instance]
    if not reified or len(reified) != len(instances):
        return node.tree
    return max(reified, key=lambda instance: str(instance.get("observedAt", instance.get("modifiedAt", ""))))["value"]


def _read_fragment(source: bytes | Node) -> Node:
    node = source if isinstance(source, Node) else read_node(source)
    instances = listed(node.tree)
    if as_array(node.tree) is None and as_object(node.tree) is None:
        raise InvalidRequest("The body is not a JSON object")
    if not instances or any(as_object(instance) is None for instance in instances):
        raise BadRequestData("The attribute fragment is not an array of objects")
    return node


def _join(members: dict[str, Node]) -> Node:
    """Put members together again, each with its own text."""
    text = msgspec.json.encode({name: node.text for name, node in members.items()})
    return Node({name: node.tree for name, node in members.items()}, msgspec.Raw(text))
