"""Clients that do not keep to HTTP, or take their time: answered or let go, and nobody else waits for them."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.badinput.asking import Asker, exchange
from tests.server_process import ServerProcess

_CREATE = b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_ENTITY = b'{"id": "urn:x:wire", "type": "T"}'
_BATCH = b"POST /ngsi-ld/v1/entityOperations/upsert HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def _statuses(received: bytes) -> list[int]:
    """Give the status of each answer in what was received."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n\r\n",
        b"\x00" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 300,  # a TLS hello
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n A: folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"X" * 1_000_000,
        _CREATE + b"Content-Length: -1\r\n\r\n" + _ENTITY,
        _CREATE + b"Content-Length: +33\r\n\r\n" + _ENTITY,
        _CREATE + b"Content-Length: 1e3\r\n\r\n" + _ENTITY,
        _CREATE + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + _ENTITY,
        _CREATE + b"Content-Length: 33\r\nContent-Length: 5\r\n\r\n" + _ENTITY,
        _CREATE + b"Transfer-Encoding: nonsense\r\n\r\n" + _ENTITY,
        _CREATE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n",
        _CREATE + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nxxxxx\r\n0\r\n\r\n",
        _CREATE + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n",
        _CREATE + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 100_000 + b"\r\nxxxxx\r\n0\r\n\r\n",
        _CREATE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nxxxxxyyyyy\r\n0\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[-40:])[2:-1] + f" ({len(sent)})",
)
def test_what_is_no_http_is_refused_or_let_go(server: ServerProcess, sent: bytes) -> None:
    statuses = _statuses(exchange(server.port, sent, timeout_s=8))
    assert all(400 <= status < 500 or status == 505 for status in statuses), statuses
    assert server.is_ready()


def test_query_with_raw_quotes_and_signs_is_read(server: ServerProcess, asker: Asker) -> None:
    """Not by RFC 3986, but what people type."""
    asker.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", b'[{"id": "urn:x:raw", "type": "Raw", "n": 3, "s": "x"}]')
    target = b'/ngsi-ld/v1/entities?type=Raw&q=n>2;s=="x"&options=simplified'
    received = exchange(server.port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert _statuses(received) == [200]
    assert b'"id":"urn:x:raw"' in received


@pytest.mark.parametrize("fields", [b"A: " + b"b" * 5_000_000, b"A: b\r\n" * 1000])
def test_head_over_the_limit_is_refused(server: ServerProcess, fields: bytes) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\n" + fields
    received = exchange(server.port, head, timeout_s=8)
    assert _statuses(received) == [431]
    assert b"longer than 131072 bytes" in received


def test_what_is_no_http_gets_a_problem_document(server: ServerProcess) -> None:
    received = exchange(server.port, b"HELO stadtkern\r\n\r\n", timeout_s=8)
    assert _statuses(received) == [400]
    assert b"content-type: application/problem+json" in received


def test_fields_behind_a_chunked_body_change_nothing(server: ServerProcess, asker: Asker) -> None:
    chunk = b"%x\r\n%s\r\n" % (len(_ENTITY) + 2, b"[" + _ENTITY + b"]")
    head = _BATCH + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    received = exchange(server.port, head, chunk, b"0\r\nNGSILD-Tenant: elsewhere\r\n\r\n")
    assert _statuses(received) in ([201], [204])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b'type=Raw&q=temperature>20;name=="x"', 1),
        (b'type=Raw&q=temperature<20;name=="x"', 0),
        (b'type=Raw&q=temperature==20..25|name=="y"', 1),
        (b"type=Raw&georel=within&geometry=Polygon&coordinates=[[[7,51],[8,51],[8,52],[7,52],[7,51]]]", 1),
    ],
)
def test_query_with_unescaped_characters_works(server: ServerProcess, asker: Asker, query: bytes, found: int) -> None:
    entity = {
        "id": "urn:x:raw",
        "type": "Raw",
        "temperature": {"type": "Property", "value": 22},
        "name": {"type": "Property", "value": "x"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.6, 51.9]}},
    }
    asker.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", json.dumps([entity]).encode())
    head = b"GET /ngsi-ld/v1/entities?" + query + b"&pick=id HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = exchange(server.port, head)
    assert _statuses(received) == [200], received
    assert received.partition(b"\r\n\r\n")[2] == (b'[{"id":"urn:x:raw"}]' if found else b"[]")


def test_length_and_chunks_at_once_smuggle_nothing(server: ServerProcess, asker: Asker) -> None:
    inner = b"DELETE /ngsi-ld/v1/entities/urn:x:kept HTTP/1.1\r\nHost: x\r\n\r\n"
    asker.ask("POST", "/ngsi-ld/v1/entities", b'{"id": "urn:x:kept", "type": "T"}')
    head = _CREATE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange(server.port, head + b"0\r\n\r\n" + inner, timeout_s=3)
    exchange(server.port, _CREATE + b"Content-Length: %d\r\n\r\n" % len(inner) + inner, timeout_s=3)
    sent = asker.ask("GET", "/ngsi-ld/v1/entities/urn:x:kept")
    # the first form is two requests by RFC 9112 6.3 and may be refused; the second is one
    assert sent.status in (200, 404)
    asker.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", b'[{"id": "urn:x:kept", "type": "T"}]')
    exchange(server.port, _CREATE + b"Content-Length: %d\r\n\r\n" % len(inner) + inner, timeout_s=3)
    assert asker.ask("GET", "/ngsi-ld/v1/entities/urn:x:kept").status == 200


