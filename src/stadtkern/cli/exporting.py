"""``stadtkern export``."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from stadtkern.cli.base import read_settings, run_async
from stadtkern.cli.progress import Bar, bar
from stadtkern.errors import SetupError, UnusableFile
from stadtkern.model.ids import parse_tenant_id
from stadtkern.settings import Settings

if TYPE_CHECKING:
    from stadtkern.store.snapshot import Snapshot


@click.command(short_help="Write everything down as NDJSON.")
@click.option(
    "-o",
    "--output",
    default="-",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="File to write; packed where it ends in .gz; '-' is standard output.",
)
@click.option("--tenant", "tenants", multiple=True, help="Only this tenant; repeatable. Else all.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def export(output: Path, tenants: tuple[str, ...], force: bool) -> None:
    """Write everything down as NDJSON: tenants, keys, contexts, entities and their history.

    What is written is the store as it is at one moment, while a server may go on writing. "stadtkern import" makes an
    equal system of it, on either engine: with the same ids, times and history. Keys are written without what opens
    (their hashes are kept, so that they go on working after an import): keep the file as safe as the store.
    """

    async def work() -> int:
        from stadtkern.exchange.export import Exporter, count_rows

        settings = read_settings()
        names = [parse_tenant_id(name) for name in tenants]
        with bar("Exporting", "rows") as shown:
            async with open_snapshot(settings, shown) as snapshot:
                shown.reach(0, await count_rows(snapshot, [n for n in snapshot.tenants if not names or n in names]))
                with _open_sink(output, force) as sink:
                    rows = await Exporter(snapshot, sink, shown.advance).export(names)
        told = ", ".join(f"{count:,} rows of {table}" for table, count in rows.items() if count) or "nothing"
        click.echo(f"Exported {told}.", err=True)
        return 0

    run_async(work)


@asynccontextmanager
async def open_snapshot(settings: Settings, shown: Bar, *, detach: bool = True) -> AsyncGenerator[Snapshot]:
    """See the store as it is now, whether or not a server runs on it.

    detach: where one does, read from a copy. Raises: SetupError, Unavailable.
    """
    async with open_readable(settings, shown, detach=detach) as snapshot:
        if snapshot is None:
            named = "The database" if settings.database_url else f"The data folder {settings.data}"
            variable = "STADTKERN_DATABASE_URL" if settings.database_url else "STADTKERN_DATA"
            raise SetupError(f"{named} holds no store; {variable} says which one to use")
        await _check_schema(snapshot)
        yield snapshot


@asynccontextmanager
async def open_readable(
    settings: Settings, shown: Bar | None = None, *, detach: bool = False
) -> AsyncGenerator[Snapshot | None]:
    """The same for a store of any schema; None where there is no store. Raises: SetupError, Unavailable."""
    from stadtkern.app import make_engine
    from stadtkern.store import snapshot
    from stadtkern.store.engine.postgres import PostgresEngine
    from stadtkern.store.engine.sqlite import check_complete, is_locked

    engine = make_engine(settings)
    if isinstance(engine, PostgresEngine):
        await engine.start()
        try:
            async with snapshot.open_postgres_snapshot(engine) as opened:
                yield opened if opened.tenants else None
        finally:
            await engine.stop()
        return
    check_complete(settings.data)
    if not (settings.data / "system.sqlite").exists():
        yield None
        return
    progress = None if shown is None else shown.reach
    shared = is_locked(settings.data)
    async with snapshot.open_sqlite_snapshot(settings.data, shared=shared, detach=detach, progress=progress) as opened:
        yield opened


async def _check_schema(snapshot: Snapshot) -> None:
    """Refuse a store of an older schema. Raises: SetupError, NewerStore."""
    from stadtkern.store.migrate import Family, migrations, read_applied
    from stadtkern.store.snapshot import SYSTEM

    families: list[tuple[str, Family]] = [(SYSTEM, "system"), *((name, "tenant") for name in snapshot.tenants)]
    for name, family in families:
        if len(await read_applied(snapshot.view(name), family)) < len(migrations(family)):
            raise SetupError("The store has an older schema; run 'stadtkern migrate' first")


@contextmanager
def _open_sink(output: Path, force: bool) -> Generator[BinaryIO]:
    """Open what is written to. A file has its name only once it is complete. Raises: UnusableFile, OSError."""
    if str(output) == "-":
        if sys.stdout.isatty():
            raise UnusableFile("An export is not for reading on a terminal: name a file (--output) or pipe it on")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if output.exists() and not force:
        raise UnusableFile(f"{output} is there already; --force writes over it")
    unfinished = output.with_name(output.name + ".part")
    try:
        # what the store holds is nobody else's to read
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as plain:
            if output.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=plain, mode="wb", compresslevel=6) as packed:
                    yield cast("BinaryIO", packed)
            else:
                yield plain
            plain.flush()
            os.fsync(descriptor)
        unfinished.replace(output)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
