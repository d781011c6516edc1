"""What deploy/ and the page about operation say is what the program knows, and systemd finds no fault with the unit."""

from __future__ import annotations

import asyncio
import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stadtkern.metrics import Load, Metrics
from stadtkern.settings import Settings

_ROOT = Path(__file__).parents[2]
_DEPLOY = _ROOT / "deploy"
_UNIT = _DEPLOY / "stadtkern.service"
_CONTAINER = (_DEPLOY / "Containerfile").read_text(encoding="utf-8")
_PAGE = (_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
_MOST_EXPOSED = 2.5
"""Out of ten, as ``systemd-analyze security`` counts; below three it says OK."""


def _systemd(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_unit_is_understood_by_systemd(tmp_path: Path) -> None:
    unit = tmp_path / _UNIT.name
    # what it starts must exist, and the account too: both come with the installation
    text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", _UNIT.read_text(encoding="utf-8"))
    unit.write_text(re.sub(r"(?m)^(User|Group)=.*$", r"\1=root", text))
    done = _systemd("verify", "--man=no", unit)
    assert [line for line in done.stderr.splitlines() if _UNIT.name in line] == []


def test_unit_is_hardened() -> None:
    done = _systemd("security", "--offline=yes", "--no-pager", _UNIT)
    if done.returncode and "unrecognized option" in done.stderr:
        pytest.skip("this systemd does not know --offline")
    found = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= _MOST_EXPOSED


def test_unit_gives_the_server_the_time_that_it_takes_to_stop() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] - names are not folded
    unit.read(_UNIT, encoding="utf-8")
    assert int(unit["Service"]["TimeoutStopSec"]) > Settings().shutdown_timeout_s + 5


def test_container_runs_without_rights_and_is_watched() -> None:
    final = _CONTAINER.rpartition("\nFROM ")[2]
    user = re.search(r"(?m)^USER (\d+)$", final)
    assert user is not None
    assert int(user[1]) >= 1000
    assert re.search(r"(?m)^HEALTHCHECK .*\\?\n?.*livez", final)
    assert all(
        re.fullmatch(r"\S+/python:3\.\d+-slim(?: AS \w+)?", base) for base in re.findall(r"(?m)^FROM (.*)$", _CONTAINER)
    )
    sources = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", _CONTAINER)
    assert all((_ROOT / path).exists() for line in sources for path in line.split())


def test_settings_in_deploy_exist() -> None:
    named = {name for path in _DEPLOY.iterdir() for name in re.findall(r"STADTKERN_[A-Z_]+", path.read_text())}
    assert {"STADTKERN_DATA", "STADTKERN_BIND"} <= named <= set(Settings().shown())


def test_defaults_on_the_page_are_the_effective_ones() -> None:
    rows = dict(re.findall(r"(?m)^\| `(STADTKERN_\w+)` \| `(.*?)` \|", _PAGE))
    shown = Settings().shown()
    assert len(rows) > 8
    assert rows == {name: shown[name] for name in rows}


def test_metrics_on_the_page_are_those_that_are_counted() -> None:
    table = _PAGE.partition("| metric |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`((?:stadtkern|process)_\w+)`", table))

    async def read() -> str:
        async with Metrics(Load) as metrics:
            return metrics.render().decode()

    assert named == set(re.findall(r"(?m)^# TYPE (\S+) ", asyncio.run(read())))
