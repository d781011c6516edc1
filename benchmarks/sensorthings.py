"""The SensorThings lines of the budget: reads over 10,000 Datastreams and one long one, single and bulk writes.

``python -m benchmarks.sensorthings [--streams N] [--observations N] [--seconds S] [--engine sqlite|postgres|both]``;
the server has one core, wrk (and PostgreSQL) the other. The store is filled through NGSI-LD: one write serves both
views.
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.ngsild import _server, measure_ceiling
from benchmarks.wrk import Load, drive

BATCH = 1_000
VALUES = 5_000
"""Values of the long series in one request."""
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)
LONG = "urn:ngsi-ld:Station:long"
POST = """
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
math.randomseed(os.time())
local k = 0
request = function()
  k = k + 1
  local body = string.format('{"phenomenonTime":"2026-03-%02dT%02d:%02d:%02d.%03dZ","result":%.1f}', 1 + k % 28,
    math.random(0, 23), math.random(0, 59), math.random(0, 59), math.random(0, 999), math.random() * 40)
  return wrk.format('POST', '/sta/v1.1/Datastreams(' .. math.random(1, @N@) .. ')/Observations', nil, body)
end"""


def ask(base: str, path: str, body: Any = None) -> tuple[Any, float]:
    """Ask once; gives the JSON answer and the seconds."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, {"content-type": "application/json"})
    begun = time.perf_counter()
    with urllib.request.urlopen(request, timeout=300) as answer:
        text = answer.read()
    return json.loads(text) if text else None, time.perf_counter() - begun


def best(base: str, path: str, times: int = 5) -> tuple[Any, float]:
    """Ask several times; gives the answer and the shortest time in ms."""
    found = [ask(base, path) for _ in range(times)]
    return found[0][0], min(seconds for _, seconds in found) * 1000


def stations(count: int) -> Iterator[list[dict[str, Any]]]:
    """Make stations with a place and one measured value, in batches."""
    for first in range(0, count, BATCH):
        yield [
            {
                "id": f"urn:ngsi-ld:Station:{number}",
                "type": "Station",
                "name": {"type": "Property", "value": f"Station {number}"},
                "no2": {
                    "type": "Property",
                    "value": number % 97,
                    "unitCode": "GQ",
                    "observedAt": "2026-02-28T00:00:00Z",
                },
                "location": {
                    "type": "GeoProperty",
                    "value": {"type": "Point", "coordinates": [7 + number % 100 / 100, 51 + number // 100 / 100]},
                },
            }
            for number in range(first, min(first + BATCH, count))
        ]


def fill(base: str, streams: int, observations: int) -> int:
    """Fill the store; gives the number of the long Datastream."""
    for batch in stations(streams):
        ask(base, "/ngsi-ld/v1/entityOperations/create", batch)
    for first in range(0, observations, VALUES):
        values = [
            {"type": "Property", "value": k % 300 / 10, "observedAt": (BEGIN + k * STEP).strftime("%Y-%m-%dT%H:%M:%SZ")}
            for k in range(first, min(first + VALUES, observations))
        ]
        ask(base, "/ngsi-ld/v1/temporal/entities", {"id": LONG, "type": "Station", "no2": values})
    found, _ = ask(base, "/sta/v1.1/Datastreams?$orderby=id%20desc&$top=1")
    return int(found["value"][0]["@iot.id"])


def bulk(base: str, stream: int, count: int) -> float:
    """Write observations as data arrays; gives how many a second."""
    begun = time.perf_counter()
    for first in range(0, count, VALUES):
        rows = [
            [(BEGIN - (k + 1) * STEP).strftime("%Y-%m-%dT%H:%M:%SZ"), k % 300 / 10]
            for k in range(first, min(first + VALUES, count))
        ]
        group = {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray": rows}
        ask(base, "/sta/v1.1/CreateObservations", [group])
    return count / (time.perf_counter() - begun)


def follow(base: str, path: str, pages: int) -> float:
    """Follow links; gives the milliseconds of the last ten pages."""
    link, seconds = base + path, []
    for _ in range(pages):
        page, took = ask("", link)
        seconds.append(took)
        link = page["@iot.nextLink"]
    return sum(seconds[-10:]) / 10 * 1000


def measure(engine: str, options: argparse.Namespace) -> None:
    """Measure one engine and print its rows."""
    with _server(engine) as (base, pid):
        print(f"\n## {engine}\n")
        long = fill(base, options.streams, options.observations)
        top = measure_ceiling(2)
        print("| what | result |\n|---|---|")
        latest = "/sta/v1.1/Datastreams?$top=1000&$expand=Observations($orderby=phenomenonTime%20desc;$top=1)"
        row("latest value of 1,000 Datastreams by $expand, ms", best(base, latest)[1])
        month = (
            f"/sta/v1.1/Datastreams({long})/Observations?$top=1000&$orderby=phenomenonTime%20asc"
            "&$filter=phenomenonTime%20ge%202024-01-10T00:00:00Z%20and%20phenomenonTime%20lt%202024-02-10T00:00:00Z"
        )
        row("first 1,000 of a month of one Datastream, ms", best(base, month)[1])
        first = f"/sta/v1.1/Datastreams({long})/Observations?$top=100"
        row("page 1 of a long Datastream, ms", best(base, first)[1])
        deep = min(1_000, options.observations // 100 - 10)
        row(f"its pages up to {deep:,} by nextLink, ms", follow(base, first, deep))
        counted, took = best(base, f"{first.replace('$top=100', '$top=0')}&$count=true")
        row(f"count of its {counted['@iot.count']:,} Observations, ms", took)
        single = POST.replace("@N@", str(options.streams))
        drive(base, pid, single, seconds=2, connections=32)
        report("POST of one Observation, 32 clients", drive(base, pid, single, seconds=options.seconds, connections=32))
        row("Observations a second as data arrays of 5,000", bulk(base, long, 100_000))
        print(f"\nceiling: {top.per_second:,.0f} requests/s, {top.cpu_us:.1f} µs of processor time each")


def row(name: str, value: float) -> None:
    """Print one figure."""
    print(f"| {name} | {value:,.1f} |", flush=True)


def report(name: str, load: Load) -> None:
    """Print a load."""
    print(
        f"| {name} | {load.per_second:,.0f}/s, p99 {load.p99_ms:.0f} ms, {load.failed} failed, {load.cpu_us:.0f} µs of"
        " processor |",
        flush=True,
    )


def main() -> None:
    """Print a table an engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--observations", type=int, default=200_000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    for engine in ["sqlite", "postgres"] if options.engine == "both" else [options.engine]:
        measure(engine, options)


if __name__ == "__main__":
    main()
