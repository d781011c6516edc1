"""One connection to an MQTT broker: the event loop moves the bytes, paho-mqtt speaks the protocol.

paho-mqtt by itself resolves names and waits for sockets in ways that would let a user's broker stop everybody. Here it
is given something that looks like a socket and never waits; so addresses are checked before, TLS is the event loop's,
and every wait can be given up.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from stadtkern.model.mqtt import MqttBroker, MqttTarget
from stadtkern.notify.deliver.mqtt_pipe import Pipe
from stadtkern.notify.ports import DeliveryFailed

IN_FLIGHT: Final = 64
"""Most notifications of one connection that wait for their acknowledgement; a broker may want fewer."""
_TICK_S: Final = 5.0
_HEAD: Final = 64
"""Bytes of a PUBLISH beside topic and payload, generously."""
_ANSWERS_AT_START: Final = 256 * 1024
_ANSWER: Final = 1024
"""A broker has little to say to somebody who subscribes to nothing: bytes it may send at first and for each message."""
_REFUSED_FOR_GOOD: Final = frozenset({0x87, 0x90, 0x95, 0x99})
"""Not authorized, topic invalid, packet too large, payload format invalid: it will be the same again (MQTT 5.0 2.4)."""
_PROTOCOLS: Final = {"mqtt3.1.1": MQTTProtocolVersion.MQTTv311, "mqtt5.0": MQTTProtocolVersion.MQTTv5}


class _PipedClient(Client):
    """paho's client on a Pipe instead of a socket."""

    def __init__(self, pipe: Pipe, broker: MqttBroker, when_refused: Callable[[int, int], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=f"stadtkern{secrets.token_hex(7)}",  # 23 characters, which every broker must take
            protocol=_PROTOCOLS[broker.version],
            reconnect_on_failure=False,
        )
        self._pipe = pipe
        self._when_refused = when_refused
        self.max_inflight_messages_set(0)  # the Link counts
        if broker.username is not None:
            self.username_pw_set(broker.username, broker.password)

    def _create_socket(self) -> Pipe:
        return self._pipe

    def _handle_pubrec(self) -> MQTTErrorCode:
        """See a refusal of a QoS 2 message, which paho takes for a receipt. Spec: MQTT 5.0 3.5.2.1."""
        packet = self._in_packet["packet"]
        mid = int.from_bytes(packet[:2], "big")
        if len(packet) > 2 and packet[2] >= 0x80 and self._out_messages.pop(mid, None):
            self._when_refused(mid, packet[2])
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._handle_pubrec()


class Link:
    """A connection, open for as long as it is used; ``when_changed`` is told when it ended and when it is closed.

    idle_s: seconds without use after which it closes. keep_alive_s: seconds of silence after which it pings.
    """

    def __init__(
        self,
        broker: MqttBroker,
        pipe: Pipe,
        *,
        idle_s: float,
        keep_alive_s: int,
        when_changed: Callable[[Link], None],
    ) -> None:
        self.broker = broker
        self._pipe = pipe
        self._idle_s = idle_s
        self._keep_alive_s = keep_alive_s
        self._when_changed = when_changed
        self._loop = asyncio.get_running_loop()
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._best_qos = 2
        self._largest: int | None = None
        self._users = 0
        self.used_at = self._loop.time()
        self._retired = False
        self._ended: str | None = None
        self._budget = _ANSWERS_AT_START
        self._timer: asyncio.TimerHandle | None = None
        self._client = self._make_client()
        pipe.when_readable = self._read

    @property
    def usable(self) -> bool:
        """Whether it takes new messages."""
        return self._ended is None and not self._retired

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._users == 0

    async def start(self) -> None:
        """Introduce ourselves and wait until the broker lets us in. Raises: DeliveryFailed."""
        client = self._client
        properties: Properties | None = None
        if self.broker.version == "mqtt5.0":
            properties = Properties(PacketTypes.CONNECT)
            properties.RequestProblemInformation = 0  # answers stay short
        client.connect_async(self.broker.host, self.broker.port, keepalive=self._keep_alive_s, properties=properties)
        client.reconnect()
        await self._welcome
        if self._ended is not None:
            raise self._failure()
        self._timer = self._loop.call_later(self._tick_s, self._tick)

    async def publish(self, target: MqttTarget, payload: bytes) -> None:
        """Send one message; with QoS 1 and 2 wait for the broker's acknowledgement. Raises: DeliveryFailed."""
        self._users += 1
        try:
            async with self._room:
                await self._pipe.writable.wait()
                self._check(target, payload)
                await self._exchange(target, payload)
        finally:
            self._users -= 1
            self.used_at = self._loop.time()
            if self._retired and self._users == 0:
                self.close()

    def retire(self) -> None:
        """Take no new messages, let those under way come to their end, then close."""
        self._retired = True
        if self._users == 0:
            self.close()

    def close(self) -> None:
        """Say goodbye and close; whoever still waits is told that the connection is over."""
        if self._ended is None:
            self._client.on_disconnect = None  # it is our own wish
            self._client.disconnect()
        self._end("was left")

    @property
    def closed(self) -> bool:
        """Whether nothing of it is left."""
        return self._pipe.closed.is_set()

    async def wait_closed(self) -> None:
        """Wait until nothing of it is left."""
        await self._pipe.closed.wait()

    def _make_client(self) -> _PipedClient:
        client = _PipedClient(self._pipe, self.broker, self._refused)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def _check(self, target: MqttTarget, payload: bytes) -> None:
        if self._ended is not None:
            raise self._failure()
        if target.qos > self._best_qos:
            reason = f"The broker {self.broker.shown} offers {self._best_qos} as MQTT-QoS at most, not {target.qos}"
            raise DeliveryFailed(reason, permanent=True)
        size = len(payload) + len(target.topic.encode()) + _HEAD
        if self._largest is not None and size > self._largest:
            reason = f"The notification is larger than the {self._largest} bytes that {self.broker.shown} takes"
            raise DeliveryFailed(reason, permanent=True)

    async def _exchange(self, target: MqttTarget, payload: bytes) -> None:
        self._budget += _ANSWER
        sent = self._client.publish(target.topic, payload, target.qos, properties=self._describe())
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._failure()
        if target.qos == 0:
            await self._pipe.writable.wait()
            if self._ended is not None:
                raise self._failure()
            return
        answer: asyncio.Future[None] = self._loop.create_future()
        self._waiting[sent.mid] = answer
        try:
            await answer
        finally:
            del self._waiting[sent.mid]

    def _describe(self) -> Properties | None:
        if self.broker.version != "mqtt5.0":
            return None
        properties = Properties(PacketTypes.PUBLISH)
        properties.PayloadFormatIndicator = 1  # UTF-8
        properties.ContentType = "application/json"
        return properties

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, given: Properties | None) -> None:
        if self._welcome.done():
            return
        if reason.is_failure:
            self._end(f"refuses us ({reason})")
            return
        self._room = asyncio.Semaphore(min(IN_FLIGHT, getattr(given, "ReceiveMaximum", IN_FLIGHT)))
        self._best_qos = getattr(given, "MaximumQoS", 2)
        self._largest = getattr(given, "MaximumPacketSize", None)
        self._welcome.set_result(None)

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _given: Any) -> None:
        if reason.is_failure:
            self._refused(mid, reason.value)
            return
        answer = self._waiting.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(None)

    def _refused(self, mid: int, code: int) -> None:
        answer = self._waiting.get(mid)
        if answer is not None and not answer.done():
            name = ReasonCode(PacketTypes.PUBREC, identifier=code)
            reason = f"The broker {self.broker.shown} refuses the message ({name})"
            answer.set_exception(DeliveryFailed(reason, permanent=code in _REFUSED_FOR_GOOD))

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: ReasonCode, _given: Any) -> None:
        told = flags.is_disconnect_packet_from_server and reason.value != 0
        self._end(f"ended the connection ({reason})" if told else "ended the connection")

    def _read(self) -> None:
        """Give paho what came."""
        self._budget -= self._pipe.count_received()
        if self._budget < 0:
            self._end("sends what no broker has to send")
        try:
            while self._ended is None and self._client.socket() is not None and self._pipe.readable:
                self._client.loop_read()
        except Exception:  # whatever a broken broker makes paho say ends its own connection only
            self._end("does not speak MQTT")
        if self.closed:
            self._end("ended the connection")
            self._when_changed(self)

    @property
    def _tick_s(self) -> float:
        return min(_TICK_S, self._idle_s / 2, self._keep_alive_s / 2)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._tick_s, self._tick)
        self._client.loop_misc()  # pings, and ends a connection whose pings nobody answers
        if self.idle and self._loop.time() - self.used_at >= self._idle_s:
            self.close()

    def _end(self, reason: str) -> None:
        if self._ended is not None:
            return
        self._ended = reason
        if self._timer is not None:
            self._timer.cancel()
        for waiter in (self._welcome, *self._waiting.values()):
            if not waiter.done():
                waiter.set_exception(self._failure())
        self._pipe.close()
        self._when_changed(self)

    def _failure(self) -> DeliveryFailed:
        return DeliveryFailed(f"The broker {self.broker.shown} {self._ended or 'takes no message now'}")
