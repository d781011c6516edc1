"""Values in a merge patch: objects are merged member by member, number literals kept as they came.

Spec: CIM 009 5.5.12 with IETF RFC 7396, where NGSI-LD Null stands for null.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec import UNSET, Raw, UnsetType

from stadtkern.errors import BadRequestData
from stadtkern.model.entity import Instance, InstancePatch
from stadtkern.model.ids import NGSI_LD_NULL, Iri, is_uri
from stadtkern.model.json import raw, unraw

_NULL = b'"' + NGSI_LD_NULL.encode() + b'"'
_MERGED_KINDS = frozenset({"Property", "JsonProperty", "LanguageProperty"})
_members = msgspec.json.Decoder(dict[str, Raw])


def merge_value(kind: str, current: Raw, patch: Raw) -> Raw:
    """Merge a value into another of the same kind.

    Geometries, targets and lists are replaced whole: half of a geometry is none.
    """
    return merge_json(current, patch) if kind in _MERGED_KINDS else patch


def merge_json(current: Raw, patch: Raw) -> Raw:
    """Merge JSON text into JSON text. Members that are NGSI-LD Null disappear; anything but an object replaces."""
    if not _is_object(patch):
        return patch
    target = _members.decode(current) if _is_object(current) else {}
    for name, value in _members.decode(patch).items():
        if bytes(value).strip() == _NULL:
            target.pop(name, None)
        else:
            target[name] = merge_json(target[name], value) if name in target else strip_nulls(value)
    return Raw(msgspec.json.encode(target))


def strip_nulls(value: Raw) -> Raw:
    """Drop members that are NGSI-LD Null from a value that is new."""
    return merge_json(Raw(b"{}"), value) if _NULL in bytes(value) else value


def _is_object(value: Raw) -> bool:
    return bytes(value).lstrip()[:1] == b"{"


def given_value(name: Iri, current: Instance, patch: InstancePatch, lang: str | None = None) -> Raw | UnsetType:
    """Give the value that a patch holds for an attribute of a known type.

    lang: under which language a bare text goes into a LanguageProperty; without it, under ``@none``.
    Raises: BadRequestData, if the patch is for another attribute type.
    """
    if patch.simplified and patch.value is not UNSET:
        return _adopt(name, current, patch, patch.value, lang)
    if patch.kind is not None and patch.kind != current.kind:
        raise _other_kind(name, current, patch)
    return patch.value


def _other_kind(name: Iri, current: Instance, patch: InstancePatch) -> BadRequestData:
    return BadRequestData(
        f"Attribute {name} is a {current.kind} and cannot become a {patch.kind} here",
        hint="replace the attribute to change its type",
        pointer=f"/{name}/type",
    )


def _adopt(name: Iri, current: Instance, patch: InstancePatch, value: Raw, lang: str | None) -> Raw:
    # A bare value tells no type: it takes the one that the attribute has (CIM 009 5.6.17, simplified representation).
    if patch.kind == current.kind or current.kind == "Property":
        return value
    tree = unraw(value)
    if current.kind == "LanguageProperty" and isinstance(tree, str):
        return raw({lang or "@none": tree})
    if current.kind == "Relationship" and _is_target(tree):
        return value
    raise BadRequestData(f"The value of {name} does not fit a {current.kind}", pointer=f"/{name}")


def _is_target(tree: Any) -> bool:
    targets: list[Any] = cast("list[Any]", tree) if isinstance(tree, list) else [tree]
    return bool(targets) and all(isinstance(target, str) and is_uri(target) for target in targets)
