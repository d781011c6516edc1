"""What types and attributes the entities of a tenant have. Spec: CIM 009 5.2.24 to 5.2.28, 5.7.5 to 5.7.10."""

from __future__ import annotations

from msgspec import Struct

from stadtkern.model.entity import AttributeKind
from stadtkern.model.ids import Iri


class AttributeUse(Struct, frozen=True, gc=False, kw_only=True):
    """One attribute name as it is used: how often, of which kinds, by entities of which types."""

    attribute: Iri
    count: int = 0
    kinds: list[AttributeKind] = []
    types: list[Iri] = []


class TypeUse(Struct, frozen=True, gc=False, kw_only=True):
    """One entity type as it is used: how many entities have it, and their attributes."""

    type: Iri
    count: int = 0
    attributes: list[AttributeUse] = []
