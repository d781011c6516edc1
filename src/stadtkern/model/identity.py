"""Who this server is to others that it exchanges data with. Spec: CIM 009 5.2.40."""

from __future__ import annotations

from msgspec import Struct

from stadtkern.model.instant import Instant


class ContextSourceIdentity(Struct, frozen=True, gc=False):
    """One tenant of a server as a context source.

    alias: the same for as long as the tenant's data last, and another for each tenant. uptime: microseconds.
    """

    alias: str
    uptime: int
    at: Instant
