"""Other forms of changes as what PATCH takes: a whole entity (PUT), and a JSON Patch. Spec: OGC 18-088 10.3."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from msgspec import Raw

from stadtkern.errors import BadRequestData
from stadtkern.model.json import parse_json
from stadtkern.model.json_patch import apply_patch, same
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_answer import Record
from stadtkern.views.sensorthings.render_json import ID, NULL_SHOWN

_members: Final = msgspec.json.Decoder(dict[str, Raw])
_NULL: Final = Raw(b"null")


def as_change(type: TypeName, text: bytes) -> bytes:
    """Give the change that leaves nothing of an entity but what a body says: what it leaves out is reset.

    Links that it leaves out stay. Raises: InvalidRequest, BadRequestData (what is mandatory is left out).
    """
    if not isinstance(parse_json(text), dict):
        raise BadRequestData(f"A {type} is a JSON object")
    members = _members.decode(text)
    for one in TYPES[type].properties.values():
        if one.computed or one.name in members:
            continue
        if one.mandatory:
            raise BadRequestData(
                f"A {type} needs {one.name}", hint="PATCH changes an entity in part", pointer=f"/{one.name}"
            )
        if one.nullable:
            members[one.name] = _NULL
    return msgspec.json.encode(members)


def as_patched(record: Record, text: bytes) -> bytes:
    """Give the change that a JSON Patch makes to an entity as it is shown, without its links.

    Only what it touches is in the change, so that all other literals stay. Raises: InvalidRequest, BadRequestData,
    PayloadTooLarge.
    """
    patch = parse_json(text)
    before: dict[str, Any] = {ID: record.id}
    for name, value in record.values.items():
        if value is not None or (record.type, name) in NULL_SHOWN:
            before[name] = None if value is None else msgspec.json.decode(value)
    after = apply_patch(before, patch)
    if not isinstance(after, dict):
        raise BadRequestData(f"The patch leaves no object of the {record.type}")
    left = cast("dict[str, Any]", after)
    change: dict[str, Any] = dict.fromkeys(before.keys() - left.keys())
    for name, value in left.items():
        if name not in before or not same(value, before[name]):
            change[name] = value
    return msgspec.json.encode(change)
