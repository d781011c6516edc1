"""What the server says of itself. Spec: CIM 009 6.33 with 5.15.1."""

from __future__ import annotations

import msgspec

from stadtkern.model.identity import ContextSourceIdentity
from stadtkern.model.instant import render_instant
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild.consumption_answer import open_answer
from stadtkern.views.ngsild.negotiation import COMMON
from stadtkern.views.ngsild.parameters import read_parameters
from stadtkern.views.ngsild.request_context import resolve_linked
from stadtkern.views.ngsild.services import IdentityServices


async def source_identity(request: Request, services: IdentityServices) -> Response:
    """GET /info/sourceIdentity. Spec: CIM 009 6.33.3.1, 5.15.1."""
    read_parameters(request, ())
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    return answer.one(render_identity(await services.broker.identify(request.grant)))


def render_identity(identity: ContextSourceIdentity) -> bytes:
    """Render a ContextSourceIdentity, without ``@context``. Spec: CIM 009 5.2.40."""
    return msgspec.json.encode(
        {
            "id": identity.alias,
            "type": "ContextSourceIdentity",
            "contextSourceAlias": identity.alias,
            "contextSourceUptime": render_duration(identity.uptime),
            "contextSourceTimeAt": render_instant(identity.at),
        }
    )


def render_duration(micros: int) -> str:
    """Write whole seconds as an ISO 8601 duration such as ``P1DT2H0M5S``."""
    minutes, seconds = divmod(micros // 1_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"P{f'{days}D' if days else ''}T{hours}H{minutes}M{seconds}S"
