"""What the doctor looks at: one function a subject, each giving what it found."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from stadtkern.cli.exporting import open_readable
from stadtkern.cli.migrating import read_states
from stadtkern.control.address import NAME
from stadtkern.control.client import ControlClient
from stadtkern.control.messages import GetState, ServerState
from stadtkern.errors import InvalidSettings, Problem, SetupError
from stadtkern.exchange.loader import STAGING
from stadtkern.exchange.restore import INCOMING
from stadtkern.model.instant import now, render_instant
from stadtkern.settings import Settings
from stadtkern.store.engine.sqlite import is_locked
from stadtkern.store.snapshot import ASIDE, SqliteSnapshot, check_sqlite_file

LITTLE_BYTES = 1024**3
HARDLY_ANY_BYTES = 100 * 1024**2
CLOCK_S = 5.0
"""How far this clock and the database server's may be apart."""
_BUILT = 1_767_225_600
"""2026-01-01: no clock that is right shows an earlier time."""


class Finding(Struct, frozen=True):
    """One thing that was looked at. advice: what to do about it."""

    level: Literal["ok", "note", "fault"]
    subject: str
    detail: str
    advice: str = ""


async def examine(environ: Mapping[str, str], *, deep: bool) -> list[Finding]:
    """Look at everything; what fails ends only its own part."""
    findings = list(_software())
    try:
        settings = Settings.from_env(environ)
    except InvalidSettings as error:
        return [*findings, Finding("fault", "settings", str(error), "'stadtkern config' shows all that are known")]
    findings.extend(_settings(settings))
    findings.extend(_clock())
    looks: list[Callable[[Settings], AsyncGenerator[Finding]]] = (
        [_postgres] if settings.database_url else [_folder, _server]
    )
    for look in (*looks, _schema, _contexts):
        if look is not _schema or not any(one.level == "fault" for one in findings):
            findings.extend(await _attempt(look.__name__.strip("_"), _gather(look(settings))))
    if deep and not settings.database_url:
        findings.extend(await _attempt("data", _gather(_data(settings))))
    findings.extend(await _attempt("port", _gather(_port(settings))))
    return findings


