"""The sockets the server listens on, and the server program itself."""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import uvicorn

from stadtkern.errors import SetupError
from stadtkern.server.connection import Connection
from stadtkern.settings import Settings

BACKLOG = 1024
_Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


class HttpServer(uvicorn.Server):
    """The server program, without its own treatment of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to whoever started it."""
        yield

    def stop(self) -> None:
        """Take nothing more and finish what was accepted."""
        self.should_exit = True


def make_server(
    application: Callable[..., Awaitable[None]], *, header_timeout_s: float, shutdown_timeout_s: float
) -> HttpServer:
    """Make a server for sockets that are given to it; what it would log, the application has logged already."""
    config = uvicorn.Config(
        application,
        interface="asgi3",
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=math.ceil(header_timeout_s),
        timeout_graceful_shutdown=math.ceil(shutdown_timeout_s),
    )
    return HttpServer(config)


def open_sockets(settings: Settings) -> list[socket.socket]:
    """Bind to the address, beside the other workers if there are any. Raises: SetupError."""
    family, kind, protocol, _, address = _find_address(settings)
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.workers > 1:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise _refused(settings, error) from error
    return [listening]


def check_port(settings: Settings) -> None:
    """Refuse a port that another server listens on: the workers' sockets would silently share it with that one."""
    family, kind, protocol, _, address = _find_address(settings)
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise _refused(settings, error) from error


def _find_address(settings: Settings) -> _Address:
    try:
        return socket.getaddrinfo(settings.bind, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise _refused(settings, error) from error


def _refused(settings: Settings, error: OSError) -> SetupError:
    return SetupError(f"The port {settings.port} on {settings.bind} cannot be used: {error.strerror}")
