"""Which web pages may read answers of SensorThings with a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from stadtkern.settings import Settings
from stadtkern.views._http.cross_origin import cross_origin_headers
from tests.asgi_client import client

_ELSEWHERE = {"origin": "https://map.example"}
_PUBLIC = Settings(bind="127.0.0.1", public_url="https://city.example", anonymous="read")
_LOCAL = Settings(bind="127.0.0.1")


def _allowed(settings: Settings, method: str = "GET", **headers: str) -> dict[str, str]:
    return dict(cross_origin_headers(method, headers, settings))


@pytest.mark.parametrize("settings", [_PUBLIC, Settings(bind="0.0.0.0", admin_token="x")])
def test_pages_from_everywhere_read_what_others_can_reach(settings: Settings) -> None:
    headers = _allowed(settings, **_ELSEWHERE)
    assert headers["access-control-allow-origin"] == "*"
    assert "Location" in headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    ["https://map.example", "http://127.0.0.1.map.example", "null", "", "http://[", "http://localhost.example"],
)
def test_pages_from_elsewhere_read_nothing_of_a_server_for_its_machine_alone(origin: str) -> None:
    assert _allowed(_LOCAL, origin=origin) == {}


@pytest.mark.parametrize("origin", ["http://localhost:9001", "http://127.0.0.1:9001", "http://[::1]:9001"])
def test_pages_of_the_machine_read_its_server(origin: str) -> None:
    headers = _allowed(_LOCAL, origin=origin)
    assert (headers["access-control-allow-origin"], headers["vary"]) == (origin, "Origin")


def test_pages_from_elsewhere_may_not_write_where_everybody_may() -> None:
    open_to_all = Settings(bind="127.0.0.1", public_url="https://city.example", anonymous="write")
    assert "POST" in _allowed(_PUBLIC, "OPTIONS", **_ELSEWHERE)["access-control-allow-methods"]
    assert "POST" not in _allowed(open_to_all, "OPTIONS", **_ELSEWHERE)["access-control-allow-methods"]


async def test_browsers_may_ask_before_they_send_a_key(tmp_path: Path) -> None:
    async with client(Settings(data=tmp_path, public_url="https://city.example", anonymous="none")) as asking:
        answer = await asking.ask("OPTIONS", "/sta/v1.1/Things", headers=_ELSEWHERE)
        refused = await asking.ask("GET", "/sta/v1.1/Things", headers=_ELSEWHERE)
    assert answer.status == 204
    assert "X-API-Key" in answer.headers["access-control-allow-headers"]
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, "*")
