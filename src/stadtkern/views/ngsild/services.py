"""What the NGSI-LD routes need of the broker, and no more."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Protocol

from stadtkern.broker.subscriptions import Subscriptions
from stadtkern.errors import Problem
from stadtkern.jsonld.context import Context
from stadtkern.jsonld.definition import ContextReference
from stadtkern.model.change import Outcome
from stadtkern.model.discovery import AttributeUse, TypeUse
from stadtkern.model.entity import Entity
from stadtkern.model.entity_map import EntityMap
from stadtkern.model.history import EntityHistory
from stadtkern.model.identity import ContextSourceIdentity
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.operation import Operation
from stadtkern.policy.grant import Grant
from stadtkern.query.request import EntityQuery, TemporalQuery


class ContextResolver(Protocol):
    """Finds and compiles @contexts."""

    async def resolve(self, reference: ContextReference, grant: Grant, base_url: str | None = None) -> Context:
        """Give the compiled context. Raises: BadRequestData, LdContextNotAvailable."""
        ...


class Page(Protocol):
    """What all pages of entities have."""

    @property
    def count(self) -> int | None:
        """All matches, where they were to be counted."""
        ...

    @property
    def more(self) -> bool:
        """Whether another page follows."""
        ...

    @property
    def taken(self) -> int:
        """How many matches the page stands for: as many as the limit, or fewer where these are large."""
        ...

    @property
    def next_after(self) -> int | None:
        """What ``EntityQuery.after`` is for the next page; None after the last page, or where there is an order."""
        ...


class EntityPage(Page, Protocol):
    """One page of an answer."""

    @property
    def entities(self) -> Sequence[Entity]:
        """The entities of the page."""
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


class RenderedPage(Page, Protocol):
    """One page of entities as bytes."""

    @property
    def parts(self) -> Sequence[bytes]:
        """What was rendered of each entity."""
        ...


class ContextLinks(ContextResolver, Protocol):
    """Finds contexts, and the address that stands for one in a Link header."""

    async def link_url(self, context: Context, grant: Grant, base_url: str) -> str:
        """Give the one address that stands for a context."""
        ...


class EntityMaps(Protocol):
    """Lists of matches that stay as they are while a reader pages through them."""

    async def make_map(self, grant: Grant, query: EntityQuery, lifetime: int | None) -> EntityMap:
        """Fix what matches now. lifetime: microseconds. Raises: TooManyResults, TooComplexQuery."""
        ...

    async def keep_map(self, grant: Grant, entities: Sequence[EntityId], lifetime: int | None) -> EntityMap:
        """Keep a list of entities."""
        ...

    async def load_map(self, grant: Grant, id: str) -> EntityMap:
        """Give a map. Raises: ResourceNotFound."""
        ...

    async def move_end(self, grant: Grant, id: str, expires_at: Instant) -> None:
        """Let a map live until another time. Raises: ResourceNotFound."""
        ...

    async def delete_map(self, grant: Grant, id: str) -> None:
        """Forget a map. Raises: ResourceNotFound."""
        ...


class Consumption(EntityMaps, Protocol):
    """The reading of entities, and what types and attributes they have."""

    async def retrieve_entity(self, grant: Grant, id: EntityId) -> Entity:
        """Give an entity. Raises: ResourceNotFound."""
        ...

    async def retrieve_rendered(
        self, grant: Grant, id: EntityId, form: Hashable, render: Callable[[Entity], bytes]
    ) -> bytes:
        """Give an entity's bytes. form: what decides about them beside the entity. Raises: ResourceNotFound."""
        ...

    async def load_linked(
        self, grant: Grant, ids: Sequence[EntityId], beside: Sequence[EntityId] = ()
    ) -> Mapping[EntityId, Entity]:
        """Give those of these entities that exist for the Grant. beside: those that the answer has already.

        Raises: TooManyResults (too many bytes in all).
        """
        ...

    async def query_entities(self, grant: Grant, query: EntityQuery) -> EntityPage:
        """Give one page of the entities that match. Raises: TooComplexQuery, TooManyResults."""
        ...

    async def query_rendered(
        self, grant: Grant, query: EntityQuery, form: Hashable, render: Callable[[Entity], bytes]
    ) -> RenderedPage:
        """Give one page as bytes. Raises: TooComplexQuery, TooManyResults."""
        ...

    async def query_mapped(self, grant: Grant, known: EntityMap, query: EntityQuery) -> EntityPage:
        """Give a page of a map's entities that still match."""
        ...

    async def list_types(self, grant: Grant) -> Sequence[TypeUse]:
        """List all types of current entities with their attributes."""
        ...

    async def retrieve_type(self, grant: Grant, type: Iri) -> TypeUse:
        """Give one type. Raises: ResourceNotFound."""
        ...

    async def list_attributes(self, grant: Grant) -> Sequence[AttributeUse]:
        """List all attributes of current entities."""
        ...

    async def retrieve_attribute(self, grant: Grant, attribute: Iri) -> AttributeUse:
        """Give one attribute. Raises: ResourceNotFound."""
        ...


