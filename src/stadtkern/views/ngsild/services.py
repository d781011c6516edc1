"""What the NGSI-LD routes need of the broker, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stadtkern.errors import Problem
from stadtkern.jsonld.context import Context
from stadtkern.jsonld.definition import ContextReference
from stadtkern.model.change import Outcome
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId
from stadtkern.model.operation import Operation
from stadtkern.policy.grant import Grant
from stadtkern.query.request import EntityQuery


class ContextResolver(Protocol):
    """Finds and compiles @contexts."""

    async def resolve(self, reference: ContextReference, grant: Grant, base_url: str | None = None) -> Context:
        """Give the compiled context. Raises: BadRequestData, LdContextNotAvailable."""
        ...


class EntityPage(Protocol):
    """One page of an answer."""

    @property
    def entities(self) -> Sequence[Entity]:
        """The entities of the page."""
        ...

    @property
    def next_after(self) -> int | None:
        """What ``EntityQuery.after`` is for the next page; None after the last page, or where there is an order."""
        ...


class Provision(Protocol):
    """The write path, and the little reading that writing needs."""

    async def write(
        self, grant: Grant, operations: Sequence[Operation], size: int = ...
    ) -> Sequence[Outcome | Problem]:
        """Apply operations in order; a Problem stands where one failed. size: bytes of the request."""
        ...

    async def retrieve_entity(self, grant: Grant, id: EntityId) -> Entity:
        """Give an entity. Raises: ResourceNotFound."""
        ...

    async def query_entities(self, grant: Grant, query: EntityQuery) -> EntityPage:
        """Give one page of the entities that match."""
        ...


class NgsiLdServices(Protocol):
    """All of them together."""

    @property
    def contexts(self) -> ContextResolver:
        """Where contexts come from."""
        ...

    @property
    def broker(self) -> Provision:
        """Where data go."""
        ...
