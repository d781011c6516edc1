"""Trust: a real server, a real receiver, and what happens when either of them fails."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

from tests.notify.receiver import WAIT_S, Receiver
from tests.server_process import ServerProcess

ENTITIES = 8
PATH = "/ngsi-ld/v1/entities"
SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


def settings(database_url: str, **more: str) -> dict[str, str]:
    return {"database_url": database_url, "anonymous": "write", "allow_private_addresses": "1", **more}


def subscription(uri: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"urn:s:{number}",
        "type": "Subscription",
        "entities": [{"type": "Meter"}],
        "watchedAttributes": ["level"],
        "notification": {"format": "keyValues", "endpoint": {"uri": uri}},
        **more,
    }


async def post(session: aiohttp.ClientSession, path: str, body: Any) -> None:
    async with session.post(path, json=body) as answer:
        assert answer.status in {201, 204}, await answer.text()


async def set_level(session: aiohttp.ClientSession, number: int, value: int) -> None:
    async with session.patch(
        f"{PATH}/urn:m:{number}/attrs", json={"level": {"type": "Property", "value": value}}
    ) as answer:
        assert answer.status == 204, await answer.text()


async def make_meters(session: aiohttp.ClientSession) -> None:
    meters = [
        {"id": f"urn:m:{number}", "type": "Meter", "level": {"type": "Property", "value": 0}}
        for number in range(ENTITIES)
    ]
    await post(session, "/ngsi-ld/v1/entityOperations/create", meters)


async def show(session: aiohttp.ClientSession, number: int = 1) -> dict[str, Any]:
    async with session.get(f"{SUBSCRIPTIONS}/urn:s:{number}") as answer:
        assert answer.status == 200
        return dict(await answer.json())


def levels(bodies: list[Any], ids: set[str]) -> dict[str, list[int]]:
    """List the levels an entity was told with, in order, each notification once however often it came."""
    told: dict[str, list[int]] = defaultdict(list)
    for body in bodies:
        if body["id"] in ids:
            continue
        ids.add(body["id"])
        for entity in body["data"]:
            told[entity["id"]].append(entity["level"])
    return told


async def write_until(session: aiohttp.ClientSession, acknowledged: dict[int, int], stop: asyncio.Event) -> None:
    """Count each meter up, one after the other, until told to stop or until the server is gone."""

    async def count(number: int) -> None:
        while not stop.is_set():
            try:
                await set_level(session, number, acknowledged[number] + 1)
            except (aiohttp.ClientError, ConnectionError):
                return
            acknowledged[number] += 1

    await asyncio.gather(*(count(number) for number in range(ENTITIES)))


async def wait_for_levels(receiver: Receiver, acknowledged: dict[int, int]) -> dict[str, list[int]]:
    async with asyncio.timeout(WAIT_S * 2):
        while True:
            told = levels([body for _, _, body in receiver.got], set())
            if all(told[f"urn:m:{number}"][-1:] >= [last] for number, last in acknowledged.items() if last):
                return told
            await asyncio.sleep(0.05)


def check_complete(told: dict[str, list[int]], acknowledged: dict[int, int]) -> None:
    """Each level was told, in order; one more than acknowledged may have been stored."""
    for number, last in acknowledged.items():
        seen = [level for level in told[f"urn:m:{number}"] if level]
        assert seen in (list(range(1, last + 1)), list(range(1, last + 2))), f"urn:m:{number}"


async def test_kill_between_commit_and_delivery_loses_no_notification(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    acknowledged = dict.fromkeys(range(ENTITIES), 0)
    with ServerProcess(tmp_path, **settings(database_url)) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            await make_meters(session)
            await post(session, SUBSCRIPTIONS, subscription(f"{receiver.url}/a"))
        receiver.delay_s = 0.005  # slower than the writers, so that something always waits
        for round_ in range(3):
            stop = asyncio.Event()
            async with aiohttp.ClientSession(server.url) as session:
                writing = asyncio.create_task(write_until(session, acknowledged, stop))
                async with asyncio.timeout(WAIT_S):
                    while sum(acknowledged.values()) < 150 * (round_ + 1):
                        await asyncio.sleep(0.01)
                server.kill()
                await writing
            server.restart()
            async with aiohttp.ClientSession(server.url) as session:
                await _read_back(session, acknowledged)
        receiver.delay_s = 0
        told = await wait_for_levels(receiver, acknowledged)
        check_complete(told, acknowledged)
        assert server.stop() == 0


async def test_workers_that_are_killed_are_taken_over(
    postgres_database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    """Each change is told once by whichever process leads, and the next one goes on where it was killed."""
    acknowledged = dict.fromkeys(range(ENTITIES), 0)
    with ServerProcess(tmp_path, **settings(postgres_database_url, workers="2")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            await make_meters(session)
            await post(session, SUBSCRIPTIONS, subscription(receiver.url))
            for round_ in range(4):
                stop = asyncio.Event()
                writing = asyncio.create_task(write_until(session, acknowledged, stop))
                async with asyncio.timeout(WAIT_S * 2):
                    while sum(acknowledged.values()) < 100 * (round_ + 1):
                        if writing.done():
                            await writing
                            writing = asyncio.create_task(write_until(session, acknowledged, stop))
                        await asyncio.sleep(0.01)
                    victims = children(server.pid)
                    os.kill(victims[round_ % len(victims)], signal.SIGKILL)
                    await asyncio.sleep(0.5)
                    stop.set()
                    await writing
                    await _read_back(session, acknowledged)
        told = await wait_for_levels(receiver, acknowledged)
        check_complete(told, acknowledged)
        assert server.stop() == 0


def children(pid: int) -> list[int]:
    """List the worker processes of a supervisor."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == pid and b"spawn_main" in command:
            found.append(int(stat.parent.name))
    return sorted(found)


