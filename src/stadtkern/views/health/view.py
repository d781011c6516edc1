"""``/livez``: the process answers. ``/readyz``: it can reach its store. For supervisors and load balancers."""

from __future__ import annotations

from collections.abc import Sequence

from stadtkern.broker.health import Health
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, Router

_TEXT = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]


class HealthView:
    """Two addresses that need no credentials."""

    name = "health"
    dialect: Dialect = "problem"

    def __init__(self, health: Health) -> None:
        self._health = health
        self._router = Router(
            {("livez",): {"GET": Route("none", self._live)}, ("readyz",): {"GET": Route("none", self._ready)}}
        )

    def route(self, method: str, segments: Sequence[str]) -> Route:
        """Find the route. Raises: ResourceNotFound, MethodNotAllowed."""
        return self._router.route(method, segments)

    async def _live(self, request: Request) -> Response:
        return Response(200, b"alive\n", list(_TEXT))

    async def _ready(self, request: Request) -> Response:
        await self._health.check()
        return Response(200, b"ready\n", list(_TEXT))
