"""What Stadtkern offers beside NGSI-LD itself, at ``/ngsi-ld/ex/v1``."""

from __future__ import annotations

from functools import partial

from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView
from stadtkern.views.ngsild.describe_stream import DESCRIPTION
from stadtkern.views.ngsild.subscription_stream import StreamServices, stream_notifications


class ExtensionView(RoutedView):
    """The door of the extensions."""

    name = "ngsi-ld-ex"
    dialect: Dialect = "ngsi-ld"
    description = DESCRIPTION

    def __init__(self, services: StreamServices) -> None:
        super().__init__(
            {
                ("v1", "subscriptions", "*", "events"): {
                    "GET": Route("read", partial(stream_notifications, services=services))
                }
            }
        )
