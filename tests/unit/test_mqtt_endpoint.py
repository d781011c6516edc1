"""MQTT endpoints are read as CIM 009 7.2 writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.model.mqtt import MqttBroker, parse_mqtt_endpoint
from stadtkern.model.subscription import Endpoint


@pytest.mark.clause("CIM009 7.2")
@pytest.mark.parametrize(
    ("uri", "expected", "topic"),
    [
        ("mqtt://b.example/t", MqttBroker("b.example", 1883, False, "mqtt5.0", None, None), "t"),
        ("mqtts://b.example/t/u/v", MqttBroker("b.example", 8883, True, "mqtt5.0", None, None), "t/u/v"),
        ("mqtt://anna@b.example:8085/t", MqttBroker("b.example", 8085, False, "mqtt5.0", "anna", None), "t"),
        ("mqtt://anna:a%3Ab%40c@b.example/t", MqttBroker("b.example", 1883, False, "mqtt5.0", "anna", "a:b@c"), "t"),
        ("mqtt://[2001:db8::1]:1884/t", MqttBroker("2001:db8::1", 1884, False, "mqtt5.0", None, None), "t"),
        ("MQTT://B.example/Stra%C3%9Fe//", MqttBroker("b.example", 1883, False, "mqtt5.0", None, None), "Straße//"),
    ],
)
def test_endpoint_is_read(uri: str, expected: MqttBroker, topic: str) -> None:
    target = parse_mqtt_endpoint(Endpoint(uri=uri))
    assert target.broker == expected
    assert (target.topic, target.qos) == (topic, 0)


@pytest.mark.clause("CIM009 7.2")
def test_notifier_info_chooses_version_and_quality_of_service() -> None:
    info = (("MQTT-Version", "mqtt3.1.1"), ("MQTT-QoS", "2"), ("Other", "1"))
    target = parse_mqtt_endpoint(Endpoint(uri="mqtt://b.example/t", notifier_info=info))
    assert (target.broker.version, target.qos) == ("mqtt3.1.1", 2)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://b.example/t", "begins with mqtt"),
        ("mqtt:///t", "no host"),
        ("mqtt://b.example", "no topic"),
        ("mqtt://b.example/", "no topic"),
        ("mqtt://b.example/a/%2B/b", "wildcards"),
        ("mqtt://b.example/a/%23", "wildcards"),
        ("mqtt://b.example/a#b", "%23"),
        ("mqtt://b.example/a?b", "%3F"),
        ("mqtt://b.example/a%00b", "U+0000"),
        ("mqtt://b.example/a%FF", "UTF-8"),
        ("mqtt://b.example/" + "a" * 65_536, "65535"),
        ("mqtt://:secret@b.example/a", "no user"),
        ("mqtt://b.example:0/a", "port"),
        ("mqtt://b.example:70000/a", "valid URI"),
        ("mqtt://[b/a", "valid URI"),
    ],
)
def test_endpoint_is_refused_with_its_reason(uri: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        parse_mqtt_endpoint(Endpoint(uri=uri))


@pytest.mark.parametrize("info", [("MQTT-Version", "mqtt3.1"), ("MQTT-QoS", "3"), ("MQTT-QoS", "")])
def test_unknown_version_or_quality_of_service_is_refused(info: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=info[0]):
        parse_mqtt_endpoint(Endpoint(uri="mqtt://b.example/t", notifier_info=(info,)))


def test_broker_is_shown_without_credentials() -> None:
    broker = parse_mqtt_endpoint(Endpoint(uri="mqtts://anna:secret@[2001:db8::1]/t")).broker
    assert broker.shown == "[2001:db8::1]:8883"


@given(st.text())
def test_endpoint_is_read_or_refused_whatever_it_is(text: str) -> None:
    try:
        target = parse_mqtt_endpoint(Endpoint(uri="mqtt://b.example/" + text))
    except ValueError:
        return
    assert target.topic
