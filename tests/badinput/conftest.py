"""One server an engine for all bad input of a module: at the end it still answers, and its log has no fault."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.badinput.asking import Asker
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess

MEMORY = 1024 * 1024 * 1024
"""Most that a server may ever have used, bytes: 100 MB at rest, the largest bodies in all their forms, and entities
with as many attributes as are read. Without bounds, single bodies of these tests took 3 to 8 GB.
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def engine_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """STADTKERN_DATABASE_URL for each engine in turn, one database for a whole module."""
    if request.param == "sqlite":
        yield ""
        return
    postgres: PostgresServer = request.getfixturevalue("postgres_server")
    name = postgres.create_database()
    yield postgres.database_url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def server(engine_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server that lets everybody write and loses patience soon."""
    settings = {
        "database_url": engine_url,
        "anonymous": "write",
        "admin_token": Asker.TOKEN,
        "log_format": "json",
        "body_timeout_s": "2",
        "header_timeout_s": "2",
        "query_timeout_s": "5",
    }
    with ServerProcess(tmp_path_factory.mktemp("server"), **settings) as process:
        yield process.start()
        assert process.is_ready()
        assert faults(process.log) == []
        assert peak_memory(process.pid) < MEMORY
        with urllib.request.urlopen(f"{process.url}/metrics") as answer:
            assert "stadtkern_requests_failed_total 0.0" in answer.read().decode()
        assert process.stop() == 0


@pytest.fixture
def asker(server: ServerProcess) -> Iterator[Asker]:
    """Asks the server over one connection."""
    with Asker(server.port) as made:
        yield made


def faults(log: Path) -> list[str]:
    """Give the lines of a log that tell of a fault of the server."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [f"{line['event']}: {line.get('error')}" for line in lines if line["level"] not in ("info", "warning")]


def peak_memory(pid: int) -> int:
    """Give the most memory a process ever had resident, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
