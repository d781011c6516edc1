"""One subscription's queue: order, retries, throttling, and what is given up when too much waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from stadtkern.errors import Unavailable
from stadtkern.model.subscription import Delivery, Endpoint, NotificationParams, Position, Subscription, SubscriptionId
from stadtkern.notify import backoff
from stadtkern.notify.backoff import delay_s
from stadtkern.notify.outlet import Outlet
from stadtkern.notify.ports import DeliveryFailed


def subscription(throttling_s: float | None = None) -> Subscription:
    endpoint = Endpoint(uri="http://receiver.example/")
    params = NotificationParams(endpoint=endpoint)
    return Subscription(id=SubscriptionId("urn:s:1"), notification=params, throttling_s=throttling_s)


class Line:
    """Takes what an outlet sends; fails as often as it is told to."""

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.failures: list[DeliveryFailed] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, _: Outlet, positions: Sequence[Position]) -> bool:
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append([position.seq for position in positions])
        return True


async def until_idle(one: Outlet) -> None:
    async with asyncio.timeout(20):
        while one.waiting or one.doing != "idle":
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.01)


async def test_put_sends_in_order_and_counts() -> None:
    line = Line()
    one = Outlet(subscription(), Delivery(), line.send, backlog=100)
    for seq in range(1, 6):
        one.put(Position(0, seq))
    await until_idle(one)
    assert line.taken == [[1], [2], [3], [4], [5]]
    assert (one.delivery.sent, one.delivery.failed, one.delivery.done) == (5, 0, Position(0, 5))
    assert not one.delivery.pending


async def test_put_leaves_out_what_was_before_the_subscription() -> None:
    line = Line()
    one = Outlet(subscription(), Delivery(done=Position(0, 3)), line.send, backlog=100)
    for seq in range(1, 6):
        one.put(Position(0, seq))
    await until_idle(one)
    assert line.taken == [[4], [5]]


async def test_failure_is_tried_again_before_anything_later() -> None:
    line = Line()
    line.failures = [DeliveryFailed("down"), DeliveryFailed("down"), DeliveryFailed("down")]
    one = Outlet(subscription(), Delivery(), line.send, backlog=100)
    one.put(Position(0, 1))
    one.put(Position(0, 2))
    await until_idle(one)
    assert line.taken == [[1], [2]]
    assert (one.delivery.sent, one.delivery.failed, one.delivery.last_error) == (2, 3, "down")
    assert one.delivery.last_failure is not None


async def test_refusal_for_good_is_counted_and_left_behind() -> None:
    line = Line()
    line.failures = [DeliveryFailed("gone", permanent=True)]
    one = Outlet(subscription(), Delivery(), line.send, backlog=100)
    one.put(Position(0, 1))
    one.put(Position(0, 2))
    await until_idle(one)
    assert line.taken == [[2]]
    assert (one.delivery.failed, one.delivery.dropped, one.delivery.done) == (1, 1, Position(0, 2))


async def test_oldest_are_given_up_and_counted_when_too_many_wait() -> None:
    line = Line()
    line.open.clear()
    one = Outlet(subscription(), Delivery(), line.send, backlog=3)
    one.put(Position(0, 1))
    await asyncio.sleep(0.02)  # the first is on its way and is not given up
    for seq in range(2, 10):
        one.put(Position(0, seq))
    assert (one.waiting, one.delivery.dropped) == (4, 5)
    line.open.set()
    await until_idle(one)
    assert line.taken == [[1], [7], [8], [9]]


async def test_throttled_notifications_are_sent_together_when_the_time_is_over() -> None:
    line = Line()
    one = Outlet(subscription(throttling_s=0.3), Delivery(), line.send, backlog=100)
    one.put(Position(0, 1))
    async with asyncio.timeout(10):
        while not line.taken:
            await asyncio.sleep(0.005)
    for seq in range(2, 6):
        one.put(Position(0, seq))
    assert line.taken == [[1]]
    await until_idle(one)
    assert line.taken == [[1], [2, 3, 4, 5]]
    assert one.delivery.sent == 2


async def test_close_keeps_what_was_on_its_way() -> None:
    line = Line()
    line.open.clear()
    one = Outlet(subscription(), Delivery(), line.send, backlog=100)
    one.put(Position(0, 1))
    one.put(Position(0, 2))
    await asyncio.sleep(0.02)
    await one.close()
    assert (one.waiting, one.oldest) == (2, Position(0, 1))
    assert (one.delivery.done, one.delivery.pending) == (Position(0, 0), True)


async def test_changed_subscription_is_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 60.0)
    line = Line()
    line.failures = [DeliveryFailed("down")]
    one = Outlet(subscription(), Delivery(), line.send, backlog=100)
    one.put(Position(0, 1))
    async with asyncio.timeout(10):
        while not one.failures:
            await asyncio.sleep(0.005)
    assert one.doing == "waiting"
    one.change(subscription())
    await until_idle(one)
    assert line.taken == [[1]]


def test_delay_grows_to_five_minutes_and_honours_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.5)
    assert [round(delay_s(failures)) >= 1 for failures in (3, 5, 9)] == [True, True, True]
    assert 300 <= delay_s(1000) <= 360
    assert delay_s(1, cooldown_s=20) >= 20
    assert delay_s(1, retry_after_s=50) >= 50


@pytest.mark.parametrize("fault", [Unavailable("The database does not answer"), KeyError("x")])
async def test_nothing_is_left_behind_when_a_notification_cannot_be_made(fault: Exception) -> None:
    """Neither a store that is away nor a fault of ours may cost a notification, or the order."""
    line = Line()
    faults = [fault, fault]

    async def send(one: Outlet, positions: Sequence[Position]) -> bool:
        if faults:
            raise faults.pop()
        return await line.send(one, positions)

    one = Outlet(subscription(), Delivery(), send, backlog=100)
    one.put(Position(0, 1))
    one.put(Position(0, 2))
    await until_idle(one)
    assert line.taken == [[1], [2]]
    assert (one.delivery.sent, one.delivery.failed, one.delivery.done) == (2, 2, Position(0, 2))
