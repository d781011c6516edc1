"""``stadtkern demo`` as a process of its own."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Self

from tests.server_process import ServerProcess

FILL_TIMEOUT_S = 60


class DemoProcess(ServerProcess):
    """A demonstration in ``folder``, with few days of history where the test does not say otherwise."""

    verb = "demo"

    def __init__(self, folder: Path, *arguments: str, days: int = 2, **settings: str) -> None:
        super().__init__(folder, "--data", str(folder / "data"), "--days", str(days), *arguments, **settings)

    def start(self) -> Self:
        """Start and wait until the addresses are printed."""
        before = len(self.output())
        super().start()
        self.wait_for("Stop with Ctrl+C", before)
        return self

    def wait_for(self, text: str, after: int = 0) -> None:
        """Wait until it has printed something."""
        deadline = time.monotonic() + FILL_TIMEOUT_S
        while text not in self.output()[after:]:
            assert self.code() is None, f"The demonstration ended:\n{self.output()}"
            assert time.monotonic() < deadline, f"The demonstration did not print {text!r}:\n{self.output()}"
            time.sleep(0.02)

    def output(self) -> str:
        """Give what it has printed so far."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def token(self) -> str:
        """Give the administrator's token that it printed last."""
        return re.findall(r"^  export TOKEN=(\S+)$", self.output(), re.MULTILINE)[-1]

    def tries(self) -> dict[str, str]:
        """Give what it printed to try, by title: addresses, and commands."""
        return dict(re.findall(r"^  (\S.*)\n    (\S.*)$", self.output(), re.MULTILINE))
