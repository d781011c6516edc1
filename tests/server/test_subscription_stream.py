"""Notifications as a stream over sockets: what the receiver would be sent, under the rights of the reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server.event_reader import EventReader
from tests.server.test_changes import ADMIN, ask, change, make
from tests.server_process import ServerProcess

ID = "urn:s:levels"


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that lets nobody in without credentials."""
    settings = {"database_url": database_url, "anonymous": "none", "admin_token": ADMIN}
    with ServerProcess(tmp_path, **settings) as process:
        yield process.start()


def subscribe(server: ServerProcess, id_: str = ID, params: Any = None, **members: Any) -> None:
    """Make a subscription that nothing is sent for."""
    notification = {"endpoint": {"uri": "urn:stadtkern:events"}, **(params or {})}
    body = {"id": id_, "type": "Subscription", "entities": [{"type": "Room"}], "notification": notification, **members}
    ask(server, "POST", "/ngsi-ld/v1/subscriptions", body)


def follow(server: ServerProcess, id_: str = ID, query: str = "", token: str = ADMIN, **headers: str) -> EventReader:
    path = f"/ngsi-ld/ex/v1/subscriptions/{id_}/events?{query}"
    return EventReader(server.port, path, {"authorization": f"Bearer {token}", **headers})


def levels(events: list[Any]) -> list[Any]:
    """What the notifications tell, one entity each."""
    return [(event.data["data"][0]["id"], event.data["data"][0]["level"]["value"]) for event in events]


def test_a_reader_gets_what_the_subscription_asks_for(server: ServerProcess) -> None:
    subscribe(server, q="level>1", watchedAttributes=["level"], params={"showChanges": True})
    with follow(server) as reader:
        assert reader.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "json-ld#context" in reader.headers["link"]
        reader.begun()
        make(server, "urn:r:0", 1)
        change(server, "urn:r:0", 2)
        change(server, "urn:r:0", 1)
        change(server, "urn:r:0", 3)
        first, second = reader.take(2)
    assert (first.kind, first.data["type"], first.data["subscriptionId"]) == ("notification", "Notification", ID)
    assert levels([first, second]) == [("urn:r:0", 2), ("urn:r:0", 3)]
    assert second.data["data"][0]["level"]["previousValue"] == 1


def test_deletions_are_told(server: ServerProcess) -> None:
    subscribe(server, notificationTrigger=["entityDeleted"])
    make(server, "urn:r:0")
    with follow(server) as reader:
        reader.begun()
        ask(server, "DELETE", "/ngsi-ld/v1/entities/urn:r:0")
        (event,) = reader.take(1)
    assert event.data["data"][0].keys() == {"id", "type", "deletedAt"}


def test_a_reader_resumes_after_the_server_was_killed(server: ServerProcess) -> None:
    subscribe(server)
    with follow(server) as reader:
        reader.begun()
        make(server, "urn:r:0", 1)
        change(server, "urn:r:0", 2)
        events = reader.take(2)
        server.kill()
        last = reader.last_id
    server.restart()
    change(server, "urn:r:0", 3)
    with follow(server, **{"last-event-id": last}) as reader:
        events += reader.take(1)
        change(server, "urn:r:0", 4)
        events += reader.take(1)
    assert levels(events) == [("urn:r:0", value) for value in (1, 2, 3, 4)]


def test_the_same_notification_has_the_same_id_for_all_readers(server: ServerProcess) -> None:
    subscribe(server)
    with follow(server) as one, follow(server) as other:
        one.begun()
        other.begun()
        make(server, "urn:r:0")
        (first,), (second,) = one.take(1), other.take(1)
    assert (first.id, first.data["id"]) == (second.id, second.data["id"])


