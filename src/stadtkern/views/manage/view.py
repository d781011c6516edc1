"""The management API ``/v1``: tenants for the administrator, API keys for a tenant's administrators, and how telling
its subscribers goes for all who may write.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from stadtkern.broker.keys import Keys
from stadtkern.broker.subscriptions import Subscriptions
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import BadRequestData, quoted
from stadtkern.model.actor import ApiKey, Tenant
from stadtkern.model.ids import Iri, is_uri, parse_tenant_id
from stadtkern.model.instant import parse_instant, render_instant
from stadtkern.model.json import parse_json
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView
from stadtkern.views.manage.deliveries import Deliveries
from stadtkern.views.manage.describe import DESCRIPTION
from stadtkern.views.manage.notification_routes import NotificationRoutes

MAX_TYPES = 1000
MAX_TEXT = 200
"""Longest name or title, in characters."""
_JSON = [("content-type", "application/json")]
_Body = TypeVar("_Body", bound=Struct)


class NewTenant(Struct, forbid_unknown_fields=True):
    """Body of POST /v1/tenants."""

    name: str
    host: str | None = None
    title: str = ""


class NewKey(Struct, forbid_unknown_fields=True):
    """Body of POST /v1/keys. types: full type IRIs, for kind ``source``."""

    name: str
    kind: str
    types: list[str] = []
    expiresAt: str | None = None


class ManageView(RoutedView):
    """Routes of the management API."""

    name = "manage"
    dialect: Dialect = "problem"
    description = DESCRIPTION

    def __init__(self, tenants: Tenants, keys: Keys, subscriptions: Subscriptions, deliveries: Deliveries) -> None:
        self._tenants = tenants
        self._keys = keys
        super().__init__(
            {
                ("tenants",): {
                    "GET": Route("administer", self._list_tenants, system=True),
                    "POST": Route("administer", self._create_tenant, system=True),
                },
                ("tenants", "*"): {
                    "GET": Route("administer", self._get_tenant, system=True),
                    "DELETE": Route("administer", self._delete_tenant, system=True),
                },
                ("keys",): {
                    "GET": Route("administer", self._list_keys),
                    "POST": Route("administer", self._create_key),
                },
                ("keys", "*"): {"DELETE": Route("administer", self._revoke_key)},
                **NotificationRoutes(subscriptions, deliveries).table,
            }
        )

    async def _list_tenants(self, request: Request) -> Response:
        return _json(200, [_show_tenant(tenant) for tenant in await self._tenants.list(request.grant)])

    async def _create_tenant(self, request: Request) -> Response:
        body = _read(request, NewTenant)
        tenant = await self._tenants.create(request.grant, body.name, host=body.host, title=_short(body.title, "title"))
        return _json(201, _show_tenant(tenant), ("location", f"{request.base_url}/v1/tenants/{tenant.name}"))

    async def _get_tenant(self, request: Request) -> Response:
        name = parse_tenant_id(request.segments[1])
        await self._tenants.get(name)
        found = [tenant for tenant in await self._tenants.list(request.grant) if tenant.name == name]
        return _json(200, _show_tenant(found[0]))

    async def _delete_tenant(self, request: Request) -> Response:
        await self._tenants.delete(request.grant, parse_tenant_id(request.segments[1]))
        return Response(204)

    async def _list_keys(self, request: Request) -> Response:
        return _json(200, [_show_key(key) for key in await self._keys.list(request.grant)])

    async def _create_key(self, request: Request) -> Response:
        body = _read(request, NewKey)
        if len(body.types) > MAX_TYPES:
            raise BadRequestData(f"A key names at most {MAX_TYPES} types", pointer="/types")
        for position, name in enumerate(body.types):
            if not is_uri(name):
                raise BadRequestData(f"The type {quoted(name)} is not a full IRI", pointer=f"/types/{position}")
        expires = parse_instant(body.expiresAt) if body.expiresAt is not None else None
        types = tuple(Iri(name) for name in body.types)
        name = _short(body.name, "name")
        key, secret = await self._keys.create(request.grant, name, body.kind, types, expires)
        return _json(
            201,
            {**_show_key(key), "key": secret},
            ("location", f"{request.base_url}/v1/keys/{key.id}"),
            ("cache-control", "no-store"),
        )

    async def _revoke_key(self, request: Request) -> Response:
        await self._keys.revoke(request.grant, request.segments[1])
        return Response(204)


def _read(request: Request, kind: type[_Body]) -> _Body:
    """Read a typed body. Raises: InvalidRequest, BadRequestData with a pointer."""
    parse_json(request.body)
    try:
        return msgspec.json.decode(request.body, type=kind)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at ")
        pointer = path.strip("`").replace("$", "").replace(".", "/") or None
        raise BadRequestData(f"The body does not fit: {detail[:200]}", pointer=pointer) from error


def _short(text: str, member: str) -> str:
    """Check a text that people read. Raises: BadRequestData."""
    if len(text) > MAX_TEXT:
        raise BadRequestData(f"The {member} has more than {MAX_TEXT} characters", pointer=f"/{member}")
    return text


def _json(status: int, tree: Any, *headers: tuple[str, str]) -> Response:
    return Response(status, msgspec.json.encode(tree), [*_JSON, *headers])


def _show_tenant(tenant: Tenant) -> dict[str, str | None]:
    return {
        "name": tenant.name,
        "host": tenant.host,
        "title": tenant.title,
        "createdAt": render_instant(tenant.created_at),
    }


def _show_key(key: ApiKey) -> dict[str, Any]:
    """Show a key without anything that opens a door."""
    times = {"expiresAt": key.expires_at, "revokedAt": key.revoked_at, "lastUsedAt": key.last_used_at}
    return {
        "id": key.id,
        "name": key.name,
        "kind": key.kind,
        "types": list(key.types),
        "createdAt": render_instant(key.created_at),
        **{name: None if at is None else render_instant(at) for name, at in times.items()},
    }
