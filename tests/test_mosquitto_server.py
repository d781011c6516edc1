"""The tests' own MQTT broker ends with the tests, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_OWNER = """
import time
from tests.mosquitto_server import MosquittoServer
server = MosquittoServer()
print(server.folder, flush=True)
time.sleep(60)
"""


@pytest.mark.usefixtures("mosquitto_server")  # for its skip
def test_broker_ends_and_leaves_nothing_when_its_owner_is_killed() -> None:
    root = Path(__file__).parents[1]
    owner = subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True, cwd=root)
    assert owner.stdout
    folder = Path(owner.stdout.readline().strip())
    broker = int((folder / "pid").read_text())
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    deadline = time.monotonic() + 10
    while (folder.exists() or _runs(broker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    assert not _runs(broker)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
