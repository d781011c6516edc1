"""What callers of the management API send."""

from __future__ import annotations

from typing import Any

from tests.asgi_client import Answer, Client

TOKEN = "the administrator's token"
ADMINISTRATOR = {"authorization": f"Bearer {TOKEN}"}
ROOM = "https://uri.etsi.org/ngsi-ld/default-context/Room"
ENTITIES = "/ngsi-ld/v1/entities"


def bearer(secret: str) -> dict[str, str]:
    """The header of a caller with a key."""
    return {"authorization": f"Bearer {secret}"}


async def make_tenant(client: Client, name: str, **members: Any) -> Answer:
    """Create a tenant as the administrator."""
    return await client.ask("POST", "/v1/tenants", headers=ADMINISTRATOR, body={"name": name, **members})


async def make_key(client: Client, kind: str, prefix: str = "", **members: Any) -> Any:
    """Create a key as the administrator; gives the answer's body, the secret included."""
    body = {"name": f"a {kind} key", "kind": kind, **members}
    answer = await client.ask("POST", f"{prefix}/v1/keys", headers=ADMINISTRATOR, body=body)
    assert answer.status == 201, answer.text
    return answer.json


async def create_room(client: Client, headers: dict[str, str], prefix: str = "", type: str = "Room") -> Answer:
    """Create an entity, or fail to."""
    body = {"id": "urn:ngsi-ld:Room:1", "type": type, "temperature": {"type": "Property", "value": 20}}
    return await client.ask("POST", f"{prefix}{ENTITIES}", headers=headers, body=body)


async def read_room(client: Client, headers: dict[str, str], prefix: str = "") -> int:
    """Ask for that entity; gives the status."""
    return (await client.ask("GET", f"{prefix}{ENTITIES}/urn:ngsi-ld:Room:1", headers=headers)).status
