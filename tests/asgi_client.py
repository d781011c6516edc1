"""The whole application inside the test's event loop, asked as a server would ask it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from stadtkern.app import Application, running
from stadtkern.settings import Settings


@dataclasses.dataclass(frozen=True)
class Answer:
    """status, headers (the last of equal ones), body, and all headers with their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    all_headers: list[tuple[str, str]] = dataclasses.field(default_factory=list[tuple[str, str]])

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Client:
    """Asks an application that runs."""

    def __init__(self, application: Application, host: str = "127.0.0.1:8080", peer: str = "127.0.0.1") -> None:
        self.application = application
        self.host = host
        self.peer = peer

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | str = "",
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send a request. body: bytes as they are, anything else as JSON."""
        sent = {"host": self.host, **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = msgspec.json.encode(body)
            sent.setdefault("content-type", "application/json")
        sent["content-length"] = str(len(body or b""))
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path, safe="/%:@!$&'()*+,;=~-._").encode(),
            "query_string": (query if isinstance(query, str) else urlencode(query)).encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": (self.peer, 50000),
        }
        messages: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        await self.application(scope, receive, send)
        start, *parts = messages
        return Answer(
            start["status"],
            {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]},
            b"".join(part.get("body", b"") for part in parts),
            [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]],
        )


@contextlib.asynccontextmanager
async def client(settings: Settings) -> AsyncGenerator[Client]:
    """Run an application and give its client."""
    async with running(settings) as application:
        yield Client(application)
