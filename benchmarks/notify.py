"""From an update to the receiver: 10,000 subscriptions of eight kinds of filter, updates at a steady rate.

``python -m benchmarks.notify [--rate N] [--seconds S] [--subscriptions N] [--backlog N] [--engine
sqlite|postgres|both]``. Each update carries the time at which it was sent; the receiver, in another process than the
server, tells how old it was when it came. What must come is counted beforehand, from the filters. Where the rate is
more than the server can keep up with, the second table tells how late it was when the updates ended, as its metrics
show it, how long it took to catch up, and what it dropped (``--backlog`` sets the bound).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import aiohttp

from benchmarks.ngsild import _server
from benchmarks.server import CLIENT_CORE

TYPES = 50
ENTITIES = 1_000
QUIET_S = 3.0
"""Nothing waits and nothing came for so long: that was all."""
PATIENCE_S = 300.0


def subscriptions(count: int, uri: str) -> Iterator[dict[str, Any]]:
    """Make subscriptions of eight kinds in turn, each kind spread over types and entities."""
    for number in range(count):
        turn, kind = divmod(number, 8)
        type_ = f"Meter{turn % TYPES}"
        entity = f"urn:m:{turn % ENTITIES}"
        tenth = "" if turn % 10 == 0 else "x"
        only: dict[str, Any] = [
            {"entities": [{"type": f"Meter{entity_type(turn % ENTITIES)}", "id": entity}]},
            {"entities": [{"type": f"Meter{entity_type(turn % ENTITIES)}", "idPattern": f"^{entity}{tenth}$"}]},
            {"entities": [{"type": type_}], "watchedAttributes": [f"other{turn}"]},
            {"entities": [{"type": type_}], "q": f"limit>{turn + 10}"},
            {"entities": [{"type": type_}], "q": f'name~="^station {turn}{tenth}$"'},
            {"entities": [{"type": type_}], "scopeQ": f"/town/m{turn}{tenth}"},
            {
                "entities": [{"type": type_}],
                "geoQ": {
                    "georel": f"near;maxDistance=={1 + turn % 5}",
                    "geometry": "Point",
                    "coordinates": [7.0 + turn / 10_000, 51.0],
                },
            },
            {"entities": [{"type": type_}], "watchedAttributes": ["level"], "q": f"level<{-turn - 1}"},
        ][kind]
        yield {
            "id": f"urn:s:{number}",
            "type": "Subscription",
            "notification": {"format": "keyValues", "attributes": ["level"], "endpoint": {"uri": f"{uri}/{kind}"}},
            **only,
        }


def entity_type(number: int) -> int:
    """Tell the type of a meter."""
    return number % TYPES


def entity(number: int) -> dict[str, Any]:
    """Make a meter."""
    return {
        "id": f"urn:m:{number}",
        "type": f"Meter{entity_type(number)}",
        "scope": f"/town/m{number}",
        "name": {"type": "Property", "value": f"station {number}"},
        "limit": {"type": "Property", "value": 10},
        "level": {"type": "Property", "value": 0},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.0 + number / 10_000, 51.0]}},
    }


def due(number: int, count: int) -> int:
    """Count the subscriptions that an update of a meter's level concerns."""
    turns = [turn for turn in range(count // 8) if turn % ENTITIES == number]
    own = sum(turn < ENTITIES for turn in turns)
    # by id all of them; by pattern, by name and by scope those of every tenth meter; by place its own: a ten-thousandth
    # of a degree at 51 degrees north is 7.01 m, so that no other meter lies within 5 m
    return len(turns) + own + (own + own + len(turns) if number % 10 == 0 else 0)


class Receiver(asyncio.Protocol):
    """As little HTTP as a receiver can do: reads a request, answers 200, notes how old the value was."""

    def __init__(self, ages: list[float]) -> None:
        self._ages = ages
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read what came; several requests may come one after the other."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            body = json.loads(self._buffer[end + 4 : end + 4 + length])
            self._buffer = self._buffer[end + 4 + length :]
            self._ages.append(time.time() - body["data"][0]["level"])
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")  # type: ignore[attr-defined]


async def update(session: aiohttp.ClientSession, number: int) -> None:
    """Update one meter's level to the present time."""
    body = {"level": {"type": "Property", "value": time.time()}}
    async with session.patch(f"/ngsi-ld/v1/entities/urn:m:{number}/attrs", json=body) as answer:
        if answer.status != 204:
            raise SystemExit(await answer.text())


async def drive(base: str, options: argparse.Namespace) -> None:
    """Subscribe, update at the wanted rate, wait for what is due, print a row."""
    ages: list[float] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiver(ages), "127.0.0.1", 0)
    uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(base, connector=connector) as session:
        body = [entity(number) for number in range(ENTITIES)]
        async with session.post("/ngsi-ld/v1/entityOperations/create", json=body) as answer:
            if answer.status != 201:
                raise SystemExit(await answer.text())
        for one in subscriptions(options.subscriptions, uri):
            async with session.post("/ngsi-ld/v1/subscriptions", json=one) as answer:
                if answer.status != 201:
                    raise SystemExit(await answer.text())
        await asyncio.sleep(3)
        ages.clear()
        begun = time.monotonic()
        wanted, updates = await _update_steadily(session, options)
        ended = time.monotonic()
        late = await shown(session)
        caught_up = await _catch_up(session, ages, wanted)
        told = await shown(session)
    _print(options, updates, wanted, ages)
    print("\n| updates took s | waiting at their end | oldest s | caught up after s | dropped | sent, as shown |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {ended - begun:.1f} | {late['waiting']:,.0f} | {late['oldest']:.1f} | {caught_up - ended:.1f} "
        f"| {told['dropped']:,.0f} | {told['sent']:,.0f} |",
        flush=True,
    )


async def shown(session: aiohttp.ClientSession) -> dict[str, float]:
    """Read what the server's metrics and its list of subscriptions tell of notifications."""
    async with session.get("/metrics") as answer:
        lines = [line.rpartition(" ") for line in (await answer.text()).splitlines() if not line.startswith("#")]
    gauges = {name: float(value) for name, _, value in lines if "notification" in name}
    sums = {"dropped": 0, "timesSent": 0}
    more = True
    for offset in range(0, 1_000_000, 1000):
        if not more:
            break
        async with session.get("/v1/notifications", params={"limit": 1000, "offset": offset}) as answer:
            page = await answer.json()
        more = page["more"]
        for name in sums:
            sums[name] += sum(one[name] for one in page["notifications"])
    return {
        "waiting": gauges["stadtkern_notifications_waiting"],
        "oldest": gauges["stadtkern_notification_oldest_seconds"],
        "dropped": sums["dropped"],
        "sent": sums["timesSent"],
    }


async def _catch_up(session: aiohttp.ClientSession, ages: list[float], wanted: int) -> float:
    """Wait until all has come, or until nothing waits and nothing comes; gives when the last one came."""
    until = time.monotonic() + PATIENCE_S
    came, last = len(ages), time.monotonic()
    while len(ages) < wanted and time.monotonic() < until:
        await asyncio.sleep(0.05)
        if len(ages) > came:
            came, last = len(ages), time.monotonic()
        elif time.monotonic() > last + QUIET_S and (await shown(session))["waiting"] == 0:
            break
    return last


async def _update_steadily(session: aiohttp.ClientSession, options: argparse.Namespace) -> tuple[int, int]:
    # each meter once in a round: two updates of one meter in one commit would be told as one
    order = random.Random(7).sample(range(ENTITIES), ENTITIES)
    expected = {number: due(number, options.subscriptions) for number in range(ENTITIES)}
    tasks: set[asyncio.Task[None]] = set()
    wanted = updates = 0
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < options.seconds:
        while updates < passed * options.rate:
            number = order[updates % ENTITIES]
            wanted += expected[number]
            updates += 1
            task = asyncio.create_task(update(session, number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.sleep(0.002)
    if tasks:
        await asyncio.wait(tasks)
    return wanted, updates


def _print(options: argparse.Namespace, updates: int, wanted: int, ages: list[float]) -> None:
    ordered = sorted(ages) or [0.0]
    p50, p95, p99 = (ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 for share in (0.5, 0.95, 0.99))
    print(
        f"| {options.subscriptions:,} | {options.rate} | {updates:,} | {wanted:,} | {len(ages):,} "
        f"| {p50:.1f} | {p95:.1f} | {p99:.1f} | {ordered[-1] * 1000:.0f} |",
        flush=True,
    )


def main() -> None:
    """Print a row an engine."""
    import os

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--backlog", type=int, default=10_000)
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    os.environ["STADTKERN_ALLOW_PRIVATE_ADDRESSES"] = "1"
    os.environ["STADTKERN_NOTIFICATION_BACKLOG"] = str(options.backlog)
    for engine in ["sqlite", "postgres"] if options.engine == "both" else [options.engine]:
        print(f"\n## {engine}\n")
        print("| subscriptions | updates/s | updates | due | delivered | p50 ms | p95 ms | p99 ms | last ms |")
        print("|---|---|---|---|---|---|---|---|---|")
        with _server(engine) as (base, _):
            os.sched_setaffinity(0, {CLIENT_CORE})
            asyncio.run(drive(base, options))
            os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))


if __name__ == "__main__":
    main()
