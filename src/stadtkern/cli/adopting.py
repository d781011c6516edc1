"""Import of an export: what ``stadtkern import`` does when it is given one."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

import click

from stadtkern.app import make_engine
from stadtkern.cli.progress import bar
from stadtkern.cli.reach import Control, open_control
from stadtkern.control.messages import AdoptTenant, IsEmpty
from stadtkern.errors import StoreNotEmpty
from stadtkern.exchange.loader import Loader, choose_names
from stadtkern.exchange.ownership import give_to_owner
from stadtkern.exchange.source import ExportSource
from stadtkern.model.ids import TenantId
from stadtkern.settings import Settings
from stadtkern.store.engine.sqlite import SqliteEngine

Existing = Literal["refuse", "replace", "keep"]
"""What becomes of tenants that hold data already: nothing is imported; they are replaced; they stay as they are."""


async def import_export(
    settings: Settings,
    path: Path,
    *,
    tenant: str | None = None,
    into: str | None = None,
    existing: Existing = "refuse",
) -> int:
    """Load an export ("-" reads standard input) and give the exit code.

    tenant: only this one of the export; into: under this name. The stores are filled beside those in use; each changes
    its place at once, at the end, whether or not a server runs. Whoever is killed before has changed nothing.
    Raises: UnusableFile, StoreNotEmpty, StoreLocked, Problem, OSError.
    """
    async with open_control(settings) as control:
        engine = make_engine(settings)
        try:
            with _open(path) as file, bar("Importing", "rows") as shown, ExportSource(file, str(path)) as source:
                header = source.read_header()
                names, kept = await _choose(control, choose_names(header, tenant, into), existing)
                shown.expect(header.total)
                async with Loader(engine, source, names, shown.advance) as loader:
                    for one in await loader.load():
                        if isinstance(engine, SqliteEngine):
                            give_to_owner(engine.path(loader.staging(one.tenant.name)), settings.data)
                        await control.ask(AdoptTenant(one.tenant, one.keys, existing == "replace"))
                        loader.keep(one.tenant.name)
                        click.echo(f"Tenant {one.tenant.name} is imported.", err=True)
        finally:
            await engine.stop()
    for name in kept:
        click.echo(f"Tenant {name} holds data already and was left as it is.", err=True)
    return 0


async def _choose(
    control: Control, names: dict[str, TenantId], existing: Existing
) -> tuple[dict[str, TenantId], list[TenantId]]:
    """Part the tenants into those to load and those that stay as they are. Raises: StoreNotEmpty."""
    wanted: dict[str, TenantId] = {}
    kept: list[TenantId] = []
    for name, target in names.items():
        if existing == "replace" or await control.ask(IsEmpty(target)):
            wanted[name] = target
        elif existing == "keep":
            kept.append(target)
        else:
            raise StoreNotEmpty(
                f"Tenant {target} is not empty: --replace puts the export in the place of its data, --keep leaves it as"
                " it is, --into loads the export under another name"
            )
    return wanted, kept


@contextmanager
def _open(path: Path) -> Generator[BinaryIO]:
    if str(path) == "-":
        yield cast("BinaryIO", sys.stdin.buffer)
        return
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        yield file
