"""The reader and its keeper: what is stored of deliveries, and who goes on after a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stadtkern.broker.wake import Wake
from stadtkern.errors import Unavailable
from stadtkern.model.ids import DEFAULT_TENANT
from stadtkern.model.subscription import Delivery, Position, SubscriptionId
from stadtkern.notify import reader as reader_module
from stadtkern.notify import service as service_module
from stadtkern.notify.outlet import Outlet
from stadtkern.notify.reader import READER, Reader, Services
from stadtkern.notify.service import NotificationService
from stadtkern.store.engine.leadership import Alone
from tests.notify.test_outlet import Line, subscription

WAIT_S = 20.0


async def _tenant(_: object) -> Any:
    return SimpleNamespace(database=None)


async def test_what_could_not_be_stored_is_stored_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the reader's own place would pass for that of a subscriber who is still waiting."""
    stored: dict[SubscriptionId, Delivery] = {}
    failing = [True]

    async def save(_: object, __: object, rows: Mapping[SubscriptionId, Delivery]) -> None:
        if failing and rows:
            failing.pop()
            raise Unavailable("The disk is full")
        stored.update(rows)

    monkeypatch.setattr(reader_module, "save_deliveries", save)
    services = cast("Services", SimpleNamespace(tenants=SimpleNamespace(get=_tenant)))
    reader = Reader(DEFAULT_TENANT, services, cast("Any", None))
    line = Line()
    line.open.clear()
    outlet = Outlet(subscription(), Delivery(), line.send, backlog=10)
    reader.outlets[subscription().id] = outlet
    outlet.put(Position(0, 7))
    reader.cursor = Position(0, 9)
    with pytest.raises(Unavailable):
        await reader.save()
    assert READER not in stored
    await reader.save()
    assert stored[subscription().id].pending
    assert stored[READER].done == Position(0, 9)
    await outlet.close()


async def test_reader_that_fails_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    started = 0

    class Failing(Reader):
        async def run(self) -> None:
            nonlocal started
            started += 1
            raise KeyError("x")

    async def some(_: object) -> list[object]:
        return [SimpleNamespace(name=DEFAULT_TENANT)]

    monkeypatch.setattr(service_module, "Reader", Failing)
    monkeypatch.setattr(service_module, "LOOK_S", 0.01)
    services = SimpleNamespace(tenants=SimpleNamespace(list=some), subscriptions=SimpleNamespace(active=some))
    wake = Wake(cast("Any", SimpleNamespace(name="sqlite")))
    async with NotificationService(cast("Services", services), wake, Alone, alone=True):
        async with asyncio.timeout(WAIT_S):
            while started < 3:
                await asyncio.sleep(0.01)
