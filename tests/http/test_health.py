"""/livez and /readyz: for everybody, and the first one without the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from stadtkern.broker.health import Health
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import Unavailable
from stadtkern.settings import Settings
from tests.asgi_client import client


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/t/nowhere/livez"])
async def test_health_needs_no_credentials(tmp_path: Path, path: str) -> None:
    async with client(Settings(data=tmp_path, anonymous="none")) as asked:
        assert (await asked.ask("GET", path, headers={"authorization": "Bearer unknown"})).status == 200


async def test_server_is_alive_and_not_ready_when_its_store_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("The database is away")

    async with client(Settings(data=tmp_path)) as asked:
        monkeypatch.setattr(Health, "check", fail)
        monkeypatch.setattr(Tenants, "_refresh", fail)
        assert (await asked.ask("GET", "/livez")).status == 200
        ready = await asked.ask("GET", "/readyz")
    assert ready.status == 503
    assert ready.json["detail"] == "The database is away"
    assert ready.headers["retry-after"] == "1"
