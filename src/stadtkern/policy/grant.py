"""The proof that somebody may do something: every store and broker function takes one first.

A Grant can be made by this package only (``authorize``, ``system_grant``): a forgotten check is a type error, and a
forged one an exception.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, final

import msgspec

from stadtkern.model.ids import Iri, TenantId
from stadtkern.query.filter import Filter, link_depth

Action = Literal["none", "read", "record", "write", "administer"]
"""``none``: what everybody may, such as asking whether the server is alive; ``read`` data; ``record`` new values
of declared types; ``write`` anything; ``administer`` the tenant (keys, settings).
"""

_MAKER: Final = object()
_CORE: Final = frozenset({"id", "type", "scope"})


@final
class Grant:
    """Who may do what in which tenant, with which rows and attributes.

    row_filter: only entities it matches exist for the holder, before and after a write; None means all. It looks at
    the entity as it is, hidden attributes included, and never at linked ones.
    hidden: attributes and sub-attributes that do not exist for the holder: absent in filters, orders and answers, and
    neither written nor lost by writes (``policy.mask``).
    types: for ``record``: the only entity types that may be written; None means any.
    administers: the holder administers the installation or the tenant, whatever this Grant was asked for.
    fingerprint: equal for Grants that see the same things; part of every cache key.
    shared: independent of the person and of now, so that answers may be cached across requests.
    """

    __slots__ = ("action", "actor", "administers", "fingerprint", "hidden", "row_filter", "shared", "tenant", "types")

    def __init__(
        self,
        maker: object,
        *,
        tenant: TenantId,
        actor: str,
        action: Action,
        row_filter: Filter | None = None,
        hidden: frozenset[Iri] = frozenset(),
        types: frozenset[Iri] | None = None,
        administers: bool = False,
    ) -> None:
        if maker is not _MAKER:
            raise TypeError("a Grant is made by stadtkern.policy only: call authorize() or system_grant()")
        if row_filter is not None and link_depth(row_filter):
            raise ValueError("a row filter looks at the entity alone: other entities change without it")
        if not hidden.isdisjoint(_CORE):
            raise ValueError("id, type and scope cannot be hidden")
        self.tenant: Final = tenant
        self.actor: Final = actor
        self.action: Final[Action] = action
        self.row_filter: Final = row_filter
        self.hidden: Final = hidden
        self.types: Final = types
        self.administers: Final = administers or action == "administer"
        self.shared: Final = True
        self.fingerprint: Final = _fingerprint(row_filter, hidden)

    def __repr__(self) -> str:
        return f"<Grant {self.action} in {self.tenant} for {self.actor}>"


def _fingerprint(row_filter: Filter | None, hidden: frozenset[Iri]) -> str:
    if row_filter is None and not hidden:
        return ""
    text = msgspec.json.encode([repr(row_filter), sorted(hidden)])
    return hashlib.sha256(text).hexdigest()[:16]


def make_grant(
    tenant: TenantId,
    actor: str,
    action: Action,
    *,
    row_filter: Filter | None = None,
    hidden: frozenset[Iri] = frozenset(),
    types: frozenset[Iri] | None = None,
    administers: bool = False,
) -> Grant:
    """Make a Grant; for the modules of this package alone (an import contract holds that)."""
    return Grant(
        _MAKER,
        tenant=tenant,
        actor=actor,
        action=action,
        row_filter=row_filter,
        hidden=hidden,
        types=types,
        administers=administers,
    )


def system_grant(reason: str, tenant: TenantId) -> Grant:
    """Make the Grant of work without an actor: migrations, the sweeper, maintenance. The reason names it in logs."""
    return make_grant(tenant, f"system:{reason}", "administer")
