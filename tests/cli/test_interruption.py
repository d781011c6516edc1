"""Commands that are killed, or whose disk is full, in the middle of their work."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import Place, rows

_KILL = """
import os, signal
from {module} import {owner}
original = {owner}.{function}
calls = 0
def killed(*arguments, **named):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **named)
{owner}.{function} = killed
"""


def _kill_at(where: str, call: int = 1) -> str:
    """Python that ends the process, as kill -9 does, where a function is called the n-th time."""
    path, _, function = where.rpartition(".")
    module, _, owner = path.rpartition(".")
    return _KILL.format(module=module, owner=owner, function=function, call=call)


def _leftovers(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.glob("**/*") if ".part" in path.name or path.name.startswith("snapshot-")
    )


@pytest.mark.parametrize("call", [1, 9])
def test_export_that_is_killed_leaves_no_file_under_the_name(embedded_town: Place, tmp_path: Path, call: int) -> None:
    target = tmp_path / "all.ndjson"
    done = embedded_town.start("export", "-o", target, patch=_kill_at("stadtkern.exchange.export.Exporter._put", call))
    assert done.returncode == -9
    assert not target.exists()
    embedded_town.succeed("export", "-o", target)
    assert len(rows(target.read_text())) > 10


@pytest.mark.parametrize(
    ("where", "call"),
    [
        ("stadtkern.exchange.loader._Filling._flush", 1),
        ("stadtkern.exchange.loader._Filling._derive", 2),
        ("stadtkern.broker.tenants.Tenants.adopt", 1),
        ("stadtkern.broker.tenants.adopt_tenant", 1),
        ("stadtkern.broker.tenants.Tenants.adopt", 2),
    ],
)
def test_import_that_is_killed_is_whole_or_absent_and_can_be_repeated(
    embedded_town: Place, tmp_path: Path, where: str, call: int
) -> None:
    exported = embedded_town.succeed("export")
    (tmp_path / "all.ndjson").write_text(exported)
    target = Place(tmp_path / "target")
    done = target.start("import", tmp_path / "all.ndjson", patch=_kill_at(where, call))
    assert done.returncode == -9
    target.succeed("import", "--replace", tmp_path / "all.ndjson")
    assert rows(target.succeed("export")) == rows(exported)
    assert _leftovers(target.data) == []


@pytest.mark.parametrize("call", [1, 2])
def test_backup_that_is_killed_is_no_backup(embedded_town: Place, tmp_path: Path, call: int) -> None:
    backup = tmp_path / "backup"
    patch = _kill_at("stadtkern.exchange.backup.describe_file", call)
    assert embedded_town.start("backup", backup, patch=patch).returncode == -9
    assert not backup.exists()
    assert embedded_town.run("restore", tmp_path / "backup.part").exit_code == 4
    embedded_town.succeed("backup", backup)
    embedded_town.succeed("restore", "--check", backup)
    assert _leftovers(tmp_path) == []


def test_restore_that_is_killed_while_it_copies_leaves_the_old_store(embedded_town: Place, tmp_path: Path) -> None:
    embedded_town.succeed("backup", tmp_path / "backup")
    embedded_town.succeed("tenant", "create", "later")
    before = rows(embedded_town.succeed("export"))
    patch = _kill_at("stadtkern.exchange.restore.copy_file", 2)
    assert embedded_town.start("restore", "--force", tmp_path / "backup", patch=patch).returncode == -9
    assert rows(embedded_town.succeed("export")) == before
    assert "left over" in embedded_town.run("doctor").stdout


def test_restore_that_is_killed_in_between_leaves_a_store_that_says_so(town: Place, tmp_path: Path) -> None:
    before = rows(town.succeed("export"))
    town.succeed("backup", tmp_path / "backup")
    where = "stadtkern.broker.tenants.adopt_tenant" if town.database_url else "stadtkern.exchange.restore.sync_folder"
    call = 1 if town.database_url else 3
    done = town.start("restore", "--force", tmp_path / "backup", patch=_kill_at(where, call))
    assert done.returncode == -9
    for command in (["export"], ["tenant", "list"], ["doctor"]):
        told = town.run(*command)
        assert told.exit_code in (1, 3)
        assert "incomplete" in told.output
    town.succeed("restore", "--force", tmp_path / "backup")
    assert rows(town.succeed("export")) == before


def _limit(size: int) -> Callable[[], None]:
    """Let no file of the process grow beyond a size: to a program this is a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_export_on_a_full_disk_ends_with_a_sentence(embedded_town: Place, tmp_path: Path) -> None:
    done = embedded_town.start("export", "-o", tmp_path / "all.ndjson", preexec_fn=_limit(4096))
    assert (done.returncode, done.stderr.startswith("Error: ")) == (3, True)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "all.ndjson").exists()
    assert _leftovers(tmp_path) == []


def test_backup_on_a_full_disk_ends_with_a_sentence(embedded_town: Place, tmp_path: Path) -> None:
    done = embedded_town.start("backup", tmp_path / "backup", preexec_fn=_limit(100_000))
    assert (done.returncode, done.stderr.startswith("Error: ")) == (3, True)
    assert not (tmp_path / "backup").exists()
    assert _leftovers(tmp_path) == []


def test_restore_on_a_full_disk_leaves_the_old_store(embedded_town: Place, tmp_path: Path) -> None:
    before = rows(embedded_town.succeed("export"))
    embedded_town.succeed("backup", tmp_path / "backup")
    done = embedded_town.start("restore", "--force", tmp_path / "backup", preexec_fn=_limit(100_000))
    assert (done.returncode, done.stderr.startswith("Error: ")) == (3, True)
    assert rows(embedded_town.succeed("export")) == before
    assert _leftovers(tmp_path) == []


def test_import_on_a_full_disk_changes_nothing(embedded_town: Place, tmp_path: Path) -> None:
    exported = embedded_town.succeed("export")
    (tmp_path / "all.ndjson").write_text(exported)
    target = Place(tmp_path / "target")
    target.succeed("tenant", "list")
    done = target.start("import", tmp_path / "all.ndjson", preexec_fn=_limit(170_000))
    assert (done.returncode, done.stderr.startswith("Error: ")) == (3, True)
    assert [row["table"] for row in rows(target.succeed("export"))] == ["tenant"]
    assert _leftovers(target.data) == []


def test_command_says_which_process_has_the_store_when_it_takes_no_questions(embedded: Place) -> None:
    patch = """
import fcntl, os, pathlib, stadtkern.cli.reach as reach
reach.PATIENCE_S = 0.2
data = pathlib.Path(os.environ["STADTKERN_DATA"]); data.mkdir()
held = (data / "lock").open("w"); fcntl.flock(held, fcntl.LOCK_EX)
"""
    done = embedded.start("tenant", "list", patch=patch)
    assert (done.returncode, "takes no questions" in done.stderr) == (3, True)


def test_export_into_a_pipe_that_closes_ends_quietly(embedded_town: Place) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m stadtkern export | head -c 10"
    environment = {**embedded_town.environment, **{"PYTHONPATH": "src"}}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environment, check=False, timeout=30
    )
    assert (done.stdout, "Traceback" in done.stderr) == ('{"table":"', False)
