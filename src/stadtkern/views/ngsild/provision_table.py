"""Which provision route answers which address below ``/ngsi-ld/v1``. Spec: CIM 009 table 6.2-1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.routing import Handler, Route, Table
from stadtkern.views.ngsild import provision_batch_routes as batch
from stadtkern.views.ngsild import provision_routes as single
from stadtkern.views.ngsild.services import NgsiLdServices

ProvisionRoute = Callable[[Request, NgsiLdServices], Awaitable[Response]]

_ENTITIES: Final = ("entities",)
_ENTITY: Final = ("entities", "*")
_ATTRIBUTES: Final = ("entities", "*", "attrs")
_ATTRIBUTE: Final = ("entities", "*", "attrs", "*")

PROVISION_ROUTES: Final[dict[tuple[str, ...], dict[str, ProvisionRoute]]] = {
    _ENTITIES: {
        "POST": single.create_entity,
        "DELETE": single.purge_entities,
        "PUT": single.refuse_empty_id,
        "PATCH": single.refuse_empty_id,
    },
    _ENTITY: {"PUT": single.replace_entity, "PATCH": single.merge_entity, "DELETE": single.delete_entity},
    _ATTRIBUTES: {"POST": single.append_attributes, "PATCH": single.update_attributes},
    _ATTRIBUTE: {
        "PATCH": single.partial_update,
        "PUT": single.replace_attribute,
        "DELETE": single.delete_attribute,
    },
    ("entityOperations", "create"): {"POST": batch.create_batch},
    ("entityOperations", "upsert"): {"POST": batch.upsert_batch},
    ("entityOperations", "update"): {"POST": batch.update_batch},
    ("entityOperations", "merge"): {"POST": batch.merge_batch},
    ("entityOperations", "delete"): {"POST": batch.delete_batch},
}


def provision_table(services: NgsiLdServices) -> Table:
    """Bind the routes to their services, ready to be merged with the tables of other clause families."""
    return {
        pattern: {method: Route("write", _bind(route, services)) for method, route in routes.items()}
        for pattern, routes in PROVISION_ROUTES.items()
    }


def _bind(route: ProvisionRoute, services: NgsiLdServices) -> Handler:
    async def handle(request: Request) -> Response:
        return await route(request, services)

    return handle
