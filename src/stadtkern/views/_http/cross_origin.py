"""What scripts of web pages from elsewhere may read here (CORS), for views whose clients run in browsers.

Everybody's pages may ask a server that others can reach: they see what anybody sees, and what a key opens whose
holder gave it to them; browsers add no credentials by themselves. A server that only its own machine can reach
answers pages of that machine alone, since otherwise any page on the web could look into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from stadtkern.settings import Settings, is_loopback
from stadtkern.views._http.problem import Dialect

OPEN_DIALECTS: Final[frozenset[Dialect]] = frozenset({"sensorthings"})
_READING: Final = "GET, HEAD, OPTIONS"
_WRITING: Final = f"{_READING}, POST, PATCH, PUT, DELETE"
_EXPOSED: Final = ("access-control-expose-headers", "Location, Link, X-Request-ID")


def cross_origin_headers(method: str, headers: Mapping[str, str], settings: Settings) -> list[tuple[str, str]]:
    """Choose the headers of an answer. headers: of the request."""
    local = is_loopback(settings.bind) and not settings.public_url
    origin = headers.get("origin", "")
    if local and not (origin and _is_of_this_machine(origin)):
        return []
    given = [("access-control-allow-origin", origin if local else "*"), _EXPOSED]
    if local:
        given.append(("vary", "Origin"))
    if method == "OPTIONS":
        # where everybody may write, pages from elsewhere may not
        writing = local or settings.anonymous != "write"
        given += [
            ("access-control-allow-methods", _WRITING if writing else _READING),
            ("access-control-allow-headers", "Authorization, X-API-Key, NGSILD-Tenant, Content-Type, Prefer"),
            ("access-control-max-age", "600"),
        ]
    return given


def _is_of_this_machine(origin: str) -> bool:
    """Tell whether a page came from this machine."""
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False
