"""``/notifications``: how telling subscribers goes, for people."""

from __future__ import annotations

from urllib.parse import urlsplit

from stadtkern.views._http.frame import page_response
from stadtkern.views._http.language import language_of
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView
from stadtkern.views.notifications.describe import DESCRIPTION
from stadtkern.views.notifications.page import SCRIPT, STYLE, render_page


class NotificationsView(RoutedView):
    """The page; it needs no credentials, for it holds no data: its script asks for them with the reader's own."""

    name = "notifications"
    dialect: Dialect = "problem"
    description = DESCRIPTION

    def __init__(self) -> None:
        super().__init__({("notifications",): {"GET": Route("none", self._show)}})

    async def _show(self, request: Request) -> Response:
        language = language_of(request)
        body = render_page(language, urlsplit(request.base_url).path, request.grant.tenant)
        return page_response(language, body, style=STYLE, script=SCRIPT)
