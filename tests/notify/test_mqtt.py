"""Notifications over MQTT reach subscribers of a real broker, and say why where they do not."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import quote

import pytest
import uvloop

from stadtkern.model.notification import Message
from stadtkern.model.subscription import Endpoint
from stadtkern.notify.deliver.mqtt import MqttDeliverer, render_payload
from stadtkern.notify.ports import DeliveryFailed
from tests.mosquitto_server import FORBIDDEN, PASSWORD, USER, MosquittoServer
from tests.notify.mqtt_listener import PATIENCE_S, Listener

StartMosquitto = Callable[..., MosquittoServer]
_LINK = '<http://example.org/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
_VERSIONS = ["mqtt3.1.1", "mqtt5.0"]


def _message(number: int = 1, size: int = 0) -> Message:
    body = b'{"id":"urn:n:%d","type":"Notification","filling":"%s"}' % (number, b"x" * size)
    return Message(content_type="application/json", body=body, headers=(("Link", _LINK), ("X-City", "Münster")))


def _endpoint(port: int, topic: str = "t/a", *, who: str = "", host: str = "127.0.0.1", **info: str) -> Endpoint:
    notifier_info = tuple((f"MQTT-{name}", value) for name, value in info.items())
    return Endpoint(uri=f"mqtt://{who}{host}:{port}/{topic}", notifier_info=notifier_info)


@asynccontextmanager
async def _deliverer(server: MosquittoServer | None = None, **settings: float) -> AsyncIterator[MqttDeliverer]:
    tls = None if server is None else server.trust
    deliverer = MqttDeliverer(allow_private=True, tls=tls, **settings)  # type: ignore[arg-type]
    try:
        yield deliverer
    finally:
        await deliverer.close()


async def _poll(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():
            await asyncio.sleep(0.02)


def _connections(server: MosquittoServer) -> int:
    """How many connections the broker has been asked for, as its log tells."""
    return (server.folder / "log").read_text(errors="replace").count(" as stadtkern")


@pytest.mark.clause("CIM009 7.2")
@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("qos", ["0", "1", "2"])
async def test_notification_arrives(mosquitto_server: MosquittoServer, version: str, qos: str) -> None:
    topic = f"t/{version}/{qos}"
    with Listener(mosquitto_server, topic) as listener:
        async with _deliverer() as deliverer:
            endpoint = _endpoint(mosquitto_server.port, topic, Version=version, QoS=qos)
            await deliverer.deliver(endpoint, _message(), PATIENCE_S)
            arrived = await asyncio.to_thread(listener.next_raw)
    assert (arrived.topic, arrived.qos) == (topic, int(qos))
    assert arrived.payload == render_payload(_message())


@pytest.mark.clause("CIM009 7.2")
async def test_payload_has_headers_as_metadata_and_the_notification_as_body(mosquitto_server: MosquittoServer) -> None:
    with Listener(mosquitto_server, "t/payload/Stra%C3%9Fe".replace("%C3%9F", "ß")) as listener:
        async with _deliverer() as deliverer:
            endpoint = _endpoint(mosquitto_server.port, "t/payload/Stra%C3%9Fe")
            await deliverer.deliver(endpoint, _message(7), PATIENCE_S)
            _, arrived = await asyncio.to_thread(listener.next)
    assert arrived == {
        "metadata": {"Content-Type": "application/json", "Link": _LINK, "X-City": "Münster"},
        "body": {"id": "urn:n:7", "type": "Notification", "filling": ""},
    }


async def test_user_and_password_are_used(mosquitto_server: MosquittoServer) -> None:
    who = f"{USER}:{quote(PASSWORD, safe='')}@"
    with Listener(mosquitto_server, FORBIDDEN) as listener:
        async with _deliverer() as deliverer:
            endpoint = _endpoint(mosquitto_server.port, FORBIDDEN, who=who, QoS="1")
            await deliverer.deliver(endpoint, _message(), PATIENCE_S)
            topic, _ = await asyncio.to_thread(listener.next)
    assert topic == FORBIDDEN


@pytest.mark.parametrize("version", _VERSIONS)
async def test_wrong_password_is_told_and_not_final(mosquitto_server: MosquittoServer, version: str) -> None:
    async with _deliverer() as deliverer:
        endpoint = _endpoint(mosquitto_server.port, who=f"{USER}:wrong@", Version=version)
        with pytest.raises(DeliveryFailed, match=r"refuses us .*ot authorized") as failure:
            await deliverer.deliver(endpoint, _message(), PATIENCE_S)
    assert not failure.value.permanent  # the password may be put right while notifications wait
    assert "wrong" not in failure.value.reason


@pytest.mark.parametrize("qos", ["1", "2"])
async def test_message_that_the_broker_refuses_is_given_up(mosquitto_server: MosquittoServer, qos: str) -> None:
    async with _deliverer() as deliverer:
        with pytest.raises(DeliveryFailed, match=r"refuses the message .*ot authorized") as failure:
            await deliverer.deliver(_endpoint(mosquitto_server.port, FORBIDDEN, QoS=qos), _message(), PATIENCE_S)
        assert failure.value.permanent
        await deliverer.deliver(_endpoint(mosquitto_server.port, "t/a", QoS=qos), _message(), PATIENCE_S)


@pytest.mark.parametrize("version", _VERSIONS)
async def test_tls_is_spoken_with_the_host_that_the_certificate_names(
    mosquitto_server: MosquittoServer, version: str
) -> None:
    with Listener(mosquitto_server, f"t/tls/{version}") as listener:
        async with _deliverer(mosquitto_server) as deliverer:
            info = (("MQTT-Version", version), ("MQTT-QoS", "2"))
            uri = f"mqtts://localhost:{mosquitto_server.tls_port}/t/tls/{version}"
            await deliverer.deliver(Endpoint(uri=uri, notifier_info=info), _message(), PATIENCE_S)
            topic, _ = await asyncio.to_thread(listener.next)
    assert topic == f"t/tls/{version}"


async def test_tls_is_refused_when_the_certificate_names_another_host(mosquitto_server: MosquittoServer) -> None:
    async with _deliverer(mosquitto_server) as deliverer:
        endpoint = Endpoint(uri=f"mqtts://127.0.0.1:{mosquitto_server.tls_port}/t/a")
        with pytest.raises(DeliveryFailed, match="certificate is not accepted"):
            await deliverer.deliver(endpoint, _message(), PATIENCE_S)


async def test_tls_is_refused_when_nobody_vouches_for_the_certificate(mosquitto_server: MosquittoServer) -> None:
    async with _deliverer() as deliverer:
        endpoint = Endpoint(uri=f"mqtts://localhost:{mosquitto_server.tls_port}/t/a")
        with pytest.raises(DeliveryFailed, match="certificate is not accepted"):
            await deliverer.deliver(endpoint, _message(), PATIENCE_S)


def test_it_lives_on_uvloop(mosquitto_server: MosquittoServer) -> None:
    async def send() -> None:
        async with _deliverer(mosquitto_server) as deliverer:
            await deliverer.deliver(_endpoint(mosquitto_server.port, "t/uv", QoS="2"), _message(1), PATIENCE_S)
            uri = f"mqtts://localhost:{mosquitto_server.tls_port}/t/uv"
            await deliverer.deliver(
                Endpoint(uri=uri, notifier_info=(("MQTT-QoS", "2"),)), _message(2, 500_000), PATIENCE_S
            )

    with Listener(mosquitto_server, "t/uv") as listener:
        uvloop.run(send())
        assert [listener.next()[1]["body"]["id"] for _ in range(2)] == ["urn:n:1", "urn:n:2"]


@pytest.mark.parametrize("qos", ["0", "1", "2"])
async def test_many_at_once_share_one_connection_and_all_arrive(start_mosquitto: StartMosquitto, qos: str) -> None:
    server = start_mosquitto()
    with Listener(server, "t/many/#") as listener:
        async with _deliverer() as deliverer, asyncio.TaskGroup() as group:
            for number in range(300):
                endpoint = _endpoint(server.port, f"t/many/{number}", QoS=qos)
                group.create_task(deliverer.deliver(endpoint, _message(number), PATIENCE_S))
        arrived = {(await asyncio.to_thread(listener.next))[0] for _ in range(300)}
    assert len(arrived) == 300
    assert _connections(server) == 1


async def test_large_notifications_arrive_whole(mosquitto_server: MosquittoServer) -> None:
    with Listener(mosquitto_server, "t/large") as listener:
        async with _deliverer() as deliverer:
            for qos in ("0", "1"):
                endpoint = _endpoint(mosquitto_server.port, "t/large", QoS=qos)
                await deliverer.deliver(endpoint, _message(size=3_000_000), PATIENCE_S)
        for _ in range(2):
            arrived = await asyncio.to_thread(listener.next)
            assert len(arrived[1]["body"]["filling"]) == 3_000_000


async def test_versions_and_users_have_connections_of_their_own(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto()
    who = f"{USER}:{quote(PASSWORD, safe='')}@"
    endpoints = [_endpoint(server.port, who=name, Version=version) for name in ("", who) for version in _VERSIONS]
    async with _deliverer() as deliverer:
        for endpoint in endpoints * 2:
            await deliverer.deliver(endpoint, _message(), PATIENCE_S)
    assert _connections(server) == 4


@pytest.mark.parametrize("version", _VERSIONS)
async def test_delivery_works_again_after_the_broker_was_killed(start_mosquitto: StartMosquitto, version: str) -> None:
    server = start_mosquitto()
    endpoint = _endpoint(server.port, QoS="1", Version=version)
    async with _deliverer() as deliverer:
        await deliverer.deliver(endpoint, _message(1), PATIENCE_S)
        server.kill()
        with pytest.raises(DeliveryFailed, match=r"cannot be reached|ended the connection") as failure:
            await deliverer.deliver(endpoint, _message(2), PATIENCE_S)
        assert not failure.value.permanent
        server.start()
        with Listener(server) as listener:
            await deliverer.deliver(endpoint, _message(3), PATIENCE_S)
            _, arrived = await asyncio.to_thread(listener.next)
    assert arrived["body"]["id"] == "urn:n:3"


async def test_death_of_the_broker_fails_what_waits_for_an_acknowledgement(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto()
    endpoint = _endpoint(server.port, QoS="1")
    async with _deliverer() as deliverer:
        await deliverer.deliver(endpoint, _message(), PATIENCE_S)
        server.freeze()
        waiting = asyncio.ensure_future(deliverer.deliver(endpoint, _message(), PATIENCE_S))
        await asyncio.sleep(0)
        server.kill()
        with pytest.raises(DeliveryFailed, match="ended the connection"):
            await waiting


async def test_silent_broker_fails_in_time_and_delays_no_other(
    start_mosquitto: StartMosquitto, mosquitto_server: MosquittoServer
) -> None:
    frozen = start_mosquitto()
    slow, good = _endpoint(frozen.port, QoS="1"), _endpoint(mosquitto_server.port, QoS="1")
    async with _deliverer() as deliverer:
        await deliverer.deliver(slow, _message(), PATIENCE_S)
        frozen.freeze()
        waiting = [asyncio.ensure_future(deliverer.deliver(slow, _message(), 2)) for _ in range(200)]
        for number in range(20):
            await deliverer.deliver(good, _message(number), PATIENCE_S)
        assert not any(task.done() for task in waiting)
        failures = await asyncio.gather(*waiting, return_exceptions=True)
        assert {str(failure) for failure in failures} == {
            f"The broker 127.0.0.1:{frozen.port} did not acknowledge the notification within 2 seconds"
        }
        with pytest.raises(DeliveryFailed, match="did not let us in within"):  # on a new connection, which hangs too
            await deliverer.deliver(slow, _message(), 0.2)
        frozen.thaw()
        await deliverer.deliver(slow, _message(), PATIENCE_S)


async def test_impatient_subscription_does_not_break_the_connection_of_others(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto()
    endpoint = _endpoint(server.port, QoS="1")
    async with _deliverer() as deliverer:
        await deliverer.deliver(endpoint, _message(), PATIENCE_S)
        server.freeze()
        patient = asyncio.ensure_future(deliverer.deliver(endpoint, _message(), PATIENCE_S))
        with pytest.raises(DeliveryFailed, match="did not acknowledge"):
            await deliverer.deliver(endpoint, _message(), 0.01)
        server.thaw()
        await patient


async def test_idle_connections_are_closed(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto()
    async with _deliverer(idle_s=0.2) as deliverer:
        await deliverer.deliver(_endpoint(server.port), _message(), PATIENCE_S)
        await _poll(lambda: not deliverer.open_connections)
        await deliverer.deliver(_endpoint(server.port), _message(), PATIENCE_S)
    assert _connections(server) == 2


async def test_connection_that_is_used_now_and_then_is_kept_by_pings(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto()
    async with _deliverer(keep_alive_s=1, idle_s=PATIENCE_S) as deliverer:
        await deliverer.deliver(_endpoint(server.port), _message(), PATIENCE_S)
        await asyncio.sleep(4)  # the broker ends connections that are silent for one and a half times as long
        assert deliverer.open_connections == 1
        await deliverer.deliver(_endpoint(server.port, QoS="1"), _message(), PATIENCE_S)
    assert _connections(server) == 1


async def test_idle_connection_makes_room_for_another_broker(
    start_mosquitto: StartMosquitto, mosquitto_server: MosquittoServer
) -> None:
    first, second = _endpoint(mosquitto_server.port, QoS="1"), _endpoint(start_mosquitto().port, QoS="1")
    async with _deliverer(brokers=1) as deliverer:
        for endpoint in (first, second, first):
            await deliverer.deliver(endpoint, _message(), PATIENCE_S)
            assert deliverer.open_connections == 1


async def test_too_many_brokers_at_once_are_told(start_mosquitto: StartMosquitto) -> None:
    frozen, other = start_mosquitto(), start_mosquitto()
    frozen.freeze()
    async with _deliverer(brokers=1) as deliverer:
        waiting = asyncio.ensure_future(deliverer.deliver(_endpoint(frozen.port), _message(), PATIENCE_S))
        await asyncio.sleep(0)
        with pytest.raises(DeliveryFailed, match="the most"):
            await deliverer.deliver(_endpoint(other.port), _message(), PATIENCE_S)
        frozen.thaw()
        await waiting


async def test_notification_that_is_too_large_for_the_broker_is_given_up(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto("max_packet_size 1000")
    async with _deliverer() as deliverer:
        with pytest.raises(DeliveryFailed, match="larger than the 1000 bytes") as failure:
            await deliverer.deliver(_endpoint(server.port, QoS="1"), _message(size=1000), PATIENCE_S)
        assert failure.value.permanent
        await deliverer.deliver(_endpoint(server.port, QoS="1"), _message(), PATIENCE_S)


async def test_quality_of_service_that_the_broker_lacks_is_told(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto("max_qos 1")
    async with _deliverer() as deliverer:
        with pytest.raises(DeliveryFailed, match="offers 1 as MQTT-QoS at most, not 2") as failure:
            await deliverer.deliver(_endpoint(server.port, QoS="2"), _message(), PATIENCE_S)
    assert failure.value.permanent


async def test_dead_broker_cannot_be_reached() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        async with _deliverer() as deliverer:
            with pytest.raises(DeliveryFailed, match=r"cannot be reached \(.*refused") as failure:
                await deliverer.deliver(_endpoint(probe.getsockname()[1]), _message(), PATIENCE_S)
            assert deliverer.open_connections == 0
    assert not failure.value.permanent


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]", "[::ffff:192.168.0.1]"])
async def test_private_addresses_are_not_asked(mosquitto_server: MosquittoServer, host: str) -> None:
    deliverer = MqttDeliverer(allow_private=False)
    with pytest.raises(DeliveryFailed, match="private address") as failure:
        await deliverer.deliver(_endpoint(mosquitto_server.port, host=host), _message(), PATIENCE_S)
    assert failure.value.permanent


async def test_metadata_addresses_are_never_asked() -> None:
    deliverer = MqttDeliverer(allow_private=True)
    with pytest.raises(DeliveryFailed, match="never asked"):
        await deliverer.deliver(_endpoint(1883, host="169.254.169.254"), _message(), PATIENCE_S)


async def test_endpoint_that_cannot_be_read_is_given_up() -> None:
    with pytest.raises(DeliveryFailed, match="no topic") as failure:
        await MqttDeliverer(allow_private=True).deliver(Endpoint(uri="mqtt://b.example"), _message(), 1)
    assert failure.value.permanent


@contextmanager
def _pretender(answer: bytes) -> Iterator[int]:
    """A server that answers whatever comes first with these bytes; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(PATIENCE_S)
                connection.recv(1024)
                try:
                    connection.sendall(answer)
                    while connection.recv(1024):
                        pass
                except ConnectionError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(PATIENCE_S)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02\x00\x05",  # refuses
        b"\x20\xff\xff\xff\xff\xff",  # a length that never ends
        b"\x20\x01\x00",
        b"\x40\x02\x00\x01" * 10,
        bytes(range(256)) * 8,
        b"\x30" + b"\xff\xff\xff\x7f" + b"x" * 1_000_000,  # begins to send a quarter of a gigabyte
        b"\x20\x09\x00\x00\x06\x24\x07\x21\x00\x00\x00",
    ],
)
@pytest.mark.parametrize("version", _VERSIONS)
async def test_whatever_a_broken_broker_answers_is_a_failure(answer: bytes, version: str) -> None:
    with _pretender(answer) as port:
        async with _deliverer() as deliverer:
            with pytest.raises(DeliveryFailed):
                await deliverer.deliver(_endpoint(port, QoS="1", Version=version), _message(), 1)
            await _poll(lambda: not deliverer.open_connections)


