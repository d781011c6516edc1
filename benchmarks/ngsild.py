"""The NGSI-LD lines of the budget: reads and updates over 100,000 entities, as ratios to the bare ceiling.

``python -m benchmarks.ngsild [--entities N] [--seconds S] [--engine sqlite|postgres|both]``; the server has one
core, wrk (and
PostgreSQL) the other. Ids are uniformly random, so that no cache of a few entities helps.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
import urllib.request
from collections.abc import Generator

from benchmarks.server import ceiling, memory_mb, stadtkern
from benchmarks.wrk import Load, drive, finish, start

BATCH = 1000
TYPES = 50
"""Entities are spread evenly over so many types; a page is the first one of a random type."""
_RANDOM_ID = """
local n = @N@
math.randomseed(os.time())
local function id() return 'urn:ngsi-ld:Bench:' .. math.random(0, n - 1) end
"""
_RANDOM_TYPE = """
math.randomseed(os.time())
local function path() return '/ngsi-ld/v1/entities?limit=20&type=Bench' .. math.random(0, 49) end
"""

GET_ONE = _RANDOM_ID + "request = function() return wrk.format('GET', '/ngsi-ld/v1/entities/' .. id()) end"
PAGE = _RANDOM_TYPE + "request = function() return wrk.format('GET', path()) end"
_DEEP_PATH = "path() .. '&offset=' .. 20 * math.random(50, 90)"
DEEP = _RANDOM_TYPE + f"request = function() return wrk.format('GET', {_DEEP_PATH}) end"
FIRST_OF_ALL = "request = function() return wrk.format('GET', '/ngsi-ld/v1/entities?limit=20&local=true') end"
FOLLOWED = """
local start = '/ngsi-ld/v1/entities?limit=20&local=true&offset=20000'
local path = start
request = function() return wrk.format('GET', path) end
response = function(status, headers)
  for name, value in pairs(headers) do
    if name:lower() == 'link' then path = value:match('<([^>]*)>; rel="next"') or start end
  end
end
"""
"""Follows the links from page 1,000 on; the link to the next page is the last header of its name."""
PATCH = (
    _RANDOM_ID
    + """
wrk.headers['Content-Type'] = 'application/json'
local k = 0
request = function()
  k = k + 1
  local body = string.format('{"value":%.1f,"observedAt":"2026-03-%02dT%02d:%02d:%02d.%03dZ"}',
    math.random() * 40, 1 + k % 28, math.random(0, 23), math.random(0, 59), math.random(0, 59), math.random(0, 999))
  return wrk.format('PATCH', '/ngsi-ld/v1/entities/' .. id() .. '/attrs/no2', nil, body)
end"""
)
ROOT = "request = function() return wrk.format('GET', '/') end"


def entity(number: int) -> dict[str, object]:
    """Make one entity of about 1 kB with ten attributes, one of them measured."""
    values = {
        name: {"type": "Property", "value": round(number % 97 + k / 7, 2), "unitCode": "GQ"}
        for k, name in enumerate(("no2", "pm10", "pm25", "o3", "so2", "co"))
    }
    # a measurement, as sensors send it: updates of it go on with its history
    values["no2"]["observedAt"] = "2026-02-28T00:00:00Z"
    return {
        "id": f"urn:ngsi-ld:Bench:{number}",
        "type": f"Bench{number % TYPES}",
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [7.5 + number % 1000 / 5000, 51.9 + number // 1000 / 5000]},
        },
        "refDistrict": {"type": "Relationship", "object": f"urn:ngsi-ld:District:{number % 20}"},
        "name": {"type": "LanguageProperty", "languageMap": {"de": f"Station {number}", "en": f"Station {number}"}},
        "source": {"type": "Property", "value": "https://example.org/stations"},
        **values,
    }


def fill(base: str, count: int) -> float:
    """Create entities in batches and give how many a second."""
    started = time.perf_counter()
    for first in range(0, count, BATCH):
        body = json.dumps([entity(number) for number in range(first, min(first + BATCH, count))]).encode()
        request = urllib.request.Request(
            f"{base}/ngsi-ld/v1/entityOperations/create", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
    return count / (time.perf_counter() - started)


@contextlib.contextmanager
def _server(engine: str) -> Generator[tuple[str, int]]:
    if engine == "sqlite":
        with stadtkern() as server:
            yield server
        return
    from tests.postgres_server import PostgresServer

    with PostgresServer(fsync=True) as postgres, stadtkern(postgres.database_url(postgres.create_database())) as server:
        yield server


def measure(engine: str, entities: int, seconds: int) -> None:
    """Measure one engine and print its rows, against the ceiling of the same minutes."""
    with _server(engine) as (base, pid):
        idle = memory_mb(pid)
        print(f"\n## {engine}\n")
        print(f"memory idle {idle:.0f} MB")
        print(f"created in batches of {BATCH}: {fill(base, entities):,.0f} entities/s")
        top = measure_ceiling(seconds)
        print(
            "| what | per second | p99 ms | failed | × ceiling | µs of processor | × ceiling by processor |\n"
            "|---|---|---|---|---|---|---|"
        )
        for name, script, connections in (
            ("GET one", GET_ONE, 32),
            ("page of 20", PAGE, 32),
            ("page of 20, 50 to 90 pages deep", DEEP, 32),
            ("page of 20 of all entities", FIRST_OF_ALL, 32),
            ("the same by following links, from page 1,000 on", FOLLOWED, 32),
            ("PATCH attribute, 32 clients", PATCH, 32),
        ):
            drive(base, pid, script.replace("@N@", str(entities)), seconds=2, connections=connections)
            _row(
                name,
                drive(base, pid, script.replace("@N@", str(entities)), seconds=seconds, connections=connections),
                top,
            )
        for name, script in (("GET one", GET_ONE), ("page of 20", PAGE)):
            writes = start(base, PATCH.replace("@N@", str(entities)), seconds=seconds, connections=3)
            load = drive(base, pid, script.replace("@N@", str(entities)), seconds=seconds, connections=29)
            done = finish(writes)
            _row(f"{name}, with {done.per_second:,.0f} updates/s", load, top)
        print(f"\nmemory with {entities:,} entities, after load: {memory_mb(pid):.0f} MB")


def measure_ceiling(seconds: int) -> Load:
    """Measure the bare server and print what it does."""
    with ceiling() as (base, pid):
        drive(base, pid, ROOT, seconds=1, connections=32)
        top = drive(base, pid, ROOT, seconds=seconds, connections=32)
    print(f"bare ASGI ceiling: {top.per_second:,.0f} requests/s, {top.cpu_us:.1f} µs of processor time each")
    return top


def _row(name: str, load: Load, top: Load) -> None:
    cells = [
        name,
        f"{load.per_second:,.0f}",
        f"{load.p99_ms:.1f}",
        f"{load.failed}",
        f"{load.per_second / top.per_second:.2f}",
        f"{load.cpu_us:.0f}",
        f"{top.cpu_us / load.cpu_us:.2f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print a table an engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    for engine in ["sqlite", "postgres"] if options.engine == "both" else [options.engine]:
        measure(engine, options.entities, options.seconds)


if __name__ == "__main__":
    main()
