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
import threading
import time
from collections.abc import Callable, Coroutine
from multiprocessing.process import BaseProcess
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from stadtkern import log, telemetry
from stadtkern.app import Application, create_app
from stadtkern.control.server import ControlServer
from stadtkern.errors import SetupError, Unavailable
from stadtkern.metrics import forget_worker, shared_metrics
from stadtkern.settings import Settings

BACKLOG = 1024
SETUP_FAILED = 3
"""Exit code of a process that could not start."""
YOUNG_S = 5.0
"""A worker that ends sooner is replaced after a pause only."""
Companion = Callable[[Application], Coroutine[Any, Any, None]]
"""Work in the server's process beside the requests: cancelled when the server stops; its failure stops the server."""


def serve(settings: Settings, companion: Companion | None = None) -> int:
    """Serve until SIGTERM or SIGINT; then finish what was accepted. Gives the exit code.

    companion: for one worker only.
    """
    settings.check_exposure()
    _check_port(settings)
    if settings.workers == 1:
        return run_worker(settings, companion)
    return _supervise(settings)


def run_worker(settings: Settings, companion: Companion | None = None) -> int:
    """Serve from this process."""
    log.configure(settings.log_format, access=settings.access_log)
    sys.setswitchinterval(0.001)
    try:
        return uvloop.run(_serve(settings, companion))
    except (SetupError, Unavailable) as error:
        print(f"stadtkern: {error}", file=sys.stderr)  # noqa: T201 - the command line's answer
        return SETUP_FAILED


async def _serve(settings: Settings, companion: Companion | None) -> int:
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
            http1_settings=HTTP1Settings(header_read_timeout=int(settings.header_timeout_s * 1000)),
            log_enabled=False,
        )
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        telemetry.emit(telemetry.ServerStarted(f"http://{settings.bind}:{settings.port}", _engine(settings)))
        async with _control(application, settings):
            beside = None if companion is None else companion(application)
            await _until(server, _stopped(stopping, beside), settings.shutdown_timeout_s)
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


async def _until(server: Server, stopped: Coroutine[Any, Any, None], timeout_s: float) -> None:
    serving = asyncio.ensure_future(server.serve())
    waiting = asyncio.ensure_future(stopped)
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        waiting.cancel()
        await asyncio.wait({waiting})
        serving.result()
        return
    telemetry.emit(telemetry.ServerStopping("failure" if waiting.exception() else "signal"))
    server.stop()
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(serving, timeout_s)
    waiting.result()


def _supervise(settings: Settings) -> int:
    """Keep the wanted number of worker processes alive; the kernel shares the port among them."""
    supervisor = _Supervisor(settings)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, supervisor.stop)
    return supervisor.run()


class _Supervisor:
    """Starts the workers, replaces those that end, ends them all."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[BaseProcess, float] = {}
        """The workers by the time they were started."""
        self._served = self._context.RawValue("b", 0)
        self._stopping = False
        self._code = 0

    def stop(self, *_: object) -> None:
        """End the workers by their own way; a signal handler."""
        self._stopping = True
        for worker in list(self._workers):
            worker.terminate()

    def run(self) -> int:
        """Supervise until stopped, or until the first workers say that they cannot start. Gives the exit code."""
        with shared_metrics():
            self._supervise()
        return self._code

    def _supervise(self) -> None:
        while not self._stopping:
            while len(self._workers) < self._settings.workers and not self._stopping:
                self._start()
            multiprocessing.connection.wait([worker.sentinel for worker in self._workers], timeout=1)
            for worker in [worker for worker in self._workers if not worker.is_alive()]:
                self._bury(worker)
        self.stop()
        self._join()

    def _start(self) -> None:
        worker = self._context.Process(target=_work, args=(self._settings, self._served))
        worker.start()
        self._workers[worker] = time.monotonic()

    def _bury(self, worker: BaseProcess) -> None:
        age = time.monotonic() - self._workers.pop(worker)
        forget_worker(worker.pid)
        if worker.exitcode == SETUP_FAILED and not self._served.value:
            self._stopping, self._code = True, SETUP_FAILED
        elif age < YOUNG_S and not self._stopping:
            # whatever ends workers at once, such as a database that is away, is not asked about without a pause
            time.sleep(1)

    def _join(self) -> None:
        deadline = time.monotonic() + self._settings.shutdown_timeout_s + 5
        for worker in self._workers:
            worker.join(max(0, deadline - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()


def _work(settings: Settings, served: Any) -> None:
    """Be a worker process."""
    _end_with_parent(settings.shutdown_timeout_s)

    def note(event: telemetry.Event) -> None:
        if isinstance(event, telemetry.ServerStarted):
            served.value = 1

    telemetry.subscribe(note)
    sys.exit(run_worker(settings))


def _end_with_parent(patience_s: float) -> None:
    """Stop when the supervisor is gone, however it went: nobody else would ever end or replace this worker."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience_s + 5)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _check_port(settings: Settings) -> None:
    """Refuse a port that another server listens on: the workers' sockets would silently share it with that one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.bind, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SetupError(f"The port {settings.port} on {settings.bind} cannot be used: {error.strerror}") from error
