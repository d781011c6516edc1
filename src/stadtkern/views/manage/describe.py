"""What the management API answers."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.views._http.description import (
    Answer,
    Body,
    Description,
    Example,
    Operation,
    Parameter,
    Schema,
    Tag,
    Text,
)
from stadtkern.views.manage.describe_notifications import OPERATIONS as _NOTIFICATION_OPERATIONS
from stadtkern.views.manage.describe_notifications import SCHEMAS as _NOTIFICATION_SCHEMAS
from stadtkern.views.manage.describe_notifications import TAG as _NOTIFICATIONS

_TENANTS: Final = "tenants"
_KEYS: Final = "keys"
_TENANT_NAME: Final = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,47}$"}
_TIME: Final = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Final = {"anyOf": [_TIME, {"type": "null"}]}


def _object(required: list[str], properties: dict[str, Any]) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


_KEY_MEMBERS: Final[dict[str, Any]] = {
    "id": {"type": "string"},
    "name": {"type": "string"},
    "kind": {"enum": ["read", "write", "source", "admin"]},
    "types": {"type": "array", "items": {"type": "string"}},
    "createdAt": _TIME,
    "expiresAt": _MAYBE_TIME,
    "revokedAt": _MAYBE_TIME,
    "lastUsedAt": _MAYBE_TIME,
}
_SCHEMAS: Final[dict[str, Schema]] = {
    "Tenant": _object(
        ["name", "host", "title", "createdAt"],
        {
            "name": _TENANT_NAME,
            "host": {"type": ["string", "null"]},
            "title": {"type": "string"},
            "createdAt": _TIME,
        },
    ),
    "NewTenant": _object(
        ["name"],
        {
            "name": _TENANT_NAME,
            "host": {"type": ["string", "null"], "description": "The host name that chooses this tenant"},
            "title": {"type": "string", "maxLength": 200},
        },
    ),
    "ApiKey": _object(list(_KEY_MEMBERS), _KEY_MEMBERS),
    "CreatedApiKey": _object([*_KEY_MEMBERS, "key"], {**_KEY_MEMBERS, "key": {"type": "string"}}),
    "NewApiKey": _object(
        ["name", "kind"],
        {
            "name": {"type": "string", "maxLength": 200},
            "kind": {"enum": ["read", "write", "source", "admin"]},
            "types": {
                "type": "array",
                "items": {"type": "string"},
                "maxItems": 1000,
                "description": "Full type IRIs that a key of kind source may write",
            },
            "expiresAt": _MAYBE_TIME,
        },
    ),
}


def _ref(name: str) -> dict[str, Schema]:
    return {"application/json": {"$ref": f"#/components/schemas/{name}"}}


def _list(name: str) -> dict[str, Schema]:
    return {"application/json": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}}


_LOCATION: Final = {"Location": Text("Its address", "Seine Adresse")}
_NAME: Final = Parameter(
    name="tenant", place="path", required=True, schema=_TENANT_NAME, text=Text("Its name", "Sein Name")
)
_KEY: Final = Parameter(
    name="id",
    place="path",
    required=True,
    schema={"type": "string", "maxLength": 32},
    text=Text("The key's id", "Die Kennung des Schlüssels"),
)
_DONE: Final = Answer(status=204, text=Text("Done.", "Erledigt."))

_TENANT_OPERATIONS: Final = {
    ("tenants",): {
        "GET": Operation(
            id="listTenants",
            tag=_TENANTS,
            title=Text("List all tenants", "Alle Mandanten auflisten"),
            text=Text("For the administrator token.", "Für das Verwaltungs-Token."),
            answers=(Answer(status=200, text=Text("The tenants.", "Die Mandanten."), schemas=_list("Tenant")),),
            example=Example(status=200),
            problems=(401, 403),
        ),
        "POST": Operation(
            id="createTenant",
            tag=_TENANTS,
            title=Text("Create a tenant", "Einen Mandanten anlegen"),
            text=Text(
                "A municipality, or a part of it, with data of its own. For the administrator token.",
                "Eine Kommune oder ein Teil davon mit eigenen Daten. Für das Verwaltungs-Token.",
            ),
            body=Body(schema={"$ref": "#/components/schemas/NewTenant"}),
            answers=(
                Answer(status=201, text=Text("It exists.", "Er besteht."), schemas=_ref("Tenant"), headers=_LOCATION),
            ),
            example=Example(status=201, body={"name": "north", "title": "The north"}),
            problems=(401, 403, 409, 413),
        ),
    },
    ("tenants", "*"): {
        "GET": Operation(
            id="retrieveTenant",
            tag=_TENANTS,
            title=Text("Show a tenant", "Einen Mandanten zeigen"),
            text=Text("For the administrator token.", "Für das Verwaltungs-Token."),
            parameters=(_NAME,),
            answers=(Answer(status=200, text=Text("The tenant.", "Der Mandant."), schemas=_ref("Tenant")),),
            example=Example(status=200, path={"tenant": "default"}),
            problems=(401, 403, 404),
        ),
        "DELETE": Operation(
            id="deleteTenant",
            tag=_TENANTS,
            title=Text("Delete a tenant and all its data", "Einen Mandanten mit allen Daten löschen"),
            text=Text(
                "There is no way back. For the administrator token.",
                "Das ist unwiderruflich. Für das Verwaltungs-Token.",
            ),
            parameters=(_NAME,),
            answers=(_DONE,),
            example=Example(status=204, path={"tenant": "old"}),
            problems=(401, 403, 404, 409),
        ),
    },
}
_KEY_OPERATIONS: Final = {
    ("keys",): {
        "GET": Operation(
            id="listKeys",
            tag=_KEYS,
            title=Text("List the API keys of the tenant", "Die API-Schlüssel des Mandanten auflisten"),
            text=Text("Without their secrets.", "Ohne ihre Geheimnisse."),
            answers=(Answer(status=200, text=Text("The keys.", "Die Schlüssel."), schemas=_list("ApiKey")),),
            example=Example(status=200),
            problems=(401, 403, 404),
        ),
        "POST": Operation(
            id="createKey",
            tag=_KEYS,
            title=Text("Make an API key", "Einen API-Schlüssel machen"),
            text=Text(
                "The answer is the only place where the key is ever shown.",
                "Nur diese Antwort zeigt den Schlüssel, danach nichts mehr.",
            ),
            body=Body(schema={"$ref": "#/components/schemas/NewApiKey"}),
            answers=(
                Answer(
                    status=201,
                    text=Text("The key.", "Der Schlüssel."),
                    schemas=_ref("CreatedApiKey"),
                    headers=_LOCATION,
                ),
            ),
            example=Example(status=201, body={"name": "sensors of the harbour", "kind": "write"}),
            problems=(401, 403, 404, 413),
        ),
    },
    ("keys", "*"): {
        "DELETE": Operation(
            id="revokeKey",
            tag=_KEYS,
            title=Text("Revoke an API key", "Einen API-Schlüssel widerrufen"),
            text=Text("From now on it opens nothing.", "Er öffnet fortan nichts mehr."),
            parameters=(_KEY,),
            answers=(_DONE,),
            example=Example(status=204, path={"id": "$key"}),
            problems=(401, 403, 404),
        )
    },
}

DESCRIPTION: Final = Description(
    tags=(
        Tag(
            name=_TENANTS,
            title=Text("Tenants", "Mandanten"),
            text=Text("Who shares this installation.", "Wer sich diese Installation teilt."),
        ),
        Tag(
            name=_KEYS,
            title=Text("API keys", "API-Schlüssel"),
            text=Text("Who may do what in a tenant.", "Wer in einem Mandanten was darf."),
        ),
        _NOTIFICATIONS,
    ),
    operations={**_TENANT_OPERATIONS, **_KEY_OPERATIONS, **_NOTIFICATION_OPERATIONS},
    schemas={**_SCHEMAS, **_NOTIFICATION_SCHEMAS},
)
