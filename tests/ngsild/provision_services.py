"""The provision routes over entities in a dict: the real parsers and the real ``apply``, without a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from stadtkern.broker.apply import apply
from stadtkern.errors import LdContextNotAvailable, Problem, ResourceNotFound
from stadtkern.jsonld.context import Context, compile_context
from stadtkern.jsonld.definition import ContextReference, list_addresses
from stadtkern.model.change import Outcome
from stadtkern.model.entity import Entity
from stadtkern.model.ids import EntityId, Iri, TenantId
from stadtkern.model.instant import Instant
from stadtkern.model.json import unraw
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.query.evaluate import matches
from stadtkern.query.request import EntityQuery
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import problem_response
from stadtkern.views._http.routing import Router
from stadtkern.views.ngsild.provision_table import provision_table

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
EXAMPLE = "https://example.org/"
CONTEXT = "https://example.org/context.jsonld"
LINK = f'<{CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
PAGE = 2


class Page(msgspec.Struct):
    entities: list[Entity]
    next_after: int | None


class Services:
    """Both the resolver and the broker."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.sizes: list[int] = []
        self._now = 0

    @property
    def contexts(self) -> Services:
        return self

    @property
    def broker(self) -> Services:
        return self

    async def resolve(self, reference: ContextReference, grant: Grant, base_url: str | None = None) -> Context:
        documents: dict[str, Any] = {CONTEXT: {"@context": {name: EXAMPLE + name for name in ("Car", "speed", "name")}}}
        for address in list_addresses(reference, base_url):
            if address not in documents and "uri.etsi.org" not in address:
                raise LdContextNotAvailable(f"The @context {address} cannot be read")
        return compile_context(reference, documents, base_url)

    async def write(self, grant: Grant, operations: Sequence[Any], size: int = 0) -> list[Outcome | Problem]:
        self.sizes.append(size)
        return [self._write(operation) for operation in operations]

    def _write(self, operation: Any) -> Outcome | Problem:
        self._now += 1
        try:
            change = apply(operation, self.entities.get(operation.id), Instant(self._now))
        except Problem as problem:
            return problem
        if change.after is None:
            del self.entities[operation.id]
        else:
            self.entities[operation.id] = change.after
        return change.outcome

    async def retrieve_entity(self, grant: Grant, id: EntityId) -> Entity:
        if id not in self.entities:
            raise ResourceNotFound(f"Entity {id} does not exist")
        return self.entities[id]

    async def query_entities(self, grant: Grant, query: EntityQuery) -> Page:
        """Pages by creation time, which is dense here; small ones, so that callers have to turn them."""
        rest = [e for e in self.entities.values() if e.created_at > (query.after or 0)]
        found = [e for e in sorted(rest, key=lambda e: e.created_at) if self._matches(query, e)]
        more = len(found) > PAGE
        return Page(found[:PAGE], found[PAGE - 1].created_at if more else None)

    def _matches(self, query: EntityQuery, entity: Entity) -> bool:
        return query.filter is None or matches(query.filter, entity)

    # What tests ask

    async def ask(
        self, method: str, target: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Response:
        """Answer a request as the gateway would. body: text and bytes go as they are, anything else as JSON."""
        parts = urlsplit(target)
        segments = [unquote(part) for part in parts.path.strip("/").split("/")]
        request = Request(
            method=method,
            path=parts.path,
            segments=segments,
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers={"content-type": "application/json", **(headers or {})},
            body=_encode(body),
            grant=system_grant("test", TenantId("default")),
            base_url="https://city.example",
            request_id="1",
        )
        try:
            return await Router(provision_table(self)).route(method, segments).handler(request)
        except Problem as problem:
            return problem_response(problem, "ngsi-ld")

    def values(self, id: str) -> dict[str, Any]:
        """Give the values of an entity's default instances by short name."""
        entity = self.entities[id]
        return {_short(name): unraw(group[0].value) for name, group in entity.attributes.items()}


def _encode(body: Any) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


def _short(name: Iri) -> str:
    return name.removeprefix(DEFAULT).removeprefix(EXAMPLE)


def told(response: Response) -> Any:
    """Give what the body says."""
    return msgspec.json.decode(response.body)


def slug(response: Response) -> str:
    """Give the kind of a problem."""
    return told(response)["type"].rsplit("/", 1)[-1]
