"""The log: lines with the request's id, and nothing that is secret."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stadtkern import log, telemetry
from stadtkern.errors import InternalError, Unavailable
from tests.server_process import ServerProcess

_TOKEN = "administrators-token"
_ANSWERED = telemetry.RequestAnswered("abc", "GET", "/livez", "health", 200, 0.00012345, "default", "anonymous")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    settings = {"log_format": "json", "access_log": "1", "admin_token": _TOKEN, "anonymous": "write"}
    with ServerProcess(tmp_path, **settings) as process:
        yield process.start()


def _ask(server: ServerProcess, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def _lines(server: ServerProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def _answered(server: ServerProcess, count: int) -> list[dict[str, Any]]:
    """The lines of NGSI-LD requests, once there are so many: a line is written after its answer has been sent."""
    deadline = time.monotonic() + 10
    while True:
        found = [line for line in _lines(server) if line["event"] == "RequestAnswered" and line["view"] == "ngsi-ld"]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def test_access_log_has_a_line_a_request_with_the_id_that_the_answer_has(server: ServerProcess) -> None:
    answer = _ask(server, "/ngsi-ld/v1/types?local=true", {"X-Request-ID": "proxy-1.2:3_4"})
    made = _ask(server, "/ngsi-ld/v1/types", {}).getheader("X-Request-ID")
    assert answer.getheader("X-Request-ID") == "proxy-1.2:3_4"
    found = _answered(server, count=2)
    assert [line["request_id"] for line in found] == ["proxy-1.2:3_4", made]
    assert (found[0]["path"], found[0]["status"], found[0]["level"]) == ("/ngsi-ld/v1/types", 200, "info")


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "ä", "a\tb", '"', "a;b"])
def test_request_id_that_is_long_or_strange_is_not_taken(server: ServerProcess, given: str) -> None:
    shown = _ask(server, "/livez", {"X-Request-ID": given}).getheader("X-Request-ID")
    assert shown is not None
    assert shown != given
    assert len(shown) == 16


def test_log_holds_no_secret(server: ServerProcess) -> None:
    _ask(server, "/v1/tenants", {"Authorization": f"Bearer {_TOKEN}"})
    _ask(server, "/v1/tenants?key=of-the-query", {"X-API-Key": "sk_0123_of-the-header"})
    _ask(server, "/ngsi-ld/v1/entities/urn:x:1?q=of-the-query", {"Authorization": "Bearer sk_1_of-the-header"})
    assert _answered(server, count=1)
    text = server.log.read_text()
    assert "/v1/tenants" in text
    for secret in (_TOKEN, "of-the-query", "of-the-header"):
        assert secret not in text


def test_log_without_access_log_names_only_what_failed_or_was_slow(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json")
    try:
        telemetry.emit(_ANSWERED)
        telemetry.emit(telemetry.NotificationSent("default", 0.1))
        assert capsys.readouterr().err == ""
        telemetry.emit(telemetry.RequestFailed("abc", Unavailable("The disk is full")))
        telemetry.emit(telemetry.RequestFailed("def", _fault()))
    finally:
        telemetry._listeners.remove(log.write_notable)
    known, fault = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (known["level"], known["request_id"], known["error"]) == ("warning", "abc", "Unavailable: The disk is full")
    assert "trace" not in known
    assert (fault["level"], fault["request_id"], fault["error"]) == ("error", "def", "KeyError: 'x'")
    assert "Traceback" in fault["trace"]


def _fault() -> InternalError:
    problem = InternalError("The server failed")
    try:
        raise KeyError("x")
    except KeyError as error:
        problem.__cause__ = error
    return problem
