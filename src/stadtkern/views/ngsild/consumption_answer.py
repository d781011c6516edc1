"""The answers of reading operations: media type, @context, count and links to the pages around.

Spec: CIM 009 6.3.4, 6.3.5, 6.3.6, 6.3.10 (pagination), 6.3.13 (count), 6.3.15 (GeoJSON).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from stadtkern.jsonld.context import Context
from stadtkern.query.request import EntityQuery
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.negotiation import (
    GEO_JSON,
    LD_JSON,
    MediaType,
    negotiate,
    preferred_version,
    prefers_plain_geojson,
    response_context_headers,
)
from stadtkern.views.ngsild.render import render_feature_collection, render_list, with_context
from stadtkern.views.ngsild.services import ContextLinks

BASE_PATH: Final = "/ngsi-ld/v1"
_SAFE: Final = ":@!$()*;/?-._~"
"""Characters that stay as they are in a link's parameters; a comma would split the header."""


class Answer(NamedTuple):
    """What is the same for all answers to one request."""

    request: Request
    context: Context
    media_type: MediaType
    headers: list[tuple[str, str]]
    context_inside: bool
    """Whether the body carries the @context."""
    version: int | None = None
    """The minor version of NGSI-LD that the reader prefers."""

    @property
    def is_geojson(self) -> bool:
        """Whether entities are shown as Features."""
        return self.media_type == GEO_JSON

    def one(self, body: bytes) -> Response:
        """Answer with one object."""
        return Response(200, with_context(body, self.context) if self.context_inside else body, self.headers)

    def many(self, bodies: Iterable[bytes]) -> Response:
        """Answer with an array of objects, or with a FeatureCollection."""
        if self.is_geojson:
            body = render_feature_collection(bodies, self.context if self.context_inside else None)
        elif self.context_inside:
            body = render_list(with_context(one, self.context) for one in bodies)
        else:
            body = render_list(bodies)
        return Response(200, body, self.headers)

    def page(self, bodies: Sequence[bytes], query: EntityQuery, count: int | None, *, more: bool) -> Response:
        """Answer with a page of objects and the links to the pages around it."""
        response = self.many(bodies)
        if query.count and count is not None:
            response.headers.append(("NGSILD-Results-Count", str(count)))
        response.headers += [("Link", link) for link in page_links(self.request, query.limit, query.offset, more=more)]
        return response


async def open_answer(
    request: Request, contexts: ContextLinks, context: Context, offers: tuple[MediaType, ...]
) -> Answer:
    """Choose the media type of an answer and say where its @context is. Raises: NotAcceptable."""
    media_type = negotiate(request.header("accept"), offers)
    plain = media_type == GEO_JSON and prefers_plain_geojson(request.header("prefer"))
    inside = media_type == LD_JSON or (media_type == GEO_JSON and not plain)
    link = "" if inside else await contexts.link_url(context, request.grant, request.base_url)
    headers = response_context_headers(media_type, link, plain=plain)
    return Answer(request, context, media_type, headers, inside, preferred_version(request.header("prefer")))


def page_links(request: Request, limit: int, offset: int, *, more: bool) -> list[str]:
    """Write the Link headers to the previous and the next page; parameters in order of their names."""
    links: list[str] = []
    if offset > 0 and limit > 0:
        links.append(_page_link(request, limit, max(offset - limit, 0), "prev"))
    if more and limit > 0:
        links.append(_page_link(request, limit, offset + limit, "next"))
    return links


def _page_link(request: Request, limit: int, offset: int, relation: str) -> str:
    parameters = {**dict(request.query), "limit": str(limit), "offset": str(offset)}
    query = "&".join(f"{name}={_quote(value)}" for name, value in sorted(parameters.items()))
    path = urlsplit(request.base_url).path + BASE_PATH + "/" + "/".join(_quote(one) for one in request.segments)
    return f'<{path}?{query}>; rel="{relation}"; type="application/json"'


@lru_cache(maxsize=1024)
def _quote(text: str) -> str:
    return quote(text, safe=_SAFE)
