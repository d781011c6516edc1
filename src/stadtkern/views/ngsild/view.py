"""NGSI-LD 1.9.1 at ``/ngsi-ld/v1``: its routes put together. Spec: CIM 009 6.2, table 6.2-1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from stadtkern.broker.contexts import ContextService
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Handler, Route, RoutedView, Table
from stadtkern.views.ngsild import contexts_routes
from stadtkern.views.ngsild.consumption_table import consumption_table
from stadtkern.views.ngsild.describe import DESCRIPTION
from stadtkern.views.ngsild.provision_table import provision_table
from stadtkern.views.ngsild.services import AllServices
from stadtkern.views.ngsild.subscription_routes import subscription_table
from stadtkern.views.ngsild.temporal_provision_table import temporal_provision_table

ContextRoute = Callable[[Request, ContextService], Awaitable[Response]]


class NgsiLdView(RoutedView):
    """The door of the NGSI-LD API."""

    name = "ngsi-ld"
    dialect: Dialect = "ngsi-ld"
    description = DESCRIPTION

    def __init__(self, services: AllServices, contexts: ContextService) -> None:
        table = merge_tables(
            provision_table(services),
            temporal_provision_table(services),
            consumption_table(services),
            subscription_table(services),
            contexts_table(contexts),
        )
        super().__init__(table)

    def route(self, method: str, segments: Sequence[str]) -> Route:
        """Find the route. Raises: ResourceNotFound, MethodNotAllowed."""
        if len(segments) > 2 and segments[0] == "jsonldContexts":
            # the id of a copy is its address, whose slashes may have come bare
            segments = ("jsonldContexts", "*")
        return super().route(method, segments)


def merge_tables(*tables: Table) -> Table:
    """Put the routes of several clause families on the same addresses together."""
    merged: Table = {}
    for table in tables:
        for pattern, routes in table.items():
            present = merged.setdefault(pattern, {})
            doubled = present.keys() & routes.keys()
            if doubled:
                raise ValueError(f"two routes for {sorted(doubled)} on {pattern}")
            present.update(routes)
    return merged


def contexts_table(contexts: ContextService) -> Table:
    """Routes of 6.29 and 6.30."""

    def bind(route: ContextRoute) -> Handler:
        async def handle(request: Request) -> Response:
            return await route(request, contexts)

        return handle

    return {
        ("jsonldContexts",): {
            "GET": Route("read", bind(contexts_routes.list_contexts)),
            "POST": Route("write", bind(contexts_routes.add_context)),
        },
        ("jsonldContexts", "*"): {
            "GET": Route("read", bind(contexts_routes.serve_context)),
            "DELETE": Route("write", bind(contexts_routes.delete_context)),
        },
    }
