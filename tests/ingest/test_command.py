"""``stadtkern import`` as a person runs it: exit codes, messages, a running server, and a kill in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.import_run import EXAMPLES, FILES
from tests.server_process import ServerProcess

BICYCLES = EXAMPLES / "bicycles-muenster.yaml"
RING = "urn:ngsi-ld:BicycleCounter:muenster:510000001"
COUNTS = """
source: {format: csv}
time: {value: t}
entities:
  - {id: "urn:x:{id}", type: X, observedAt: $time, attributes: {n: number(n)}}
"""


def environment(folder: Path, database_url: str = "") -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STADTKERN_")}
    return kept | {"STADTKERN_DATA": str(folder / "data"), "STADTKERN_DATABASE_URL": database_url}


def run(folder: Path, *arguments: str | Path, database_url: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stadtkern", "import", *map(str, arguments)],
        env=environment(folder, database_url),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_import_says_what_it_did(tmp_path: Path) -> None:
    done = run(tmp_path, FILES / "bicycles-2025-10.csv", "--mapping", BICYCLES, "--report", "report.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 files, 5 records read, ")
    assert "doubled hour of autumn, rule 'both-summed': 2 (first: " in done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["files"][0]["records"], report["files"][0]["rejected"], report["rejected_file"]) == (5, 0, None)
    assert not (tmp_path / "rejected.ndjson").exists()


def test_import_ends_with_1_and_a_file_of_reasons_when_records_are_rejected(tmp_path: Path) -> None:
    playgrounds = EXAMPLES / "playgrounds-muenster.yaml"
    done = run(tmp_path, FILES / "playgrounds.csv", "--mapping", playgrounds, "--rejected", "bad.ndjson")
    assert (done.returncode, done.stderr) == (1, "")
    assert "1 rejected" in done.stdout
    assert "bad.ndjson" in done.stdout
    (line,) = (tmp_path / "bad.ndjson").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["reason"] == "'12 ha' is not a number"


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [("source: {format: xml}", "Invalid enum value 'xml'"), ("source: {format: csv}", "needs a member 'entities'")],
)
def test_import_ends_with_2_when_the_mapping_is_wrong(tmp_path: Path, mapping: str, sentence: str) -> None:
    (tmp_path / "wrong.yaml").write_text(mapping)
    done = run(tmp_path, FILES / "playgrounds.csv", "--mapping", "wrong.yaml")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_import_ends_with_2_when_there_is_no_mapping_file(tmp_path: Path) -> None:
    done = run(tmp_path, FILES / "playgrounds.csv", "--mapping", "none.yaml")
    assert (done.returncode, "none.yaml cannot be read" in done.stderr) == (2, True)


def test_import_refuses_an_unknown_tenant(tmp_path: Path) -> None:
    done = run(tmp_path, FILES / "bicycles-2025-10.csv", "--mapping", BICYCLES, "--tenant", "nowhere")
    assert done.returncode > 2
    assert "Tenant nowhere does not exist" in done.stderr


def test_dry_run_shows_entities_and_writes_nothing(tmp_path: Path) -> None:
    files = (FILES / "bicycles-2025-10.csv", "--mapping", BICYCLES)
    done = run(tmp_path, *files, "--dry-run")
    assert (done.returncode, RING in done.stdout, '"observedAt": "2025-10-25T23:45:00Z"' in done.stdout) == (
        0,
        True,
        True,
    )
    assert "0 unchanged" in run(tmp_path, *files).stdout


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path) as process:
        yield process.start()


def test_import_goes_through_a_running_server_and_is_visible_at_once(tmp_path: Path, server: ServerProcess) -> None:
    done = run(tmp_path, FILES / "bicycles-2025-10.csv", "--mapping", BICYCLES)
    assert (done.returncode, done.stderr) == (0, "")
    counter = get(f"{server.url}/ngsi-ld/v1/entities/{RING}?options=keyValues")
    assert (counter["type"], counter["bicycleCount"], counter["name"]) == ("BicycleCounter", 0, "Ring IN")
    history = get(f"{server.url}/ngsi-ld/v1/temporal/entities/{RING}?attrs=bicycleCount&options=temporalValues")
    assert history["bicycleCount"]["values"][1] == [8, "2025-10-26T00:00:00Z"]
    again = run(tmp_path, FILES / "bicycles-2025-10.csv", "--mapping", BICYCLES)
    assert " 0 values written" in again.stdout


def test_import_that_was_killed_goes_on_without_duplicates(tmp_path: Path, database_url: str) -> None:
    rows = 120_000
    lines = (f"{row % 7},{1_700_000_000 + row * 60},{row}" for row in range(rows))
    (tmp_path / "big.csv").write_text("id,t,n\n" + "\n".join(lines) + "\n")
    (tmp_path / "m.yaml").write_text(COUNTS.replace("value: t", "value: fromEpoch(integer(t))"))
    command = [sys.executable, "-m", "stadtkern", "import", "big.csv", "--mapping", "m.yaml"]
    for _ in range(2):
        process = subprocess.Popen(
            command, env=environment(tmp_path, database_url), cwd=tmp_path, stdout=subprocess.DEVNULL
        )
        wait_for_progress(tmp_path / "data" / "imports", process)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    done = run(tmp_path, "big.csv", "--mapping", "m.yaml", database_url=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{rows} records read" in done.stdout
    assert "records written by an earlier run" in done.stdout
    full = run(tmp_path, "big.csv", "--mapping", "m.yaml", "--from-start", database_url=database_url)
    assert f"0 values written, {rows} unchanged" in full.stdout
    assert list((tmp_path / "data" / "imports").iterdir()) == []


def wait_for_progress(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a bookmark is written anew, and then a moment, so that the kill comes somewhere in a slice."""
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if any(before.get(path) != path.stat().st_mtime_ns for path in folder.glob("*.json")):
            time.sleep(0.15)
            return
        time.sleep(0.01)
    raise AssertionError("the import wrote no bookmark")
