"""Exports and backups show one moment, while writing goes on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from stadtkern.app import running
from stadtkern.control.controller import Controller, grant_for
from stadtkern.model.entity import EntityPatch
from stadtkern.model.ids import EntityId
from stadtkern.model.operation import UpdateAttributes
from tests.cli.commands import Place, rows
from tests.cli.town import DEFAULT, TREE, make, name, patch, write

TWINS = [EntityId(f"urn:twin:{number}") for number in range(40)]
"""Every commit gives all of them the same number."""


async def _count_up(controller: Controller, stopping: asyncio.Event) -> int:
    count = 0
    while not stopping.is_set():
        count += 1
        value = EntityPatch(attributes={name("count"): [patch(str(count))]})
        await controller.services.broker.write(grant_for(DEFAULT), [UpdateAttributes(twin, value) for twin in TWINS])
    return count


async def _run_while_writing(place: Place, *arguments: str) -> int:
    """Run a command while a server writes, and give how many commits there were meanwhile."""
    async with running(place.settings) as application:
        await write(application.controller, DEFAULT, *(make(twin, [TREE], count=patch("0")) for twin in TWINS))
        stopping = asyncio.Event()
        writing = asyncio.create_task(_count_up(application.controller, stopping))
        await asyncio.sleep(0.2)
        command = (sys.executable, "-m", "stadtkern", *arguments)
        process = await asyncio.create_subprocess_exec(*command, env=os.environ | place.environment)
        assert await process.wait() == 0
        await asyncio.sleep(0.1)
        stopping.set()
        return await writing


def _check(exported: list[Any], commits: int) -> None:
    twins = {row["n"]: row for row in exported if row["table"] == "entity" and row["id"] in TWINS}
    counts = {row["doc"]["attributes"][name("count")][0]["value"] for row in twins.values()}
    assert len(twins) == len(TWINS)
    assert len(counts) == 1
    assert 0 < counts.pop() < commits
    # what was superseded is in the history, without a gap and without the present one
    passed = [row for line in exported if line["table"] == "observation" for row in line["rows"] if row[0] in twins]
    versions = sum(row["version"] - 1 for row in twins.values())
    assert len(passed) == versions


async def test_export_shows_one_moment_while_writing_goes_on(place: Place, tmp_path: Path) -> None:
    commits = await _run_while_writing(place, "export", "-o", str(tmp_path / "moment.ndjson"))
    _check(rows((tmp_path / "moment.ndjson").read_text()), commits)


async def test_backup_shows_one_moment_while_writing_goes_on(place: Place, tmp_path: Path) -> None:
    commits = await _run_while_writing(place, "backup", str(tmp_path / "backup"))
    await asyncio.to_thread(place.succeed, "restore", "--force", str(tmp_path / "backup"))
    exported = await asyncio.to_thread(place.succeed, "export")
    _check(rows(exported), commits)
    assert json.loads((tmp_path / "backup" / "manifest.json").read_text())["tenants"] == ["default"]
