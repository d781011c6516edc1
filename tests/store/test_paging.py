"""Pages of entities and of histories, followed by their links. Spec: CIM 009 6.3.10."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from stadtkern.app import running
from stadtkern.broker import consumption, temporal
from stadtkern.settings import Settings
from tests.asgi_client import Answer, Client

ENTITIES = "/ngsi-ld/v1/entities"
HISTORIES = "/ngsi-ld/v1/temporal/entities"
LD_JSON = {"accept": "application/ld+json"}
WINDOW = "timerel=after&timeAt=2020-01-01T00:00:00Z"
QUERIES = {
    "of a type": (ENTITIES, "type=Thing"),
    "of two types": (ENTITIES, "type=Thing,Other"),
    "by pattern": (ENTITIES, "type=Thing&idPattern=urn:x:.*"),
    "counted": (ENTITIES, "type=Thing&idPattern=urn:x:.*&count=true"),
    "joined": (ENTITIES, "type=Thing&join=flat"),
    "of histories": (HISTORIES, f"type=Thing&{WINDOW}"),
    "of histories counted": (HISTORIES, f"type=Thing&count=true&{WINDOW}"),
}


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    async with running(Settings(data=tmp_path, database_url=database_url, anonymous="write")) as application:
        yield Client(application)


def thing(number: int) -> dict[str, Any]:
    value = {"type": "Property", "value": number, "observedAt": "2026-03-01T00:00:00Z"}
    return {"id": f"urn:x:{number:04}", "type": "Thing", "n": value}


async def create(client: Client, *numbers: int) -> None:
    answer = await client.ask("POST", "/ngsi-ld/v1/entityOperations/create", body=[thing(number) for number in numbers])
    assert answer.status == 201


async def page(client: Client, path: str, query: str) -> tuple[list[int], Answer]:
    answer = await client.ask("GET", path, query=query, headers=LD_JSON)
    assert answer.status == 200, answer.text
    return [int(entity["id"][-4:]) for entity in answer.json], answer


def links(answer: Answer) -> dict[str, str]:
    """The parameters of the pages around, by relation."""
    return {
        found[2]: urlsplit(found[1]).query
        for name, value in answer.all_headers
        if name == "link" and (found := re.match(r'<([^>]*)>; rel="(prev|next)"', value))
    }


@pytest.mark.clause("CIM009 6.3.10")
@pytest.mark.parametrize("what", QUERIES)
async def test_next_links_show_each_entity_once_while_others_come_and_go(client: Client, what: str) -> None:
    path, query = QUERIES[what]
    await create(client, *range(60))
    seen: list[int] = []
    query += "&limit=10"
    while query:
        numbers, answer = await page(client, path, query)
        seen += numbers
        query = links(answer).get("next", "")
        if len(seen) == 20:
            for gone in (0, 3, 11, 19, 20, 35):
                assert (await client.ask("DELETE", f"{ENTITIES}/urn:x:{gone:04}")).status == 204
            await create(client, 60, 61)
    assert [number for number in seen if number not in (20, 35)] == [n for n in range(62) if n not in (20, 35)]
    # its history is what is left of an entity that was deleted
    assert (20 in seen) == (35 in seen) == (path == HISTORIES)


@pytest.mark.parametrize("what", QUERIES)
async def test_next_links_are_not_counted_from_the_start(
    client: Client, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, query = QUERIES[what]
    if "count=true" in query:
        query = query.replace("&count=true", "")
    await create(client, *range(60))
    numbers, answer = await page(client, path, f"{query}&limit=10&offset=40")
    asked: list[tuple[int, int]] = []

    def spy(module: Any, name: str, offset: bool) -> None:
        real = getattr(module, name)

        async def noting(*args: Any, **options: Any) -> Any:
            asked.append((options["after"], options["offset"] if offset else 0))
            return await real(*args, **options)

        monkeypatch.setattr(module, name, noting)

    spy(consumption, "select_rows", True)
    spy(temporal, "select_pasts", False)
    from stadtkern.broker import search

    spy(search, "select_candidates", False)
    following, _ = await page(client, path, links(answer)["next"])
    assert (numbers[0], following) == (40, list(range(50, 60)))
    assert asked
    assert all(after >= 50 and offset == 0 for after, offset in asked)


async def test_previous_link_of_a_deep_page_shows_what_lies_before(client: Client) -> None:
    await create(client, *range(60))
    _, first = await page(client, ENTITIES, "type=Thing&limit=20")
    assert list(links(first)) == ["next"]
    second_query = links(first)["next"]
    second, answer = await page(client, ENTITIES, second_query)
    assert second == list(range(20, 40))
    assert dict(parse_qsl(second_query))["offset"] == "20"
    around = links(answer)
    assert around["prev"] == "limit=20&offset=0&type=Thing"
    _, last = await page(client, ENTITIES, around["next"])
    assert links(last) == {"prev": "limit=20&offset=20&type=Thing"}
    assert (await page(client, ENTITIES, links(last)["prev"]))[0] == second


@pytest.mark.parametrize("path", [ENTITIES, HISTORIES])
async def test_offset_beside_a_key_counts_as_it_says(client: Client, path: str) -> None:
    await create(client, *range(60))
    more = f"&{WINDOW}" if path == HISTORIES else ""
    _, answer = await page(client, path, f"type=Thing&limit=10&offset=10{more}")
    key = dict(parse_qsl(links(answer)["next"]))["after"]
    for offset in (0, 5, 19, 20, 21, 33, 59, 60):
        numbers, _ = await page(client, path, f"type=Thing&limit=10&offset={offset}&after={key}{more}")
        assert numbers == list(range(60))[offset : offset + 10]


async def test_count_beside_a_key_counts_all(client: Client) -> None:
    await create(client, *range(60))
    for path, query in (QUERIES["counted"], QUERIES["of histories counted"], (ENTITIES, "type=Thing&count=true")):
        _, first = await page(client, path, f"{query}&limit=20")
        assert ("ngsild-results-count", "60") in first.all_headers
        _, second = await page(client, path, links(first)["next"])
        assert ("ngsild-results-count", "60") in second.all_headers


async def test_links_to_the_very_first_entities_have_no_key(client: Client) -> None:
    await create(client, *range(5))
    _, answer = await page(client, ENTITIES, "type=Thing&limit=2")
    assert links(answer) == {"next": "limit=2&offset=2&type=Thing"}


async def test_links_of_an_ordered_page_have_no_key(client: Client) -> None:
    await create(client, *range(40))
    numbers, answer = await page(client, ENTITIES, "type=Thing&limit=20&orderBy=n;desc")
    assert numbers == list(range(39, 19, -1))
    assert links(answer) == {"next": "limit=20&offset=20&orderBy=n;desc&type=Thing"}


async def test_query_by_body_pages_by_key(client: Client) -> None:
    await create(client, *range(30))
    path, body = "/ngsi-ld/v1/entityOperations/query", {"type": "Query", "entities": [{"type": "Thing"}]}
    first = await client.ask(
        "POST", path, query="limit=20", headers=LD_JSON | {"content-type": "application/json"}, body=body
    )
    following = links(first)["next"]
    assert "after=" in following
    second = await client.ask(
        "POST", path, query=following, headers=LD_JSON | {"content-type": "application/json"}, body=body
    )
    assert [entity["id"] for entity in second.json] == [f"urn:x:{number:04}" for number in range(20, 30)]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "1",
        "-",
        "1-",
        "-1",
        "a-b-c",
        "01-1",
        "1-01",
        "1-A",
        "1 -2",
        "1-%C3%A4",
        "123456789-1",
        "1-" + 15 * "f",
    ],
)
@pytest.mark.parametrize(("path", "more"), [(ENTITIES, ""), (HISTORIES, f"&{WINDOW}")])
async def test_key_that_is_none_is_refused(client: Client, path: str, more: str, key: str) -> None:
    answer = await client.ask("GET", path, query=f"type=Thing&after={key}{more}")
    assert (answer.status, answer.json["type"].rsplit("/", 1)[-1]) == (400, "BadRequestData")


@pytest.mark.parametrize("key", ["0-0", "ffffffff-ffffffffffffff", "1-0", "0-ffffffffffffff"])
async def test_key_of_nothing_gives_a_page(client: Client, key: str) -> None:
    await create(client, 1)
    answer = await client.ask("GET", ENTITIES, query=f"type=Thing&after={key}")
    assert answer.status == 200
