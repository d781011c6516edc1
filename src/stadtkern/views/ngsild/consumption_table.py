"""Which reading route answers which address below ``/ngsi-ld/v1``. Spec: CIM 009 table 6.2-1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.routing import Handler, Route, Table
from stadtkern.views.ngsild import consumption_routes as entities
from stadtkern.views.ngsild import discovery_routes as discovery
from stadtkern.views.ngsild import entity_map_routes as maps
from stadtkern.views.ngsild import info_routes as info
from stadtkern.views.ngsild import temporal_routes as temporal
from stadtkern.views.ngsild.services import ReadingServices

ReadingRoute = Callable[[Request, ReadingServices], Awaitable[Response]]

CONSUMPTION_ROUTES: Final[dict[tuple[str, ...], dict[str, ReadingRoute]]] = {
    ("entities",): {"GET": entities.query_entities},
    ("entities", "*"): {"GET": entities.retrieve_entity},
    ("entityOperations", "query"): {"POST": entities.query_by_body},
    ("types",): {"GET": discovery.list_types},
    ("types", "*"): {"GET": discovery.retrieve_type},
    ("attributes",): {"GET": discovery.list_attributes},
    ("attributes", "*"): {"GET": discovery.retrieve_attribute},
    ("temporal", "entities"): {"GET": temporal.query_histories},
    ("temporal", "entities", "*"): {"GET": temporal.retrieve_history},
    ("entityMaps",): {"GET": maps.make_map, "POST": maps.make_map_by_body},
    ("entityMaps", "*"): {"GET": maps.retrieve_map, "PATCH": maps.update_map, "DELETE": maps.delete_map},
    ("temporal", "entityMaps"): {"GET": maps.make_past_map, "POST": maps.make_past_map_by_body},
    ("info", "sourceIdentity"): {"GET": info.source_identity},
    ("temporal", "entityOperations", "query"): {"POST": temporal.query_histories_by_body},
}


def consumption_table(services: ReadingServices) -> Table:
    """Bind the routes to their services, ready to be merged with the tables of other clause families."""
    return {
        pattern: {method: Route("read", _bind(route, services)) for method, route in routes.items()}
        for pattern, routes in CONSUMPTION_ROUTES.items()
    }


def _bind(route: ReadingRoute, services: ReadingServices) -> Handler:
    async def handle(request: Request) -> Response:
        return await route(request, services)

    return handle
