"""A subscriber at an MQTT broker, with a thread of its own."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.mosquitto_server import PASSWORD, USER, MosquittoServer

PATIENCE_S = 30


class Listener:
    """Collects what is published below a topic; open it by ``with``."""

    def __init__(self, server: MosquittoServer, topic: str = "#") -> None:
        self._server = server
        self._topic = topic
        self._subscribed = threading.Event()
        self._messages: queue.Queue[MQTTMessage] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(USER, PASSWORD)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._messages.put(message)

    def next(self) -> tuple[str, Any]:
        """Wait for a message; gives its topic and its content."""
        message = self.next_raw()
        return message.topic, json.loads(message.payload)

    def next_raw(self) -> MQTTMessage:
        """Wait for a message as paho gives it."""
        return self._messages.get(timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._server.port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _given: Any) -> None:
        assert not reason.is_failure
        client.subscribe(self._topic, qos=2)
