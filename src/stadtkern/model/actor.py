"""Who asks: tenants, API keys and what the platform knows of a caller."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from stadtkern.model.ids import Iri, TenantId
from stadtkern.model.instant import Instant

KeyKind = Literal["read", "write", "source", "admin"]
"""``source`` may only add values for declared types; ``admin`` administers its tenant."""


class Tenant(Struct, frozen=True, gc=False):
    """One municipality, or one part of it, with data of its own."""

    name: TenantId
    created_at: Instant
    host: str | None = None
    """The host name that chooses this tenant."""
    title: str = ""


class ApiKey(Struct, frozen=True, gc=False):
    """An API key without its secret; ``hash`` is the hex SHA-256 of the secret part."""

    id: str
    tenant: TenantId
    name: str
    kind: KeyKind
    hash: str
    created_at: Instant
    types: tuple[Iri, ...] = ()
    expires_at: Instant | None = None
    revoked_at: Instant | None = None
    last_used_at: Instant | None = None

    def usable(self, now: Instant) -> bool:
        """Tell whether the key still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Actor(Struct, frozen=True, gc=False):
    """A caller after authentication.

    kind: ``administrator`` holds the token from the settings, ``key`` an API key, ``anonymous`` nothing.
    """

    kind: Literal["administrator", "key", "anonymous"]
    key: ApiKey | None = None

    @property
    def name(self) -> str:
        """Name the actor for logs and the audit trail."""
        return f"key:{self.key.id}" if self.key is not None else self.kind


ANONYMOUS = Actor("anonymous")
ADMINISTRATOR = Actor("administrator")
