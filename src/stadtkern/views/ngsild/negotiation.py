"""Which @context a request means, which representation its answer takes, and the headers that say so.

Spec: CIM 009 6.3.4 (preconditions), 6.3.5 (@context resolution), 6.3.6 (common requirements), 6.3.15 (GeoJSON).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, cast

import re2

from stadtkern.errors import BadRequestData, NotAcceptable, UnsupportedMediaType
from stadtkern.jsonld.definition import ContextReference

MediaType = Literal["application/json", "application/ld+json", "application/geo+json"]

JSON: Final = "application/json"
LD_JSON: Final = "application/ld+json"
GEO_JSON: Final = "application/geo+json"
MERGE_PATCH_JSON: Final = "application/merge-patch+json"

COMMON: Final[tuple[MediaType, ...]] = (JSON, LD_JSON)
"""What most operations answer with, the preferred first."""
WITH_GEOJSON: Final[tuple[MediaType, ...]] = (JSON, LD_JSON, GEO_JSON)
"""What retrieving and querying entities answers with."""

CONTEXT_REL: Final = "http://www.w3.org/ns/json-ld#context"
_MAX_RANGES = 64
_MAX_LINKS = 64
_VERSION = re2.compile(r"(?i)(?:^|[,;])\s*ngsi-ld\s*=\s*\"?1\.([0-9])(?:\.[0-9]{1,2})?\"?\s*(?:$|[,;])")


def negotiate(accept: str | None, offers: tuple[MediaType, ...] = COMMON) -> MediaType:
    """Choose the representation of an answer: the best weight, among equals the first of the offers.

    accept: the Accept header; None or empty means anything. An offer's weight is that of the most specific range that
    matches it, so ``application/json;q=0, */*`` excludes JSON.

    Raises: NotAcceptable. Spec: CIM 009 6.3.4; RFC 9110 12.5.1.
    """
    if not accept or accept == "*/*":
        return offers[0]
    if accept in offers:
        return accept
    ranges = [_parse_range(text) for text in accept.split(",")[:_MAX_RANGES]]
    best = max(offers, key=lambda offer: _weight(offer, ranges))
    if _weight(best, ranges) <= 0:
        raise NotAcceptable(
            f"None of the media types {accept[:200]!r} can be answered with; ask for {', '.join(offers)}"
        )
    return best


def _parse_range(text: str) -> tuple[str, float]:
    name, _, parameters = text.partition(";")
    weight = 1.0
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            weight = _parse_weight(value.strip())
    return name.strip().lower(), weight


def _parse_weight(text: str) -> float:
    digits = text.replace(".", "", 1)
    # A weight that cannot be read leaves the range at its default.
    return min(float(text), 1.0) if digits.isascii() and digits.isdecimal() and len(text) <= 8 else 1.0


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    for pattern in (offer, offer.partition("/")[0] + "/*", "*/*"):
        weights = [weight for name, weight in ranges if name == pattern]
        if weights:
            return max(weights)
    return 0.0


def parse_content_type(header: str | None, *, patch: bool = False) -> str:
    """Read the media type of a request body, without parameters.

    patch: ``application/merge-patch+json`` is welcome, too. Raises: UnsupportedMediaType. Spec: CIM 009 6.3.4.
    """
    media_type = (header or "").partition(";")[0].strip().lower()
    if media_type in (JSON, LD_JSON) or (patch and media_type == MERGE_PATCH_JSON):
        return media_type
    shown = repr(media_type[:100]) if media_type else "nothing"
    raise UnsupportedMediaType(f"The body has to be {JSON} or {LD_JSON}; the Content-Type header says {shown}")


def request_context_ref(headers: Mapping[str, str], content_type: str | None, body: object = None) -> ContextReference:
    """Find the @context of a request: in the Link header, or in the body if that is JSON-LD; never in both.

    headers: names in lower case. content_type: as ``parse_content_type`` gives it; None for a request without a body.
    body: the parsed body. Gives None where the request names no context, and for a JSON-LD array, whose elements carry
    their own (``element_context_ref``).

    Raises: BadRequestData. Spec: CIM 009 6.3.5.
    """
    link = parse_context_link(headers.get("link"))
    if content_type == LD_JSON:
        if link is not None:
            raise BadRequestData(
                "A JSON-LD request carries its @context in the body; a Link header for it is not allowed"
            )
        return None if isinstance(body, list) else element_context_ref(body)
    if content_type is not None:
        _refuse_context(body)
    return link


