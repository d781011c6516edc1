"""The tests' own PostgreSQL server ends with the tests, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest


async def test_database_is_new_for_every_test_and_has_postgis(postgres_database_url: str) -> None:
    connection = await asyncpg.connect(postgres_database_url)
    try:
        await connection.execute("CREATE TABLE mark (n int)")
        assert await connection.fetchval("SELECT ST_AsText(ST_Point(7.6, 51.9))") == "POINT(7.6 51.9)"
    finally:
        await connection.close()


@pytest.mark.parametrize("_", range(2))
async def test_database_keeps_nothing_of_another_test(postgres_database_url: str, _: int) -> None:
    connection = await asyncpg.connect(postgres_database_url)
    try:
        assert await connection.fetchval("SELECT to_regclass('mark')") is None
        await connection.execute("CREATE TABLE mark (n int)")
    finally:
        await connection.close()


_OWNER = """
import time
from tests.postgres_server import PostgresServer
server = PostgresServer()
print(server.folder, flush=True)
time.sleep(60)
"""


@pytest.mark.usefixtures("postgres_server")  # for its skip
def test_server_ends_and_leaves_nothing_when_its_owner_is_killed() -> None:
    root = Path(__file__).parents[1]
    owner = subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True, cwd=root)
    assert owner.stdout
    folder = Path(owner.stdout.readline().strip())
    postmaster = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    deadline = time.monotonic() + 10
    while (folder.exists() or _runs(postmaster)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    assert not _runs(postmaster)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
