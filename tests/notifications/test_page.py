"""The page of notifications: in two languages, with nothing from elsewhere, and in a real browser."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from pathlib import Path

import aiohttp
import msgspec
import pytest

from stadtkern.settings import Settings
from stadtkern.views.manage.describe import DESCRIPTION
from stadtkern.views.notifications.page import SCRIPT
from tests.asgi_client import client as run_client
from tests.chromium import Chromium
from tests.notifications.watching import (
    BEARER,
    SUBSCRIPTIONS,
    TOKEN,
    make_meter,
    post,
    set_levels,
    settings,
    subscription,
    wait_for_status,
)
from tests.notify.receiver import Receiver
from tests.server_process import ServerProcess


@pytest.fixture(params=["en", "de"])
async def page(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, str]:
    """Its language, its text and its Content-Security-Policy."""
    async with run_client(Settings(data=tmp_path)) as client:
        answer = await client.ask("GET", "/notifications", query={"lang": request.param})
    assert answer.status == 200
    return request.param, answer.text, answer.headers["content-security-policy"]


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_page_runs_its_own_script_and_loads_nothing(page: tuple[str, str, str]) -> None:
    _, text, policy = page
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == _hash(script)
    assert rules["style-src"] == _hash(style)
    assert rules["connect-src"] == "'self'"
    assert rules["form-action"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert re.findall(r"(?:https?:)?//[a-z]", re.sub(r"// .*", "", text)) == []
    assert re.findall(r"<(?:link|img|iframe|object|embed)\b|\bsrc=|\bon[a-z]+=|url\(|@import", text) == []
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage|cookie", script)


def test_page_is_in_its_language_and_names_what_it_shows(page: tuple[str, str, str]) -> None:
    language, text, _ = page
    assert f'<html lang="{language}">' in text
    assert {"en": "Token or API key", "de": "Token oder API-Schlüssel"}[language] in text
    assert {"en": "Last failure", "de": "Letzter Fehler"}[language] in text
    assert len(re.findall(r'<th scope="col"', text)) == 10
    assert text.count('role="status"') == text.count('role="alert"') == 1
    assert all(f'id="{name}"' in text for name in re.findall(r'find\("(\w+)"\)', SCRIPT))


def test_script_says_only_words_that_the_page_has(page: tuple[str, str, str]) -> None:
    found = re.search(r'data-words="([^"]*)"', page[1])
    assert found is not None
    words = msgspec.json.decode(unescape(found[1]))
    said = set(re.findall(r'say\("(\w+)"', SCRIPT)) | {"paused", "expired", "idle", "sending"}
    assert said <= words.keys()
    assert {name for name in words if not name.startswith("column_")} <= said | set(re.findall(r'"(\w+)"', SCRIPT))


def test_script_asks_addresses_that_are_there() -> None:
    asked = re.findall(r'ask\("(\w+)", [`"]/v1/([^`"?]+)', SCRIPT)
    patterns = {(method, tuple(re.sub(r"\$\{.*?\}", "*", path).split("/"))) for method, path in asked}
    assert patterns == {("GET", ("notifications",)), ("POST", ("notifications", "*", "test")), ("GET", ("tenants",))}
    assert all(method in DESCRIPTION.operations[pattern] for method, pattern in patterns)


@pytest.mark.parametrize("prefix", ["", "/t/north"])
async def test_page_knows_the_tenant_of_its_address(tmp_path: Path, prefix: str) -> None:
    settings = Settings(data=tmp_path, public_url="https://city.example/platform")
    async with run_client(settings) as client:
        text = (await client.ask("GET", f"{prefix}/notifications")).text
    assert 'data-base="/platform"' in text
    assert f'value="{"north" if prefix else ""}"' in text


async def test_start_page_leads_to_it(tmp_path: Path) -> None:
    async with run_client(Settings(data=tmp_path)) as client:
        assert 'href="/notifications?lang=de"' in (await client.ask("GET", "/", query={"lang": "de"})).text


async def test_page_shows_subscribers_and_tests_them_in_a_browser(
    tmp_path: Path, receiver: Receiver, chromium: Chromium
) -> None:
    async with Receiver() as broken:
        broken.status = 503
        with ServerProcess(tmp_path, **settings("", anonymous="read")) as server:
            server.start()
            async with aiohttp.ClientSession(server.url, headers=BEARER) as session:
                await make_meter(session)
                await post(session, SUBSCRIPTIONS, subscription("good", receiver.url))
                await post(session, SUBSCRIPTIONS, subscription("bad", broken.url))
                await chromium.open(f"{server.url}/notifications?lang=en")
                await chromium.wait("document.getElementById('problem').innerText.includes('Without credentials')")
                assert await chromium.run("document.querySelectorAll('#rows tr').length") == 0
                # the keyboard alone: the token, Enter
                await chromium.run("document.getElementById('token').focus()")
                await chromium.call("Input.insertText", text=TOKEN)
                await chromium.press("Enter")
                await chromium.wait("document.querySelectorAll('#rows tr').length === 2")
                assert await chromium.run("document.getElementById('problem').hidden")
                # it refreshes itself
                await set_levels(session, 1, 2)
                await wait_for_status(session, "bad", lambda shown: shown.get("failuresInARow", 0) >= 1)
                await chromium.wait("document.body.innerText.includes('answered with status 503')")
                await chromium.wait("document.getElementById('summary').innerText.includes('failing on this page: 1')")
                names = await chromium.run("[...document.querySelectorAll('#rows th')].map((one) => one.innerText)")
                assert names == ["The good one\nurn:s:good", "The bad one\nurn:s:bad"]
                await chromium.wait("document.querySelector('#rows tr td:nth-of-type(4)').innerText === '2'")
                # the test button, by the keyboard too
                taken = len(receiver.got)
                await chromium.run("document.querySelector('#rows tr button').focus()")
                await chromium.press("Enter")
                await chromium.wait("document.querySelector('#rows output').innerText.startsWith('Delivered in')")
                assert len(receiver.got) == taken + 1
                await chromium.run("document.querySelectorAll('#rows button')[1].click()")
                await chromium.wait(
                    "document.querySelectorAll('#rows output')[1].innerText.includes('answered with status 503')"
                )
                # on a phone nothing is wider than the screen
                await chromium.call(
                    "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True
                )
                await chromium.wait("document.documentElement.scrollWidth <= 360")
                assert await chromium.run("sessionStorage.getItem('stadtkern-token')") == TOKEN
                assert await chromium.run("localStorage.length + document.cookie.length") == 0
                await chromium.run("document.getElementById('forget').click()")
                await chromium.wait("document.getElementById('problem').innerText.includes('Without credentials')")
                assert await chromium.run("sessionStorage.getItem('stadtkern-token')") is None
                faults = list(chromium.faults)  # before the server is gone
    assert [fault for fault in faults if "401" not in fault] == []
    assert {url.split("/")[2] for url in chromium.requests if url.startswith("http")} == {server.url.split("/")[2]}
