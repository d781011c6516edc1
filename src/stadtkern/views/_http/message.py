"""Requests and responses as the views see them: plain values, no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from stadtkern.policy.grant import Action, Grant
from stadtkern.views._http.streaming import Stream


@dataclass(slots=True)
class Request:
    """One HTTP request, already authenticated, its body read and bounded.

    path: below the view's mount, percent-decoding not yet applied to segments; ``segments`` are the decoded parts.
    headers: names in lower case; a repeated header's values are joined by ``", "``.
    base_url: what this server is called from outside, without trailing slash, tenant prefix included
    (``https://city.example/stadtkern/t/north``), for links.
    """

    method: str
    path: str
    segments: list[str]
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    grant: Grant
    base_url: str
    request_id: str
    tenant_header: str | None = None
    """The NGSILD-Tenant header as it came, to be echoed."""
    renew: Callable[[], Awaitable[Grant]] | None = None
    """Judges the caller anew, for answers that take long. Raises: Unauthorized, Forbidden, NonexistentTenant."""
    judge: Callable[[Action], Awaitable[Grant]] | None = None
    """Judges the caller for one of the requests that this one holds. Raises: as ``renew``."""

    def header(self, name: str) -> str | None:
        """Give a header's value by its lower-case name."""
        return self.headers.get(name)


@dataclass(slots=True)
class Response:
    """One HTTP answer. ``stream`` is used instead of ``body`` for answers made piece by piece."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    stream: Stream | None = None
