"""Who the server is to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stadtkern.model.instant import now, parse_instant
from stadtkern.query.request import parse_duration
from stadtkern.settings import Settings
from stadtkern.views.ngsild.info_routes import render_duration
from tests.asgi_client import Client
from tests.asgi_client import client as run_client

ADDRESS = "/ngsi-ld/v1/info/sourceIdentity"


async def identity(client: Client, **headers: str) -> Any:
    answer = await client.ask("GET", ADDRESS, headers=headers)
    assert answer.status == 200
    return answer.json


@pytest.mark.clause("CIM009 5.2.40")
async def test_identity_has_its_mandatory_members(client: Client) -> None:
    before = now()
    found = await identity(client)
    assert found["type"] == "ContextSourceIdentity"
    assert found["id"].startswith("urn:")
    assert found["contextSourceAlias"]
    assert before <= parse_instant(found["contextSourceTimeAt"]) <= now()
    assert parse_duration(found["contextSourceUptime"]).micros < 600_000_000


@pytest.mark.clause("CIM009 4.14")
async def test_each_tenant_has_an_alias_of_its_own(client: Client) -> None:
    for tenant in ("north", "south"):
        entity = {"id": "urn:x:1", "type": "T"}
        await client.ask("POST", "/ngsi-ld/v1/entities", headers={"ngsild-tenant": tenant}, body=entity)
    aliases = [(await identity(client))["contextSourceAlias"]]
    aliases += [(await identity(client, **{"ngsild-tenant": one}))["contextSourceAlias"] for one in ("north", "south")]
    assert len(set(aliases)) == 3
    assert (await identity(client))["contextSourceAlias"] == aliases[0]


async def test_alias_outlives_a_restart(tmp_path: Path) -> None:
    aliases: list[str] = []
    for _ in range(2):
        async with run_client(Settings(data=tmp_path)) as client:
            aliases.append((await identity(client))["contextSourceAlias"])
    assert aliases[0] == aliases[1]


async def test_identity_has_a_context_where_it_is_read_as_json_ld(client: Client) -> None:
    assert "@context" in await identity(client, accept="application/ld+json")
    assert (await client.ask("GET", ADDRESS, headers={"accept": "text/html"})).status == 406


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0H0M0S"), (59, "PT0H0M59S"), (3_725, "PT1H2M5S"), (86_400, "P1DT0H0M0S"), (90_061, "P1DT1H1M1S")],
)
def test_duration_is_written_in_days_hours_minutes_and_seconds(seconds: int, text: str) -> None:
    assert render_duration(seconds * 1_000_000 + 999_999) == text
    assert parse_duration(text).micros == seconds * 1_000_000
