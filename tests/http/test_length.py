"""Writes that do not tell how long their body is. Spec: CIM 009 6.3.4."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stadtkern.app import Application, running
from stadtkern.settings import Settings


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    async with running(Settings(data=tmp_path, anonymous="write")) as started:
        yield started


async def ask(
    application: Application, method: str, path: str, headers: dict[str, str], version: str
) -> tuple[int, bytes]:
    """Ask as a server would that got exactly these headers."""
    scope = {
        "type": "http",
        "method": method,
        "http_version": version,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.mark.clause("CIM009 6.3.4")
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("PATCH", "/urn:x:1"), ("PUT", "/urn:x:1")])
async def test_write_answers_a_bare_411_when_nothing_tells_its_length(
    application: Application, method: str, path: str
) -> None:
    headers = {"ngsild-tenant": "nowhere"}
    assert await ask(application, method, f"/ngsi-ld/v1/entities{path}", headers, "1.1") == (411, b"")


@pytest.mark.parametrize(
    ("headers", "version"),
    [({"content-length": "0"}, "1.1"), ({"transfer-encoding": "chunked"}, "1.1"), ({}, "2")],
)
async def test_write_is_read_when_its_end_is_told(
    application: Application, headers: dict[str, str], version: str
) -> None:
    status, body = await ask(application, "POST", "/ngsi-ld/v1/entities", headers, version)
    assert (status, b"InvalidRequest" in body) == (400, True)


async def test_reading_needs_no_length(application: Application) -> None:
    assert (await ask(application, "GET", "/ngsi-ld/v1/types", {}, "1.1"))[0] == 200
