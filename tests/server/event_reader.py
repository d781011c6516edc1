"""A client of Server-Sent Events over a real socket."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

PATIENCE_S = 60


@dataclass(frozen=True)
class ServerSentEvent:
    """id, kind, and data as JSON."""

    id: str
    kind: str
    data: Any


class EventReader:
    """One open stream; leave it by ``with``. last_id: from where a browser would resume."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._connection.request("GET", path, headers={"accept": "text/event-stream", **(headers or {})})
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = {name.lower(): value for name, value in self._answer.getheaders()}
        self.last_id = ""

    def problem(self) -> Any:
        """The body of an answer that is no stream."""
        return msgspec.json.decode(self._answer.read())

    def begun(self) -> Self:
        """Read up to the first block, behind which nothing is missed."""
        assert self.status == 200, self._answer.read()
        self._block()
        return self

    def next(self) -> ServerSentEvent | None:
        """The next event, heartbeats left out; None at the end of the stream."""
        while (block := self._block()) is not None:
            if "data" in block:
                return ServerSentEvent(block["id"], block["event"], msgspec.json.decode(block["data"]))
        return None

    def take(self, count: int) -> list[ServerSentEvent]:
        """The next events, all of which come."""
        taken = [self.next() for _ in range(count)]
        found = [event for event in taken if event is not None]
        assert len(found) == count, found
        return found

    def close(self) -> None:
        """Go away in the middle."""
        self._connection.close()
        self._answer.close()

    def _block(self) -> dict[str, str] | None:
        fields: dict[str, str] = {}
        while line := self._answer.readline().decode():
            if line == "\n":
                self.last_id = fields.get("id", self.last_id)
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