async def _read_back(session: aiohttp.ClientSession, acknowledged: dict[int, int]) -> None:
    """Count on from what is there: what was under way when a server was killed may have been stored."""
    for number in acknowledged:
        for _ in range(100):
            try:
                async with session.get(f"{PATH}/urn:m:{number}?options=keyValues") as answer:
                    acknowledged[number] = (await answer.json())["level"]
                    break
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0.1)


async def test_stop_and_start_send_nothing_twice(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    with ServerProcess(tmp_path, **settings(database_url)) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            await make_meters(session)
            await post(session, SUBSCRIPTIONS, subscription(receiver.url))
            for value in range(1, 6):
                await set_level(session, 1, value)
        await receiver.wait(5)
        assert server.stop() == 0
        server.restart()
        async with aiohttp.ClientSession(server.url) as session:
            await set_level(session, 1, 6)
            bodies = await receiver.wait(6)
            assert (await show(session))["notification"]["timesSent"] == 6
    assert [body["data"][0]["level"] for body in bodies] == [1, 2, 3, 4, 5, 6]


async def test_dead_and_slow_receivers_delay_nobody(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    async with Receiver() as slow:
        slow.delay_s = 60
        with ServerProcess(tmp_path, **settings(database_url)) as server:
            server.start()
            async with aiohttp.ClientSession(server.url) as session:
                await make_meters(session)
                for number in range(2, 40):
                    dead = "http://127.0.0.1:9/" if number % 2 else slow.url
                    await post(session, SUBSCRIPTIONS, subscription(dead, number))
                await post(session, SUBSCRIPTIONS, subscription(receiver.url, 1))
                for value in range(1, 31):
                    await set_level(session, value % ENTITIES, value)
                bodies = await receiver.wait(30)
                assert [body["data"][0]["level"] for body in bodies] == list(range(1, 31))
                async with asyncio.timeout(WAIT_S):
                    while (shown := (await show(session, 3))["notification"])["status"] != "failed":
                        await asyncio.sleep(0.1)
                assert shown["timesFailed"] >= 1
                assert "lastFailure" in shown
                assert "lastSuccess" not in shown


async def test_receiver_that_comes_back_gets_everything_in_order(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.status = 503
    with ServerProcess(tmp_path, **settings(database_url)) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            await make_meters(session)
            await post(session, SUBSCRIPTIONS, subscription(receiver.url))
            for value in range(1, 11):
                await set_level(session, 1, value)
            await receiver.wait_asked(2)
            receiver.status = 200
            bodies = await receiver.wait(10)
            assert [body["data"][0]["level"] for body in bodies] == list(range(1, 11))
            async with asyncio.timeout(WAIT_S):
                while (shown := (await show(session))["notification"])["timesSent"] < 12:
                    await asyncio.sleep(0.05)
    assert shown["timesFailed"] >= 2
    assert shown["status"] == "ok"


async def test_oldest_are_dropped_and_counted_beyond_the_backlog(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.status = 503
    with ServerProcess(tmp_path, **settings(database_url, notification_backlog="5")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            await make_meters(session)
            await post(session, SUBSCRIPTIONS, subscription(receiver.url))
            for value in range(1, 21):
                await set_level(session, 1, value)
            await receiver.wait_asked(3)
            receiver.status = 200
            bodies = await receiver.wait(5)
    told = [body["data"][0]["level"] for body in bodies]
    assert told[-5:] == [16, 17, 18, 19, 20]
    assert told == sorted(told)


async def test_refused_notification_is_left_behind(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    statuses = itertools.chain([400], itertools.repeat(200))

    async def choose(_: object) -> None:
        receiver.status = next(statuses)

    receiver.before = choose
    with ServerProcess(tmp_path, **settings(database_url)) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            await make_meters(session)
            await post(session, SUBSCRIPTIONS, subscription(receiver.url))
            for value in range(1, 4):
                await set_level(session, 1, value)
            bodies = await receiver.wait(2)
            assert [body["data"][0]["level"] for body in bodies] == [2, 3]
            shown = (await show(session))["notification"]
    assert (shown["timesSent"], shown["timesFailed"]) == (3, 1)


async def test_private_addresses_are_not_sent_to(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    port = receiver.url.rsplit(":", 1)[1]
    with ServerProcess(tmp_path, **settings(database_url, allow_private_addresses="0")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            await make_meters(session)
            async with session.post(SUBSCRIPTIONS, json=subscription(receiver.url)) as answer:
                assert answer.status == 400
            await post(session, SUBSCRIPTIONS, subscription(f"http://localhost:{port}/", 2))
            await set_level(session, 1, 1)
            async with asyncio.timeout(WAIT_S):
                while (await show(session, 2))["notification"].get("timesFailed", 0) < 1:
                    await asyncio.sleep(0.05)
    assert receiver.asked == 0


async def test_subscriber_without_rights_is_told_nothing(tmp_path: Path, database_url: str, receiver: Receiver) -> None:
    """The Grant is taken anew: a revoked key ends what was ordered with it."""
    bearer = {"Authorization": "Bearer secret"}
    more = settings(database_url, admin_token="secret", anonymous="read")
    with ServerProcess(tmp_path, **more) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=bearer) as session:
            await make_meters(session)
            async with session.post("/v1/keys", json={"name": "theirs", "kind": "write"}) as answer:
                assert answer.status == 201, await answer.text()
                key = await answer.json()
            async with session.post(
                SUBSCRIPTIONS, json=subscription(receiver.url), headers={"Authorization": f"Bearer {key['key']}"}
            ) as answer:
                assert answer.status == 201, await answer.text()
            await set_level(session, 1, 1)
            await receiver.wait(1)
            async with session.delete(f"/v1/keys/{key['id']}") as answer:
                assert answer.status == 204
            await set_level(session, 1, 2)
            await post(session, SUBSCRIPTIONS, subscription(receiver.url, 2))
            await set_level(session, 1, 3)
            bodies = await receiver.wait(2)
    assert [(body["subscriptionId"], body["data"][0]["level"]) for body in bodies] == [("urn:s:1", 1), ("urn:s:2", 3)]
