"""The values of attributes, kind by kind: checked, and turned into the form that is kept.

Each function takes the value as a Node and gives the JSON text to keep. Spec: CIM 009 4.5.2, 4.5.3, 4.5.18 to 4.5.24.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Raw

from stadtkern.errors import BadRequestData, quoted
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import AttributeKind
from stadtkern.model.ids import NGSI_LD_NULL, is_uri
from stadtkern.model.instant import parse_instant
from stadtkern.model.json import raw
from stadtkern.views.ngsild.parse_geometry import parse_geometry
from stadtkern.views.ngsild.parse_node import Node, as_array, as_object, listed, point
from stadtkern.views.ngsild.parse_terms import is_language_tag

_NULL_LANGUAGE_MAP = {"@none": NGSI_LD_NULL}


def is_null_value(kind: AttributeKind, tree: Any) -> bool:
    """Tell whether a value is the NGSI-LD Null of its kind, which deletes the instance. Spec: CIM 009 4.5.0, 4.6.5."""
    if kind == "LanguageProperty":
        return tree in (NGSI_LD_NULL, _NULL_LANGUAGE_MAP)
    if kind in ("ListProperty", "ListRelationship"):
        return tree in (NGSI_LD_NULL, [NGSI_LD_NULL], [{"object": NGSI_LD_NULL}])
    return tree == NGSI_LD_NULL


def contains_null(node: Node) -> bool:
    """Tell whether NGSI-LD Null is the value of some member inside (CIM 009 5.5.4)."""
    text = bytes(node.text)
    if b"ngsi-ld:null" not in text and b"\\" not in text:
        return False
    stack: list[Any] = [node.tree]
    while stack:
        tree = stack.pop()
        members, elements = as_object(tree), as_array(tree)
        if members is not None:
            if NGSI_LD_NULL in members.values():
                return True
            stack.extend(members.values())
        elif elements is not None:
            stack.extend(elements)
    return False


def parse_value(kind: AttributeKind, node: Node, context: Context, pointer: str) -> Raw:
    """Check a value against its kind and give what to keep. Raises: BadRequestData."""
    if node.tree is None:
        raise BadRequestData(
            "JSON null is not a value", hint=f"to delete an attribute, send {NGSI_LD_NULL!r}", pointer=pointer
        )
    return _PARSERS[kind](node, context, pointer)


def _parse_property(node: Node, context: Context, pointer: str) -> Raw:
    del context
    members = as_object(node.tree)
    if members is not None and "@value" in members:
        _check_typed_value(members, pointer)
    return node.text


def _check_typed_value(tree: dict[str, Any], pointer: str) -> None:
    """Check a value like ``{"@type": "DateTime", "@value": "…"}``. Spec: CIM 009 4.6.3."""
    name = tree.get("@type")
    if not isinstance(name, str | None):
        raise BadRequestData("The @type of a typed value is not a name", pointer=point(pointer, "@type"))
    if name == "DateTime":
        if not isinstance(tree["@value"], str):
            raise BadRequestData("A DateTime is not a text", pointer=point(pointer, "@value"))
        try:
            parse_instant(tree["@value"])
        except BadRequestData as problem:
            raise BadRequestData(problem.detail, pointer=point(pointer, "@value")) from problem


def _parse_geo(node: Node, context: Context, pointer: str) -> Raw:
    del context
    return parse_geometry(node, pointer)


def _parse_object(node: Node, context: Context, pointer: str) -> Raw:
    del context
    targets = listed(node.tree)
    if not targets:
        raise BadRequestData("The object of a relationship is an empty list", pointer=pointer)
    for target in targets:
        _check_target(target, pointer)
    return node.text


def _check_target(target: Any, pointer: str) -> str:
    if not isinstance(target, str) or target == NGSI_LD_NULL or not is_uri(target):
        raise BadRequestData(f"The object {quoted(target)} of a relationship is not a URI", pointer=pointer)
    return target


def _parse_object_list(node: Node, context: Context, pointer: str) -> Raw:
    del context
    entries = as_array(node.tree)
    if entries is None:
        raise BadRequestData("objectList is not an array", pointer=pointer)
    return raw([_parse_list_entry(entry, point(pointer, at)) for at, entry in enumerate(entries)])


def _parse_list_entry(entry: Any, pointer: str) -> str:
    """Read one entry: a URI or ``{"object": URI}`` (CIM 009 4.5.22)."""
    members = as_object(entry)
    return _check_target(members.get("object") if members is not None and len(members) == 1 else entry, pointer)


def _parse_value_list(node: Node, context: Context, pointer: str) -> Raw:
    del context
    if as_array(node.tree) is None:
        raise BadRequestData("valueList is not an array", pointer=pointer)
    return node.text


def _parse_json(node: Node, context: Context, pointer: str) -> Raw:
    del context
    if not isinstance(node.tree, dict | list):
        raise BadRequestData("json is neither a JSON object nor an array", pointer=pointer)
    return node.text


def _parse_vocab(node: Node, context: Context, pointer: str) -> Raw:
    words = listed(node.tree)
    if not words or not all(isinstance(word, str) and word for word in words):
        raise BadRequestData("vocab is neither a text nor an array of texts", pointer=pointer)
    expanded = [context.expand_term(word) for word in words]
    return raw(expanded[0] if as_array(node.tree) is None else expanded)


def _parse_language_map(node: Node, context: Context, pointer: str) -> Raw:
    del context
    languages = as_object(node.tree)
    if languages is None:
        raise BadRequestData("languageMap is not a JSON object", pointer=pointer)
    for tag, words in languages.items():
        if not is_language_tag(tag):
            raise BadRequestData(f"{tag[:40]!r} is not a language tag (RFC 5646)", pointer=pointer)
        if not all(isinstance(text, str) for text in listed(words)):
            raise BadRequestData(
                f"The words for {tag!r} are neither a text nor an array of texts", pointer=point(pointer, tag)
            )
    return node.text


_PARSERS: dict[AttributeKind, Callable[[Node, Context, str], Raw]] = {
    "Property": _parse_property,
    "Relationship": _parse_object,
    "GeoProperty": _parse_geo,
    "LanguageProperty": _parse_language_map,
    "VocabProperty": _parse_vocab,
    "JsonProperty": _parse_json,
    "ListProperty": _parse_value_list,
    "ListRelationship": _parse_object_list,
}
