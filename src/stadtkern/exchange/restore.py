"""Put a backup back.

On the embedded engine all files are copied beside the present ones and checked first; then the folder is marked
incomplete, the files change places, and the mark goes: who is killed before that has the old store, who is killed in
between has a store that says that it is incomplete, and nobody has half of each. On PostgreSQL the same with schemas.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from stadtkern.broker.tenants import Tenants
from stadtkern.errors import StoreNotEmpty, UnusableFile
from stadtkern.exchange.loader import Loader, choose_names
from stadtkern.exchange.manifest import EXPORT_FILE, SYSTEM_FILE, Manifest, copy_file, describe_file
from stadtkern.exchange.ownership import give_to_owner
from stadtkern.exchange.source import ExportSource
from stadtkern.model.ids import DEFAULT_TENANT, TenantId
from stadtkern.policy.grant import system_grant
from stadtkern.store.adoption import is_empty
from stadtkern.store.engine.postgres import PostgresEngine
from stadtkern.store.engine.sqlite import lock_folder, mark_folder, sync_folder
from stadtkern.store.snapshot import check_sqlite_file, open_sqlite_snapshot
from stadtkern.store.system import SystemStore

INCOMING = "restore.part"
_WHY = "a restore did not come to its end; restore again"
Advance = Callable[[int], None]


async def restore_files(data: Path, backup: Path, manifest: Manifest, advance: Advance, *, force: bool) -> None:
    """Put databases back into a data folder that no process has open.

    advance: told how many more bytes were copied. Raises: StoreLocked, StoreNotEmpty, UnusableFile, OSError.
    """
    with lock_folder(data):
        if not force:
            await _check_empty(data)
        incoming = data / INCOMING
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            _fetch(incoming, backup, manifest, advance)
        except BaseException:
            shutil.rmtree(incoming, ignore_errors=True)
            raise
        mark_folder(data, _WHY)
        _exchange(data, incoming)
        mark_folder(data, None)


def _fetch(incoming: Path, backup: Path, manifest: Manifest, advance: Advance) -> None:
    (incoming / "tenants").mkdir(parents=True)
    needed = sum(file.size for file in manifest.files)
    if shutil.disk_usage(incoming).free < needed:
        raise UnusableFile(f"The backup needs {needed:,} bytes, and {incoming.parent} has less room")
    for file in manifest.files:
        copy_file(backup / file.path, incoming / file.path, file, advance)
        check_sqlite_file(incoming / file.path)
        give_to_owner(incoming / file.path, incoming.parent)
    sync_folder(incoming / "tenants")
    sync_folder(incoming)


def _exchange(data: Path, incoming: Path) -> None:
    """Remove the present databases and move the others into their places."""
    for pattern in (f"{SYSTEM_FILE}*", "tenants/*.sqlite*"):
        for path in data.glob(pattern):
            path.unlink()
    for path in (incoming / "tenants").iterdir():
        path.replace(data / "tenants" / path.name)
    sync_folder(data / "tenants")
    (incoming / SYSTEM_FILE).replace(data / SYSTEM_FILE)
    sync_folder(data)
    shutil.rmtree(incoming)


async def _check_empty(data: Path) -> None:
    async with open_sqlite_snapshot(data, shared=True, detach=False) as snapshot:
        for name in snapshot.tenants:
            if name != DEFAULT_TENANT or not await is_empty(
                snapshot.view(name), system_grant("restore", TenantId(name))
            ):
                raise StoreNotEmpty(f"The data folder {data} is not empty: it has a tenant {name} with data")


async def restore_export(
    engine: PostgresEngine,
    system: SystemStore,
    tenants: Tenants,
    backup: Path,
    manifest: Manifest,
    advance: Advance,
    *,
    force: bool,
) -> None:
    """Put an export back into a database that no server uses.

    advance: told how many more rows were read. Raises: StoreNotEmpty, UnusableFile, Unavailable.
    """
    grant = system_grant("restore", DEFAULT_TENANT)
    if not force:
        for tenant in await system.list_tenants(grant):
            if tenant.name != DEFAULT_TENANT or not await is_empty((await tenants.get(tenant.name)).database, grant):
                raise StoreNotEmpty(f"The database is not empty: it has a tenant {tenant.name} with data")
    if describe_file(backup, EXPORT_FILE) != manifest.files[0]:
        raise UnusableFile(f"The backup's file {EXPORT_FILE} is damaged: its checksum is another")
    with (backup / EXPORT_FILE).open("rb") as file, ExportSource(file, EXPORT_FILE) as source:
        names = choose_names(source.read_header(), None, None)
        async with Loader(engine, source, names, advance) as loader:
            loaded = await loader.load()
            await engine.mark_incomplete(_WHY)
            for one in loaded:
                await tenants.adopt(grant, one.tenant, one.keys, loader.staging(one.tenant.name), replace=True)
                loader.keep(one.tenant.name)
            restored = {one.tenant.name for one in loaded}
            for tenant in await system.list_tenants(grant):
                if tenant.name not in restored and tenant.name != DEFAULT_TENANT:
                    await tenants.delete(grant, tenant.name)
            await engine.mark_incomplete(None)