async def _gather(findings: AsyncGenerator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


async def _attempt(subject: str, work: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        return await work
    except (SetupError, Problem) as error:
        advice = "look at STADTKERN_DATABASE_URL, and whether that server runs" if subject == "postgres" else ""
        return [Finding("fault", subject, str(error), advice)]
    except OSError as error:
        return [Finding("fault", subject, f"{error.filename or ''} {error.strerror or error}".strip())]


def _software() -> Generator[Finding]:
    from importlib.metadata import version

    import apsw

    python = ".".join(map(str, sys.version_info[:3]))
    versions = f"Stadtkern {version('stadtkern')}, Python {python}, SQLite {apsw.sqlite_lib_version()}"
    yield Finding("ok", "versions", versions)


def _settings(settings: Settings) -> Generator[Finding]:
    try:
        settings.check_exposure()
    except InvalidSettings as error:
        yield Finding("fault", "settings", str(error))
        return
    if not settings.admin_token:
        advice = "set STADTKERN_ADMIN_TOKEN, or work with 'stadtkern tenant' and 'stadtkern key' on this machine"
        yield Finding(
            "note", "settings", "no administrator's token: tenants and keys cannot be managed by HTTP", advice
        )
    if settings.anonymous == "write":
        yield Finding("note", "settings", "anybody on this machine may write", "set STADTKERN_ANONYMOUS=read or none")
    engine = "PostgreSQL" if settings.database_url else f"embedded, in {settings.data.resolve()}"
    yield Finding("ok", "settings", f"engine: {engine}; anonymous: {settings.anonymous}")


def _clock() -> Generator[Finding]:
    if time.time() < _BUILT:
        yield Finding(
            "fault", "clock", f"it shows {render_instant(now())}", "set the clock: all times are taken from it"
        )
    else:
        yield Finding("ok", "clock", render_instant(int(time.time()) * 1_000_000))


async def _folder(settings: Settings) -> AsyncGenerator[Finding]:
    data = settings.data
    if not data.exists():
        yield Finding("note", "data folder", f"{data} is not there yet", "the first start makes it")
        return
    if not data.is_dir() or not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("fault", "data folder", f"{data} cannot be written by this user", "run as the server's user")
        return
    usage = shutil.disk_usage(data)
    level = "fault" if usage.free < HARDLY_ANY_BYTES else "note" if usage.free < LITTLE_BYTES else "ok"
    advice = "" if level == "ok" else "make room, before writes fail"
    yield Finding(level, "disk", f"{usage.free / 1024**3:.1f} GiB free of {usage.total / 1024**3:.1f}", advice)
    leftovers = [*data.glob(f"tenants/*{STAGING}.sqlite"), *data.glob(INCOMING), *data.glob(f"{ASIDE}*")]
    for path in leftovers:
        advice = "unless an import, restore or export is running, delete it"
        yield Finding("note", "data folder", f"{path} is left over from work that did not end", advice)
    yield Finding("ok", "data folder", str(data.resolve()))


async def _server(settings: Settings) -> AsyncGenerator[Finding]:
    if not (settings.data / "lock").exists() or not is_locked(settings.data):
        yield Finding("ok", "server", "none runs on this data folder")
        return
    state = await ask_server(settings)
    if state is None:
        owner = (settings.data / "lock").read_text(encoding="utf-8", errors="replace").strip()
        advice = f"it may be starting, or a command at work; look at process {owner or '?'}"
        yield Finding("note", "server", f"process {owner or '?'} has the store and takes no questions", advice)
        return
    started = render_instant(state.started_at - state.started_at % 1_000_000)
    yield Finding("ok", "server", f"process {state.pid}, version {state.version}, since {started}")


async def ask_server(settings: Settings) -> ServerState | None:
    """Ask the server that has the data folder open who it is; None where none answers."""
    if settings.database_url or not (settings.data / NAME).exists():
        return None
    try:
        async with asyncio.timeout(5), ControlClient(settings.data) as client:
            return await client.ask(GetState())
    except (OSError, Problem, TimeoutError):
        return None


async def _postgres(settings: Settings) -> AsyncGenerator[Finding]:
    from stadtkern.store.engine.postgres import PostgresEngine

    engine = PostgresEngine(settings.database_url, settings.query_timeout_s, settings.database_pool)
    await engine.start()
    try:
        database = await engine.open("system", create=False)
        if database is None:
            yield Finding("note", "database", "it holds no store yet", "the first start makes it")
            return
        before = time.time()
        row = (await database.fetch("SELECT version(), postgis_lib_version(), extract(epoch FROM clock_timestamp())"))[
            0
        ]
        apart = abs(float(row[2]) - (before + time.time()) / 2)
        yield Finding("ok", "database", f"{str(row[0]).split(',')[0]}, PostGIS {row[1]}")
        if apart > CLOCK_S:
            advice = "let both machines take their time from the network"
            yield Finding("fault", "clock", f"the database server's differs by {apart:.0f} seconds", advice)
        rows = await database.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE $1::text", f"t\\_%{STAGING}")
        for left in rows:
            advice = f'unless an import is running: DROP SCHEMA "{left[0]}" CASCADE'
            yield Finding(
                "note", "database", f"the schema {left[0]} is left over from an import that did not end", advice
            )
    finally:
        await engine.stop()


async def _schema(settings: Settings) -> AsyncGenerator[Finding]:
    states = await read_states(settings)
    behind = [name for name, _, steps in states if steps]
    if behind:
        advice = "'stadtkern backup', then 'stadtkern migrate' (or start the server)"
        yield Finding("note", "schema", f"older than this version: {', '.join(behind[:10])}", advice)
    elif states:
        yield Finding("ok", "schema", f"up to date in {len(states) - 1} tenant(s)")


async def _contexts(settings: Settings) -> AsyncGenerator[Finding]:
    if settings.contexts is None:
        return
    from stadtkern.broker.context_folder import ContextFolder

    if not settings.contexts.is_dir():
        yield Finding("fault", "contexts", f"{settings.contexts} is no folder", "correct STADTKERN_CONTEXTS")
        return
    addresses = ContextFolder(settings.contexts).addresses()
    yield Finding("ok", "contexts", f"{len(addresses)} pre-loaded from {settings.contexts}")


async def _data(settings: Settings) -> AsyncGenerator[Finding]:
    async with open_readable(settings) as snapshot:
        if not isinstance(snapshot, SqliteSnapshot):
            return
        files = [settings.data / "system.sqlite", *(_tenant(settings.data, name) for name in snapshot.tenants)]
    damaged = False
    for path in files:
        try:
            await asyncio.to_thread(check_sqlite_file, path)
        except SetupError as error:
            damaged = True
            yield Finding("fault", "data", str(error), "restore the latest backup")
    if not damaged:
        yield Finding("ok", "data", f"{len(files)} file(s) are sound")


def _tenant(data: Path, name: str) -> Path:
    return data / "tenants" / f"{name}.sqlite"


async def _port(settings: Settings) -> AsyncGenerator[Finding]:
    address = f"{settings.bind}:{settings.port}"
    if await ask_server(settings) is not None:
        return
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.bind.strip("[]"), settings.port))
        except OSError as error:
            advice = "another program, or another Stadtkern, has it: set STADTKERN_PORT"
            yield Finding("note", "port", f"{address} cannot be used: {error.strerror}", advice)
            return
    yield Finding("ok", "port", f"{address} is free")
