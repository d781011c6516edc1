"""Delivery by HTTP: what counts as taken, what is tried again, and where nothing is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stadtkern.model.notification import Message
from stadtkern.model.subscription import Endpoint
from stadtkern.notify.deliver.http import HttpDeliverer
from stadtkern.notify.ports import DeliveryFailed
from tests.notify.receiver import Receiver
from tests.server_process import free_port

MESSAGE = Message(content_type="application/json", body=b'{"a":1}', headers=(("X-Mine", "yes"),))


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest_asyncio.fixture
async def deliverer() -> AsyncIterator[HttpDeliverer]:
    async with HttpDeliverer(allow_private=True) as opened:
        yield opened


async def test_deliver_sends_body_and_headers(receiver: Receiver, deliverer: HttpDeliverer) -> None:
    await deliverer.deliver(Endpoint(uri=f"{receiver.url}/notify?x=1"), MESSAGE, 5)
    path, headers, body = receiver.got[0]
    assert (path, body, headers["Content-Type"], headers["X-Mine"]) == ("/notify", {"a": 1}, "application/json", "yes")


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *((status, True) for status in (301, 400, 401, 404, 410)),
        *((status, False) for status in (408, 425, 429, 500, 503)),
    ],
)
async def test_deliver_tells_refusals_for_good_from_passing_ones(
    receiver: Receiver, deliverer: HttpDeliverer, status: int, permanent: bool
) -> None:
    receiver.status = status
    with pytest.raises(DeliveryFailed, match=f"status {status}") as caught:
        await deliverer.deliver(Endpoint(uri=receiver.url), MESSAGE, 5)
    assert caught.value.permanent is permanent


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("99999999", 3600.0), ("soon", None), ("", None)])
async def test_deliver_reads_retry_after(
    receiver: Receiver, deliverer: HttpDeliverer, text: str, seconds: float | None
) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": text}
    with pytest.raises(DeliveryFailed) as caught:
        await deliverer.deliver(Endpoint(uri=receiver.url), MESSAGE, 5)
    assert caught.value.retry_after_s == seconds


async def test_deliver_gives_up_a_receiver_that_does_not_answer(receiver: Receiver, deliverer: HttpDeliverer) -> None:
    receiver.delay_s = 60
    with pytest.raises(DeliveryFailed, match=r"within 0\.2 seconds") as caught:
        await deliverer.deliver(Endpoint(uri=receiver.url), MESSAGE, 0.2)
    assert not caught.value.permanent


async def test_deliver_fails_for_now_where_nobody_listens(deliverer: HttpDeliverer) -> None:
    with pytest.raises(DeliveryFailed, match="cannot be reached") as caught:
        await deliverer.deliver(Endpoint(uri=f"http://127.0.0.1:{free_port()}/"), MESSAGE, 5)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "[::1]", "localhost", "10.0.0.1", "169.254.169.254", "[::ffff:7f00:1]"]
)
async def test_deliver_sends_nothing_to_private_addresses(receiver: Receiver, address: str) -> None:
    port = receiver.url.rsplit(":", 1)[1]
    async with HttpDeliverer(allow_private=False) as deliverer:
        with pytest.raises(DeliveryFailed, match="cannot be used"):
            await deliverer.deliver(Endpoint(uri=f"http://{address}:{port}/"), MESSAGE, 5)
    assert receiver.asked == 0


async def test_deliver_follows_redirects_that_keep_the_method(receiver: Receiver, deliverer: HttpDeliverer) -> None:
    async with Receiver() as moved:
        moved.status, moved.headers = 307, {"Location": f"{receiver.url}/new"}
        await deliverer.deliver(Endpoint(uri=moved.url), MESSAGE, 5)
    assert [(path, body) for path, _, body in receiver.got] == [("/new", {"a": 1})]


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://[fd00:ec2::254]/"])
async def test_deliver_checks_redirects(receiver: Receiver, deliverer: HttpDeliverer, target: str) -> None:
    receiver.status, receiver.headers = 308, {"Location": target}
    with pytest.raises(DeliveryFailed, match="cannot be used"):
        await deliverer.deliver(Endpoint(uri=receiver.url), MESSAGE, 5)


async def test_deliver_ends_a_circle_of_redirects(receiver: Receiver, deliverer: HttpDeliverer) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    with pytest.raises(DeliveryFailed, match="more than 3 times"):
        await deliverer.deliver(Endpoint(uri=receiver.url), MESSAGE, 5)
