"""Servers to measure: Stadtkern on either engine, and the bare ceiling, each as an own process on one core."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path

SERVER_CORE = 0
CLIENT_CORE = 1

CEILING = """
import sys, uvloop
from stadtkern.server.listening import make_server, open_sockets
from stadtkern.settings import Settings
BODY = b'{"id":"urn:ngsi-ld:Bench:1","type":"Bench","p":{"type":"Property","value":' + b"1" * 500 + b"}}"
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}
END = {"type": "http.response.body", "body": BODY}
async def app(scope, receive, send):
    await send(START)
    await send(END)
async def main():
    sockets = open_sockets(Settings(port=int(sys.argv[1])))
    await make_server(app, header_timeout_s=30, shutdown_timeout_s=5).serve(sockets)
uvloop.run(main())
"""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def stadtkern(database_url: str = "") -> Generator[tuple[str, int]]:
    """Run a server with an empty store; gives its address and process id."""
    with tempfile.TemporaryDirectory(prefix="stadtkern-bench-") as folder:
        port = free_port()
        env = {
            **os.environ,
            "STADTKERN_DATA": folder,
            "STADTKERN_PORT": str(port),
            "STADTKERN_DATABASE_URL": database_url,
            "STADTKERN_ANONYMOUS": "write",
        }
        with _running([sys.executable, "-m", "stadtkern", "serve"], env, f"http://127.0.0.1:{port}/readyz") as pid:
            yield f"http://127.0.0.1:{port}", pid


@contextlib.contextmanager
def ceiling() -> Generator[tuple[str, int]]:
    """Run the same server program around an application that sends one constant answer."""
    port = free_port()
    command = [sys.executable, "-c", CEILING, str(port)]
    with _running(command, dict(os.environ), f"http://127.0.0.1:{port}/") as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextlib.contextmanager
def _running(command: list[str], env: dict[str, str], probe: str) -> Generator[int]:
    process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *command], env=env, stderr=subprocess.DEVNULL)
    try:
        _wait(probe, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with code {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.05)
    raise SystemExit("the server did not answer")


def memory_mb(pid: int) -> float:
    """Give the resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Give the processor time a process has used. Unlike rates it hardly suffers from what else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