async def test_broker_that_floods_us_is_left() -> None:
    welcome = b"\x20\x03\x00\x00\x00"
    flood = b"\x30" + b"\xff\xff\xff\x7f" + b"x" * 2_000_000
    with _pretender(welcome + flood) as port:
        async with _deliverer() as deliverer:
            with pytest.raises(DeliveryFailed, match="sends what no broker has to send"):
                await deliverer.deliver(_endpoint(port, QoS="1"), _message(), PATIENCE_S)


async def test_broker_may_allow_few_at_once() -> None:
    """A broker that says Receive Maximum 1 gets the second message after it acknowledged the first."""
    seen: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read_packet(reader)
        writer.write(b"\x20\x06\x00\x00\x03\x21\x00\x01")
        for _ in range(3):
            packet = await _read_packet(reader)
            seen.append(packet[0])
            (length,) = struct.unpack_from(">H", packet, 1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    seen.append((await reader.readexactly(1))[0])
            writer.write(b"\x40\x02" + packet[3 + length : 5 + length])
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, _deliverer() as deliverer:
        endpoint = _endpoint(server.sockets[0].getsockname()[1], QoS="1")
        await asyncio.gather(*(deliverer.deliver(endpoint, _message(n), PATIENCE_S) for n in range(3)))
        assert seen == [0x32, 0x32, 0x32]


async def _read_packet(reader: asyncio.StreamReader) -> bytes:
    first = await reader.readexactly(1)
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return first + await reader.readexactly(length)


async def test_close_ends_everything(start_mosquitto: StartMosquitto) -> None:
    server = start_mosquitto()
    deliverer = MqttDeliverer(allow_private=True)
    endpoint = _endpoint(server.port, QoS="1")
    await deliverer.deliver(endpoint, _message(), PATIENCE_S)
    server.freeze()
    waiting = asyncio.ensure_future(deliverer.deliver(endpoint, _message(), PATIENCE_S))
    await asyncio.sleep(0)
    before = time.monotonic()
    await deliverer.close()
    with pytest.raises(DeliveryFailed, match="was left"):
        await waiting
    assert deliverer.open_connections == 0
    assert time.monotonic() - before < PATIENCE_S
