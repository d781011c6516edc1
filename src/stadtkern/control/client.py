"""The commands' side of the local socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from stadtkern.control import address
from stadtkern.control.messages import LENGTH_BYTES, MAX_FRAME, A, Asks, decode_answer, encode_question
from stadtkern.errors import PayloadTooLarge, Unavailable

CONNECTIONS = 8
_Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ControlClient:
    """Asks a running server; questions asked at the same time go through connections of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._idle: list[_Link] = []
        self._places = asyncio.Semaphore(CONNECTIONS)

    async def __aenter__(self) -> Self:
        """Connect. Raises: OSError, if nobody listens or the socket is not for us."""
        self._idle.append(await self._connect())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        for _, writer in self._idle:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()

    async def ask(self, question: Asks[A]) -> A:
        """Ask and wait for the answer. Raises: what the server raised; Unavailable, if it goes away meanwhile."""
        body = encode_question(question)
        if len(body) > MAX_FRAME:
            raise PayloadTooLarge(f"A question to the server may have {MAX_FRAME} bytes")
        try:
            async with self._link() as (reader, writer):
                writer.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
                await writer.drain()
                length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                answer = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Unavailable("The running server went away before it answered; what it did is in its store") from error
        return decode_answer(question, answer)

    @asynccontextmanager
    async def _link(self) -> AsyncGenerator[_Link]:
        async with self._places:
            link = self._idle.pop() if self._idle else await self._connect()
            try:
                yield link
            except BaseException:
                link[1].close()
                raise
            self._idle.append(link)

    async def _connect(self) -> _Link:
        return await asyncio.open_unix_connection(sock=address.connect(self._folder))
