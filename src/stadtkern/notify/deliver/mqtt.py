"""Notifications over MQTT 3.1.1 and 5. Spec: CIM 009 7.2 (MQTT notification binding)."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass, field
from typing import Final

import msgspec

from stadtkern.broker.wall import AddressRefused, CheckingResolver
from stadtkern.model.mqtt import MqttBroker, parse_mqtt_endpoint
from stadtkern.model.notification import Message
from stadtkern.model.subscription import Endpoint
from stadtkern.notify.deliver.mqtt_link import Link
from stadtkern.notify.deliver.mqtt_pipe import Pipe
from stadtkern.notify.ports import DeliveryFailed

_IDLE_S: Final = 60.0
_KEEP_ALIVE_S: Final = 30
_BROKERS: Final = 256
_NEXT_ADDRESS_S: Final = 3.0
"""After so many seconds the next address of a name is tried."""


@dataclass(slots=True, eq=False)
class _Line:
    """What leads to one broker. lock: held while connecting; callers: who wants the connection now."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    link: Link | None = None
    callers: int = 0


class MqttDeliverer:
    """Publishes notifications; subscriptions with the same broker, credentials and version share one connection.

    A connection is made when it is needed and closed when nobody needed it for idle_s seconds; pings
    keep it alive between, every keep_alive_s seconds. allow_private: reach
    private and loopback addresses too. brokers: most connections at once. tls: whom to trust; the system's
    certificates where it is not given.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        tls: ssl.SSLContext | None = None,
        idle_s: float = _IDLE_S,
        keep_alive_s: int = _KEEP_ALIVE_S,
        brokers: int = _BROKERS,
    ) -> None:
        self._resolver = CheckingResolver(allow_private=allow_private)
        self._tls = tls
        self._idle_s = idle_s
        self._keep_alive_s = keep_alive_s
        self._brokers = brokers
        self._lines: dict[MqttBroker, _Line] = {}
        self._links: set[Link] = set()

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        return len(self._links)

    async def deliver(self, endpoint: Endpoint, message: Message, timeout_s: float) -> None:
        """Publish one notification; returns when the broker acknowledged it (QoS 1, 2) or it was sent (QoS 0).

        timeout_s covers everything, connecting included. Raises: DeliveryFailed. Spec: CIM 009 7.2.
        """
        try:
            target = parse_mqtt_endpoint(endpoint)
        except ValueError as error:
            raise DeliveryFailed(str(error), permanent=True) from error
        link: Link | None = None
        try:
            async with asyncio.timeout(timeout_s):
                link = await self._connected(target.broker)
                await link.publish(target, render_payload(message))
        except TimeoutError as error:
            done = "let us in" if link is None else "acknowledge the notification"
            if link is not None:
                link.retire()  # perhaps it is dead without our knowing: the next one takes a new connection
            reason = f"The broker {target.broker.shown} did not {done} within {timeout_s:g} seconds"
            raise DeliveryFailed(reason) from error

    async def close(self) -> None:
        """Close all connections; what is still under way fails."""
        links = list(self._links)
        for link in links:
            link.close()
        for link in links:
            await link.wait_closed()

    async def _connected(self, broker: MqttBroker) -> Link:
        """Give the connection to a broker, made now where there is none."""
        line = self._line(broker)
        line.callers += 1
        try:
            async with line.lock:  # one attempt at a time, and each caller gives up at his own time
                if line.link is not None and line.link.usable:
                    return line.link
                link = await self._open(broker)
                line.link = link if link.usable else None
                return link
        finally:
            line.callers -= 1
            self._forget(broker, line)

    def _line(self, broker: MqttBroker) -> _Line:
        line = self._lines.get(broker)
        if line is None:
            if len(self._lines) >= self._brokers:
                self._make_room()
            line = self._lines[broker] = _Line()
        return line

    def _make_room(self) -> None:
        idle = [line.link for line in self._lines.values() if not line.callers and line.link and line.link.idle]
        if not idle:
            raise DeliveryFailed(f"{self._brokers} MQTT brokers are being talked to, and that is the most")
        min(idle, key=lambda link: link.used_at).close()

    def _forget(self, broker: MqttBroker, line: _Line) -> None:
        if line.link is None and not line.callers and self._lines.get(broker) is line:
            del self._lines[broker]

    async def _open(self, broker: MqttBroker) -> Link:
        pipe = await self._connect(broker)
        link = Link(broker, pipe, idle_s=self._idle_s, keep_alive_s=self._keep_alive_s, when_changed=self._changed)
        self._links.add(link)
        try:
            await link.start()
        except BaseException:
            link.close()
            raise
        return link

    def _changed(self, link: Link) -> None:
        if link.closed:
            self._links.discard(link)
        line = self._lines.get(link.broker)
        if line is not None and line.link is link:
            line.link = None
            self._forget(link.broker, line)

    async def _connect(self, broker: MqttBroker) -> Pipe:
        """Connect to an address of the broker that passed the wall. Raises: DeliveryFailed."""
        try:
            found = await self._resolver.resolve(broker.host, broker.port)
            addresses = [entry["host"] for entry in found]
            for address in addresses[:-1]:
                try:
                    async with asyncio.timeout(_NEXT_ADDRESS_S):
                        return await self._dial(broker, address)
                except OSError:
                    continue
            return await self._dial(broker, addresses[-1])
        except AddressRefused as error:
            raise DeliveryFailed(f"The broker {broker.shown} is not asked: {error}", permanent=True) from error
        except (OSError, UnicodeError) as error:
            raise DeliveryFailed(f"The broker {broker.shown} cannot be reached ({_say(error)})") from error

    async def _dial(self, broker: MqttBroker, address: str) -> Pipe:
        loop = asyncio.get_running_loop()
        if not broker.tls:
            return (await loop.create_connection(Pipe, address, broker.port))[1]
        if self._tls is None:
            self._tls = ssl.create_default_context()
        secured = loop.create_connection(Pipe, address, broker.port, ssl=self._tls, server_hostname=broker.host)
        return (await secured)[1]


def render_payload(message: Message) -> bytes:
    """Give a notification as it is published: what HTTP says in headers is ``metadata``. Spec: CIM 009 7.2."""
    metadata = {"Content-Type": message.content_type}
    for name, value in message.headers:
        metadata[name] = f"{metadata[name]}, {value}" if name in metadata else value
    return msgspec.json.encode({"metadata": metadata, "body": msgspec.Raw(message.body)})


def _say(error: OSError | UnicodeError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, socket.gaierror | ssl.SSLError):
        return error.strerror or type(error).__name__
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own text names the address that a name stands for
    return type(error).__name__
