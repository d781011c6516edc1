"""Entities and pages as SensorThings' JSON. Spec: OGC 18-088 8.1, 9.3 (wire names ``@iot.…``)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw

from stadtkern.model.sensorthings import TYPES, Relation
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Metadata, Query
from stadtkern.views.sensorthings.addresses import entity_address, next_link
from stadtkern.views.sensorthings.filling import Budget, Part, fill

ID: Final = "@iot.id"
SELF: Final = "@iot.selfLink"
COUNT: Final = "@iot.count"
NEXT: Final = "@iot.nextLink"
NAVIGATION: Final = "@iot.navigationLink"
NULL_SHOWN: Final = frozenset({("Observation", "result"), ("Observation", "resultTime")})
"""Mandatory properties that may be null; others without a value are left out unless they were selected."""


def record_members(
    record: Record, query: Query, root: str, budget: Budget, metadata: Metadata | None = None
) -> dict[str, Any]:
    """Give the members of an entity's object, in their order.

    root: the address of the service. budget: what is expanded is counted in it. metadata: as the whole answer has it;
    None: as the query says. Raises: TooManyResults.
    """
    metadata = metadata or query.metadata
    own = entity_address(root, record.type, record.id)
    chosen = None if query.select is None else {one.name for one in query.select}
    expanded = {one.relation: one.query for one in query.expand}
    members: dict[str, Any] = {SELF: own} if chosen is None and metadata in ("full", "minimal") else {}
    if chosen is None or "id" in chosen:
        members[ID] = record.id
    for name, value in record.values.items():
        shown = name in chosen if chosen is not None else value is not None or (record.type, name) in NULL_SHOWN
        if shown:
            members[name] = value
    for relation in TYPES[record.type].relations.values():
        if relation.name in expanded:
            found = record.related.get(relation.name)
            members.update(_related(found, relation, expanded[relation.name], own, root, budget, metadata))
        elif metadata != "full":
            continue
        elif (chosen is None or relation.name in chosen) and not _is_other_stream(record, relation):
            members[relation.name + NAVIGATION] = f"{own}/{relation.name}"
    return members


def _related(
    found: Page | Record | None,
    relation: Relation,
    query: Query,
    own: str,
    root: str,
    budget: Budget,
    metadata: Metadata,
) -> dict[str, Any]:
    """Give the members for an expanded relation."""
    if not isinstance(found, Page):
        return {} if found is None else {relation.name: _expanded(found, query, root, budget, metadata)}
    members: dict[str, Any] = {}
    if found.count is not None:
        members[relation.name + COUNT] = found.count
    members[relation.name] = [_expanded(one, query, root, budget, metadata) for one in found.records]
    if found.more and query.top != 0:
        address = f"{own}/{relation.name}"
        members[relation.name + NEXT] = next_link(address, query, len(found.records), found.after)
    return members


def _is_other_stream(record: Record, relation: Relation) -> bool:
    """Tell whether a relation of an Observation would lead nowhere: it belongs to one of the kinds of Datastream."""
    return (
        record.stream is not None
        and relation.target in ("Datastream", "MultiDatastream")
        and relation.target != record.stream[0]
    )


def _expanded(record: Record, query: Query, root: str, budget: Budget, metadata: Metadata) -> Raw:
    """Render an entity inside of another one, as text: trees of objects would take ten times as much."""
    before = budget.left
    text = msgspec.json.encode(record_members(record, query, root, budget, metadata))
    inner = before - budget.left
    budget.spend(max(len(text) - inner, 0))
    return Raw(text)


def render_page(page: Page, query: Query, root: str, address: str, most: int) -> bytes:
    """Render a set. address: of the set, without options; most: bytes, beyond which the page ends early."""

    def render(record: Record, budget: Budget) -> bytes:
        return msgspec.json.encode(record_members(record, query, root, budget))

    return wrap(page, fill(page, query, address, most, render))


def render_references(page: Page, query: Query, root: str, address: str, most: int) -> bytes:
    """Render the addresses of a set's entities. Spec: OGC 18-088 9.2.7 (``$ref``)."""

    def render(record: Record, _: Budget) -> bytes:
        return msgspec.json.encode({SELF: entity_address(root, record.type, record.id)})

    return wrap(page, fill(page, query, address, most, render))


def wrap(page: Page, part: Part, before: bytes = b"", name: str = "value") -> bytes:
    """Put items into the object of a set. before: members in front, each with its comma."""
    count = b"" if page.count is None else b'"%s":%d,' % (COUNT.encode(), page.count)
    after = b"" if part.next is None else b',"%s":%s' % (NEXT.encode(), msgspec.json.encode(part.next))
    return b'{%s%s"%s":[%s]%s}' % (before, count, name.encode(), b",".join(part.items), after)
