"""Links to the pages around a page, and the key that lets the next one be read without counting again what lies before.

The key is a parameter of our own, ``after``, beside the standard's ``limit`` and ``offset``: it says behind which
entity the page of that offset begins. So a page deep in the answer costs what the first one costs, and no entity is
left out or shown twice when others come or go between two pages. Clients need not know it: they follow the link. An
offset beyond that of the key is counted from there, and one before it without the key.

Spec: CIM 009 6.3.10 (pagination).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

import re2

from stadtkern.errors import BadRequestData
from stadtkern.views._http.message import Request
from stadtkern.views.ngsild.parameters import Parameters

BASE_PATH: Final = "/ngsi-ld/v1"
KEY: Final = "after"
KEYED_FROM: Final = 10
"""Links to fewer entities from the start have the standard's parameters alone: there is next to nothing to count."""
_FORM = re2.compile(r"([0-9a-f]{1,8})-([0-9a-f]{1,14})")
_SAFE: Final = ":@!$()*;/?-._~"
"""Characters that stay as they are in a link's parameters; a comma would split the header."""


class Place(NamedTuple):
    """Where a page begins: ``offset`` entities behind the one with number ``after``, before which ``passed`` lie."""

    passed: int
    after: int | None
    offset: int


def parse_place(parameters: Parameters, offset: int) -> Place:
    """Read the key, if any. Raises: BadRequestData."""
    text = parameters.get(KEY)
    if text is None:
        return Place(0, None, offset)
    found = _FORM.fullmatch(text)
    passed, after = (int(part, 16) for part in found.groups()) if found is not None else (0, 0)
    if text != _key(passed, after):
        raise BadRequestData(
            f"The {KEY} parameter {text[:40]!r} is no key of a page",
            hint="take it from a Link header as it is, or leave it out",
            pointer=f"{KEY}:0",
        )
    return Place(passed, after, offset - passed) if passed <= offset else Place(0, None, offset)


def _key(passed: int, after: int) -> str:
    return f"{passed:x}-{after:x}"


def page_links(
    request: Request,
    limit: int,
    offset: int,
    *,
    next_offset: int | None = None,
    next_after: int | None = None,
    media_type: str = "application/json",
) -> list[str]:
    """Write the Link headers to the previous and the next page; parameters in order of their names.

    offset: where this page begins. next_offset: where the next one begins, None after the last page. next_after: the
    number of the last entity of this page, where pages go by it. media_type: what the pages around will be.
    """
    links: list[str] = []
    if limit <= 0:
        return links
    if offset > 0:
        links.append(_page_link(request, limit, max(offset - limit, 0), "prev", media_type))
    if next_offset is not None:
        key = _key(next_offset, next_after) if next_after is not None and next_offset >= KEYED_FROM else None
        links.append(_page_link(request, limit, next_offset, "next", media_type, key))
    return links


def _page_link(
    request: Request, limit: int, offset: int, relation: str, media_type: str, key: str | None = None
) -> str:
    parameters = {**dict(request.query), "limit": str(limit), "offset": str(offset)}
    parameters.pop(KEY, None)
    if key is not None:
        parameters[KEY] = key
    query = "&".join(f"{name}={_quote(value)}" for name, value in sorted(parameters.items()))
    path = urlsplit(request.base_url).path + BASE_PATH + "/" + "/".join(_quote(one) for one in request.segments)
    return f'<{path}?{query}>; rel="{relation}"; type="{media_type}"'


@lru_cache(maxsize=1024)
def _quote(text: str) -> str:
    return quote(text, safe=_SAFE)
