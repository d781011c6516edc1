"""One property of an entity: as an object, or its bare value. Spec: OGC 18-088 9.2.4, 9.2.5."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from stadtkern.errors import ResourceNotFound
from stadtkern.model.sensorthings_answer import Record
from stadtkern.query.odata.tree import Target
from stadtkern.views._http.message import Response
from stadtkern.views.sensorthings.addresses import target_path
from stadtkern.views.sensorthings.render_json import ID
from stadtkern.views.sensorthings.way import follow, is_null, plain_text, way_text

JSON: Final = [("content-type", "application/json")]
TEXT: Final = [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]


def property_response(record: Record, target: Target) -> Response:
    """Answer with a property, or what is inside it. Raises: ResourceNotFound (the way inside leads nowhere)."""
    value = _find(record, target)
    if value is None or is_null(value):
        return Response(204)
    if not target.value:
        return Response(200, msgspec.json.encode({_name(target): value}), [*JSON])
    text = plain_text(value)
    return Response(200, bytes(value), [*JSON]) if text is None else Response(200, text.encode(), [*TEXT])


def _name(target: Target) -> str:
    """Name the member: the last part of the way."""
    if target.property == "id":
        return ID
    return str((target.property, *target.inside)[-1])


def _find(record: Record, target: Target) -> Raw | None:
    if target.property == "id":
        return Raw(str(record.id).encode())
    value = record.values.get(target.property or "")
    if value is None or not target.inside:
        return value
    inner = follow(value, target.inside)
    if inner is None:
        raise ResourceNotFound(
            f"The property {target.property} of {target_path(target)} has no {way_text(target.inside)[:80]!r}"
        )
    return inner
