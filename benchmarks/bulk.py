"""Bulk writing: observations in series order and interleaved, their bytes in the store, static entities, and start-up.

``python -m benchmarks.bulk [--observations N] [--engine sqlite|postgres|both]``. Writes go through the group
commit like any
other; the process does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from benchmarks.server import free_port, memory_mb
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import Problem
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import DEFAULT_TENANT, EntityId, Iri
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.model.json import raw
from stadtkern.model.operation import CreateEntity, Operation, RecordHistory
from stadtkern.policy.grant import system_grant
from stadtkern.store.engine.base import Engine
from stadtkern.store.engine.postgres import PostgresEngine
from stadtkern.store.engine.sqlite import SqliteEngine
from stadtkern.store.migrate import migrate
from stadtkern.store.system import SystemStore

GRANT = system_grant("benchmark", DEFAULT_TENANT)
START = parse_instant("2026-01-01T00:00:00Z")
SECOND = 1_000_000
CHUNK = 2_000
"""Instances in one operation."""


@contextlib.asynccontextmanager
async def tenant_of(engine: Engine) -> AsyncGenerator[OpenTenant]:
    """Open an empty store."""
    await engine.start()
    system = await engine.open("system", create=True)
    if system is None:
        raise SystemExit("the store cannot be opened")
    await migrate(system, "system")
    tenants = Tenants(engine, SystemStore(system), write_queue=1 << 30, limit=4)
    await tenants.ensure_default()
    yield await tenants.get(DEFAULT_TENANT)
    await tenants.close()
    await engine.stop()


def in_series_order(count: int) -> Iterator[Operation]:
    """Ten series, one after the other, a value a second with a decimal."""
    each = count // 10
    for series in range(10):
        for first in range(0, each, CHUNK):
            values = [_value(series, k) for k in range(first, min(first + CHUNK, each))]
            yield _record(series, values)


def interleaved(count: int) -> Iterator[Operation]:
    """Ten thousand series in turn, one value each."""
    for k in range(count):
        yield _record(100 + k % 10_000, [_value(k, k // 10_000)])


def _record(series: int, values: list[InstancePatch]) -> Operation:
    patch = EntityPatch(types=[Iri("urn:bench:Station")], attributes={Iri("urn:bench:no2"): values})
    return RecordHistory(EntityId(f"urn:bench:Station:{series}"), patch)


def _value(series: int, k: int) -> InstancePatch:
    return InstancePatch(
        kind="Property",
        value=raw(20 + (series * 7 + k) % 300 / 10),
        observed_at=Instant(START + k * SECOND),
        unit_code="GQ",
    )


def static(count: int) -> Iterator[Operation]:
    """Entities like the rows of a register: twenty properties and a point."""
    for k in range(count):
        attributes = {
            Iri(f"urn:bench:p{i}"): [InstancePatch(kind="Property", value=raw(f"value {k % 97}"))] for i in range(20)
        }
        point = {"type": "Point", "coordinates": [7 + k % 1000 / 1000, 51 + k // 1000 / 1000]}
        attributes[Iri("urn:bench:place")] = [InstancePatch(kind="GeoProperty", value=raw(point))]
        id_ = EntityId(f"urn:bench:Tree:{k}")
        yield CreateEntity(id_, EntityPatch(id=id_, types=[Iri("urn:bench:Tree")], attributes=attributes))


async def write_all(tenant: OpenTenant, operations: Iterator[Operation], batch: int) -> float:
    """Write in requests of ``batch`` operations and give the seconds."""
    started = time.perf_counter()
    waiting: list[Operation] = []
    for operation in operations:
        waiting.append(operation)
        if len(waiting) == batch:
            _check(await tenant.writer.write(GRANT, waiting))
            waiting = []
    if waiting:
        _check(await tenant.writer.write(GRANT, waiting))
    return time.perf_counter() - started


def _check(results: list[object]) -> None:
    for result in results:
        if isinstance(result, Problem):
            raise result


async def stored_bytes(tenant: OpenTenant) -> int:
    """Give the size of the observations on the disk."""
    database = tenant.database
    if database.engine == "sqlite":
        rows = await database.fetch("SELECT sum(pgsize) FROM dbstat WHERE name = 'observation'")
        return int(rows[0][0])
    rows = await database.fetch(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'observation'::regclass"
    )
    return int(rows[0][0])


async def measure(name: str, engine: Engine, observations: int) -> None:
    """Measure one engine and print its rows."""
    async with tenant_of(engine) as tenant:
        print(f"\n## {name}\n\n| what | per second | bytes each |\n|---|---|---|")
        seconds = await write_all(tenant, in_series_order(observations), 4)
        size = await stored_bytes(tenant)
        print(
            f"| observations in series order | {observations / seconds:,.0f} | {size / observations:.0f} |", flush=True
        )
        few = observations // 5
        seconds = await write_all(tenant, interleaved(few), 5_000)
        print(f"| observations over 10,000 series in turn | {few / seconds:,.0f} | |", flush=True)
        rows = observations // 10
        seconds = await write_all(tenant, static(rows), 1_000)
        print(f"| entities of 21 attributes | {rows / seconds:,.0f} | |", flush=True)


def start_up() -> tuple[float, float]:
    """Start a server on an empty folder; give the seconds to its first answer and its memory in MB."""
    with tempfile.TemporaryDirectory(prefix="stadtkern-bench-") as folder:
        port = free_port()
        env = {**os.environ, "STADTKERN_DATA": folder, "STADTKERN_PORT": str(port)}
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "stadtkern", "serve"], env=env, stderr=subprocess.DEVNULL)
        try:
            while time.perf_counter() - started < 30:
                with contextlib.suppress(urllib.error.URLError, ConnectionError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/ngsi-ld/v1/types", timeout=1).close()
                    break
                time.sleep(0.01)
            return time.perf_counter() - started, memory_mb(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def main() -> None:
    """Print a table an engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    seconds, memory = start_up()
    print(f"start to first answer {seconds:.2f} s, memory idle {memory:.0f} MB")
    if options.engine != "postgres":
        with tempfile.TemporaryDirectory(prefix="stadtkern-bench-") as folder:
            asyncio.run(measure("sqlite", SqliteEngine(Path(folder), 60), options.observations))
    if options.engine != "sqlite":
        from tests.postgres_server import PostgresServer

        with PostgresServer(fsync=True) as server:
            url = server.database_url(server.create_database())
            asyncio.run(measure("postgres", PostgresEngine(url, 60, 8), options.observations))


if __name__ == "__main__":
    main()
