"""One change as one line of JSON. Names are full IRIs, as they are stored; core terms stay short."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stadtkern.broker.tail import Page
from stadtkern.model.entity import VALUE_MEMBER, Instance
from stadtkern.model.event import Event
from stadtkern.model.instant import render_instant
from stadtkern.model.subscription import Position
from stadtkern.policy.grant import Grant
from stadtkern.query.evaluate import matches
from stadtkern.views._http.following import render_cursor

_IMAGE: Final = "before"
_SERIES: Final = "series"


def change_lines(page: Page, grant: Grant, *, values: bool) -> list[tuple[Position, bytes]]:
    """Give the lines of a page that the holder may see, without line feeds. values: with what was and what is."""
    found: list[tuple[Position, bytes]] = []
    for row in page.rows:
        event = page.events.get(row.position)
        if event is None or (grant.row_filter is not None and not matches(grant.row_filter, event.entity)):
            continue
        attributes = [
            _attribute(item.attribute, item.dataset_id, item.verb, item.new, event if values else None)
            for item in row.items
            if item.verb != _IMAGE and item.attribute not in grant.hidden
        ]
        if not attributes and row.kind == "updated":
            continue  # that something changed that one may not see is not to be seen either
        line = {
            "cursor": render_cursor(row.position),
            "at": render_instant(row.at),
            "id": row.id,
            "types": event.entity.types,
            "kind": row.kind,
            # gaps would tell of changes that are hidden
            **({} if grant.hidden else {"version": row.version}),
            "attributes": attributes,
        }
        found.append((row.position, msgspec.json.encode(line)))
    return found


def _attribute(name: str, dataset_id: str, verb: str, new: msgspec.Raw, event: Event | None) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": name}
    if dataset_id:
        tree["datasetId"] = dataset_id
    tree["verb"] = "recorded" if verb == _SERIES else verb
    if verb == _SERIES:
        tree["count"] = msgspec.json.decode(new)["count"]
    if event is not None and verb not in {"recorded", "described"}:
        tree.update(_values(event, name, dataset_id))
    return tree


def _values(event: Event, name: str, dataset_id: str) -> dict[str, Any]:
    """Give what the instance was before the commit, and is after it."""
    for item in event.items:
        if (item.attribute, item.dataset_id) == (name, dataset_id):
            both = {"previous": item.previous, "new": item.new}
            return {member: _instance(one) for member, one in both.items() if one is not None}
    return {}


def _instance(instance: Instance) -> dict[str, Any]:
    tree: dict[str, Any] = {"type": instance.kind, VALUE_MEMBER[instance.kind]: instance.value}
    if instance.observed_at is not None:
        tree["observedAt"] = render_instant(instance.observed_at)
    if instance.unit_code is not None:
        tree["unitCode"] = instance.unit_code
    return tree