def element_context_ref(element: object) -> ContextReference:
    """Take the @context out of a JSON-LD object, such as one element of a batch. Raises: BadRequestData."""
    if not isinstance(element, dict) or "@context" not in element:
        raise BadRequestData("A JSON-LD request has to carry an @context", pointer="/@context")
    return cast("dict[str, ContextReference]", element)["@context"]


def _refuse_context(body: object) -> None:
    elements = cast("list[object]", body) if isinstance(body, list) else [body]
    for element in elements:
        if isinstance(element, dict) and "@context" in element:
            raise BadRequestData(
                "A body of type application/json may not contain an @context",
                hint="send application/ld+json, or name the @context in a Link header",
                pointer="/@context",
            )


def parse_context_link(header: str | None) -> str | None:
    """Find the address of the @context in a Link header.

    Raises: BadRequestData (the header cannot be read, or names several contexts). Spec: JSON-LD 1.1 6.2; RFC 8288.
    """
    if not header:
        return None
    found = [target for target, relations in _parse_links(header) if CONTEXT_REL in relations]
    if len(found) > 1:
        raise BadRequestData("The Link header names more than one @context")
    if found and not found[0]:
        raise BadRequestData("The Link header names an empty address as @context")
    return found[0] if found else None


def _parse_links(header: str) -> list[tuple[str, list[str]]]:
    """Read the links of a header as (target, relations)."""
    links: list[tuple[str, list[str]]] = []
    rest = header.strip()
    while rest:
        end = rest.find(">")
        if rest[0] != "<" or end < 0 or len(links) == _MAX_LINKS:
            raise BadRequestData(f"The Link header cannot be read at {rest[:80]!r}", hint='<address>; rel="…"')
        target = rest[1:end].strip()
        parameters, rest = _split_parameters(rest[end + 1 :])
        links.append((target, _relations(parameters)))
    return links


def _split_parameters(text: str) -> tuple[list[str], str]:
    """Cut what follows a link's target into its parameters and the rest after the next comma; quotes are respected."""
    parameters: list[str] = []
    start, quoted = 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character in ";," and not quoted:
            parameters.append(text[start:position])
            start = position + 1
            if character == ",":
                return parameters, text[start:].lstrip(" \t,")
    return [*parameters, text[start:]], ""


def _relations(parameters: list[str]) -> list[str]:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "rel":
            return value.strip().strip('"').split()
    return []


def render_context_link(url: str) -> str:
    """Write the Link header that names a context."""
    return f'<{url}>; rel="{CONTEXT_REL}"; type="application/ld+json"'


def prefers_plain_geojson(prefer: str | None) -> bool:
    """Tell whether GeoJSON is wanted without @context (``Prefer: body=json``). Spec: CIM 009 6.3.6, 6.3.15."""
    if not prefer:
        return False
    wishes = [wish.strip().lower().replace('"', "").replace(" ", "") for wish in prefer.replace(";", ",").split(",")]
    return "body=json" in wishes


def preferred_version(prefer: str | None) -> int | None:
    """Give the minor version that ``Prefer: ngsi-ld=1.x`` asks for; None for none, or one that does not exist yet.

    Spec: CIM 009 6.3.18; RFC 7240 2.
    """
    found = None if not prefer else _VERSION.search(prefer[:1000])
    return None if found is None else int(found.group(1))


def response_context_headers(media_type: MediaType, link_url: str, *, plain: bool = False) -> list[tuple[str, str]]:
    """Give the headers of an answer with a body: its type, and the @context where the body does not carry it.

    plain: GeoJSON without @context was asked for. Spec: CIM 009 6.3.6.
    """
    headers = [("Content-Type", str(media_type))]
    if media_type == JSON or (media_type == GEO_JSON and plain):
        headers.append(("Link", render_context_link(link_url)))
    return headers
