"""Batches as clients write them, and what they read out of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from stadtkern.views.sensorthings.batch_multipart import boundary_of, media_type, read_head, read_line, read_parts
from tests.asgi_client import Answer, Client

ADDRESS = "/sta/v1.1/$batch"
OUTER = "batch_36522ad7-fc75-4b56-8c71-56071383e77b"
INNER = "changeset_77162fcd-b8da-41ac-a9f8-9357efbbd621"


class Reply(NamedTuple):
    """One answer of a batch. name: its Content-ID."""

    status: int
    name: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def id(self) -> int:
        """The id in the Location."""
        return int(self.headers["location"].rpartition("(")[2].rstrip(")"))


def http(line: str, body: Any = None, *, name: str = "", end: str = "\r\n", **headers: str) -> str:
    """Write a part that is one request. body: text as it is, anything else as JSON."""
    text = body if isinstance(body, str) else "" if body is None else msgspec.json.encode(body).decode()
    outer = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    outer += [f"Content-ID: {name}"] if name else []
    inner = [line, "Host: city.example", *(["Content-Type: application/json"] if text else [])]
    inner += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return end.join([*outer, "", *inner, "", text])


def change_set(*parts: str, boundary: str = INNER, end: str = "\r\n") -> str:
    """Write a part that is a change set."""
    return end.join([f"Content-Type: multipart/mixed; boundary={boundary}", "", multipart(*parts, boundary=boundary)])


def multipart(*parts: str, boundary: str = OUTER, end: str = "\r\n") -> str:
    """Write a multipart body."""
    pieces = [piece for part in parts for piece in (f"--{boundary}", part)]
    return end.join([*pieces, f"--{boundary}--", ""])


async def send(client: Client, body: str | bytes, address: str = ADDRESS, **headers: str) -> Answer:
    """Send a multipart batch."""
    data = body.encode() if isinstance(body, str) else body
    kind = {"content-type": f"multipart/mixed; boundary={OUTER}"}
    return await client.ask("POST", address, headers={**kind, **headers}, body=data)


async def run(client: Client, *parts: str, **headers: str) -> list[Any]:
    """Send a batch that is well formed; give its replies, those of change sets as lists."""
    answer = await send(client, multipart(*parts), **headers)
    assert answer.status == 200, answer.text
    return replies(answer.headers["content-type"], answer.body)


def replies(content_type: str, body: bytes) -> list[Any]:
    """Read the answer of a batch."""
    assert media_type(content_type) == "multipart/mixed"
    found: list[Any] = []
    for part in read_parts(body, boundary_of(content_type)):
        kind = part.headers["content-type"]
        if media_type(kind) == "multipart/mixed":
            assert int(part.headers["content-length"]) == len(part.body)
            found.append(replies(kind, part.body))
        else:
            assert kind == "application/http"
            found.append(_reply(part.headers.get("content-id", ""), part.body))
    return found


def _reply(name: str, text: bytes) -> Reply:
    line, at = read_line(text, 0, "answer")
    headers, at = read_head(text, at, "answer")
    assert line.startswith(b"HTTP/1.1 ")
    assert at is not None
    body = text[at:]
    assert int(headers["content-length"]) == len(body)
    return Reply(int(line.split()[1]), name, headers, body)


def statuses(found: Sequence[Any]) -> list[Any]:
    """Give the statuses of replies, nested as they are."""
    return [statuses(one) if isinstance(one, list) else one.status for one in found]
