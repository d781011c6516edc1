"""``stadtkern backup`` and ``stadtkern restore``."""

from __future__ import annotations

from pathlib import Path

import click

from stadtkern.cli.base import json_option, read_settings, run_async, show_json
from stadtkern.cli.exporting import open_snapshot
from stadtkern.cli.progress import Bar, bar
from stadtkern.errors import SetupError, UnusableFile
from stadtkern.model.instant import now, render_instant
from stadtkern.settings import Settings


@click.command(short_help="Back up the whole store.")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@json_option
def backup(folder: Path | None, as_json: bool) -> None:
    """Back up the whole store into FOLDER, a new one (default: stadtkern-backup-<time>), while a server may go on.

    On the embedded engine these are the databases themselves, copied by SQLite's own online backup; from PostgreSQL it
    is one consistent export. A manifest holds checksums. Settings and the folder of pre-loaded contexts are not in it.
    """

    async def work() -> int:
        from stadtkern.exchange.backup import back_up_export, back_up_files, discard
        from stadtkern.exchange.export import count_rows
        from stadtkern.store.snapshot import SqliteSnapshot

        settings = read_settings()
        target = folder or Path(f"stadtkern-backup-{render_instant(now())[:19].replace(':', '')}Z")
        embedded = not settings.database_url
        with bar("Backing up", "bytes" if embedded else "rows") as shown:
            async with open_snapshot(settings, shown, detach=False) as snapshot:
                try:
                    if isinstance(snapshot, SqliteSnapshot):
                        manifest = await back_up_files(snapshot, target, shown.reach)
                    else:
                        shown.expect(await count_rows(snapshot, snapshot.tenants))
                        manifest = await back_up_export(snapshot, target, shown.advance)
                except BaseException:
                    discard(target)
                    raise
        size = sum(file.size for file in manifest.files)
        if as_json:
            show_json({"folder": str(target.resolve()), "tenants": manifest.tenants, "bytes": size})
        else:
            click.echo(f"{target}: {len(manifest.tenants)} tenant(s), {size:,} bytes.")
        return 0

    run_async(work)


@click.command(short_help="Put a backup back.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--force", is_flag=True, help="Restore over a store that has data; they are lost.")
@click.option("--check", is_flag=True, help="Only look whether the backup is sound.")
def restore(folder: Path, force: bool, check: bool) -> None:
    """Put the backup in FOLDER back as the whole store. Stop the server first.

    The backup is checked before anything is changed. A restore that is killed leaves the old store, or one that says
    that it is incomplete; in both cases restore again.
    """

    async def work() -> int:
        from stadtkern.exchange.manifest import describe_file, read_manifest

        settings = read_settings()
        manifest = read_manifest(folder)
        total = sum(file.size for file in manifest.files)
        if check:
            with bar("Checking", "bytes", total) as shown:
                for file in manifest.files:
                    if describe_file(folder, file.path, shown.advance) != file:
                        raise UnusableFile(f"The backup's file {file.path} is damaged: its checksum is another")
            click.echo(f"{folder}: a sound backup of {manifest.created_at}, {len(manifest.tenants)} tenant(s).")
            return 0
        if (manifest.engine == "postgres") != bool(settings.database_url):
            raise SetupError(
                f"The backup is one of the {'server' if manifest.engine == 'postgres' else 'embedded'} engine; between"
                " engines go by 'stadtkern export' and 'stadtkern import'"
            )
        if settings.database_url:
            with bar("Restoring", "rows") as shown:
                await _restore_export(settings, folder, force, shown)
        else:
            from stadtkern.exchange.restore import restore_files

            with bar("Restoring", "bytes", total) as shown:
                await restore_files(settings.data, folder, manifest, shown.advance, force=force)
        click.echo(f"Restored {len(manifest.tenants)} tenant(s) as of {manifest.created_at}.")
        return 0

    run_async(work)


async def _restore_export(settings: Settings, folder: Path, force: bool, shown: Bar) -> None:
    from stadtkern.app import open_system
    from stadtkern.broker.tenants import Tenants
    from stadtkern.exchange.manifest import read_manifest
    from stadtkern.exchange.restore import restore_export
    from stadtkern.store.engine.postgres import PostgresEngine

    engine = PostgresEngine(settings.database_url, settings.query_timeout_s, settings.database_pool)
    engine.accept_incomplete = True
    await engine.start()
    try:
        others = await engine.count_others()
        if others:
            raise SetupError(f"The database is in use by {others} connection(s) of Stadtkern; stop the servers first")
        system = await open_system(engine)
        tenants = Tenants(engine, system, write_queue=settings.write_queue, limit=settings.open_tenants)
        try:
            await restore_export(engine, system, tenants, folder, read_manifest(folder), shown.advance, force=force)
            await tenants.ensure_default()
        finally:
            await tenants.close()
            await system.database.close()
    finally:
        await engine.stop()
