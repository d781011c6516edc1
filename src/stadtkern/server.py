"""Run the application behind Granian: in this process, or in several that share the port."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
from multiprocessing.process import BaseProcess

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from stadtkern import log, telemetry
from stadtkern.app import Application, create_app
from stadtkern.control.server import ControlServer
from stadtkern.errors import SetupError, Unavailable
from stadtkern.settings import Settings

BACKLOG = 1024


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; then finish what was accepted. Gives the exit code."""
    settings.check_exposure()
    if settings.workers == 1:
        return run_worker(settings)
    return _supervise(settings)


def run_worker(settings: Settings) -> int:
    """Serve from this process."""
    log.configure(settings.log_format, access=settings.access_log)
    sys.setswitchinterval(0.001)
    try:
        return uvloop.run(_serve(settings))
    except (SetupError, Unavailable) as error:
        print(f"stadtkern: {error}", file=sys.stderr)  # noqa: T201 - the command line's answer
        return 3


async def _serve(settings: Settings) -> int:
    application = create_app(settings)
    await application.start()
    try:
        server = Server(
            application,
            address=settings.bind,
            port=settings.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            log_enabled=False,
        )
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        telemetry.emit(telemetry.ServerStarted(f"http://{settings.bind}:{settings.port}", _engine(settings)))
        async with _control(application, settings):
            await _until(server, stopping, settings.shutdown_timeout_s)
    finally:
        await application.stop()
    return 0


def _control(application: Application, settings: Settings) -> contextlib.AbstractAsyncContextManager[object]:
    """Let commands in: they cannot open an embedded store beside the server."""
    if settings.database_url:
        return contextlib.nullcontext()
    return ControlServer(application.controller, settings.data)


def _engine(settings: Settings) -> str:
    return "postgres" if settings.database_url else "sqlite"


async def _until(server: Server, stopping: asyncio.Event, timeout_s: float) -> None:
    serving = asyncio.ensure_future(server.serve())
    waiting = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        waiting.cancel()
        serving.result()
        return
    telemetry.emit(telemetry.ServerStopping("signal"))
    server.stop()
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(serving, timeout_s)


def _supervise(settings: Settings) -> int:
    """Keep the wanted number of worker processes alive; the kernel shares the port among them."""
    _check_port(settings)
    context = multiprocessing.get_context("spawn")
    workers: list[BaseProcess] = []
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        for worker in workers:
            if worker.is_alive():
                worker.terminate()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    while not stopping:
        workers[:] = [worker for worker in workers if worker.is_alive()]
        while len(workers) < settings.workers and not stopping:
            worker = context.Process(target=_work, args=(settings, os.getpid()))
            worker.start()
            workers.append(worker)
        multiprocessing.connection.wait([worker.sentinel for worker in workers], timeout=1)
    for worker in workers:
        worker.join(settings.shutdown_timeout_s + 5)
    return 0


def _work(settings: Settings, parent: int) -> None:
    sys.exit(run_worker(settings))


def _check_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.bind, settings.port))
        except OSError as error:
            raise SetupError(f"The port {settings.port} on {settings.bind} cannot be used: {error.strerror}") from error
