"""The server as a process, on each engine in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server that lets everybody write."""
    with ServerProcess(tmp_path, database_url=database_url, anonymous="write") as process:
        yield process.start()
