"""Where the local socket lies: ``control.sock`` in the data folder, for the owner of the folder alone.

An address may have 107 bytes at most; the folder's own path may be longer, so the folder is reached through an open
descriptor where the system can.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

NAME = "control.sock"
BACKLOG = 64


@contextmanager
def _short(folder: Path) -> Generator[str]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        through = f"/proc/self/fd/{descriptor}"
        yield f"{through}/{NAME}" if Path(through).exists() else str(folder / NAME)
    finally:
        os.close(descriptor)


def bind(folder: Path) -> socket.socket:
    """Make the socket; whoever calls holds the folder's lock, so one that is there is a leftover. Raises: OSError."""
    with contextlib.suppress(FileNotFoundError):
        (folder / NAME).unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as address:
            listening.bind(address)
        # nobody can connect before it listens
        (folder / NAME).chmod(0o600)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def connect(folder: Path) -> socket.socket:
    """Connect to the server of a data folder. Raises: OSError, if none listens or it may not be asked."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as address:
            connected.connect(address)
    except BaseException:
        connected.close()
        raise
    connected.setblocking(False)
    return connected
