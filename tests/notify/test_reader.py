"""The reader and its keeper: what is stored of deliveries, and who goes on after a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stadtkern.broker.wake import Wake
from stadtkern.errors import Forbidden, Problem, Unauthorized, Unavailable
from stadtkern.model.ids import DEFAULT_TENANT, TenantId
from stadtkern.model.subscription import Delivery, Position, SubscriptionId
from stadtkern.notify import reader as reader_module
from stadtkern.notify import service as service_module
from stadtkern.notify.outlet import Outlet
from stadtkern.notify.ports import DeliveryFailed
from stadtkern.notify.reader import READER, Reader, Services
from stadtkern.notify.service import NotificationService
from stadtkern.policy.grant import Grant
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


class _Grants:
    """Says who may read, unless it cannot."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    async def grant(self, owner: str, tenant: TenantId) -> Grant:
        raise self.problem


def _services(problem: Problem) -> Services:
    nothing = cast("Any", None)
    return Services(nothing, nothing, nothing, _Grants(problem), nothing, 10)


@pytest.mark.parametrize("problem", [Forbidden("The key was revoked"), Unauthorized("Nobody may read")])
async def test_owner_without_a_right_is_given_up(problem: Problem) -> None:
    services = _services(problem)
    with pytest.raises(DeliveryFailed) as caught:
        await services.grant(subscription(), DEFAULT_TENANT)
    assert caught.value.permanent
    reader = Reader(DEFAULT_TENANT, services, cast("Any", None))
    reader.outlets[subscription().id] = Outlet(subscription(), Delivery(), Line().send, backlog=10)
    reader._owners = {"anonymous"}
    assert (await reader._take_grants())(subscription().id) is None


async def test_owner_of_whom_nobody_can_say_is_asked_for_again() -> None:
    """A database that is away while keys are looked up must not cost what happened meanwhile."""
    services = _services(Unavailable("The database does not answer"))
    with pytest.raises(Unavailable):
        await services.grant(subscription(), DEFAULT_TENANT)
    reader = Reader(DEFAULT_TENANT, services, cast("Any", None))
    reader._owners = {"key:1"}
    with pytest.raises(Unavailable):
        await reader._take_grants()