def test_pipelined_requests_are_answered_in_order(server: ServerProcess) -> None:
    one = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    other = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert _statuses(exchange(server.port, (one + other) * 50 + last)) == [200, 404] * 50 + [200]


def test_chunked_body_is_read(server: ServerProcess) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b"[" + _ENTITY + b"]")
    received = exchange(
        server.port, _BATCH + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    assert _statuses(received) in ([201], [204])


def test_chunked_body_over_the_limit_is_refused(server: ServerProcess) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = _BATCH + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    received = exchange(server.port, head, *[chunk] * 40, b"0\r\n\r\n")
    assert _statuses(received) == [413]
    assert b'"detail":"The body has more than the 33554432 bytes that are accepted"' in received


def test_body_without_end_is_cut_off(server: ServerProcess) -> None:
    """Nobody is made to read on and on by a client that sends on and on."""
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = _BATCH + b"Transfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head)
        sent = 0
        with contextlib.suppress(ConnectionError, TimeoutError):
            while sent < 1000:
                connection.sendall(chunk)
                sent += 1
    assert sent < 200


def test_expected_body_over_the_limit_is_refused_before_it_is_sent(server: ServerProcess) -> None:
    head = _BATCH + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
    received = exchange(server.port, head, timeout_s=5)
    assert _statuses(received) == [413]


def test_body_that_does_not_arrive_is_given_up(server: ServerProcess) -> None:
    started = time.monotonic()
    received = exchange(server.port, _CREATE + b"Content-Length: 100\r\n\r\n" + _ENTITY)
    assert _statuses(received) == [400]
    assert b"did not arrive in time" in received
    assert time.monotonic() - started > 1


def test_connection_that_ends_inside_the_body_leaves_nothing(server: ServerProcess, asker: Asker) -> None:
    for size in (1, 10, len(_ENTITY) - 1):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(_CREATE + b"Content-Length: %d\r\n\r\n" % len(_ENTITY) + _ENTITY[:size])
    time.sleep(0.2)
    assert asker.ask("GET", "/ngsi-ld/v1/entities/urn:x:half").status == 404


def test_request_sent_byte_by_byte_is_answered(server: ServerProcess) -> None:
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))
            time.sleep(0.01)
        assert _statuses(connection.recv(65536)) == [200]


@pytest.mark.parametrize("start", [b"", b"G", b"GET /livez HTTP/1.1\r\nHost: x\r\nA: ", _CREATE])
def test_head_that_never_ends_is_given_up(server: ServerProcess, start: bytes) -> None:
    """Also when a byte comes now and then: the time is for the whole head."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as connection:
        connection.sendall(start)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < 14:
                time.sleep(0.5)
                if start:
                    connection.sendall(b"x")
                connection.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1000):
                        break
                connection.settimeout(15)
    assert time.monotonic() - started < 10


@pytest.fixture
def loiterers(server: ServerProcess) -> Iterator[list[socket.socket]]:
    """200 clients that began a request and do not go on."""
    found: list[socket.socket] = []
    for number in range(200):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        connection.sendall(_CREATE[: 20 + number % 60] if number % 2 else _CREATE + b"Content-Length: 100\r\n\r\n{")
        found.append(connection)
    yield found
    for connection in found:
        connection.close()


def test_others_do_not_wait_for_slow_clients(loiterers: list[socket.socket], asker: Asker) -> None:
    assert len(loiterers) == 200
    started = time.monotonic()
    for _ in range(50):
        assert asker.ask("GET", "/readyz").status == 200
    assert time.monotonic() - started < 5


def test_client_that_does_not_read_is_no_burden(server: ServerProcess, asker: Asker) -> None:
    """Answers that nobody fetches stop the one connection they belong to."""
    value = "x" * 1_000_000
    entity = f'[{{"id": "urn:x:large", "type": "Large", "a": {{"type": "Property", "value": "{value}"}}}}]'
    assert asker.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", entity.encode()).status in (201, 204)
    request = b"GET /ngsi-ld/v1/entities/urn:x:large HTTP/1.1\r\nHost: x\r\n\r\n"
    deaf = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(20)]
    for connection in deaf:
        connection.sendall(request * 20)
    assert asker.ask("GET", "/livez").status == 200
    for connection in deaf:
        connection.close()
    assert asker.ask("GET", "/livez").status == 200


def test_large_bodies_at_once_are_bounded(server: ServerProcess, asker: Asker) -> None:
    """Six bodies of 30 MB are more than the server holds: some are refused, small ones are read all the same."""
    length = 30 * 1024 * 1024
    head = _BATCH + b"Content-Length: %d\r\n\r\n" % length
    senders = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(6)]
    with contextlib.ExitStack() as stack:
        for sender in senders:
            stack.enter_context(sender)
            with contextlib.suppress(ConnectionError):
                sender.sendall(head + b" " * (length - 1))
        assert asker.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", b"[" + _ENTITY + b"]").status in (201, 204)
        statuses: list[int] = []
        for sender in senders:
            with contextlib.suppress(ConnectionError):
                statuses += _statuses(sender.recv(65536))
    assert set(statuses) <= {400, 429}
    assert 400 in statuses


def test_answer_without_a_body_says_nothing_of_its_length(server: ServerProcess, asker: Asker) -> None:
    asker.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", b'[{"id": "urn:x:gone", "type": "T"}]')
    head = b"DELETE /ngsi-ld/v1/entities/urn:x:gone HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = exchange(server.port, head).lower()
    assert received.startswith(b"http/1.1 204 ")
    assert b"content-length" not in received
    assert b"transfer-encoding" not in received
