"""The pages: in two languages, for every reader, without scripts and without any other host."""

from __future__ import annotations

import itertools
import re
import shlex
from html import unescape
from html.parser import HTMLParser

import pytest

from stadtkern.views._http.language import choose_language
from tests.asgi_client import Client

PAGES = ["/", "/openapi"]
_VOID = {"meta", "br", "link", "img", "hr"}


class _Reader(HTMLParser):
    """Collects what the tests ask for, and sees whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def all(self, tag: str, name: str) -> list[str]:
        return [value for seen, attributes in self.seen if seen == tag and (value := attributes.get(name))]


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader


@pytest.mark.parametrize("path", PAGES)
async def test_page_loads_nothing_and_runs_nothing(client: Client, path: str) -> None:
    answer = await client.ask("GET", path)
    reader = _read(answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert {tag for tag, _ in reader.seen} & {"script", "img", "link", "iframe", "form", "object"} == set()
    assert [one for _, attributes in reader.seen for one in attributes if one.startswith("on") or one == "style"] == []
    assert [link for link in reader.all("a", "href") if re.match(r"[a-z]+:|//", link)] == []
    assert "url(" not in answer.text
    assert "@import" not in answer.text


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_page_is_well_formed_with_landmarks_and_headings_in_order(
    client: Client, path: str, language: str
) -> None:
    answer = await client.ask("GET", path, query={"lang": language})
    reader = _read(answer.text)
    tags = [tag for tag, _ in reader.seen]
    assert (reader.wrong, reader.open) == ([], [])
    assert reader.all("html", "lang") == [language]
    assert answer.headers["content-language"] == language
    assert (tags.count("main"), tags.count("h1"), tags.count("title")) == (1, 1, 1)
    assert "nav" in tags
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert reader.all("meta", "content") == ["width=device-width,initial-scale=1"]


@pytest.mark.parametrize("path", PAGES)
async def test_links_within_a_page_lead_somewhere(client: Client, path: str) -> None:
    reader = _read((await client.ask("GET", path)).text)
    ids = [attributes["id"] for _, attributes in reader.seen if "id" in attributes]
    assert len(set(ids)) == len(ids)
    inside = [link[1:] for link in reader.all("a", "href") if link.startswith("#")]
    assert inside
    assert set(inside) <= set(ids)
    reference = _read((await client.ask("GET", "/openapi")).text)
    anchors = {link.partition("#")[2] for link in reader.all("a", "href") if link.startswith("/openapi?")} - {""}
    assert anchors <= {attributes.get("id") for _, attributes in reference.seen}


@pytest.mark.parametrize("path", PAGES)
async def test_links_to_other_pages_answer(client: Client, path: str) -> None:
    reader = _read((await client.ask("GET", path)).text)
    for link in {link.partition("#")[0] for link in reader.all("a", "href") if link.startswith("/")}:
        address, _, query = link.partition("?")
        answer = await client.ask("GET", address, query=query, headers={"accept": "text/html,*/*;q=0.8"})
        assert answer.status == 200, link


async def test_page_is_in_the_language_that_the_reader_understands(client: Client) -> None:
    german = await client.ask("GET", "/openapi", headers={"accept-language": "fr, de-AT;q=0.8, en;q=0.5"})
    english = await client.ask("GET", "/openapi", headers={"accept-language": "fr"})
    assert "Eine Entität anlegen" in german.text
    assert "Create an entity" in english.text


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        (None, None, "en"),
        ("de", "en", "de"),
        ("fr", "de", "de"),
        (None, "en;q=0.3,de;q=0.4", "de"),
        (None, "de;q=0", "en"),
        (None, "de;q=x,en;q=0.9", "de"),
        (None, ";;,=,", "en"),
    ],
)
def test_choose_language(asked: str | None, accepted: str | None, language: str) -> None:
    assert choose_language(asked, accepted) == language


async def test_links_keep_the_prefix_of_the_tenant(client: Client) -> None:
    page = (await client.ask("GET", "/t/north/openapi")).text
    links = [link for link in _read(page).all("a", "href") if link.startswith("/")]
    assert links
    assert all(link.startswith("/t/north/") for link in links)


async def test_page_escapes_the_host_that_the_client_names(client: Client) -> None:
    answer = await client.ask("GET", "/openapi", headers={"host": 'x"><script>alert(1)</script>'})
    assert "<script" not in answer.text


async def test_examples_can_be_pasted_into_a_shell(client: Client) -> None:
    page = (await client.ask("GET", "/openapi")).text
    commands = [unescape(one) for one in re.findall(r"<pre [^>]*><code>(.*?)</code></pre>", page, re.DOTALL)]
    assert len(commands) > 40
    assert all(shlex.split(command)[0] == "curl" for command in commands)
