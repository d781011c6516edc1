"""One process that serves: the application, its socket, its signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from stadtkern import log, telemetry
from stadtkern.app import Application, create_app
from stadtkern.control.server import ControlServer
from stadtkern.errors import SetupError, Unavailable
from stadtkern.server.garbage import Collector
from stadtkern.server.listening import make_server, open_sockets
from stadtkern.settings import Settings

SETUP_FAILED = 3
"""Exit code of a process that could not start."""
Companion = Callable[[Application], Coroutine[Any, Any, None]]
"""Work in the server's process beside the requests: cancelled when the server stops; its failure stops the server."""


def run_worker(settings: Settings, companion: Companion | None = None) -> int:
    """Serve from this process."""
    log.configure(settings.log_format, access=settings.access_log)
    try:
        return uvloop.run(_serve(settings, companion))
    except (SetupError, Unavailable) as error:
        print(f"stadtkern: {error}", file=sys.stderr)  # noqa: T201 - the command line's answer
        return SETUP_FAILED


async def _serve(settings: Settings, companion: Companion | None) -> int:
    application = create_app(settings)
    await application.start()
    collector = Collector()
    collector.start()
    try:
        sockets = open_sockets(settings)
        server = make_server(
            application,
            header_timeout_s=settings.header_timeout_s,
            shutdown_timeout_s=settings.shutdown_timeout_s,
        )
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        telemetry.emit(telemetry.ServerStarted(f"http://{settings.bind}:{settings.port}", _engine(settings)))
        async with _control(application, settings):
            beside = None if companion is None else companion(application)

            def stop() -> None:
                application.streams.end()
                server.stop()

            await _until(server.serve(sockets), stop, _stopped(stopping, beside))
    finally:
        collector.stop()
        await application.stop()
    return 0


def _control(application: Application, settings: Settings) -> contextlib.AbstractAsyncContextManager[object]:
    """Let commands in: they cannot open an embedded store beside the server."""
    if settings.database_url:
        return contextlib.nullcontext()
    return ControlServer(application.controller, settings.data)


def _engine(settings: Settings) -> str:
    return "postgres" if settings.database_url else "sqlite"


async def _stopped(stopping: asyncio.Event, beside: Coroutine[Any, Any, None] | None) -> None:
    """Wait for the signal to stop, which ends what goes on beside the server, or for the failure of that."""
    told = asyncio.ensure_future(stopping.wait())
    tasks = [told] if beside is None else [told, asyncio.ensure_future(beside)]
    try:
        while not told.done():
            done, _ = await asyncio.wait(
                [task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _until(
    served: Coroutine[Any, Any, None], stop: Callable[[], None], stopped: Coroutine[Any, Any, None]
) -> None:
    """Serve until something else says that it is enough, or until the server itself fails."""
    serving = asyncio.ensure_future(served)
    waiting = asyncio.ensure_future(stopped)
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        waiting.cancel()
        await asyncio.wait({waiting})
        serving.result()
        return
    telemetry.emit(telemetry.ServerStopping("failure" if waiting.exception() else "signal"))
    stop()
    await serving
    waiting.result()
