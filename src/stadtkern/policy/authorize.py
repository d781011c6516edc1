"""The gate: from an actor and an action to a Grant, or to a refusal.

Deny by default. What an actor may do: the administrator everything; an API key what its kind says, in its own tenant;
a caller without credentials what the setting says.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from stadtkern.errors import Forbidden, Unauthorized
from stadtkern.model.actor import Actor, KeyKind
from stadtkern.model.ids import TenantId
from stadtkern.policy.grant import Action, Grant, make_grant

AnonymousRight = Literal["none", "read", "write"]

_BY_KEY: dict[KeyKind, frozenset[Action]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "record", "write"}),
    # a source puts values in and sees nothing: what leaks from a sensor cabinet opens no data
    "source": frozenset({"record"}),
    "admin": frozenset({"read", "record", "write", "administer"}),
}
_BY_ANONYMOUS: dict[AnonymousRight, frozenset[Action]] = {
    "none": frozenset(),
    "read": frozenset({"read"}),
    "write": frozenset({"read", "record", "write"}),
}


def authorize(actor: Actor, action: Action, tenant: TenantId, anonymous: AnonymousRight = "none") -> Grant:
    """Decide whether the actor may do this in the tenant, and with which rows and attributes.

    A source's key asking to write is granted ``record`` with its declared types.
    Raises: Unauthorized (credentials would help), Forbidden (these do not suffice).
    """
    if actor.kind == "administrator" or action == "none":
        return _plain_grant(tenant, actor.name, action, actor.kind == "administrator")
    if actor.key is None:
        if action in _BY_ANONYMOUS[anonymous]:
            return _plain_grant(tenant, actor.name, action, False)
        raise Unauthorized(f"Without credentials this server does not let anybody {_VERB[action]}")
    return _authorize_key(actor, action, tenant)


_VERB: dict[Action, str] = {
    "none": "ask",
    "read": "read",
    "record": "add values",
    "write": "write",
    "administer": "administer",
}


def _authorize_key(actor: Actor, action: Action, tenant: TenantId) -> Grant:
    key = actor.key
    if key is None or key.tenant != tenant:
        raise Forbidden("This API key belongs to another tenant")
    if key.kind == "source" and action in {"record", "write"}:
        return make_grant(tenant, actor.name, "record", types=frozenset(key.types))
    if action not in _BY_KEY[key.kind]:
        raise Forbidden(f"This API key is of kind {key.kind!r}: it does not allow to {_VERB[action]}")
    return _plain_grant(tenant, actor.name, action, key.kind == "admin")


@lru_cache(maxsize=1024)
def _plain_grant(tenant: TenantId, actor: str, action: Action, administers: bool) -> Grant:
    """Make the Grant without filter and mask; it never changes, so that all requests of an actor may share it."""
    return make_grant(tenant, actor, action, administers=administers)


def authorize_system(actor: Actor) -> None:
    """Let only the administrator pass: work on the installation as a whole. Raises: Unauthorized, Forbidden."""
    if actor.kind == "anonymous":
        raise Unauthorized("The installation as a whole is for the administrator token")
    if actor.kind != "administrator":
        raise Forbidden("The installation as a whole is for the administrator token, not for an API key")
