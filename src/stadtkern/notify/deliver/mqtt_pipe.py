"""A connection of the event loop that looks like a socket which never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

_FAREWELL_S: Final = 1.0
"""How long the last words may take to leave."""


class Pipe(asyncio.Protocol):
    """Bytes in both directions. when_readable is called when bytes came or when no more will."""

    def __init__(self) -> None:
        self.when_readable: Callable[[], None] = _nothing
        self.writable = asyncio.Event()
        self.writable.set()
        self.closed = asyncio.Event()
        self._received = bytearray()
        self._uncounted = 0
        self._transport: asyncio.Transport | None = None

    @property
    def readable(self) -> bool:
        """Whether ``recv`` has something to say; the end counts."""
        return bool(self._received) or self.closed.is_set()

    def count_received(self) -> int:
        """Give how many bytes came since the last call."""
        count, self._uncounted = self._uncounted, 0
        return count

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._uncounted += len(data)
        self.when_readable()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        self.writable.set()  # nobody waits for what will not come
        self.when_readable()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    # What paho-mqtt calls.

    def recv(self, buffer_size: int) -> bytes:
        """Take what came; empty at the end. Raises: BlockingIOError."""
        if not self._received and not self.closed.is_set():
            raise BlockingIOError
        taken = bytes(self._received[:buffer_size])
        del self._received[:buffer_size]
        return taken

    def send(self, buffer: bytes | bytearray) -> int:
        """Hand over everything. Raises: ConnectionResetError."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(bytes(buffer))
        return len(buffer)

    def close(self) -> None:
        """Close when everything has left, but soon in any case; a second time does nothing."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.close()
        asyncio.get_running_loop().call_later(_FAREWELL_S, self._transport.abort)

    def fileno(self) -> int:
        """There is none that anybody may wait for."""
        return -1

    def setblocking(self, flag: bool) -> None:
        """It never waits."""


def _nothing() -> None:
    """Nobody listens yet."""
