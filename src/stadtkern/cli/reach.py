"""How a command reaches the store: itself, or through the server that has it open.

The embedded engine belongs to one process. Where a server runs on the data folder, commands ask it through its local
socket; else they open the folder themselves. A database server is reached directly in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from stadtkern.app import running
from stadtkern.control.client import ControlClient
from stadtkern.control.controller import Controller
from stadtkern.control.messages import A, Asks
from stadtkern.errors import StoreLocked
from stadtkern.settings import Settings

PATIENCE_S = 3.0
"""How long a server that is starting or stopping is waited for."""


class Control(Protocol):
    """Somebody who answers the questions of ``stadtkern.control.messages``."""

    async def ask(self, question: Asks[A]) -> A:
        """Ask and wait for the answer. Raises: Problem, SetupError."""
        ...


@asynccontextmanager
async def open_control(settings: Settings) -> AsyncGenerator[Controller | ControlClient]:
    """Open the store, or the way to the server that has it open. Raises: StoreLocked, SetupError, Unavailable."""
    async with AsyncExitStack() as stack:
        yield await _enter(stack, settings)


async def _enter(stack: AsyncExitStack, settings: Settings) -> Controller | ControlClient:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return (await stack.enter_async_context(running(settings))).controller
        except StoreLocked as locked:
            try:
                return await stack.enter_async_context(ControlClient(settings.data))
            except PermissionError as error:
                raise StoreLocked(
                    f"{locked}, and its socket is another user's; run this command as the user the server runs as"
                ) from error
            except OSError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise StoreLocked(f"{locked}, and that one takes no questions; wait until it has ended") from error
        await asyncio.sleep(0.1)
