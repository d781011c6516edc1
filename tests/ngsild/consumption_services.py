"""The reading routes over entities in a dict: the real parsers, filters and renderers, without a store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from stadtkern.errors import Problem, ResourceNotFound
from stadtkern.jsonld.context import Context
from stadtkern.model.discovery import AttributeUse, TypeUse
from stadtkern.model.entity import Entity
from stadtkern.model.history import EntityHistory
from stadtkern.model.ids import EntityId, Iri, TenantId
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.query.evaluate import matches
from stadtkern.query.order import sort_entities
from stadtkern.query.request import EntityQuery, TemporalQuery
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import problem_response
from stadtkern.views._http.routing import Router
from stadtkern.views.ngsild.consumption_table import consumption_table
from tests.ngsild.entities import read_entity
from tests.ngsild.provision_services import CONTEXT, LINK, Services

BASE_URL = "https://city.example/stadtkern"
LINKED = {"link": LINK}


class Page(msgspec.Struct):
    entities: list[Entity]
    count: int | None
    more: bool
    next_after: int | None = None
    taken: int = 0


class Rendered(msgspec.Struct):
    parts: list[bytes]
    count: int | None
    more: bool
    next_after: int | None = None
    taken: int = 0


class Histories(msgspec.Struct):
    histories: list[EntityHistory]
    truncated: bool = False
    first: Instant | None = None
    last: Instant | None = None
    count: int | None = None
    more: bool = False
    next_after: int | None = None
    taken: int = 0


class ReadingServices(Services):
    """Broker and contexts of the reading routes."""

    temporal_instances = 30

    def __init__(self) -> None:
        super().__init__()
        self.types: list[TypeUse] = []
        self.attributes: list[AttributeUse] = []
        self.histories = Histories([])
        self.asked: tuple[Any, ...] = ()
        """What the last question for histories was: entities, time, attributes, most."""

    async def load(self, *trees: dict[str, Any]) -> None:
        """Store entities, their names being terms of the test's context."""
        context = await self.resolve(CONTEXT, system_grant("test", TenantId("default")))
        for tree in trees:
            entity = read_entity(tree, context)
            self.entities[entity.id] = entity

    async def link_url(self, context: Context, grant: Grant, base_url: str) -> str:
        return context.link_url or f"{base_url}/hosted"

    async def retrieve_rendered(
        self, grant: Grant, id: EntityId, form: Hashable, render: Callable[[Entity], bytes]
    ) -> bytes:
        assert hash(form) is not None
        return render(await self.retrieve_entity(grant, id))

    async def load_linked(
        self, grant: Grant, ids: Sequence[EntityId], beside: Sequence[EntityId] = ()
    ) -> dict[EntityId, Entity]:
        return {id_: self.entities[id_] for id_ in ids if id_ in self.entities}

    async def query_entities(self, grant: Grant, query: EntityQuery) -> Any:
        found = [one for one in self.entities.values() if query.filter is None or matches(query.filter, one)]
        if query.order is not None:
            found = sort_entities(found, query.order)
        end = query.offset + query.limit
        return Page(found[query.offset : end], len(found) if query.count else None, len(found) > end, taken=query.limit)

    async def query_rendered(
        self, grant: Grant, query: EntityQuery, form: Hashable, render: Callable[[Entity], bytes]
    ) -> Rendered:
        assert hash(form) is not None
        page = await self.query_entities(grant, query)
        return Rendered([render(one) for one in page.entities], page.count, page.more, taken=page.taken)

    async def list_types(self, grant: Grant) -> list[TypeUse]:
        return self.types

    async def retrieve_type(self, grant: Grant, type: Iri) -> TypeUse:
        for use in self.types:
            if use.type == type:
                return use
        raise ResourceNotFound(f"No entity has the type {type}")

    async def list_attributes(self, grant: Grant) -> list[AttributeUse]:
        return self.attributes

    async def retrieve_attribute(self, grant: Grant, attribute: Iri) -> AttributeUse:
        for use in self.attributes:
            if use.attribute == attribute:
                return use
        raise ResourceNotFound(f"No entity has the attribute {attribute}")

    async def retrieve_history(
        self,
        grant: Grant,
        id: EntityId,
        query: TemporalQuery,
        *,
        attributes: frozenset[Iri] | None,
        most: int,
        dataset_ids: frozenset[str] | None = None,
    ) -> Histories:
        self.asked = (id, query, attributes, most)
        if not self.histories.histories:
            raise ResourceNotFound(f"Entity {id} does not exist")
        return self.histories

    async def query_histories(
        self, grant: Grant, entities: EntityQuery, query: TemporalQuery, *, attributes: frozenset[Iri] | None, most: int
    ) -> Histories:
        self.asked = (entities, query, attributes, most)
        return self.histories

    async def ask(
        self, method: str, target: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Response:
        """Answer a request as the gateway would."""
        parts = urlsplit(target)
        segments = [unquote(part) for part in parts.path.strip("/").split("/")]
        request = Request(
            method=method,
            path=parts.path,
            segments=segments,
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers={**({} if body is None else {"content-type": "application/json"}), **(headers or {})},
            body=b"" if body is None else msgspec.json.encode(body),
            grant=system_grant("test", TenantId("default")),
            base_url=BASE_URL,
            request_id="1",
        )
        try:
            return await Router(consumption_table(self)).route(method, segments).handler(request)
        except Problem as problem:
            return problem_response(problem, "ngsi-ld")


def header(response: Response, name: str) -> list[str]:
    """Give all values of a header."""
    return [value for key, value in response.headers if key.lower() == name.lower()]
