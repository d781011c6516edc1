"""Which route that writes history answers which address below ``/ngsi-ld/v1``. Spec: CIM 009 table 6.2-1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.routing import Handler, Route, Table
from stadtkern.views.ngsild import temporal_provision_routes as temporal
from stadtkern.views.ngsild.services import NgsiLdServices

TemporalRoute = Callable[[Request, NgsiLdServices], Awaitable[Response]]

_ENTITIES: Final = ("temporal", "entities")
_ENTITY: Final = (*_ENTITIES, "*")
_ATTRIBUTES: Final = (*_ENTITY, "attrs")
_ATTRIBUTE: Final = (*_ATTRIBUTES, "*")
_INSTANCE: Final = (*_ATTRIBUTE, "*")

TEMPORAL_ROUTES: Final[dict[tuple[str, ...], dict[str, TemporalRoute]]] = {
    _ENTITIES: {"POST": temporal.record_entity},
    _ENTITY: {"DELETE": temporal.delete_history},
    _ATTRIBUTES: {"POST": temporal.add_attributes},
    _ATTRIBUTE: {"DELETE": temporal.delete_attribute},
    _INSTANCE: {"PATCH": temporal.patch_instance, "DELETE": temporal.delete_instance},
}


def temporal_provision_table(services: NgsiLdServices) -> Table:
    """Bind the routes to their services, ready to be merged with the tables of other clause families."""
    return {
        pattern: {method: Route("write", _bind(route, services)) for method, route in routes.items()}
        for pattern, routes in TEMPORAL_ROUTES.items()
    }


def _bind(route: TemporalRoute, services: NgsiLdServices) -> Handler:
    async def handle(request: Request) -> Response:
        return await route(request, services)

    return handle
