"""The change feed over sockets: page by page and live, resumed after a kill, under the rights of its reader."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server.event_reader import PATIENCE_S, EventReader
from tests.server_process import ServerProcess

ADMIN = "secret-of-the-administrator"
NAME = "https://uri.etsi.org/ngsi-ld/default-context/"


def ask(server: ServerProcess, method: str, path: str, body: Any = None, token: str = ADMIN) -> tuple[Any, Any]:
    """Give an answer's headers and body; refuse any other than a good one."""
    request = urllib.request.Request(f"{server.url}{path}", method=method)
    request.add_header("authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("content-type", "application/json")
    data = None if body is None else msgspec.json.encode(body)
    with urllib.request.urlopen(request, data, timeout=PATIENCE_S) as answer:
        return answer.headers, answer.read()


def make(server: ServerProcess, id_: str, value: Any = 1, **more: Any) -> None:
    attribute = {"type": "Property", "value": value}
    ask(server, "POST", "/ngsi-ld/v1/entities", {"id": id_, "type": "Room", "level": attribute, **more})


def change(server: ServerProcess, id_: str, value: Any) -> None:
    patch = {"level": {"type": "Property", "value": value}}
    ask(server, "PATCH", f"/ngsi-ld/v1/entities/{id_}/attrs", patch)


def page(server: ServerProcess, query: str) -> tuple[list[Any], str]:
    """The changes of a page, and the cursor behind it."""
    headers, body = ask(server, "GET", f"/v1/changes?{query}")
    assert headers["content-type"] == "application/x-ndjson"
    return [msgspec.json.decode(line) for line in body.splitlines()], headers["stadtkern-cursor"]


def soon(condition: Any) -> Any:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found
    return found


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that lets nobody in without credentials."""
    settings = {"database_url": database_url, "anonymous": "none", "admin_token": ADMIN, "open_streams": "3"}
    with ServerProcess(tmp_path, **settings) as process:
        yield process.start()


def follow(server: ServerProcess, query: str = "", token: str = ADMIN, **headers: str) -> EventReader:
    return EventReader(server.port, f"/v1/changes?{query}", {"authorization": f"Bearer {token}", **headers})


def test_changes_are_read_page_by_page(server: ServerProcess) -> None:
    for number in range(5):
        make(server, f"urn:r:{number}")
    change(server, "urn:r:0", 2)
    ask(server, "DELETE", "/ngsi-ld/v1/entities/urn:r:1")
    first, cursor = soon(lambda: (found := page(server, "limit=3")) and len(found[0]) == 3 and found)
    rest, end = soon(lambda: (found := page(server, f"since={cursor}")) and len(found[0]) == 4 and found)
    assert [one["id"] for one in [*first, *rest]] == [*(f"urn:r:{n}" for n in range(5)), "urn:r:0", "urn:r:1"]
    assert [one["kind"] for one in [*first, *rest]] == [*["created"] * 5, "updated", "deleted"]
    assert rest[2]["types"] == [f"{NAME}Room"]
    assert rest[2]["version"] == 2
    assert rest[2]["attributes"] == [{"name": f"{NAME}level", "verb": "updated"}]
    assert end == rest[-1]["cursor"]
    assert page(server, f"since={end}") == ([], end)


def test_values_are_shown_on_demand(server: ServerProcess) -> None:
    make(server, "urn:r:0", 1)
    change(server, "urn:r:0", 2)
    changes, _ = soon(lambda: (found := page(server, "values=true")) and len(found[0]) == 2 and found)
    assert changes[1]["attributes"] == [
        {
            "name": f"{NAME}level",
            "verb": "updated",
            "previous": {"type": "Property", "value": 1},
            "new": {"type": "Property", "value": 2},
        }
    ]


def test_values_are_on_one_line_however_they_were_written(server: ServerProcess) -> None:
    body = b'{"id":"urn:r:0","type":"Room","level":{"type":"Property","value":{"a":\r\n[1,\n2]}}}'
    request = urllib.request.Request(f"{server.url}/ngsi-ld/v1/entities", body, method="POST")
    request.add_header("authorization", f"Bearer {ADMIN}")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        assert answer.status == 201
    changes, _ = soon(lambda: (found := page(server, "values=true")) and found[0] and found)
    with follow(server, "values=true&since=0-0") as reader:
        (event,) = reader.take(1)
    for one in (changes[0], event.data):
        assert one["attributes"][0]["new"]["value"] == {"a": [1, 2]}


def test_changes_follow_live_from_now_on(server: ServerProcess) -> None:
    make(server, "urn:r:before")
    with follow(server) as reader:
        assert reader.headers["content-type"] == "text/event-stream; charset=utf-8"
        reader.begun()
        make(server, "urn:r:after")
        (event,) = reader.take(1)
    assert (event.kind, event.data["id"]) == ("change", "urn:r:after")
    assert event.id == event.data["cursor"]


def test_a_reader_resumes_after_the_server_was_killed_and_misses_nothing(server: ServerProcess) -> None:
    with follow(server) as reader:
        reader.begun()
        make(server, "urn:r:0")
        change(server, "urn:r:0", 1)
        events = reader.take(2)
        server.kill()
        last = reader.last_id
    server.restart()
    for value in range(2, 5):
        change(server, "urn:r:0", value)
    with follow(server, "values=true&since=0-0", **{"last-event-id": last}) as reader:
        events += reader.take(3)
        change(server, "urn:r:0", 5)
        events += reader.take(1)
    assert [event.data["version"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.data["attributes"][0]["new"]["value"] for event in events[2:]] == [2, 3, 4, 5]


def test_writers_at_once_are_seen_once_each(server: ServerProcess) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            make(server, f"urn:r:{writer}:{number}")

    with follow(server) as reader:
        reader.begun()
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        events = reader.take(80)
        for writer in writers:
            writer.join()
    assert len({event.data["id"] for event in events}) == 80
    cursors = [tuple(map(int, event.id.split("-"))) for event in events]
    assert cursors == sorted(set(cursors))


def test_a_stream_ends_by_itself_where_that_is_asked_for(server: ServerProcess) -> None:
    make(server, "urn:r:0")
    soon(lambda: page(server, "")[0])
    with follow(server, "since=0-0&seconds=0") as reader:
        event = reader.next()
        assert event is not None
        assert event.data["id"] == "urn:r:0"
        assert reader.next() is None


def test_a_stream_ends_with_the_right_to_read(server: ServerProcess) -> None:
    _, body = ask(server, "POST", "/v1/keys", {"name": "reader", "kind": "read"})
    key = msgspec.json.decode(body)
    with follow(server, token=key["key"]) as reader:
        reader.begun()
        ask(server, "DELETE", f"/v1/keys/{key['id']}")
        assert reader.next() is None
    with follow(server, token=key["key"]) as reader:
        assert reader.status == 401


def test_streams_are_for_those_who_may_read(server: ServerProcess) -> None:
    _, body = ask(server, "POST", "/v1/keys", {"name": "sensor", "kind": "source", "types": [f"{NAME}Room"]})
    with follow(server, token=msgspec.json.decode(body)["key"]) as reader:
        assert reader.status == 403


def test_there_are_no_more_streams_than_allowed_and_places_come_free(server: ServerProcess) -> None:
    readers = [follow(server).begun() for _ in range(3)]
    with follow(server) as refused:
        assert refused.status == 429
    readers[0].close()

    def try_again() -> bool:
        with follow(server) as reader:
            return reader.status == 200

    soon(try_again)
    for reader in readers:
        reader.close()


@pytest.mark.parametrize("cursor", ["x", "1", "-1-1", "0-99999999999999999999", "1-2-3"])
def test_what_is_no_cursor_is_refused(server: ServerProcess, cursor: str) -> None:
    with follow(server, f"since={cursor}") as reader:
        assert reader.status == 400
        assert reader.problem()["pointer"] == "since:0"


def test_a_cursor_of_another_log_is_gone(server: ServerProcess) -> None:
    with follow(server, "since=900000000000000000-5") as reader:
        assert reader.status == 410


def test_the_server_stops_with_streams_open(server: ServerProcess) -> None:
    with follow(server) as reader:
        reader.begun()
        assert server.stop() == 0
        assert reader.next() is None


def test_a_client_that_takes_nothing_holds_up_nobody(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as lazy, follow(server) as reader:
        request = f"GET /v1/changes?values=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN}\r\n"
        lazy.sendall(f"{request}accept: text/event-stream\r\n\r\n".encode())
        reader.begun()
        for number in range(40):
            make(server, f"urn:r:{number}", "x" * 200_000)
        assert len(reader.take(40)) == 40


def test_every_worker_serves_what_any_of_them_committed(postgres_database_url: str, tmp_path: Path) -> None:
    settings = {"database_url": postgres_database_url, "admin_token": ADMIN, "workers": "2"}
    with ServerProcess(tmp_path, **settings) as process:
        server = process.start()
        # the kernel shares connections out among the workers: of so many, hardly all go to one
        readers = [follow(server).begun() for _ in range(8)]
        for number in range(20):
            make(server, f"urn:r:{number}")
        for reader in readers:
            assert [event.data["id"] for event in reader.take(20)] == [f"urn:r:{number}" for number in range(20)]
            reader.close()
