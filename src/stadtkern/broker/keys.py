"""Authentication: the administrator token and API keys.

A key is shown once, as ``sk_<id>_<secret>``; the store keeps the SHA-256 of the secret. 160 random bits need no
slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

from stadtkern.errors import BadRequestData, Forbidden, ResourceNotFound, Unauthorized, quoted
from stadtkern.model import instant
from stadtkern.model.actor import ADMINISTRATOR, ANONYMOUS, Actor, ApiKey, KeyKind
from stadtkern.model.ids import DEFAULT_TENANT, Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store.system import SystemStore

PREFIX = "sk_"
KINDS: tuple[KeyKind, ...] = ("read", "write", "source", "admin")
CACHE_S = 2.0
"""How long a process may go on accepting a key that another process revoked."""
_KNOWN_KEYS = 4096


class Keys:
    """Who is asking, and the life of API keys."""

    def __init__(self, store: SystemStore, admin_token: str, clock: Callable[[], Instant] = instant.now) -> None:
        self._store = store
        self._admin_token = admin_token.encode()
        self._clock = clock
        self._known: dict[str, tuple[Instant, ApiKey | None]] = {}
        self._used: dict[str, Instant] = {}

    async def authenticate(self, authorization: str | None, api_key: str | None) -> Actor:
        """Tell who asks, from ``Authorization: Bearer …`` or ``X-API-Key``. Raises: Unauthorized."""
        token = _token(authorization, api_key)
        if token is None:
            return ANONYMOUS
        if self._admin_token and hmac.compare_digest(token.encode(), self._admin_token):
            return ADMINISTRATOR
        return Actor("key", await self._check(token))

    async def _check(self, token: str) -> ApiKey:
        id_, _, secret = token.removeprefix(PREFIX).partition("_")
        key = await self._find(id_) if token.startswith(PREFIX) and secret else None
        given = hashlib.sha256(secret.encode()).hexdigest()
        if key is None or not hmac.compare_digest(given, key.hash):
            raise Unauthorized("The credentials are not known")
        now = self._clock()
        if not key.usable(now):
            raise Unauthorized("The API key has expired or was revoked")
        self._used[key.id] = now
        return key

    async def usable(self, id_: str) -> ApiKey:
        """Give a key by its id while it opens anything. Raises: Forbidden."""
        key = await self._find(id_)
        if key is None or not key.usable(self._clock()):
            raise Forbidden(f"The API key {id_[:40]!r} has expired or was revoked")
        return key

    async def _find(self, id_: str) -> ApiKey | None:
        now = self._clock()
        known = self._known.get(id_)
        if known is not None and now - known[0] < CACHE_S * 1_000_000:
            return known[1]
        if len(self._known) >= _KNOWN_KEYS:
            self._known.clear()
        key = await self._store.load_key(id_) if len(id_) <= 32 else None
        self._known[id_] = (now, key)
        return key

    async def create(
        self, grant: Grant, name: str, kind: str, types: tuple[Iri, ...] = (), expires_at: Instant | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key for the Grant's tenant and give it with its secret, which is never shown again.

        Raises: BadRequestData (unknown kind, a source without types).
        """
        if kind not in KINDS:
            raise BadRequestData(f"The kind {kind[:40]!r} is unknown; it is one of {', '.join(KINDS)}")
        if (kind == "source") != bool(types):
            raise BadRequestData("A key of kind 'source' names the entity types it may write; other kinds name none")
        if expires_at is not None and expires_at <= self._clock():
            raise BadRequestData("The key would have expired already")
        secret = secrets.token_hex(20)
        key = ApiKey(
            id=secrets.token_hex(6),
            tenant=grant.tenant,
            name=name[:200],
            kind=KINDS[KINDS.index(kind)],
            hash=hashlib.sha256(secret.encode()).hexdigest(),
            created_at=self._clock(),
            types=types,
            expires_at=expires_at,
        )
        await self._store.insert_key(grant, key)
        self._known.pop(key.id, None)
        return key, f"{PREFIX}{key.id}_{secret}"

    async def list(self, grant: Grant) -> list[ApiKey]:
        """List the tenant's keys, with the latest uses."""
        await self.flush()
        return await self._store.list_keys(grant)

    async def revoke(self, grant: Grant, id_: str) -> None:
        """Close a key. Raises: ResourceNotFound."""
        if not any(key.id == id_ for key in await self._store.list_keys(grant)):
            raise ResourceNotFound(f"The API key {quoted(id_)} does not exist")
        await self._store.revoke_key(grant, id_, self._clock())
        self._known.pop(id_, None)

    async def flush(self) -> None:
        """Write down when keys were last used."""
        uses, self._used = self._used, {}
        await self._store.touch_keys(system_grant("last use of keys", DEFAULT_TENANT), uses)


def _token(authorization: str | None, api_key: str | None) -> str | None:
    if api_key:
        return api_key.strip()
    if not authorization:
        return None
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not rest.strip():
        raise Unauthorized("The Authorization header must read: Bearer <token or API key>")
    return rest.strip()
