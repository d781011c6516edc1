"""Telemetry events counted, in the form that Prometheus collects.

With several worker processes (``PROMETHEUS_MULTIPROC_DIR`` is set by the supervisor) the values lie in files that all
workers share, and any worker answers for all of them; gauges then carry the label ``pid``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

from stadtkern import telemetry
from stadtkern.errors import InternalError, Problem
from stadtkern.settings import version

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
REFRESH_S: Final = 10.0
"""How old the gauges of another worker may be."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DURATIONS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LAGS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_PAGE: Final = resource.getpagesize()
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Load(NamedTuple):
    """What is read at the moment of asking. queued_bytes: of requests accepted and not yet stored."""

    tenants: int = 0
    queued_requests: int = 0
    queued_bytes: int = 0
    subscriptions: int = 0
    waiting_notifications: int = 0
    oldest_notification_s: float = 0.0


class Metrics:
    """The numbers of one process. Enter it to count; leave it to stop."""

    def __init__(self, read_load: Callable[[], Load]) -> None:
        disable_created_metrics()  # a series of start times beside each counter, which nobody reads
        self._read_load = read_load
        self._shared = SHARED_FOLDER in os.environ
        self._registry = CollectorRegistry()
        self._requests = self._histogram(
            "request_duration_seconds", "Requests answered", _DURATIONS, ["view", "method", "status"]
        )
        self._bound: dict[tuple[str, str, int], Histogram] = {}
        self._sizes = self._histogram("write_batch_operations", "Operations in one transaction", _SIZES)
        self._applying = self._histogram("write_batch_apply_seconds", "Load, apply and save a batch", _DURATIONS)
        self._committing = self._histogram("write_batch_commit_seconds", "Make a batch durable", _DURATIONS)
        self._lag = self._histogram("notification_lag_seconds", "From a commit until its notification was taken", _LAGS)
        self._failed_notifications = self._counter(
            "notifications_failed", "Notifications that a receiver did not take", ["permanent"]
        )
        self._dropped = self._counter("notifications_dropped", "Notifications that were given up", ["reason"])
        self._failed_requests = self._counter("requests_failed", "Requests that met a fault of the server")
        self._failed_writes = self._counter("writes_failed", "Writes undone by a fault of the server")
        self._failed_jobs = self._counter("maintenance_failures", "Background jobs that failed", ["job"])
        self._tenants = self._gauge("stadtkern_tenants_open", "Tenants whose store is open")
        self._queued_requests = self._gauge("stadtkern_write_queue_requests", "Requests waiting to be stored")
        self._queued_bytes = self._gauge("stadtkern_write_queue_bytes", "Their size")
        self._subscriptions = self._gauge("stadtkern_subscriptions", "Subscriptions that this process serves")
        self._waiting = self._gauge("stadtkern_notifications_waiting", "Notifications not delivered yet")
        self._oldest = self._gauge(
            "stadtkern_notification_oldest_seconds", "How long the oldest notification not delivered yet has waited"
        )
        self._memory = self._gauge("process_resident_memory_bytes", "Memory in use")
        self._cpu = self._gauge("process_cpu_seconds", "Processor time used, user and system")
        self._files = self._gauge("process_open_fds", "Files and connections open")
        self._gauge("process_start_time_seconds", "Start, seconds since 1970-01-01 UTC").set(_started_at())
        self._gauge("stadtkern_info", "The version that runs", ["version"]).labels(version()).set(1)
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            telemetry.RequestAnswered: self._count_request,
            telemetry.BatchCommitted: self._count_batch,
            telemetry.RequestFailed: self._count_fault,
            telemetry.WriteFailed: lambda _: self._failed_writes.inc(),
            telemetry.NotificationSent: lambda event: self._lag.observe(event.lag_s),
            telemetry.NotificationFailed: lambda event: self._failed_notifications.labels(str(event.permanent)).inc(),
            telemetry.NotificationsDropped: lambda event: self._dropped.labels(event.reason).inc(event.count),
            telemetry.MaintenanceFailed: lambda event: self._failed_jobs.labels(event.job).inc(),
        }
        self._stack = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start counting."""
        self._stack.callback(telemetry.subscribe(self.count))
        if self._shared:
            self._task = asyncio.create_task(self._refresh_for_others(), name="metrics")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting."""
        self._stack.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def count(self, event: telemetry.Event) -> None:
        """Count one event; most kinds are of no interest."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def render(self) -> bytes:
        """Give all numbers in Prometheus' text format: those of this process, or of all workers."""
        self._refresh()
        if not self._shared:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)

    def _count_request(self, event: telemetry.RequestAnswered) -> None:
        key = (event.view, event.method, event.status)
        child = self._bound.get(key)
        if child is None:
            child = self._bind(*key)
        child.observe(event.duration_s)

    def _bind(self, view: str, method: str, status: int) -> Histogram:
        """Make the child of some labels, once; clients may think up methods, but no series."""
        known = method in _METHODS
        child = self._requests.labels(view or "none", method if known else "other", str(status))
        if known:
            self._bound[(view, method, status)] = child
        return child

    def _count_fault(self, event: telemetry.RequestFailed) -> None:
        """Count what a programmer should see; a full disk or a context that does not load has its status."""
        if not isinstance(event.error, Problem) or isinstance(event.error, InternalError):
            self._failed_requests.inc()

    def _count_batch(self, event: telemetry.BatchCommitted) -> None:
        self._sizes.observe(event.operations)
        self._applying.observe(event.apply_s)
        self._committing.observe(event.commit_s)

    def _refresh(self) -> None:
        load = self._read_load()
        self._tenants.set(load.tenants)
        self._queued_requests.set(load.queued_requests)
        self._queued_bytes.set(load.queued_bytes)
        self._subscriptions.set(load.subscriptions)
        self._waiting.set(load.waiting_notifications)
        self._oldest.set(load.oldest_notification_s)
        self._memory.set(_resident_bytes())
        self._cpu.set(time.process_time())
        self._files.set(_open_files())

    async def _refresh_for_others(self) -> None:
        while True:
            self._refresh()
            await asyncio.sleep(REFRESH_S)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], labels: list[str] | None = None
    ) -> Histogram:
        return Histogram(f"stadtkern_{name}", text, labels or [], buckets=buckets, registry=self._registry)

    def _counter(self, name: str, text: str, labels: list[str] | None = None) -> Counter:
        return Counter(f"stadtkern_{name}", text, labels or [], registry=self._registry)

    def _gauge(self, name: str, text: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(name, text, labels or [], registry=self._registry, multiprocess_mode="liveall")


@contextlib.contextmanager
def shared_metrics() -> Generator[None]:
    """Let the worker processes that are started meanwhile share their numbers; for their supervisor."""
    with tempfile.TemporaryDirectory(prefix="stadtkern-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def forget_worker(pid: int | None) -> None:
    """Drop the gauges of a worker that ended; what it counted stays."""
    if pid is not None:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:  # no /proc: the highest so far, in KiB
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count, not paths
    except OSError:
        return 0


def _started_at() -> float:
    try:
        since_boot = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / _TICKS
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot
    except OSError:
        return time.time()
