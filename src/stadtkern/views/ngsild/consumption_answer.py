"""The answers of reading operations: media type, @context, count and links to the pages around.

Spec: CIM 009 6.3.4, 6.3.5, 6.3.6, 6.3.10 (pagination), 6.3.13 (count), 6.3.15 (GeoJSON).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

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
from stadtkern.views.ngsild.paging import page_links
from stadtkern.views.ngsild.render import render_feature_collection, render_list, with_context
from stadtkern.views.ngsild.services import ContextLinks, Page


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

    def page(self, bodies: Sequence[bytes], query: EntityQuery, page: Page) -> Response:
        """Answer with a page of objects and the links to the pages around it."""
        response = self.many(bodies)
        if query.count and page.count is not None:
            response.headers.append(("NGSILD-Results-Count", str(page.count)))
        following = query.place + page.taken if page.more else None
        links = page_links(self.request, query.limit, query.place, next_offset=following, next_after=page.next_after)
        response.headers += [("Link", link) for link in links]
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
