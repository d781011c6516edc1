"""The real server as a process of its own, to be stopped, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 40


class ServerProcess:
    """``stadtkern serve`` on a free port of this machine; leave it by ``with``.

    settings: by their names without STADTKERN_, as in ``ServerProcess(tmp_path, anonymous="write")``.
    """

    verb = "serve"

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = folder / "data"
        self.log = folder / "server.log"
        self._arguments = arguments
        self._settings = {"DATA": str(self.data), "PORT": str(self.port), **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start and wait until it is ready."""
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if self.code() is not None or time.monotonic() > deadline:
                raise AssertionError(f"The server did not become ready:\n{self.log.read_text()}")
            time.sleep(0.02)
        return self

    def launch(self) -> None:
        """Start without waiting."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STADTKERN_")}
        environment |= {f"STADTKERN_{name.upper()}": value for name, value in self._settings.items()}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stadtkern", self.verb, *self._arguments],
                env=environment,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    def code(self) -> int | None:
        """The exit code; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def is_ready(self) -> bool:
        """Whether it answers and reaches its store."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End it without any chance to finish."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def terminate(self) -> None:
        """Ask it to end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to end and wait; gives the exit code."""
        self.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; gives the exit code."""
        assert self._process is not None
        return self._process.wait(STOP_TIMEOUT_S)

    def restart(self) -> Self:
        """Start it again after it ended, on the same data and port."""
        assert self.code() is not None
        return self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
