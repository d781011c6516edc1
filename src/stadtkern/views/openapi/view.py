"""``/openapi.json`` for programs, ``/openapi`` and the start page ``/`` for people: what this server can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from stadtkern.views._http.description import Tag
from stadtkern.views._http.frame import page_response
from stadtkern.views._http.language import language_of
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView, View
from stadtkern.views.openapi.describe import DESCRIPTION
from stadtkern.views.openapi.document import described_routes, make_document
from stadtkern.views.openapi.page import render_reference, render_start

_KEPT_DOCUMENTS: Final = 64
_FIRST: Final = "createEntity"
"""The operation that the start page shows."""


class OpenApiView(RoutedView):
    """The description of all views, this one included; nobody needs credentials to read it."""

    name = "openapi"
    dialect: Dialect = "problem"
    description = DESCRIPTION

    def __init__(self, mounts: Mapping[tuple[str, ...], View], roots: tuple[View, ...]) -> None:
        """mounts, roots: the other views, as the gateway has them."""
        self._mounts = {**{mount: (view,) for mount, view in mounts.items()}, (): (*roots, self)}
        self._documents: dict[str, bytes] = {}
        super().__init__(
            {
                (): {"GET": Route("none", self._start)},
                ("openapi",): {"GET": Route("none", self._reference)},
                ("openapi.json",): {"GET": Route("none", self._document)},
            }
        )

    async def _document(self, request: Request) -> Response:
        base_path = urlsplit(request.base_url).path
        document = self._documents.get(base_path)
        if document is None:
            document = msgspec.json.encode(make_document(self._mounts, base_path))
            if len(self._documents) < _KEPT_DOCUMENTS:
                self._documents[base_path] = document
        headers = [("content-type", "application/json"), ("access-control-allow-origin", "*")]
        return Response(200, document, headers)

    async def _reference(self, request: Request) -> Response:
        language, base_path = language_of(request), urlsplit(request.base_url).path
        routes = list(described_routes(self._mounts))
        return page_response(language, render_reference(language, request.base_url, base_path, self._tags(), routes))

    async def _start(self, request: Request) -> Response:
        language, base_path = language_of(request), urlsplit(request.base_url).path
        first = next(route for route in described_routes(self._mounts) if route.operation.id == _FIRST)
        return page_response(language, render_start(language, request.base_url, base_path, self._tags(), first))

    def _tags(self) -> list[Tag]:
        return [tag for views in self._mounts.values() for view in views for tag in view.description.tags]
