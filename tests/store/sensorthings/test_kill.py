"""A deep insert is there as a whole or not at all, also after the process was killed in the middle of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stadtkern.broker.tenants import OpenTenant
from stadtkern.model.ids import DEFAULT_TENANT
from stadtkern.model.sensorthings_terms import TYPE_IRIS
from tests.store.consistency import assert_consistent
from tests.store.stores import count, open_tenants

ROUNDS = (1, 17, 40)
"""After so many acknowledged Things the process is killed, one time after the other."""


def _insert_until_killed(folder: Path, database_url: str, enough: int) -> set[int]:
    """Let a process insert, kill it, and give the ids that it was told."""
    command = [sys.executable, "-m", "tests.store.sensorthings.inserting", str(folder), database_url]
    told: set[int] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told.add(int(line))
            if len(told) >= enough:
                process.kill()
                break
        told.update(int(line) for line in process.stdout if line.endswith("\n"))
    assert len(told) >= enough
    return told


async def test_kill_leaves_deep_inserts_whole(database_url: str, tmp_path: Path) -> None:
    told: set[int] = set()
    for enough in ROUNDS:
        told |= _insert_until_killed(tmp_path, database_url, enough)
        async with open_tenants(database_url, tmp_path) as tenants:
            tenant = await tenants.get(DEFAULT_TENANT)
            await _assert_whole(tenant, told)
            await assert_consistent(tenant.database)


async def _assert_whole(tenant: OpenTenant, told: set[int]) -> None:
    types = await tenant.database.fetch("SELECT type, n FROM entity_type")
    things = {n for type_, n in types if type_ == TYPE_IRIS["Thing"]}
    assert told <= things
    number = len(things)
    assert await count(tenant, "entity") == 10 * number
    assert await count(tenant, "series WHERE name = 'D'") == 3 * number
    # three values and the one time that the Thing was put somewhere
    assert await count(tenant, "observation WHERE observed = 1") == 4 * number
    assert await count(tenant, "link") == 2 * number
