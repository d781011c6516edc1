"""Observations as rows of values, grouped by what they belong to. Spec: OGC 18-088 12.1 (data array)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stadtkern.errors import BadRequestData
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.query.odata.tree import Query
from stadtkern.views.sensorthings.addresses import entity_address
from stadtkern.views.sensorthings.filling import Budget, fill
from stadtkern.views.sensorthings.render_json import NAVIGATION, wrap

Stream = tuple[TypeName, int]
_ALWAYS: Final = ("phenomenonTime", "resultTime", "result")
_SOMETIMES: Final = ("resultQuality", "validTime", "parameters")


def check_data_array(type: TypeName, query: Query) -> None:
    """Refuse what has no rows. Raises: BadRequestData."""
    if type != "Observation":
        raise BadRequestData("Only Observations can be given as dataArray", pointer="$resultFormat:0")
    if query.expand:
        raise BadRequestData("A dataArray has no place for $expand", pointer="$expand:0")
    names = [one.name for one in query.select or ()]
    if any(name not in ("id", *_ALWAYS, *_SOMETIMES) for name in names):
        raise BadRequestData("A dataArray has no place for links: $select may name properties", pointer="$select:0")


def render_data_array(page: Page, query: Query, root: str, address: str, most: int) -> bytes:
    """Render a page of Observations. most: bytes, beyond which it ends early."""
    columns = _columns(page, query)

    def render(record: Record, _: Budget) -> bytes:
        return msgspec.json.encode([_cell(record, name) for name in columns])

    part = fill(page, query, address, most, render)
    groups: dict[Stream | None, list[bytes]] = {}
    for record, row in zip(page.records, part.items, strict=False):
        groups.setdefault(record.stream, []).append(row)
    items = [_group(root, stream, columns, found) for stream, found in groups.items()]
    return wrap(page, part._replace(items=items))


def _columns(page: Page, query: Query) -> list[str]:
    """Choose the components: what was selected, or what every Observation has and what any of these has."""
    if query.select is not None:
        return list(dict.fromkeys(one.name for one in query.select))
    used = (name for name in _SOMETIMES if any(one.values.get(name) is not None for one in page.records))
    return ["id", *_ALWAYS, *used]


def _cell(record: Record, name: str) -> Any:
    return record.id if name == "id" else record.values.get(name)


def _group(root: str, stream: Stream | None, columns: list[str], rows: list[bytes]) -> bytes:
    members: dict[str, Any] = {}
    if stream is not None:
        members[stream[0] + NAVIGATION] = entity_address(root, *stream)
    members["components"] = columns
    members["dataArray@iot.count"] = len(rows)
    members["dataArray"] = msgspec.Raw(b"[" + b",".join(rows) + b"]")
    return msgspec.json.encode(members)
