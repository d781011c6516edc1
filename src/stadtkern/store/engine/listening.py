"""PostgreSQL's notices that something was committed, heard on a connection of their own."""

# The driver's own stubs are partly unknown to the type checker; nothing untyped leaves this module.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from stadtkern.errors import Unavailable
from stadtkern.store.engine.postgres import Connection, connect, translate_errors

AGAIN_S = 1.0
"""Between two attempts to connect."""
CHECK_S = 15.0
"""How often a silent connection is asked whether it is still there: a dead network says nothing by itself."""
ANSWER_S = 5.0
Heard = Callable[[str | None], None]
"""Told the notice's text; None: something may have been said while nobody listened."""


async def listen(url: str, channel: str, heard: Heard) -> None:
    """Listen until cancelled; a lost connection is made again. channel: a fixed name, never from outside."""
    while True:
        with contextlib.suppress(Unavailable):
            connection = await connect(url)
            try:
                await _listen_once(connection, channel, heard)
            finally:
                # what the driver makes of a connection that is lost already is of no interest
                with contextlib.suppress(Exception):
                    await connection.close(timeout=2)
        await asyncio.sleep(AGAIN_S)


async def _listen_once(connection: Connection, channel: str, heard: Heard) -> None:
    """Listen until the connection is lost. Raises: Unavailable."""
    lost = asyncio.Event()

    def end(_connection: object) -> None:
        lost.set()

    def tell(_connection: object, _pid: int, _channel: str, text: object) -> None:
        heard(str(text))

    connection.add_termination_listener(end)
    with translate_errors():
        await connection.add_listener(channel, tell)
        heard(None)
        while not lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await lost.wait()
                return
            try:
                await connection.fetchval("SELECT 1", timeout=ANSWER_S)
            except TimeoutError:
                return
