"""``/v1/notifications``: how telling the subscribers of a tenant goes, and a test of their receivers."""

from __future__ import annotations

from typing import Any

import msgspec

from stadtkern.broker.subscriptions import Subscriptions
from stadtkern.errors import BadRequestData, InvalidRequest
from stadtkern.model.instant import now
from stadtkern.model.subscription import Delivery, Subscription, SubscriptionId
from stadtkern.policy.grant import Grant
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.routing import Route, Table
from stadtkern.views.manage.deliveries import Deliveries
from stadtkern.views.manage.render_delivery import render_delivery, render_trial

LIMIT = 50
MAX_LIMIT = 1000
MAX_OFFSET = 1_000_000
_HEADERS = [("content-type", "application/json"), ("cache-control", "no-store")]


class NotificationRoutes:
    """Routes for those who run subscriptions; what may be seen and tested is what ``Subscriptions`` lets pass."""

    def __init__(self, subscriptions: Subscriptions, deliveries: Deliveries) -> None:
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self.table: Table = {
            ("notifications",): {"GET": Route("write", self._list)},
            ("notifications", "*"): {"GET": Route("write", self._show)},
            ("notifications", "*", "test"): {"POST": Route("write", self._try_out)},
        }

    async def _list(self, request: Request) -> Response:
        limit, offset = _read_window(request)
        page = await self._subscriptions.list(request.grant, limit, offset, count=True)
        shown = [self._render(request.grant, told.subscription, told.delivery) for told in page.subscriptions]
        return _json({"notifications": shown, "total": page.count, "offset": offset, "more": page.more})

    async def _show(self, request: Request) -> Response:
        told = await self._subscriptions.retrieve(request.grant, SubscriptionId(request.segments[1]))
        return _json(self._render(request.grant, told.subscription, told.delivery))

    async def _try_out(self, request: Request) -> Response:
        trial = await self._deliveries.try_out(request.grant, SubscriptionId(request.segments[1]))
        return _json(render_trial(trial))

    def _render(self, grant: Grant, subscription: Subscription, stored: Delivery) -> dict[str, Any]:
        progress = self._deliveries.status(grant.tenant, subscription.id)
        delivery = stored if progress is None else progress.delivery
        return render_delivery(subscription, delivery, progress, now())


def _read_window(request: Request) -> tuple[int, int]:
    """Read ``limit`` and ``offset``. Raises: InvalidRequest (another parameter), BadRequestData."""
    given = {"limit": LIMIT, "offset": 0}
    most = {"limit": MAX_LIMIT, "offset": MAX_OFFSET}
    for name, text in request.query:
        if name not in given:
            raise InvalidRequest(f"The parameter {name[:80]!r} is not known here", pointer=f"{name[:80]}:0")
        least = 1 if name == "limit" else 0
        if not (text.isascii() and text.isdecimal() and len(text) < 8 and least <= int(text) <= most[name]):
            raise BadRequestData(
                f"The {name} parameter is {text[:20]!r}, no number from {least} to {most[name]}", pointer=f"{name}:0"
            )
        given[name] = int(text)
    return given["limit"], given["offset"]


def _json(tree: Any) -> Response:
    return Response(200, msgspec.json.encode(tree), list(_HEADERS))
