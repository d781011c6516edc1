"""``/livez``: the process answers. ``/readyz``: it can reach its store. ``/metrics``: its numbers.

For supervisors, load balancers and Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stadtkern.broker.health import Health
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView
from stadtkern.views.health.describe import DESCRIPTION

_TEXT: Final = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
_METRICS: Final = [("content-type", "text/plain; version=0.0.4; charset=utf-8"), ("cache-control", "no-store")]


class HealthView(RoutedView):
    """Three addresses for those who run the server; the first two need no credentials."""

    name = "health"
    dialect: Dialect = "problem"
    description = DESCRIPTION

    def __init__(self, health: Health, render_metrics: Callable[[], bytes]) -> None:
        self._health = health
        self._render_metrics = render_metrics
        super().__init__(
            {
                ("livez",): {"GET": Route("none", self._live)},
                ("readyz",): {"GET": Route("none", self._ready)},
                ("metrics",): {"GET": Route("none", self._metrics, system=True, monitoring=True)},
            }
        )

    async def _live(self, request: Request) -> Response:
        return Response(200, b"alive\n", list(_TEXT))

    async def _ready(self, request: Request) -> Response:
        await self._health.check()
        return Response(200, b"ready\n", list(_TEXT))

    async def _metrics(self, request: Request) -> Response:
        return Response(200, self._render_metrics(), list(_METRICS))
