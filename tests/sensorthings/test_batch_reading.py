"""Batches that only read: addresses, order, failures, names and bounds."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.asgi_client import Client
from tests.sensorthings.batches import ADDRESS, OUTER, change_set, http, multipart, replies, run, send, statuses
from tests.sensorthings.conftest import BASE, STATIONS

FOREST = quote("name eq 'forest'")


async def test_answers_stand_in_the_order_of_their_requests(town: Client) -> None:
    parts = [http(f"GET Things?$filter={quote(f'name eq {name!r}')} HTTP/1.1", name=name) for name in STATIONS]
    found = await run(town, *parts)
    assert [one.name for one in found] == list(STATIONS)
    assert [one.json["value"][0]["name"] for one in found] == list(STATIONS)


@pytest.mark.parametrize(
    "url",
    [
        "Things?$count=true&$top=0",
        "/stadtkern/sta/v1.1/Things?$count=true&$top=0",
        "/sta/v1.1/Things?$count=true&$top=0",
        f"{BASE}/sta/v1.1/Things?$count=true&$top=0",
        "http://127.0.0.1:8080/sta/v1.1/Things?$count=true&$top=0",
        f"Things?$count=true&$top=0&$filter={FOREST}%20or%20true",
        "Things?$count=true&$top=0&$filter=name ne 'x'",
        "Things?$count=true&$top=0&$filter=name ne 'Größe'",
    ],
)
async def test_an_address_is_absolute_or_relative_to_the_root(town: Client, url: str) -> None:
    [found] = await run(town, http(f"GET {url} HTTP/1.1"))
    assert found.status == 200, found.body
    assert found.json == {"@iot.count": 3, "value": []}


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://elsewhere.example/sta/v1.1/Things", 404),
        ("/ngsi-ld/v1/entities", 404),
        ("/v1.1/Things", 404),
        ("Things(0)", 404),
        ("$nobody/Datastreams", 400),
        ("Things($nobody)", 400),
        ("$batch", 400),
        ("/sta/v1.1/$batch", 400),
        ("http://[/Things", 400),
        ("Things%ff", 400),
        ("Things?$filter=%00", 400),
        ("Things?$top=%ff", 400),
    ],
)
async def test_what_cannot_be_found_is_the_answer_of_that_request_alone(town: Client, url: str, status: int) -> None:
    found = await run(town, http(f"GET {url} HTTP/1.1"), http("GET Things?$top=0 HTTP/1.1"))
    assert statuses(found) == [status, 200]
    assert found[0].json["code"] == status
    assert found[0].json["message"]


async def test_a_batch_goes_on_after_a_failure_unless_that_is_not_wanted(town: Client) -> None:
    parts = [http("GET Things?$top=0"), http("GET Nothing"), http("GET Things?$top=0")]
    assert statuses(await run(town, *parts)) == [200, 404, 200]
    assert statuses(await run(town, *parts, prefer="continue-on-error=true")) == [200, 404, 200]
    assert statuses(await run(town, *parts, prefer="respond-async, odata.continue-on-error=false")) == [200, 404]


async def test_what_one_request_read_another_can_name(town: Client) -> None:
    found = await run(
        town,
        http(f"GET Things?$filter={FOREST} HTTP/1.1", name="forest"),
        http("GET $forest/name/$value HTTP/1.1"),
        http("GET Things($forest)/Datastreams?$orderby=name HTTP/1.1", name="first"),
        http("GET Datastreams($first)/name HTTP/1.1"),
        http("GET Things($first)/name HTTP/1.1"),
        http("GET Things?$filter=name eq 'nobody' HTTP/1.1", name="none"),
        http("GET $none/name HTTP/1.1"),
    )
    assert statuses(found) == [200, 200, 200, 200, 404, 200, 400]
    assert found[1].body == b"forest"
    assert found[3].json == {"name": "forest: no2"}


async def test_lines_may_end_in_line_feeds_alone(town: Client) -> None:
    body = multipart(http("GET Things?$top=0 HTTP/1.1", end="\n"), end="\n")
    assert "\r" not in body
    answer = await send(town, body)
    assert statuses(replies(answer.headers["content-type"], answer.body)) == [200]


async def test_a_batch_within_a_tenant_stays_in_it(client: Client) -> None:
    address = f"/t/north{ADDRESS}"
    answer = await send(client, multipart(http("GET Things")), address)
    assert statuses(replies(answer.headers["content-type"], answer.body)) == [404]
    made = {"id": "urn:ngsi-ld:Lamp:1", "type": "Lamp", "power": {"value": 1, "observedAt": "2026-03-01T10:00:00Z"}}
    assert (await client.ask("POST", "/t/north/ngsi-ld/v1/entities", body=made)).status == 201
    for url in ("Things", "/stadtkern/t/north/sta/v1.1/Things", "/t/north/sta/v1.1/Things"):
        answer = await send(client, multipart(http(f"GET {url}")), address)
        [found] = replies(answer.headers["content-type"], answer.body)
        assert found.json["value"][0]["@iot.selfLink"].startswith(f"{BASE}/t/north/sta/v1.1/Things(")
    answer = await send(client, multipart(http("GET /sta/v1.1/Things")), address)
    assert statuses(replies(answer.headers["content-type"], answer.body)) == [404]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/mixed", 400),
        ("multipart/mixed; boundary=", 400),
        ("multipart/mixed; boundary=b c", 400),
        (f"multipart/mixed; boundary={'b' * 71}", 400),
        ("multipart/mixed; boundary=other", 400),
        ("text/plain", 415),
        ("", 415),
    ],
)
async def test_a_body_that_is_no_batch_is_refused(town: Client, content_type: str, status: int) -> None:
    answer = await town.ask(
        "POST", ADDRESS, headers={"content-type": content_type}, body=multipart(http("GET Things")).encode()
    )
    assert answer.status == status
    assert answer.json["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "has no delimiter"),
        (f"--{OUTER}--\r\n", "has no parts"),
        (f"--{OUTER}\r\n", "ends without its last delimiter"),
        (f"--{OUTER}", "ends without its last delimiter"),
        (multipart(http("GET Things")).removesuffix("--\r\n"), "ends without its last delimiter"),
        (multipart("Content-Type: application/http"), "no empty line"),
        (multipart(""), "no empty line"),
        (multipart("no field\r\n\r\nGET Things\r\n\r\n"), "no header field"),
        (multipart("Content-Type: application/http\r\n\r\n"), "no request line"),
        (multipart("Content-Type: text/plain\r\n\r\nGET Things\r\n\r\n"), "application/http"),
        (multipart(http("GET Things").replace("binary", "base64")), "Content-Transfer-Encoding"),
        (multipart(http("FETCH Things HTTP/1.1")), "'FETCH'"),
        (multipart(http("GET")), "no request line"),
        (multipart(http("GET Thi\0ngs")), "control character"),
        (multipart(http("GET Things", name="a b")), "'a b'"),
        (multipart(http("GET Things", content_length="7")), "tells of 7 bytes and has 0"),
        (multipart(http("POST Things", "{}", content_length="1")), "tells of 1 bytes and has 2"),
        (multipart(http("POST Things", "{}", content_length="###")), "no number"),
        (multipart(change_set(change_set(http("GET Things"), boundary="x"))), "inside a change set"),
        (multipart(change_set(http("GET Things")).replace("boundary=", "x=")), "names no boundary"),
        (multipart(*[http("GET Things")] * 1001), "more than 1000 parts"),
        (multipart(change_set(*[http("GET Things")] * 600), change_set(*[http("GET Things")] * 401)), "more than 1000"),
        (multipart(http(f"GET {'T' * 50_000}")), "more than 40960 bytes"),
        (multipart(http("GET Things", **{f"x{i}": "" for i in range(80)})), "more than 64"),
    ],
)
async def test_a_broken_batch_is_refused_as_a_whole(town: Client, body: str, words: str) -> None:
    answer = await send(town, body)
    assert answer.status in {400, 413}
    assert words in answer.json["message"]