def test_throttled_notifications_tell_the_last_of_each_entity(server: ServerProcess) -> None:
    subscribe(server, throttling=2)
    with follow(server) as reader:
        reader.begun()
        make(server, "urn:r:0", 1)
        (first,) = reader.take(1)
        for value in (2, 3, 4):
            change(server, "urn:r:0", value)
        make(server, "urn:r:1", 5)
        (second,) = reader.take(1)
    assert levels([first]) == [("urn:r:0", 1)]
    assert [(one["id"], one["level"]["value"]) for one in second.data["data"]] == [("urn:r:0", 4), ("urn:r:1", 5)]


def test_a_stream_ends_with_its_subscription(server: ServerProcess) -> None:
    subscribe(server)
    with follow(server) as reader:
        reader.begun()
        ask(server, "DELETE", f"/ngsi-ld/v1/subscriptions/{ID}")
        assert reader.next() is None
    with follow(server) as reader:
        assert reader.status == 404


def test_a_stream_ends_with_the_right_of_its_reader(server: ServerProcess) -> None:
    subscribe(server)
    _, body = ask(server, "POST", "/v1/keys", {"name": "reader", "kind": "read"})
    key = msgspec.json.decode(body)
    with follow(server, token=key["key"]) as reader:
        reader.begun()
        make(server, "urn:r:0", 1)
        assert levels(reader.take(1)) == [("urn:r:0", 1)]
        ask(server, "DELETE", f"/v1/keys/{key['id']}")
        assert reader.next() is None


def test_a_paused_subscription_is_silent_until_it_goes_on(server: ServerProcess) -> None:
    subscribe(server, isActive=False)
    with follow(server) as reader:
        reader.begun()
        make(server, "urn:r:0", 1)
        ask(server, "PATCH", f"/ngsi-ld/v1/subscriptions/{ID}", {"isActive": True})
        change(server, "urn:r:0", 2)
        change(server, "urn:r:0", 3)
        events = reader.take(2)
    assert levels(events) == [("urn:r:0", 2), ("urn:r:0", 3)]


def test_what_came_before_the_subscription_is_not_told(server: ServerProcess) -> None:
    make(server, "urn:r:0", 1)
    subscribe(server)
    with follow(server, query="since=0-0") as reader:
        reader.begun()
        change(server, "urn:r:0", 2)
        assert levels(reader.take(1)) == [("urn:r:0", 2)]


def test_a_changed_subscription_is_told_of_by_its_new_words_at_once(server: ServerProcess) -> None:
    subscribe(server, q="level<10")
    with follow(server) as reader:
        reader.begun()
        make(server, "urn:r:0", 1)
        assert levels(reader.take(1)) == [("urn:r:0", 1)]
        ask(server, "PATCH", f"/ngsi-ld/v1/subscriptions/{ID}", {"q": "level>10"})
        change(server, "urn:r:0", 2)
        change(server, "urn:r:0", 12)
        assert levels(reader.take(1)) == [("urn:r:0", 12)]


@pytest.mark.parametrize("query", ["since=x", "seconds=-1", "seconds=99999999", "limit=3"])
def test_what_cannot_be_understood_is_refused(server: ServerProcess, query: str) -> None:
    subscribe(server)
    with follow(server, query=query) as reader:
        assert reader.status == 400


def test_a_subscription_by_time_tells_how_things_are_again_and_again(server: ServerProcess) -> None:
    subscribe(server, timeInterval=1, q="level>1")
    make(server, "urn:r:0", 1)
    make(server, "urn:r:1", 2)
    with follow(server) as reader:
        first = reader.take(1)
        change(server, "urn:r:1", 3)
        later = reader.take(2)
    assert levels(first) == [("urn:r:1", 2)]
    assert levels(later)[-1] == ("urn:r:1", 3)
    assert {len(event.data["data"]) for event in [*first, *later]} == {1}
    assert len({event.data["id"] for event in [*first, *later]}) == 3


def test_a_subscription_by_time_shows_what_its_reader_may_see(server: ServerProcess) -> None:
    subscribe(server, timeInterval=1)
    make(server, "urn:r:0", 1)
    with follow(server, query="seconds=0") as reader:
        assert levels(reader.take(1)) == [("urn:r:0", 1)]
        assert reader.next() is None
