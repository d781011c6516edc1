"""MQTT endpoints: which broker, which topic, and how. Spec: CIM 009 7.2 (MQTT notification binding)."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from stadtkern.model.subscription import Endpoint

MQTT_SCHEMES: Final = ("mqtt", "mqtts")
MqttVersion = Literal["mqtt3.1.1", "mqtt5.0"]

VERSION_KEY: Final = "MQTT-Version"
QOS_KEY: Final = "MQTT-QoS"
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_TOPIC_BYTES: Final = 65_535
"""MQTT 5.0 1.5.4: the length of a text is two bytes."""
_CREDENTIAL_BYTES: Final = 65_535


class MqttBroker(NamedTuple):
    """All that tells one connection from another."""

    host: str
    port: int
    tls: bool
    version: MqttVersion
    username: str | None
    password: str | None

    @property
    def shown(self) -> str:
        """The broker for people, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class MqttTarget(NamedTuple):
    """Where the notifications of one subscription go. qos: 0 sent, 1 acknowledged, 2 acknowledged and not doubled."""

    broker: MqttBroker
    topic: str
    qos: Literal[0, 1, 2]


def parse_mqtt_endpoint(endpoint: Endpoint) -> MqttTarget:
    """Read ``mqtt[s]://[user[:password]@]host[:port]/topic[/subtopic]*`` and its notifierInfo.

    User, password and topic may be percent-encoded. Raises: ValueError with a sentence that shows no password.
    Spec: CIM 009 7.2.
    """
    try:
        parts = urlsplit(endpoint.uri)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("The MQTT endpoint is no valid URI") from error
    if parts.scheme not in MQTT_SCHEMES:
        raise ValueError("An MQTT endpoint begins with mqtt:// or mqtts://")
    if not host:
        raise ValueError("The MQTT endpoint names no host")
    if port == 0:
        raise ValueError("The port of an MQTT endpoint is between 1 and 65535")
    username, password = _credentials(parts)
    broker = MqttBroker(
        host=host,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        version=_version(endpoint),
        username=username,
        password=password,
    )
    return MqttTarget(broker, _topic(parts), _qos(endpoint))


def _credentials(parts: SplitResult) -> tuple[str | None, str | None]:
    username, password = (_decode(part) for part in (parts.username, parts.password))
    if password is not None and not username:
        raise ValueError("The MQTT endpoint has a password but no user")  # MQTT 3.1.1 3.1.2.9 forbids it
    if any(len(part.encode()) > _CREDENTIAL_BYTES for part in (username, password) if part):
        raise ValueError("User and password of an MQTT endpoint have 65535 bytes at most")
    return username or None, password


def _decode(part: str | None) -> str | None:
    if part is None:
        return None
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError("The MQTT endpoint is not encoded as UTF-8") from error
    if "\0" in text:
        raise ValueError("The MQTT endpoint has a character that MQTT forbids (U+0000)")
    return text


def _topic(parts: SplitResult) -> str:
    if parts.query or parts.fragment:
        raise ValueError("In the topic of an MQTT endpoint '?' and '#' are written %3F and %23")
    topic = _decode(parts.path.removeprefix("/")) or ""
    if not topic:
        raise ValueError("The MQTT endpoint names no topic")
    if "+" in topic or "#" in topic:
        raise ValueError("The topic of an MQTT endpoint has no wildcards ('+' and '#')")
    if len(topic.encode()) > _TOPIC_BYTES:
        raise ValueError("The topic of an MQTT endpoint has 65535 bytes at most")
    return topic


def _version(endpoint: Endpoint) -> MqttVersion:
    match dict(endpoint.notifier_info).get(VERSION_KEY, "mqtt5.0"):
        case "mqtt3.1.1" | "mqtt5.0" as version:
            return version
        case _:
            raise ValueError(f"{VERSION_KEY} is mqtt3.1.1 or mqtt5.0")


def _qos(endpoint: Endpoint) -> Literal[0, 1, 2]:
    match dict(endpoint.notifier_info).get(QOS_KEY, "0"):
        case "0":
            return 0
        case "1":
            return 1
        case "2":
            return 2
        case _:
            raise ValueError(f"{QOS_KEY} is 0, 1 or 2")
