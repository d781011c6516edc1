"""GeoJSON geometries in NGSI-LD bodies.

Spec: CIM 009 4.7 (GeoProperties), RFC 7946 section 3.1.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from stadtkern.errors import BadRequestData, InvalidRequest
from stadtkern.model.geometry import GEOMETRY_TYPES, check_geometry
from stadtkern.model.json import parse_json
from stadtkern.views.ngsild.parse_node import Node, as_object


def is_geometry(tree: Any) -> bool:
    """Tell whether a JSON value looks like a supported geometry (CIM 009 4.5.2.3: the GeoProperty is inferred)."""
    members = as_object(tree)
    if members is None or "coordinates" not in members:
        return False
    declared = members.get("type")
    return isinstance(declared, str) and declared in GEOMETRY_TYPES


def parse_geometry(node: Node, pointer: str) -> Raw:
    """Check a GeoProperty's value, or its encoding as a JSON string. Raises: BadRequestData. Spec: CIM 009 4.7.2."""
    if not isinstance(node.tree, str):
        check_geometry(node.tree, pointer)
        return node.text
    try:
        text = node.tree.encode()
        check_geometry(parse_json(text), pointer)
    except (InvalidRequest, UnicodeEncodeError) as error:
        raise BadRequestData("The value of a GeoProperty is not a GeoJSON geometry", pointer=pointer) from error
    return Raw(text.strip())
