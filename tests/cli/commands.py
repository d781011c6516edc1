"""Commands as a user runs them: in this process where that is enough, as a process of their own where it is not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from stadtkern.cli import main
from stadtkern.settings import Settings

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Place:
    """A store to work on."""

    data: Path
    database_url: str = ""
    port: int = 0
    more: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings of the commands."""
        return Settings(data=self.data, database_url=self.database_url)

    @property
    def environment(self) -> dict[str, str]:
        """The same as variables."""
        return {
            "STADTKERN_DATA": str(self.data),
            "STADTKERN_DATABASE_URL": self.database_url,
            "STADTKERN_PORT": str(self.port or free_port()),
            **self.more,
        }

    def run(self, *arguments: str | Path, input: str | bytes | None = None) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(main, [str(one) for one in arguments], input=input, env=self.environment)

    def succeed(self, *arguments: str | Path, input: str | bytes | None = None) -> str:
        """Run a command that must end well, and give what it printed."""
        done = self.run(*arguments, input=input)
        assert done.exit_code == 0, done.output
        return done.stdout

    def start(self, *arguments: str | Path, patch: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own; patch: Python to run in it first."""
        script = f"{patch}\nimport sys\nfrom stadtkern.cli import main\nmain()"
        return subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=os.environ | self.environment,
            **options,
        )


def rows(export: str | bytes) -> list[Any]:
    """The lines of an export between its first and its last, which tell of the export itself."""
    return [json.loads(line) for line in export.splitlines()[1:-1]]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(place: Place) -> Iterator[str]:
    """A server on the store; gives its address."""
    environment = os.environ | place.environment | {"STADTKERN_ADMIN_TOKEN": "secret"}
    with subprocess.Popen(
        [sys.executable, "-m", "stadtkern", "serve"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            address = f"http://127.0.0.1:{environment['STADTKERN_PORT']}"
            deadline = time.monotonic() + 20
            while ask(address + "/readyz") != 200:
                assert process.poll() is None, "the server ends at once"
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.communicate(timeout=20)


def ask(address: str, **headers: str) -> int:
    """GET an address and give the status; 0 where nobody answers."""
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
