"""Answers without an end: how many there may be at once, and when they are over.

A stream is pulled: its next piece is made when the client took the last one, so that nothing piles up for slow readers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, Self

from stadtkern.errors import TooManyRequests

SLOW_S = 20.0
"""A reader that takes nothing for this time is cut off."""
ABORT = "stadtkern.abort"
"""The ASGI extension of our server that drops a connection at once, with what its reader did not take."""
EVENT_STREAM = "text/event-stream"
HEARTBEAT_S = 15.0
"""Silence that long is broken by a comment, lest a proxy take the connection for dead."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Streams:
    """All streams of one process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.open = 0
        self.ended = asyncio.Event()

    def begin(self, pieces: AsyncGenerator[bytes]) -> Stream:
        """Take one of the places; it is free again when the stream is closed. Raises: TooManyRequests."""
        if self.open >= self._limit or self.ended.is_set():
            raise TooManyRequests(
                f"This server has {self._limit} streams open, as many as it may", hint="try again later, or poll"
            )
        self.open += 1
        return Stream(pieces, self)

    def end(self) -> None:
        """End all streams, and take no new ones: the server is about to stop."""
        self.ended.set()


class Stream:
    """One of them: pieces of bytes until it ends by itself, its reader goes, or the server stops."""

    def __init__(self, pieces: AsyncGenerator[bytes], streams: Streams) -> None:
        self._pieces = pieces
        self._streams = streams
        self._is_open = True

    def __aiter__(self) -> Self:
        """Give the pieces, once."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next piece."""
        return await anext(self._pieces)

    @property
    def ended(self) -> asyncio.Event:
        """Set when the server is about to stop."""
        return self._streams.ended

    async def aclose(self) -> None:
        """End it and free its place."""
        if self._is_open:
            self._is_open = False
            self._streams.open -= 1
            await self._pieces.aclose()


async def send_stream(stream: Stream, send: Send, receive: Receive, abort: Callable[[], None]) -> None:
    """Send a stream until it is over. abort: drops the connection with all that its reader did not take."""
    pump = asyncio.ensure_future(_pump(stream, send))
    watchers = [asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(stream.ended.wait())]
    tasks = [pump, *watchers]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await stream.aclose()
    try:
        if not pump.cancelled():
            pump.result()
        async with asyncio.timeout(SLOW_S):
            await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        abort()


async def _pump(stream: Stream, send: Send) -> None:
    """Send piece by piece. Raises: TimeoutError (the reader is too slow)."""
    async for piece in stream:
        async with asyncio.timeout(SLOW_S):
            await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    if (await receive())["type"] != "http.disconnect":
        # whoever calls without a server has nothing else to say
        await asyncio.Event().wait()


def event_text(id: str, kind: str, data: bytes) -> bytes:
    """Write one Server-Sent Event. data: JSON text. Spec: HTML, 9.2."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (id.encode(), kind.encode(), one_line(data))


def heartbeat(id: str) -> bytes:
    """Write what keeps a connection alive and moves the place from which its reader will resume."""
    return b": alive\nid: %s\n\n" % id.encode()


def one_line(text: bytes) -> bytes:
    """Write JSON text on one line: values are kept as they came, and ends of lines stand between tokens only."""
    return text.translate(_BLANKS) if b"\n" in text or b"\r" in text else text


_BLANKS = bytes.maketrans(b"\r\n", b"  ")
