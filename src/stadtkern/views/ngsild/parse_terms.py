"""Names, times, scopes and other small values in NGSI-LD bodies, checked against the rules of clause 4.6."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import re2

from stadtkern.errors import BadRequestData, quoted
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import NO_DATASET, AttributeKind
from stadtkern.model.ids import NGSI_LD_NULL, EntityId, Iri, is_uri, parse_entity_id
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.views.ngsild.parse_node import listed

NGSILD_PROOF: Final = Iri("ngsildproof")
LANG_STRING: Final = Iri("langString")
GEO_ONLY: Final = frozenset({Iri("location"), Iri("observationSpace"), Iri("operationSpace")})
"""Attributes that the core context defines as GeoProperties (CIM 009 4.7.1)."""
KINDS: Final[dict[str, AttributeKind]] = {
    "Property": "Property",
    "Relationship": "Relationship",
    "GeoProperty": "GeoProperty",
    "LanguageProperty": "LanguageProperty",
    "VocabProperty": "VocabProperty",
    "JsonProperty": "JsonProperty",
    "ListProperty": "ListProperty",
    "ListRelationship": "ListRelationship",
}
"""Attribute types by name."""

VALUE_KINDS: Final[dict[str, AttributeKind]] = {
    "value": "Property",
    "object": "Relationship",
    "languageMap": "LanguageProperty",
    "vocab": "VocabProperty",
    "json": "JsonProperty",
    "valueList": "ListProperty",
    "objectList": "ListRelationship",
}
"""The member that holds the value, and the kind it tells in the concise form (CIM 009 4.5.2.3 and following)."""


_OUTPUT_MEMBERS = {
    "previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson", "previousValueList",
    "previousObjectList", "entity", "entityList",
}  # fmt: skip
_SEALS = {"entityIdSealed", "entityTypeSealed"}
METADATA: Final = frozenset({"observedAt", "unitCode", "datasetId", "expiresAt", "valueType", "objectType"})
"""Members of an attribute that a client may set beside its value."""
SYSTEM_MEMBERS: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "instanceId"})
"""Members that the broker makes; they are ignored where a client sends them back (CIM 009 4.8)."""
PROHIBITED: Final = frozenset(_OUTPUT_MEMBERS | _SEALS | {"@context", "@id", "id", "@graph"})
"""Members that an attribute shall never have on input (CIM 009 4.5.2.2, 4.5.3.2, 5.5.7)."""
RESERVED: Final = frozenset(
    {*METADATA, *_OUTPUT_MEMBERS, *_SEALS, "instanceId", "createdAt", "modifiedAt", "deletedAt", "id", "type", "scope"}
)
"""Core terms that are no attribute names (CIM 009 4.5.1).

``value`` and its like may name attributes of entities; inside an attribute they are its value."""

_NAME = re2.compile(r"\pL[\pL\pN_]*")
_SCOPE = re2.compile(r"/?\pL[\pL\pN_]*(?:/\pL[\pL\pN_]*)*")
_LANGUAGE_TAG = re2.compile(r"@none|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_MAX_NAME = 500


@lru_cache(maxsize=4096)
def is_name(name: str) -> bool:
    """Tell whether a name is fit for types and attributes: a term, ``prefix:term`` or a URI. Spec: CIM 009 4.6.2."""
    return len(name) <= _MAX_NAME and (_NAME.fullmatch(name) is not None or (":" in name and is_uri(name)))


@lru_cache(maxsize=4096)
def is_language_tag(tag: str) -> bool:
    """Tell whether a text is a language tag (RFC 5646) or ``@none``. Spec: CIM 009 4.6.5."""
    return len(tag) <= 100 and _LANGUAGE_TAG.fullmatch(tag) is not None


def expand_attribute(name: str, context: Context, pointer: str | None = None) -> Iri:
    """Expand an attribute's name. Raises: BadRequestData. Spec: CIM 009 4.6.2, 4.5.1 (reserved names)."""
    if not is_name(name):
        raise BadRequestData(
            f"The attribute name {quoted(name)} is not allowed",
            hint="a letter, then letters, digits or '_'; or a full URI",
            pointer=pointer,
        )
    expanded = context.expand_term(name)
    if expanded in RESERVED:
        raise BadRequestData(f"{name} is a core term and cannot be the name of an attribute", pointer=pointer)
    return expanded


def expand_type(name: object, context: Context, pointer: str | None = None) -> Iri:
    """Expand one type name. Raises: BadRequestData. Spec: CIM 009 4.6.2."""
    if not isinstance(name, str) or name in ("type", "id") or not is_name(name):
        raise BadRequestData(
            f"The type {quoted(name)} is not a type name",
            hint="a letter, then letters, digits or '_'; or a full URI",
            pointer=pointer,
        )
    return context.expand_term(name)


def expand_types(tree: Any, context: Context, pointer: str) -> list[Iri]:
    """Expand ``type``: one name, or a list without repetition. Raises: BadRequestData. Spec: CIM 009 4.16."""
    names = listed(tree)
    if not names:
        raise BadRequestData("The list of types is empty", pointer=pointer)
    return list(dict.fromkeys(expand_type(name, context, pointer) for name in names))


def parse_id(tree: Any, pointer: str) -> EntityId:
    """Check the id of an entity in a body. Raises: BadRequestData. Spec: CIM 009 4.5.1."""
    if tree == NGSI_LD_NULL:
        raise BadRequestData("NGSI-LD Null cannot be the id of an entity", pointer=pointer)
    return parse_entity_id(tree, pointer)


def parse_dataset_id(tree: Any, pointer: str) -> str:
    """Check a datasetId; ``@none`` names the default instance. Raises: BadRequestData. Spec: CIM 009 4.5.5."""
    if tree == "@none":
        return NO_DATASET
    if not isinstance(tree, str) or tree == NGSI_LD_NULL or not is_uri(tree):
        raise BadRequestData(f"The datasetId {quoted(tree)} is not a URI", pointer=pointer)
    return tree


def parse_time(tree: Any, pointer: str) -> Instant:
    """Check a temporal property: a date-time, not reified. Answers write it in UTC with Z, as the standard demands.

    With an offset it says the same as in UTC, and many devices write their local time: it is read.
    Raises: BadRequestData. Spec: CIM 009 4.6.3, 4.8.
    """
    if not isinstance(tree, str):
        raise BadRequestData("A temporal property is not a date-time text", pointer=pointer)
    try:
        return parse_instant(tree)
    except BadRequestData as problem:
        raise BadRequestData(problem.detail, pointer=pointer) from problem


def parse_scope(tree: Any, pointer: str) -> list[str]:
    """Check a scope or a list of scopes; a missing leading slash is added.

    Raises: BadRequestData. Spec: CIM 009 4.18.
    """
    scopes = listed(tree)
    if not scopes:
        raise BadRequestData("The list of scopes is empty", pointer=pointer)
    return list(dict.fromkeys(_parse_one_scope(scope, pointer) for scope in scopes))


def _parse_one_scope(scope: Any, pointer: str) -> str:
    if not isinstance(scope, str) or len(scope) > _MAX_NAME or _SCOPE.fullmatch(scope) is None:
        raise BadRequestData(
            f"The scope {quoted(scope)} is not allowed",
            hint="levels of letters, digits and '_' that begin with a letter, as in /Madrid/Gardens",
            pointer=pointer,
        )
    return scope if scope[0] == "/" else f"/{scope}"
