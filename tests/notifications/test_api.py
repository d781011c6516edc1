"""``/v1/notifications``: what it tells of real deliveries to real receivers, and tests of receivers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.notifications.watching import (
    BEARER,
    STATUS,
    SUBSCRIPTIONS,
    WAIT_S,
    make_meter,
    post,
    set_levels,
    settings,
    status,
    subscription,
    try_out,
    wait_for_status,
)
from tests.notify.receiver import Receiver
from tests.server_process import ServerProcess, free_port

LIVE = {"state", "waiting", "oldestWaitingSeconds", "failuresInARow", "nextTryInSeconds"}
COUNTERS = ("timesSent", "timesFailed", "dropped", "lastNotification", "lastSuccess", "lastFailure", "lastError")


async def test_status_tells_what_waits_and_why(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    async with Receiver() as broken:
        broken.status = 503
        with ServerProcess(tmp_path, **settings(database_url)) as server:
            server.start()
            async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
                await make_meter(session)
                await post(session, SUBSCRIPTIONS, subscription("good", f"{receiver.url}/in?key=hidden-query"))
                await post(session, SUBSCRIPTIONS, subscription("bad", f"{broken.url}/hidden-path"))
                await set_levels(session, 1, 2, 3)
                good = await wait_for_status(session, "good", lambda shown: shown["timesSent"] == 3)
                bad = await wait_for_status(session, "bad", lambda shown: shown.get("failuresInARow", 0) >= 2)
                async with session.get(STATUS) as answer:
                    text = await answer.text()
                    listed = await answer.json()
    assert (good["status"], good["endpoint"], good["name"]) == ("active", receiver.url, "The good one")
    assert (good["timesFailed"], good["dropped"], good["lastError"], good["lastFailure"]) == (0, 0, None, None)
    assert good["lastSuccess"] is not None
    assert bad["waiting"] == 3
    assert bad["lastError"] == "The receiver answered with status 503"
    assert bad["timesSent"] == bad["timesFailed"] >= 2
    assert bad["lastSuccess"] is None
    assert bad["oldestWaitingSeconds"] > 0
    assert bad["state"] in {"waiting", "sending"}
    assert (bad["nextTryInSeconds"] is not None) == (bad["state"] == "waiting")
    assert [one["id"] for one in listed["notifications"]] == ["urn:s:good", "urn:s:bad"]
    assert (listed["total"], listed["more"]) == (2, False)
    assert "hidden" not in text


async def test_test_goes_past_what_waits_and_changes_no_counter(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    with ServerProcess(tmp_path, **settings(database_url)) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
            await make_meter(session)
            await post(session, SUBSCRIPTIONS, subscription("slow", receiver.url, throttling=3600))
            await set_levels(session, 1)
            await receiver.wait(1)
            await set_levels(session, 2, 3)
            before = await wait_for_status(session, "slow", lambda shown: shown["waiting"] == 2)
            trial = await try_out(session, "slow")
            after = await status(session, "slow")
    assert (trial["delivered"], trial["error"], trial["entities"]) == (True, None, 1)
    assert trial["milliseconds"] > 0
    assert [body["data"][0]["level"] for _, _, body in receiver.got] == [1, 3]
    _, headers, body = receiver.got[-1]
    assert headers["Stadtkern-Test"] == "true"
    assert headers["X-Secret"] == "hidden-header"
    assert body["id"].startswith("urn:ngsi-ld:Notification:test:")
    assert body["subscriptionId"] == "urn:s:slow"
    assert "Stadtkern-Test" not in receiver.got[0][1]
    assert {name: after[name] for name in COUNTERS} == {name: before[name] for name in COUNTERS}
    assert after["waiting"] == 2


async def test_test_shows_nothing_where_nothing_is_chosen(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    with ServerProcess(tmp_path, **settings(database_url)) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
            await post(session, SUBSCRIPTIONS, subscription("early", receiver.url))
            trial = await try_out(session, "early")
    assert (trial["delivered"], trial["entities"]) == (True, 0)
    assert receiver.got[0][2]["data"] == []


async def test_test_of_a_receiver_that_fails_tells_why(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = 401
    with ServerProcess(tmp_path, **settings(database_url)) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
            await post(session, SUBSCRIPTIONS, subscription("strict", receiver.url))
            await post(session, SUBSCRIPTIONS, subscription("dead", f"http://127.0.0.1:{free_port()}/"))
            await post(session, SUBSCRIPTIONS, subscription("stream", "urn:stadtkern:events"))
            strict, dead = await try_out(session, "strict"), await try_out(session, "dead")
            stream = await try_out(session, "stream")
            shown = await status(session, "dead")
    assert (strict["delivered"], strict["error"]) == (False, "The receiver answered with status 401")
    assert dead["delivered"] is False
    assert dead["error"].startswith("The receiver cannot be reached")
    assert stream["error"] == "The subscription is read as a stream: there is no receiver to test"
    assert (shown["timesSent"], shown["timesFailed"], shown["lastError"]) == (0, 0, None)


async def _ask(session: aiohttp.ClientSession, method: str, path: str, **headers: str) -> tuple[int, Any]:
    async with session.request(method, path, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_rights_are_those_of_subscriptions(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    with ServerProcess(tmp_path, **settings(database_url, anonymous="read")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url) as session:
            made = {
                kind: await post(session, "/v1/keys", {"name": kind, "kind": kind.rstrip("2")}, **BEARER)
                for kind in ("read", "write", "write2", "admin")
            }
            keys = {kind: {"X-API-Key": key["key"]} for kind, key in made.items()}
            await post(session, SUBSCRIPTIONS, subscription("theirs", receiver.url), **keys["write"])
            one, test, unknown = f"{STATUS}/urn:s:theirs", f"{STATUS}/urn:s:theirs/test", f"{STATUS}/urn:s:nobody"
            for path, method in ((STATUS, "GET"), (one, "GET"), (test, "POST"), (unknown, "GET")):
                assert (await _ask(session, method, path))[0] == 401
                assert (await _ask(session, method, path, **keys["read"]))[0] == 403
            assert (await _ask(session, "GET", one, **keys["write2"]))[0] == 200
            refused = await _ask(session, "POST", test, **keys["write2"])
            assert receiver.asked == 0
            for headers in (keys["write"], keys["admin"], BEARER):
                assert (await _ask(session, "POST", test, **headers))[1]["delivered"]
                assert (await _ask(session, "GET", unknown, **headers))[0] == 404
                assert (await _ask(session, "POST", f"{unknown}/test", **headers))[0] == 404
            async with session.delete(f"/v1/keys/{made['write']['id']}", headers=BEARER) as answer:
                assert answer.status == 204
            revoked = await _ask(session, "POST", test, **BEARER)
    assert refused[0] == 403
    assert "others cannot test it" in refused[1]["detail"]
    assert receiver.asked == 3
    assert revoked[0] == 200
    assert revoked[1]["delivered"] is False
    assert revoked[1]["error"].startswith("The subscriber may not read any more")


async def test_list_goes_by_pages_and_by_tenant(tmp_path: Path, database_url: str) -> None:
    with ServerProcess(tmp_path, **settings(database_url, implicit_tenants="1")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
            await post(session, SUBSCRIPTIONS, subscription("paused", "http://[2001:db8::1]/", isActive=False))
            await post(session, SUBSCRIPTIONS, subscription("tls", "https://b.example:8443/x"))
            await post(session, "/t/north" + SUBSCRIPTIONS, subscription("other", "http://c.example/"))
            _, first = await _ask(session, "GET", f"{STATUS}?limit=1")
            _, second = await _ask(session, "GET", f"{STATUS}?limit=1&offset=1")
            _, north = await _ask(session, "GET", f"/t/north{STATUS}")
            missing, _ = await _ask(session, "GET", f"/t/nowhere{STATUS}")
            wrong = [await _ask(session, "GET", f"{STATUS}?{query}") for query in ("limit=0", "offset=x", "page=2")]
    (paused,) = first["notifications"]
    assert (paused["id"], paused["status"], paused["endpoint"]) == ("urn:s:paused", "paused", "http://[2001:db8::1]")
    assert LIVE.isdisjoint(paused)
    assert (first["total"], first["offset"], first["more"]) == (2, 0, True)
    assert [one["endpoint"] for one in second["notifications"]] == ["https://b.example:8443"]
    assert (second["offset"], second["more"]) == (1, False)
    assert [one["id"] for one in north["notifications"]] == ["urn:s:other"]
    assert missing == 404  # to look does not make a tenant
    assert [answer[0] for answer in wrong] == [400, 400, 400]


async def test_what_is_given_up_is_counted(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = 503
    with ServerProcess(tmp_path, **settings(database_url, notification_backlog="2")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
            await make_meter(session)
            await post(session, SUBSCRIPTIONS, subscription("full", receiver.url))
            await set_levels(session, *range(1, 8))
            shown = await wait_for_status(session, "full", lambda shown: shown["dropped"] >= 4)
            receiver.status = 400
            await wait_for_status(session, "full", lambda shown: shown["waiting"] == 0)
            async with session.get("/metrics") as answer:
                lines = (await answer.text()).splitlines()
    assert shown["waiting"] <= 3
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values['stadtkern_notifications_dropped_total{reason="backlog"}']) >= 4
    assert float(values['stadtkern_notifications_dropped_total{reason="refused"}']) >= 2
    assert "stadtkern_notification_oldest_seconds" in values


async def test_any_process_answers_and_tests(tmp_path: Path, postgres_database_url: str, receiver: Receiver) -> None:
    """One of two processes delivers: the other shows what was stored, without what only the first one knows."""
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(ServerProcess(tmp_path / name, **settings(postgres_database_url))) for name in "ab"
        ]
        for server in servers:
            server.data.parent.mkdir()
            server.start()
        async with contextlib.AsyncExitStack() as sessions:
            both = [
                await sessions.enter_async_context(aiohttp.ClientSession(server.url, headers=BEARER))
                for server in servers
            ]
            await make_meter(both[0])
            await post(both[1], SUBSCRIPTIONS, subscription("one", receiver.url))
            await set_levels(both[0], 1, 2)
            shown = [await wait_for_status(one, "one", lambda shown: shown["timesSent"] == 2) for one in both]
            trials = [await try_out(one, "one") for one in both]
    assert sorted(one.keys() >= LIVE for one in shown) == [False, True]
    assert sorted(LIVE.isdisjoint(one) for one in shown) == [False, True]
    assert [trial["delivered"] for trial in trials] == [True, True]
    assert len(receiver.got) == 4


@pytest.mark.parametrize("path", [STATUS, f"{STATUS}/urn:s:x"])
async def test_answers_are_not_kept(tmp_path: Path, path: str, receiver: Receiver) -> None:
    with ServerProcess(tmp_path, **settings("")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
            await post(session, SUBSCRIPTIONS, subscription("x", receiver.url))
            async with asyncio.timeout(WAIT_S), session.get(path) as answer:
                assert answer.status == 200
                assert answer.headers["Cache-Control"] == "no-store"


async def test_a_tenant_has_only_so_many_subscriptions(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    with ServerProcess(tmp_path, **settings(database_url, subscriptions="2")) as server:
        server.start()
        async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
            answers = []
            for name in ("a", "b", "c"):
                async with session.post(SUBSCRIPTIONS, json=subscription(name, receiver.url)) as answer:
                    answers.append((answer.status, await answer.text()))
            async with session.delete(f"{SUBSCRIPTIONS}/{subscription('a', receiver.url)['id']}") as answer:
                assert answer.status == 204
            await post(session, SUBSCRIPTIONS, subscription("c", receiver.url))
    assert [status for status, _ in answers] == [201, 201, 403]
    assert "STADTKERN_SUBSCRIPTIONS" in answers[2][1]
