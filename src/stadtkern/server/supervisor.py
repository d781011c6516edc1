"""Several worker processes that share the port: started, replaced when they end, ended together."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from typing import Any

from stadtkern import telemetry
from stadtkern.metrics import forget_worker, shared_metrics
from stadtkern.server.worker import SETUP_FAILED, run_worker
from stadtkern.settings import Settings

YOUNG_S = 5.0
"""A worker that ends sooner is replaced after a pause only."""


def supervise(settings: Settings) -> int:
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
