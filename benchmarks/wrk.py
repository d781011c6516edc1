"""Drive load with ``wrk`` (Debian package ``wrk``) from the other core."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.server import CLIENT_CORE, cpu_seconds


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests in all and a second, 99th percentile in ms, answers that were no success.

    cpu_us: processor time of the server for one request, microseconds.
    """

    requests: int
    per_second: float
    p99_ms: float
    failed: int
    cpu_us: float = 0.0


def drive(base: str, pid: int, script: str, *, seconds: int, connections: int) -> Load:
    """Run a Lua script against a server. Raises: SystemExit when wrk is missing."""
    before = cpu_seconds(pid)
    with _started(base, script, seconds, connections) as process:
        load = _read(process.communicate()[0])
    return replace(load, cpu_us=(cpu_seconds(pid) - before) / max(load.requests, 1) * 1e6)


def _started(base: str, script: str, seconds: int, connections: int) -> subprocess.Popen[str]:
    if shutil.which("wrk") is None:
        raise SystemExit("the benchmarks need wrk: apt-get install wrk")
    file = Path(tempfile.mkstemp(suffix=".lua")[1])
    file.write_text(script)
    command = ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    return subprocess.Popen([*command, "-s", str(file), base], stdout=subprocess.PIPE, text=True)


def start(base: str, script: str, *, seconds: int, connections: int) -> subprocess.Popen[str]:
    """Start load in the background; read its result with ``finish``."""
    return _started(base, script, seconds, connections)


def finish(process: subprocess.Popen[str]) -> Load:
    """Wait for background load and read what it saw."""
    return _read(process.communicate()[0])


def _read(text: str) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    requests = re.search(r"(\d+) requests in", text)
    return Load(
        int(requests[1]) if requests else 0,
        float(rate[1]) if rate else 0.0,
        float(p99[1]) * unit[p99[2]] if p99 else 0.0,
        int(failed[1]) if failed else 0,
    )
