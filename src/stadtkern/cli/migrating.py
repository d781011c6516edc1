"""``stadtkern migrate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stadtkern.cli.base import EXIT_FINDINGS, json_option, read_settings, run_async, show_json, show_table
from stadtkern.cli.exporting import open_readable
from stadtkern.settings import Settings

if TYPE_CHECKING:
    from stadtkern.store.migrate import Family
    from stadtkern.store.snapshot import Snapshot

States = list[tuple[str, int, list[str]]]
"""A store's name, the number of its latest step, and the names of the steps it lacks."""


@click.command(short_help="Bring the store to this version's schema.")
@click.option("--check", is_flag=True, help="Change nothing; the exit code is 1 if there is something to do.")
@json_option
def migrate(check: bool, as_json: bool) -> None:
    """Bring the store to the schema of this version, and show what was done.

    A server does the same by itself when it starts, and for each tenant when it is first used. Steps go forward only:
    make a backup first.
    """

    async def work() -> int:
        settings = read_settings()
        states = await read_states(settings)
        pending = sum(len(steps) for _, _, steps in states)
        if pending and not check:
            await _apply(settings, [name for name, _, steps in states if steps])
        if as_json:
            show_json({"pending" if check else "applied": {name: steps for name, _, steps in states if steps}})
        else:
            rows = [(name, str(at), ", ".join(steps) or "-") for name, at, steps in states]
            show_table(("STORE", "SCHEMA BEFORE", "TO DO" if check else "DONE"), rows)
        return EXIT_FINDINGS if pending and check else 0

    run_async(work)


async def read_states(settings: Settings) -> States:
    """Tell how far each store is. Raises: SetupError, NewerStore, Unavailable."""
    async with open_readable(settings) as snapshot:
        if snapshot is None:
            return []
        return await _read_states(snapshot)


async def _read_states(snapshot: Snapshot) -> States:
    from stadtkern.store.migrate import migrations, read_applied
    from stadtkern.store.snapshot import SYSTEM

    families: list[tuple[str, Family]] = [(SYSTEM, "system"), *((name, "tenant") for name in snapshot.tenants)]
    states: States = []
    for name, family in families:
        applied = await read_applied(snapshot.view(name), family)
        steps = [step.name for step in migrations(family) if step not in applied]
        states.append((name, applied[-1].number if applied else 0, steps))
    return states


async def _apply(settings: Settings, names: list[str]) -> None:
    """Open what is behind; that brings it to date, here or in the running server."""
    from stadtkern.cli.progress import bar
    from stadtkern.cli.reach import open_control
    from stadtkern.control.messages import OpenTenant
    from stadtkern.model.ids import parse_tenant_id
    from stadtkern.store.snapshot import SYSTEM

    with bar("Migrating", "stores", len(names)) as shown:
        async with open_control(settings) as control:
            for name in names:
                if name != SYSTEM:
                    await control.ask(OpenTenant(parse_tenant_id(name)))
                shown.advance(1)
