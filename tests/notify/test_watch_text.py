"""Texts of subscriptions as clients write them."""

from __future__ import annotations

import pytest

from stadtkern.jsonld.context import compile_context
from stadtkern.model.subscription import Endpoint, NotificationParams, Subscription, SubscriptionId
from stadtkern.notify.watch import compile_watch


@pytest.mark.parametrize("written", ['name=="Eiffel%20Tower"', "name==%22Eiffel%20Tower%22"])
def test_compile_watch_reads_q_with_percent_escapes(written: str) -> None:
    def condition(q: str) -> object:
        params = NotificationParams(endpoint=Endpoint(uri="http://x.example/"))
        one = Subscription(id=SubscriptionId("urn:s:1"), q=q, notification=params)
        return compile_watch(one, compile_context(None)).condition

    assert condition(written) == condition('name=="Eiffel Tower"')
