"""What a request says about entity maps, and what its answer says back. Spec: CIM 009 5.5.14, 6.3.22, 6.4.3.2."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from stadtkern.errors import BadRequestData, ResourceNotFound, quoted
from stadtkern.model.entity_map import EntityMap
from stadtkern.model.ids import is_uri
from stadtkern.model.instant import render_instant
from stadtkern.query.request import parse_duration
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.paging import BASE_PATH
from stadtkern.views.ngsild.parameters import Parameters, read_flag
from stadtkern.views.ngsild.services import EntityMaps

HEADER: Final = "NGSILD-EntityMap"
LIFETIME: Final = "entityMapLifetime"
_MONTH_US: Final = 30 * 24 * 3600 * 1_000_000


class Wish(NamedTuple):
    """A reader wants its query answered by a map: this one, or a new one. lifetime: microseconds."""

    id: str | None
    lifetime: int | None


def read_wish(request: Request, parameters: Parameters) -> Wish | None:
    """Tell whether a map is to be used or made. Raises: BadRequestData (no duration, no flag)."""
    lifetime = read_lifetime(parameters)
    options = {part.strip() for part in parameters.get("options", "").split(",")}
    flagged = read_flag(parameters, "entityMap") or "entityMap" in options
    named = (request.header(HEADER.lower()) or "").strip()
    if not named:
        return Wish(None, lifetime) if flagged else None
    return Wish(unquote(named.rpartition("/entityMaps/")[2])[:1000], lifetime)


def read_lifetime(parameters: Parameters) -> int | None:
    """Read how long a new map is to live, in microseconds. Raises: BadRequestData."""
    text = parameters.get(LIFETIME)
    if text is None:
        return None
    duration = parse_duration(text, LIFETIME)
    if duration.is_whole_range:
        raise BadRequestData(f"The {LIFETIME} is nothing", pointer=f"{LIFETIME}:0")
    return duration.months * _MONTH_US + duration.micros


async def find_map(request: Request, broker: EntityMaps, wish: Wish) -> EntityMap | None:
    """Give the map that is to be used; None where there is none any more, and a new one has to be made."""
    if wish.id is None:
        return None
    try:
        return await broker.load_map(request.grant, wish.id)
    except ResourceNotFound:
        return None


def with_map(response: Response, request: Request, known: EntityMap, *, created: bool = False) -> Response:
    """Say in an answer which map it belongs to. created: the answer says that, too (201)."""
    response.headers.append((HEADER, address_of(request, known)))
    if created and response.status == 200:
        response.status = 201
    return response


def address_of(request: Request, known: EntityMap) -> str:
    """Give the address of a map."""
    return f"{request.base_url}{BASE_PATH}/entityMaps/{quote(known.id, safe=':')}"


def parse_map_id(text: str) -> str:
    """Check the id of a map. Raises: BadRequestData."""
    if not is_uri(text):
        raise BadRequestData(f"The id {quoted(text)} of an entity map is not a URI")
    return text


def render_map(known: EntityMap) -> bytes:
    """Render an EntityMap, without ``@context``; all entities lie here. Spec: CIM 009 5.2.39."""
    return msgspec.json.encode(
        {
            "id": known.id,
            "type": "EntityMap",
            "expiresAt": render_instant(known.expires_at),
            "entityMap": {id_: ["@none"] for id_ in known.entities},
        }
    )
