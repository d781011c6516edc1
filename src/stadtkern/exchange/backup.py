"""Make a backup while writing goes on."""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from stadtkern.errors import UnusableFile
from stadtkern.exchange.export import Exporter
from stadtkern.exchange.manifest import (
    EXPORT_FILE,
    SYSTEM_FILE,
    BackupFile,
    Manifest,
    describe_file,
    tenant_file,
    write_manifest,
)
from stadtkern.model.instant import now, render_instant
from stadtkern.store.engine.sqlite import sync_folder
from stadtkern.store.snapshot import SYSTEM, Snapshot, SqliteSnapshot

UNFINISHED = ".part"
PACKING = 6
"""Level of gzip: more takes much longer for little."""


async def back_up_files(snapshot: SqliteSnapshot, folder: Path, progress: Callable[[int, int], None]) -> Manifest:
    """Copy all databases of a data folder. progress: bytes done, bytes in all. Raises: UnusableFile, OSError."""
    return await asyncio.to_thread(_copy_files, snapshot, folder, progress)


def _copy_files(snapshot: SqliteSnapshot, folder: Path, progress: Callable[[int, int], None]) -> Manifest:
    unfinished = _begin(folder)
    (unfinished / "tenants").mkdir()
    total, done = snapshot.size(), 0
    files: list[BackupFile] = []
    for name in (SYSTEM, *snapshot.tenants):
        view = snapshot.view(name)
        path = SYSTEM_FILE if name == SYSTEM else tenant_file(name)
        _, size = view.pages()

        def tell(pages: int, _: int, before: int = done, size: int = size) -> None:
            progress(before + pages * size, total)

        view.copy(unfinished / path, tell).close()
        view.close()
        files.append(describe_file(unfinished, path))
        done += files[-1].size
    sync_folder(unfinished / "tenants")
    return _finish(folder, "sqlite", list(snapshot.tenants), files)


async def back_up_export(snapshot: Snapshot, folder: Path, advance: Callable[[int], None]) -> Manifest:
    """Write one consistent export of a database. advance: told how many more rows. Raises: UnusableFile, OSError."""
    unfinished = _begin(folder)
    with gzip.open(unfinished / EXPORT_FILE, "wb", PACKING) as file:
        await Exporter(snapshot, file, advance).export()
    return _finish(folder, "postgres", list(snapshot.tenants), [describe_file(unfinished, EXPORT_FILE)])


def _begin(folder: Path) -> Path:
    """Make the folder under its unfinished name; what a killed backup left there is removed."""
    if folder.exists():
        raise UnusableFile(f"{folder} is there already; a backup is never written over")
    unfinished = folder.with_name(folder.name + UNFINISHED)
    if unfinished.exists():
        shutil.rmtree(unfinished)
    # a backup holds what the store holds: nobody else is to read it
    unfinished.mkdir(mode=0o700, parents=True)
    return unfinished


def _finish(folder: Path, engine: str, tenants: list[str], files: list[BackupFile]) -> Manifest:
    unfinished = folder.with_name(folder.name + UNFINISHED)
    manifest = Manifest(
        version=version("stadtkern"),
        engine="sqlite" if engine == "sqlite" else "postgres",
        created_at=render_instant(now()),
        tenants=tenants,
        files=files,
    )
    write_manifest(unfinished, manifest)
    unfinished.rename(folder)
    sync_folder(folder.parent)
    return manifest


def discard(folder: Path) -> None:
    """Remove what a failed backup has written so far."""
    shutil.rmtree(folder.with_name(folder.name + UNFINISHED), ignore_errors=True)
