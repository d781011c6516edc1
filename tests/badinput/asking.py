"""Sending what no library would send, and judging the answer."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

PATIENCE_S = 60


class Reply(NamedTuple):
    """An answer: status, media type without parameters, body."""

    status: int
    media_type: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Asker:
    """Sends requests over one connection, and opens it anew where the server closed it."""

    TOKEN = "let me in"

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request; names of headers with ``_`` for ``-``. A connection that was closed is opened once more."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            return self._ask(method, target, body, sent)
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
            return self._ask(method, target, body, sent)

    def _ask(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        self._connection.request(method, target, body, dict(headers))
        answer = self._connection.getresponse()
        return Reply(answer.status, (answer.getheader("Content-Type") or "").partition(";")[0], answer.read())

    def administer(self, method: str, target: str, body: bytes | None = None) -> Reply:
        """Send a request with the administrator's token."""
        return self.ask(method, target, body, Authorization=f"Bearer {self.TOKEN}")


def exchange(port: int, *parts: bytes, timeout_s: float = 20) -> bytes:
    """Write bytes to a new connection and read until the server closes it or falls silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def check_problem(reply: Reply, *statuses: int) -> None:
    """Check that an answer is a problem document, of one of these statuses where some are given."""
    assert 400 <= reply.status < 500, (reply.status, reply.body[:300])
    assert not statuses or reply.status in statuses, (reply.status, reply.body[:300])
    assert reply.media_type in ("application/json", "application/problem+json")
    _check_details(reply.json, reply.status)


def check_answer(reply: Reply) -> None:
    """Check that an answer is a success, a problem document, or a mixture in which every failure is explained."""
    if reply.status in (200, 201, 204, 206):
        return
    if reply.status == 207:
        result = reply.json
        for error in result.get("errors", []):
            _check_details(error["error"], error["error"]["status"])
            assert error["error"]["status"] < 500
        assert result.get("errors") or result.get("notUpdated")
        return
    check_problem(reply)


def check_refused(reply: Reply) -> None:
    """Check that nothing was accepted: a problem document, or a mixture without any success."""
    check_answer(reply)
    assert reply.status >= 400 or (reply.status == 207 and not reply.json.get("success")), reply.body[:300]


def _check_details(problem: Any, status: int) -> None:
    assert problem["status"] == status
    assert problem["type"].startswith("https://")
    assert problem["title"]
    assert len(problem.get("detail", "")) > 10, problem
    assert len(problem["detail"]) < 2000, problem["detail"][:300]
    assert "Traceback" not in problem["detail"]
