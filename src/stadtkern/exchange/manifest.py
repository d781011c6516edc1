"""What a backup is: a folder of files and a manifest that names them with their checksums.

The folder has its name only once it is complete. On the embedded engine the files are the databases themselves, as
SQLite's online backup makes them; from PostgreSQL there is one consistent export.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from stadtkern.errors import UnusableFile
from stadtkern.model.ids import parse_tenant_id
from stadtkern.store.engine.sqlite import sync_folder

FORMAT = 1
MANIFEST = "manifest.json"
SYSTEM_FILE = "system.sqlite"
EXPORT_FILE = "export.ndjson.gz"
MOST_BYTES = 16 * 1024 * 1024
_BLOCK = 1024 * 1024
Advance = Callable[[int], None]


class BackupFile(Struct, frozen=True):
    """One file, by its path in the folder."""

    path: str
    size: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """A complete backup."""

    stadtkern: Literal["backup"] = "backup"
    format: int = FORMAT
    version: str
    engine: Literal["sqlite", "postgres"]
    created_at: str
    tenants: list[str]
    files: list[BackupFile]


def tenant_file(name: str) -> str:
    """Say where a tenant's database is in the folder."""
    return f"tenants/{name}.sqlite"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; durable when this returns."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    with (folder / MANIFEST).open("wb") as file:
        file.write(text + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def read_manifest(folder: Path) -> Manifest:
    """Read and check a manifest. Raises: UnusableFile."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            manifest = msgspec.json.decode(file.read(MOST_BYTES), type=Manifest)
    except FileNotFoundError as error:
        raise UnusableFile(f"{folder} is no complete backup: it has no {MANIFEST}") from error
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnusableFile(f"{path} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise UnusableFile(
            f"{folder} was written by Stadtkern {manifest.version} in format {manifest.format};"
            f" this version reads format {FORMAT}"
        )
    tenants = [parse_tenant_id(name) for name in manifest.tenants]
    wanted = {SYSTEM_FILE, *map(tenant_file, tenants)} if manifest.engine == "sqlite" else {EXPORT_FILE}
    if {file.path for file in manifest.files} != wanted or len(manifest.files) != len(wanted):
        raise UnusableFile(f"{path} names other files than a backup has")
    return manifest


def describe_file(folder: Path, name: str, advance: Advance | None = None) -> BackupFile:
    """Take a file's size and checksum, and make it durable. Raises: OSError."""
    digest = hashlib.sha256()
    size = 0
    with (folder / name).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            if advance:
                advance(len(block))
        os.fsync(file.fileno())
    return BackupFile(name, size, digest.hexdigest())


def copy_file(source: Path, target: Path, expected: BackupFile, advance: Advance) -> None:
    """Copy a file and make the copy durable. Raises: UnusableFile (it is not what the manifest says), OSError."""
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reading, target.open("wb") as writing:
            while block := reading.read(_BLOCK):
                digest.update(block)
                writing.write(block)
                advance(len(block))
            writing.flush()
            os.fsync(writing.fileno())
    except FileNotFoundError as error:
        raise UnusableFile(f"The backup lacks its file {expected.path}") from error
    if digest.hexdigest() != expected.sha256:
        raise UnusableFile(f"The backup's file {expected.path} is damaged: its checksum is another")
