"""Can this process serve? A small write to the store, as it would be asked for by a client."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from stadtkern.errors import Unavailable
from stadtkern.store.system import SystemStore

KEPT_S = 2.0
"""How long a write that went well speaks for others: whoever asks more often costs the disk nothing."""
LEAST_FREE = 16 * 1024 * 1024
"""Bytes that the disk of the embedded engine must have left. A small write alone finds room in a file that is there
already while the next larger one is refused.
"""


class Health:
    """Readiness of the store.

    folder: the data folder of the embedded engine; None where the store is elsewhere.
    """

    def __init__(self, system: SystemStore, folder: Path | None = None, least_free: int = LEAST_FREE) -> None:
        self._system = system
        self._folder = folder
        self._least_free = least_free
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        """See whether the store can be read and takes a write. Raises: Unavailable."""
        await self._system.epochs()
        async with self._lock:
            if time.monotonic() < self._good_until:
                return
            if self._folder is not None:
                _check_room(self._folder, self._least_free)
            await self._system.try_write()
            self._good_until = time.monotonic() + KEPT_S


def _check_room(folder: Path, least_free: int) -> None:
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        raise Unavailable(f"The data folder cannot be read: {error.strerror}") from error
    if disk.f_bavail * disk.f_frsize < least_free:
        raise Unavailable(f"The disk of the data folder has less than {least_free // 1024**2} MiB left")
