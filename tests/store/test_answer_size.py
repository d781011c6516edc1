"""No answer holds more bytes of documents than it may, and nothing is loaded that will not be shown."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stadtkern.app import running
from stadtkern.settings import LEAST_ANSWER, Settings
from tests.asgi_client import Answer, Client

ENTITIES = "/ngsi-ld/v1/entities"
HISTORIES = "/ngsi-ld/v1/temporal/entities"
QUERY = "/ngsi-ld/v1/entityOperations/query"
LD_JSON = {"accept": "application/ld+json"}
WINDOW = "timerel=after&timeAt=2020-01-01T00:00:00Z"
LARGE = 20_000
FIT = LEAST_ANSWER // LARGE
SELECTIONS = {
    "of a type": (ENTITIES, "type=Large"),
    "by pattern": (ENTITIES, "type=Large&idPattern=urn:x:.*"),
    "counted": (ENTITIES, "type=Large&idPattern=urn:x:.*&count=true"),
    "sorted": (ENTITIES, "type=Large&orderBy=n"),
    "as objects": (ENTITIES, "type=Large&join=flat"),
    "of histories": (HISTORIES, f"type=Large&{WINDOW}"),
    "of histories by value": (HISTORIES, f"type=Large&q=n>=0&{WINDOW}"),
}


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    settings = Settings(data=tmp_path, database_url=database_url, anonymous="write", max_answer=LEAST_ANSWER)
    async with running(settings) as application:
        yield Client(application)


def large(number: int, **more: Any) -> dict[str, Any]:
    seen = {"observedAt": "2026-03-01T00:00:00Z"}
    return {
        "id": f"urn:x:{number:04}",
        "type": "Large",
        "n": {"type": "Property", "value": number, **seen},
        "text": {"type": "Property", "value": f"{number:04}" * (LARGE // 4), **seen},
        **more,
    }


async def create(client: Client, *entities: dict[str, Any]) -> None:
    for entity in entities:
        assert (await client.ask("POST", ENTITIES, body=entity)).status == 201


def following(answer: Answer) -> str:
    links = (re.match(r'<([^>]*)>; rel="next"', value) for name, value in answer.all_headers if name == "link")
    return next((urlsplit(link[1]).query for link in links if link), "")


def numbers(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.text
    return [int(entity["id"][-4:]) for entity in answer.json]


@pytest.mark.clause("CIM009 6.3.10")
@pytest.mark.parametrize("what", SELECTIONS)
async def test_page_ends_early_where_it_would_hold_too_much(client: Client, what: str) -> None:
    path, query = SELECTIONS[what]
    await create(client, *(large(number) for number in range(8)))
    seen: list[int] = []
    query += "&limit=1000"
    pages = 0
    while query:
        answer = await client.ask("GET", path, query=query, headers=LD_JSON)
        found = numbers(answer)
        assert 0 < len(found) <= FIT
        assert len(answer.body) <= LEAST_ANSWER + 2_000
        seen += found
        pages += 1
        query = following(answer)
    assert seen == list(range(8))
    # beside its history, the present state of an entity is held
    assert pages == (8 if path == HISTORIES else -(-8 // FIT))


@pytest.mark.parametrize("what", SELECTIONS)
async def test_page_loads_no_more_than_it_shows(client: Client, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, query = SELECTIONS[what]
    await create(client, *(large(number) for number in range(8)))
    monkeypatch.setattr("stadtkern.store.size.SLICE_BYTES", LEAST_ANSWER)
    held: list[int] = []

    def weigh(module: Any, name: str) -> None:
        real = getattr(module, name)

        async def weighing(*args: Any, **options: Any) -> Any:
            found = await real(*args, **options)
            held.append(len(repr(found)))
            return found

        monkeypatch.setattr(module, name, weighing)

    from stadtkern.broker import consumption, history_answer, search
    from stadtkern.broker import temporal as histories

    for module in (consumption, search):
        for name in ("load_by_n", "load_candidates"):
            if hasattr(module, name):
                weigh(module, name)
    weigh(histories, "load_pasts")
    weigh(histories, "load_instances")
    weigh(history_answer, "load_instances")
    answer = await client.ask("GET", path, query=f"{query}&limit=1000")
    assert answer.status == 200
    assert held
    assert max(held) <= 3 * LEAST_ANSWER


async def test_cached_page_ends_early_too(client: Client) -> None:
    await create(client, *(large(number) for number in range(5)))
    for number in range(5):
        assert (await client.ask("GET", ENTITIES, query=f"type=Large&limit=1&offset={number}")).status == 200
    answer = await client.ask("GET", ENTITIES, query="type=Large&limit=5", headers=LD_JSON)
    assert numbers(answer) == list(range(FIT))
    assert following(answer)


async def test_single_entity_that_is_too_large_is_shown_alone(client: Client) -> None:
    text = {"type": "Property", "value": "x" * 2 * LEAST_ANSWER}
    await create(client, large(0), large(1, text=text), large(2))
    first = await client.ask("GET", ENTITIES, query="type=Large", headers=LD_JSON)
    second = await client.ask("GET", ENTITIES, query=following(first), headers=LD_JSON)
    third = await client.ask("GET", ENTITIES, query=following(second), headers=LD_JSON)
    assert [numbers(page) for page in (first, second, third)] == [[0], [1], [2]]
    assert not following(third)
    assert (await client.ask("GET", f"{ENTITIES}/urn:x:0001")).status == 200


async def test_query_by_body_ends_early(client: Client) -> None:
    await create(client, *(large(number) for number in range(5)))
    body = {"type": "Query", "entities": [{"type": "Large"}]}
    headers = LD_JSON | {"content-type": "application/json"}
    first = await client.ask("POST", QUERY, query="limit=5", headers=headers, body=body)
    assert numbers(first) == list(range(FIT))
    second = await client.ask("POST", QUERY, query=following(first), headers=headers, body=body)
    assert numbers(second) == list(range(FIT, 5))


@pytest.mark.parametrize("join", ["flat", "inline"])
async def test_join_refuses_more_than_an_answer_may_hold(client: Client, join: str) -> None:
    targets = [f"urn:x:{number:04}" for number in range(5)]
    await create(client, *(large(number) for number in range(5)))
    await create(client, {"id": "urn:y", "type": "Pointer", "to": {"type": "Relationship", "object": targets}})
    for path, query in ((ENTITIES, "type=Pointer&"), (f"{ENTITIES}/urn:y", "")):
        answer = await client.ask("GET", path, query=f"{query}join={join}")
        assert (answer.status, answer.json["type"].rsplit("/", 1)[-1]) == (403, "TooManyResults")
        assert "linked entities" in answer.json["detail"]


async def test_join_inline_refuses_too_many_copies(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stadtkern.views.ngsild.render_entity.MAX_COPIED", 5 * LARGE)
    await create(client, large(0))
    pointers = [
        {"id": f"urn:y:{number}", "type": "Pointer", "to": {"type": "Relationship", "object": "urn:x:0000"}}
        for number in range(6)
    ]
    await create(client, *pointers)
    answer = await client.ask("GET", ENTITIES, query="type=Pointer&join=inline")
    assert (answer.status, answer.json["type"].rsplit("/", 1)[-1]) == (403, "TooManyResults")
    answer = await client.ask("GET", ENTITIES, query="type=Pointer&join=flat")
    assert len(answer.json) == 7


async def test_sort_refuses_more_bytes_than_an_answer_may_hold(client: Client) -> None:
    await create(client, *(large(number) for number in range(5)))
    answer = await client.ask("GET", ENTITIES, query="type=Large&orderBy=text")
    assert (answer.status, answer.json["type"].rsplit("/", 1)[-1]) == (403, "TooManyResults")


@pytest.mark.parametrize("order", ["", "&orderBy=n;desc"])
async def test_entity_map_names_all_and_its_pages_end_early(client: Client, order: str) -> None:
    await create(client, *(large(number) for number in range(8)))
    query = f"type=Large&limit=8{order}"
    made = await client.ask("GET", ENTITIES, query=f"{query}&entityMap=true")
    address = next(value for name, value in made.all_headers if name == "ngsild-entitymap")
    seen: list[int] = []
    while query:
        answer = await client.ask("GET", ENTITIES, query=query, headers=LD_JSON | {"NGSILD-EntityMap": address})
        found = numbers(answer)
        assert 0 < len(found) <= FIT
        seen += found
        query = following(answer)
    assert seen == (list(reversed(range(8))) if order else list(range(8)))


async def test_purge_of_large_entities_reaches_all(client: Client) -> None:
    await create(client, *(large(number) for number in range(8)))
    assert (await client.ask("DELETE", ENTITIES, query="type=Large")).status == 204
    assert (await client.ask("GET", ENTITIES, query="type=Large")).json == []


async def test_history_of_one_entity_that_is_too_large_is_refused(client: Client) -> None:
    await create(client, large(0))
    for day in range(2, 6):
        text = {"type": "Property", "value": f"{day}" * LARGE, "observedAt": f"2026-03-{day:02}T00:00:00Z"}
        patched = await client.ask("PATCH", f"{ENTITIES}/urn:x:0000/attrs", body={"text": text})
        assert patched.status == 204
    for path, query in ((f"{HISTORIES}/urn:x:0000", ""), (HISTORIES, f"type=Large&{WINDOW}")):
        answer = await client.ask("GET", path, query=query)
        assert (answer.status, answer.json["type"].rsplit("/", 1)[-1]) == (403, "TooManyResults")
        assert "urn:x:0000" in answer.json["detail"]
        query += "&lastN=2" if query else "lastN=2"
        answer = await client.ask("GET", path, query=query)
        assert answer.status == 200
    short = "timerel=between&timeAt=2026-03-02T00:00:00Z&endTimeAt=2026-03-04T00:00:00Z"
    assert (await client.ask("GET", f"{HISTORIES}/urn:x:0000", query=short)).status == 200


def test_answer_must_be_allowed_to_hold_something() -> None:
    from stadtkern.errors import InvalidSettings

    with pytest.raises(InvalidSettings, match="MAX_ANSWER"):
        Settings.from_env({"STADTKERN_MAX_ANSWER": "10"})
