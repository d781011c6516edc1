"""Starting and stopping: ports, locks, exposure, signals, and the supervision of several workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import pytest

from tests.server_process import ServerProcess

SETUP_FAILED = 3
WAIT_S = 30


async def test_serve_finishes_accepted_writes_when_terminated(server: ServerProcess) -> None:
    size = 3000
    batch = [{"id": f"urn:x:{i}", "type": "T", "a": {"type": "Property", "value": i}} for i in range(size)]
    async with aiohttp.ClientSession(server.url) as session:
        writing = asyncio.create_task(_create(session, batch))
        while await _status(session, "/ngsi-ld/v1/entities/urn:x:0") != 200:
            assert not writing.done()
        server.terminate()
        status, created = await writing
    assert (status, len(created)) == (201, size)
    assert server.wait() == 0
    server.restart()
    async with aiohttp.ClientSession(server.url) as session:
        assert await _status(session, f"/ngsi-ld/v1/entities/urn:x:{size - 1}") == 200


async def _create(session: aiohttp.ClientSession, batch: list[dict[str, Any]]) -> tuple[int, list[str]]:
    async with session.post("/ngsi-ld/v1/entityOperations/create", json=batch) as answer:
        return answer.status, await answer.json()


async def _status(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as answer:
        return answer.status


def test_serve_refuses_when_the_data_folder_is_in_use(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as first, ServerProcess(tmp_path) as second:
        first.start()
        second.launch()
        assert second.wait() == SETUP_FAILED
        assert "in use by another Stadtkern process" in second.log.read_text()
        assert first.is_ready()


def test_serve_starts_after_the_holder_of_the_data_folder_was_killed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as first, ServerProcess(tmp_path) as second:
        first.start().kill()
        assert second.start().is_ready()


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ([], {"bind": "0.0.0.0"}, "without STADTKERN_ADMIN_TOKEN"),
        ([], {"bind": "0.0.0.0", "admin_token": "secret", "anonymous": "write"}, "for loopback only"),
        ([], {"workers": "2"}, "needs PostgreSQL"),
        ([], {"prot": "80"}, "STADTKERN_PROT is unknown"),
        ([], {"database_url": "postgresql://nobody@127.0.0.1:1/none"}, "database cannot be reached"),
        (["--workers=2"], {"database_url": "postgresql://nobody@127.0.0.1:1/none"}, "database cannot be reached"),
    ],
)
def test_serve_refuses_with_a_sentence(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], message: str
) -> None:
    with ServerProcess(tmp_path, *arguments, **settings) as server:
        server.launch()
        assert server.wait() == SETUP_FAILED
        log = server.log.read_text()
        assert message in log
        assert "Traceback" not in log


def test_serve_refuses_a_store_of_a_newer_version(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        server.start().stop()
        with contextlib.closing(apsw.Connection(str(server.data / "tenants" / "default.sqlite"))) as store:
            store.execute("INSERT INTO migration VALUES (9999, '9999_pre_future.sql', 'x')")
        server.launch()
        assert server.wait() == SETUP_FAILED
        assert "was written by a newer version" in server.log.read_text()


def test_serve_binds_publicly_when_told_so(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "--insecure", bind="0.0.0.0") as server:
        assert server.start().stop() == 0


def test_serve_binds_publicly_with_a_token(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, bind="0.0.0.0", admin_token="secret") as server:
        assert server.start().stop() == 0


def test_serve_refuses_when_the_port_is_taken(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as first:
        first.start()
        second = ServerProcess(tmp_path / "other", port=str(first.port))
        second.log.parent.mkdir()
        with second:
            second.launch()
            assert second.wait() == SETUP_FAILED
            assert f"The port {first.port} on 127.0.0.1 cannot be used" in second.log.read_text()


@pytest.fixture
def workers(postgres_database_url: str, tmp_path: Path) -> ServerProcess:
    """A server of two worker processes, not started."""
    return ServerProcess(tmp_path, database_url=postgres_database_url, anonymous="write", workers="2")


def test_supervisor_replaces_a_killed_worker(workers: ServerProcess) -> None:
    with workers:
        workers.start()
        before = _wait_for_workers(workers.pid, 2)
        os.kill(before[0], signal.SIGKILL)
        after = _wait_for_workers(workers.pid, 2, without=before[0])
        assert before[1] in after
        _wait_until(workers.is_ready)
        assert workers.stop() == 0
        _wait_until(lambda: not any(map(_runs, after)))


def test_supervisor_leaves_no_worker_behind_when_killed(workers: ServerProcess) -> None:
    with workers:
        workers.start()
        orphans = _wait_for_workers(workers.pid, 2)
        workers.kill()
        _wait_until(lambda: not any(map(_runs, orphans)))
        assert not workers.is_ready()


def _wait_for_workers(supervisor: int, number: int, without: int = 0) -> list[int]:
    found: list[int] = []

    def enough() -> bool:
        found[:] = [pid for pid in _children(supervisor) if pid != without]
        return len(found) == number

    _wait_until(enough)
    return found


def _children(parent: int) -> list[int]:
    """Worker processes of a supervisor, without what the interpreter itself starts beside them."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in listed if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.05)
