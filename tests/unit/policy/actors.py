"""Callers for tests."""

from __future__ import annotations

from stadtkern.model.actor import Actor, ApiKey, KeyKind
from stadtkern.model.ids import DEFAULT_TENANT, Iri, TenantId
from stadtkern.model.instant import Instant


def key_actor(kind: KeyKind, *types: Iri, tenant: TenantId = DEFAULT_TENANT) -> Actor:
    """A caller with an API key."""
    return Actor("key", ApiKey(f"{kind}key", tenant, "a key", kind, "", Instant(1), types))
