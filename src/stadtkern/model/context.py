"""A stored @context: one that a client gave us, one we made for a client, or our copy of one from the web."""

from __future__ import annotations

from typing import Literal

from msgspec import Raw, Struct

from stadtkern.model.instant import Instant

ContextKind = Literal["Hosted", "ImplicitlyCreated", "Cached"]
"""``Hosted``: a client added it. ``ImplicitlyCreated``: made so that a list of contexts has one address.
``Cached``: downloaded. Spec: CIM 009 5.13.1."""

CONTEXT_KINDS: tuple[ContextKind, ...] = ("Hosted", "ImplicitlyCreated", "Cached")


class ContextRecord(Struct, frozen=True, gc=False, kw_only=True):
    """One @context in a tenant's store.

    id: the local id. url: the address it was downloaded from, or for our own ones the path below the server's address;
    unique like the id. body: the JSON document, ``{"@context": …}``. created_at: when this body came. uses: how often a
    request was read or answered with it.
    Spec: CIM 009 5.13.3.5.
    """

    id: str
    url: str
    kind: ContextKind
    body: Raw
    created_at: Instant
    last_used_at: Instant | None = None
    uses: int = 0