class ConsumptionServices(Protocol):
    """What the reading routes need."""

    @property
    def contexts(self) -> ContextLinks:
        """Where contexts come from."""
        ...

    @property
    def broker(self) -> Consumption:
        """Where data come from."""
        ...


class HistoryPage(Page, Protocol):
    """The histories of an answer, and how much of time they cover."""

    @property
    def histories(self) -> Sequence[EntityHistory]:
        """The histories, at least one where one entity was asked for."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether instances were left out because they were too many."""
        ...

    @property
    def first(self) -> Instant | None:
        """The time of the first instance, in the direction of reading."""
        ...

    @property
    def last(self) -> Instant | None:
        """The time up to which the answer is complete, in the direction of reading."""
        ...


class Histories(EntityMaps, Protocol):
    """The reading of history."""

    async def retrieve_history(
        self,
        grant: Grant,
        id: EntityId,
        query: TemporalQuery,
        *,
        attributes: frozenset[Iri] | None,
        most: int,
        dataset_ids: frozenset[str] | None = None,
    ) -> HistoryPage:
        """Give the evolution of one entity. most: instances in the answer. Raises: ResourceNotFound."""
        ...

    async def query_histories(
        self, grant: Grant, entities: EntityQuery, query: TemporalQuery, *, attributes: frozenset[Iri] | None, most: int
    ) -> HistoryPage:
        """Give the evolutions of a page of entities that match."""
        ...

    async def match_histories(
        self, grant: Grant, entities: EntityQuery, query: TemporalQuery, *, attributes: frozenset[Iri] | None
    ) -> Sequence[EntityId]:
        """Name all entities that match. Raises: TooManyResults."""
        ...


class HistoryServices(Protocol):
    """What the temporal routes need."""

    @property
    def contexts(self) -> ContextLinks:
        """Where contexts come from."""
        ...

    @property
    def broker(self) -> Histories:
        """Where histories come from."""
        ...

    @property
    def temporal_instances(self) -> int:
        """How many instances an answer about history holds, unless the client prefers more."""
        ...


class Identities(Protocol):
    """Who the server is."""

    async def identify(self, grant: Grant) -> ContextSourceIdentity:
        """Tell who the Grant's tenant is to other context sources."""
        ...


class IdentityServices(Protocol):
    """What the routes about the server itself need."""

    @property
    def contexts(self) -> ContextLinks:
        """Where contexts come from."""
        ...

    @property
    def broker(self) -> Identities:
        """Who knows."""
        ...


class Reading(Consumption, Histories, Identities, Protocol):
    """Everything that is read."""


class WholeBroker(Provision, Reading, Protocol):
    """Everything that is read and written."""


class ReadingServices(Protocol):
    """What all the reading routes need."""

    @property
    def contexts(self) -> ContextLinks:
        """Where contexts come from."""
        ...

    @property
    def broker(self) -> Reading:
        """Where data come from."""
        ...

    @property
    def temporal_instances(self) -> int:
        """How many instances an answer about history holds, unless the client prefers more."""
        ...


class SubscriptionServices(Protocol):
    """What the routes of subscriptions need."""

    @property
    def contexts(self) -> ContextLinks:
        """Where contexts come from."""
        ...

    @property
    def subscriptions(self) -> Subscriptions:
        """Where subscriptions are."""
        ...


class AllServices(Protocol):
    """What all the routes need."""

    @property
    def contexts(self) -> ContextLinks:
        """Where contexts come from."""
        ...

    @property
    def broker(self) -> WholeBroker:
        """Where data come from and go."""
        ...

    @property
    def subscriptions(self) -> Subscriptions:
        """Where subscriptions are."""
        ...

    @property
    def temporal_instances(self) -> int:
        """How many instances an answer about history holds, unless the client prefers more."""
        ...
