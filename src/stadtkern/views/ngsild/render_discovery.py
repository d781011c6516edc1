"""What the discovery operations answer: types and attributes in use.

Spec: CIM 009 5.2.24 to 5.2.28, 5.7.5 to 5.7.10.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from stadtkern.jsonld.context import Context
from stadtkern.jsonld.core import CORE_TERMS
from stadtkern.model.discovery import AttributeUse, TypeUse
from stadtkern.model.ids import Iri

_encode = msgspec.json.encode


def render_type_list(types: Iterable[TypeUse], context: Context) -> bytes:
    """Render an EntityTypeList. Spec: CIM 009 5.2.24."""
    names = [context.compact_iri(use.type) for use in types]
    return _encode({"id": _list_id("EntityTypeList"), "type": "EntityTypeList", "typeList": names})


def render_type_details(use: TypeUse, context: Context) -> bytes:
    """Render one EntityType of the detailed list. Spec: CIM 009 5.2.25."""
    return _encode(
        {
            "id": full_iri(use.type),
            "type": "EntityType",
            "typeName": context.compact_iri(use.type),
            "attributeNames": [context.compact_iri(attribute.attribute) for attribute in use.attributes],
        }
    )


def render_type_info(use: TypeUse, context: Context) -> bytes:
    """Render an EntityTypeInfo. Spec: CIM 009 5.2.26."""
    return _encode(
        {
            "id": full_iri(use.type),
            "type": "EntityTypeInfo",
            "typeName": context.compact_iri(use.type),
            "entityCount": use.count,
            "attributeDetails": [
                {**_head(attribute, context), "attributeTypes": attribute.kinds} for attribute in use.attributes
            ],
        }
    )


def render_attribute_list(attributes: Iterable[AttributeUse], context: Context) -> bytes:
    """Render an AttributeList. Spec: CIM 009 5.2.27."""
    names = [context.compact_iri(use.attribute) for use in attributes]
    return _encode({"id": _list_id("AttributeList"), "type": "AttributeList", "attributeList": names})


def render_attribute_details(use: AttributeUse, context: Context) -> bytes:
    """Render one Attribute of the detailed list. Spec: CIM 009 5.2.28."""
    return _encode({**_head(use, context), "typeNames": [context.compact_iri(type_) for type_ in use.types]})


def render_attribute_info(use: AttributeUse, context: Context) -> bytes:
    """Render an Attribute with everything that is known about it. Spec: CIM 009 5.2.28."""
    return _encode(
        {
            **_head(use, context),
            "attributeCount": use.count,
            "attributeTypes": use.kinds,
            "typeNames": [context.compact_iri(type_) for type_ in use.types],
        }
    )


def full_iri(name: Iri) -> str:
    """Give the IRI of a name; names of the core context are kept short inside."""
    term = CORE_TERMS.get(name)
    return name if term is None else term.iri


def _head(use: AttributeUse, context: Context) -> dict[str, Any]:
    name = context.compact_iri(use.attribute)
    return {"id": full_iri(use.attribute), "type": "Attribute", "attributeName": name}


def _list_id(kind: str) -> str:
    return f"urn:ngsi-ld:{kind}:{uuid.uuid4()}"
