"""Streams end when their readers go, take nothing, or the server stops; their places come free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import pytest

from stadtkern.errors import TooManyRequests
from stadtkern.views._http import streaming
from stadtkern.views._http.streaming import Streams, event_text, send_stream

Message = MutableMapping[str, Any]


class Reader:
    """A client: what it was sent, and whether it takes anything."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.gone = asyncio.Event()
        self.was_cut = False

    async def send(self, message: Message) -> None:
        await self.takes.wait()
        self.sent.append(message)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    def cut(self) -> None:
        self.was_cut = True


class Source:
    """Pieces without an end, as long as somebody pulls."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                self.made += 1
                yield b"piece"
                await asyncio.sleep(0)
        finally:
            self.closed = True


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_stream_ends_when_its_reader_goes() -> None:
    streams, reader, source = Streams(1), Reader(), Source()
    stream = streams.begin(source.pieces())
    task = asyncio.create_task(send_stream(stream, reader.send, reader.receive, reader.cut))
    await until(lambda: reader.sent)
    reader.gone.set()
    await task
    assert source.closed
    assert streams.open == 0


async def test_a_reader_that_takes_nothing_is_cut_off_and_nothing_piles_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SLOW_S", 0.05)
    streams, reader, source = Streams(1), Reader(), Source()
    reader.takes.clear()
    await send_stream(streams.begin(source.pieces()), reader.send, reader.receive, reader.cut)
    assert reader.was_cut
    assert source.made == 1
    assert source.closed
    assert streams.open == 0


async def test_a_stream_ends_properly_when_the_server_stops() -> None:
    streams, reader, source = Streams(1), Reader(), Source()
    task = asyncio.create_task(send_stream(streams.begin(source.pieces()), reader.send, reader.receive, reader.cut))
    await until(lambda: reader.sent)
    streams.end()
    await task
    assert reader.sent[-1] == {"type": "http.response.body", "body": b""}
    assert not reader.was_cut
    with pytest.raises(TooManyRequests):
        streams.begin(Source().pieces())


async def test_a_place_is_free_again_though_nothing_was_ever_sent() -> None:
    streams = Streams(1)
    stream = streams.begin(Source().pieces())
    with pytest.raises(TooManyRequests, match="1 streams"):
        streams.begin(Source().pieces())
    await stream.aclose()
    await stream.aclose()
    await streams.begin(Source().pieces()).aclose()
    assert streams.open == 0


async def test_what_goes_wrong_inside_is_no_secret() -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield b"piece"
        raise RuntimeError("broken inside")

    streams, reader = Streams(1), Reader()
    with pytest.raises(RuntimeError, match="broken inside"):
        await send_stream(streams.begin(broken()), reader.send, reader.receive, reader.cut)
    assert streams.open == 0


def test_an_event_is_one_line_of_data() -> None:
    assert event_text("0-1", "change", b'{"a":\r\n[1,\n2]}') == b'id: 0-1\nevent: change\ndata: {"a":  [1, 2]}\n\n'
