"""The server's side of the local socket."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from stadtkern import telemetry
from stadtkern.control import address
from stadtkern.control.controller import Controller
from stadtkern.control.messages import LENGTH_BYTES, MAX_FRAME, decode_question, encode_answer
from stadtkern.errors import InternalError, InvalidRequest, PayloadTooLarge, Problem, SetupError, Unavailable

PATIENCE_S = 5.0
"""How long a server that stops goes on with what it was asked."""


class ControlServer:
    """Listens as long as it is entered. Each connection asks one question after another."""

    def __init__(self, controller: Controller, folder: Path) -> None:
        self._controller = controller
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen. Raises: Unavailable."""
        try:
            listening = address.bind(self._folder)
        except OSError as error:
            raise Unavailable(f"The local socket in {self._folder} cannot be made: {error.strerror}") from error
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, answer what was asked, hang up."""
        if self._server is not None:
            self._server.close()
        for task in self._open - self._busy:
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=PATIENCE_S)
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        with contextlib.suppress(OSError):
            (self._folder / address.NAME).unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._open.add(task)
        try:
            while await self._turn(task, reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # who asked has gone, or the server stops: this task is nobody else's
        finally:
            self._open.discard(task)
            writer.close()

    async def _turn(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one question and answer it; False where the connection is of no more use."""
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
        if length > MAX_FRAME:
            await _send(writer, PayloadTooLarge(f"A question may have {MAX_FRAME} bytes"))
            return False
        body = await reader.readexactly(length)
        self._busy.add(task)
        try:
            await _send(writer, await self._answer(body))
        finally:
            self._busy.discard(task)
        return self._server is not None and self._server.is_serving()

    async def _answer(self, body: bytes) -> object:
        try:
            return await self._controller.ask(decode_question(body))
        except (Problem, SetupError) as problem:
            return problem
        except msgspec.DecodeError as error:
            return InvalidRequest(f"This server does not understand the question: {error}")
        except Exception as error:  # one failed question must not end the server
            telemetry.emit(telemetry.RequestFailed("control", error))
            return InternalError("The server met a fault of its own; its log says more")


async def _send(writer: asyncio.StreamWriter, answer: object) -> None:
    body = encode_answer(answer)
    writer.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
    await writer.drain()
