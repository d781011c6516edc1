"""A listener of Robot Framework that lets no request of the suite wait for ever."""

from __future__ import annotations

from typing import Any

import requests.adapters

ROBOT_LISTENER_API_VERSION = 3
TIMEOUT_S = 30.0

_send = requests.adapters.HTTPAdapter.send


def _send_in_time(self: Any, request: Any, **options: Any) -> Any:
    if options.get("timeout") in (None, (None, None)):
        options["timeout"] = TIMEOUT_S
    return _send(self, request, **options)


setattr(requests.adapters.HTTPAdapter, "send", _send_in_time)  # noqa: B010
