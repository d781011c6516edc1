"""Which types and attributes there are. Spec: CIM 009 5.7.5 to 5.7.10."""

from __future__ import annotations

from collections.abc import Iterable

from stadtkern.broker.search import Search
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import ResourceNotFound
from stadtkern.model.discovery import AttributeUse, TypeUse
from stadtkern.model.entity import AttributeKind
from stadtkern.model.ids import Iri
from stadtkern.model.instant import now
from stadtkern.policy.grant import Grant
from stadtkern.store.catalogue import CatalogueEntry, Tally, load_catalogue


class Discovery:
    """The discovery part of the broker."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def list_types(self, grant: Grant) -> list[TypeUse]:
        """List all types of current entities with their attributes, by name."""
        entries = await self._entries(grant)
        types = sorted({entry.type for entry in entries if entry.type is not None})
        return [_type_use(name, entries) for name in types]

    async def retrieve_type(self, grant: Grant, type: Iri) -> TypeUse:
        """Give one type. Raises: ResourceNotFound."""
        entries = await self._entries(grant)
        if not any(entry.type == type for entry in entries):
            raise ResourceNotFound(f"No entity has the type {type}")
        return _type_use(type, entries)

    async def list_attributes(self, grant: Grant) -> list[AttributeUse]:
        """List all attributes of current entities, by name."""
        entries = await self._entries(grant)
        names = sorted({entry.attribute for entry in entries if entry.attribute is not None})
        return [_attribute_use(name, entries) for name in names]

    async def retrieve_attribute(self, grant: Grant, attribute: Iri) -> AttributeUse:
        """Give one attribute. Raises: ResourceNotFound."""
        entries = await self._entries(grant)
        if not any(entry.attribute == attribute for entry in entries):
            raise ResourceNotFound(f"No entity has the attribute {attribute}")
        return _attribute_use(attribute, entries)

    async def _entries(self, grant: Grant) -> list[CatalogueEntry]:
        tenant = await self._tenants.get(grant.tenant)
        if grant.row_filter is None:
            return await load_catalogue(tenant.database, grant, now())
        search = Search(tenant.database, grant, None, now())
        tally = Tally()
        async for match in search.matches():
            tally.add(match.entity)
        return tally.entries()


def _type_use(name: Iri, entries: Iterable[CatalogueEntry]) -> TypeUse:
    own = [entry for entry in entries if entry.type == name]
    count = sum(entry.count for entry in own if entry.attribute is None)
    attributes = sorted({entry.attribute for entry in own if entry.attribute is not None})
    return TypeUse(
        type=name,
        count=count,
        attributes=[
            _use(attribute, [one for one in own if one.attribute == attribute], [name]) for attribute in attributes
        ],
    )


def _attribute_use(name: Iri, entries: Iterable[CatalogueEntry]) -> AttributeUse:
    own = [entry for entry in entries if entry.attribute == name]
    types = sorted({entry.type for entry in own if entry.type is not None})
    return _use(name, [entry for entry in own if entry.type is None], types)


def _use(name: Iri, entries: list[CatalogueEntry], types: list[Iri]) -> AttributeUse:
    kinds: list[AttributeKind] = sorted({entry.kind for entry in entries if entry.kind is not None})
    return AttributeUse(attribute=name, count=sum(entry.count for entry in entries), kinds=kinds, types=types)
