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


class ControlServer:
    """Listens as long as it is entered. Each connection asks one question after another."""

    def __init__(self, controller: Controller, folder: Path) -> None:
        self._controller = controller
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

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
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        with contextlib.suppress(OSError):
            (self._folder / address.NAME).unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                if length > MAX_FRAME:
                    await _send(writer, PayloadTooLarge(f"A question may have {MAX_FRAME} bytes"))
                    return
                await _send(writer, await self._answer(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

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
