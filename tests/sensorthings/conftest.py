"""A small town, written as NGSI-LD, behind the whole application on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client
from tests.store.conftest import database_url, shared_database

__all__ = ["client", "database_url", "shared_database", "town"]

BASE = "https://city.example/stadtkern"
STATIONS = {"harbour": [10.0, 53.5], "forest": [10.5, 53.6], "mountain": [12.0, 50.0]}
HOURS = (10, 11, 12)


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of an application without data; everybody may write."""
    settings = Settings(
        data=tmp_path, database_url=database_url, anonymous="write", implicit_tenants=True, public_url=BASE
    )
    async with run_client(settings) as made:
        yield made


@pytest.fixture
async def town(client: Client) -> Client:
    """The same with three stations, each with three values of NO2 and one of PM10."""
    for name, place in STATIONS.items():
        await write(client, "POST", "/ngsi-ld/v1/entities", station(name, place))
        for hour in HOURS[1:]:
            address = f"/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:{name}/attrs"
            await write(client, "PATCH", address, {"no2": measured(hour + 8, hour)})
    return client


async def write(client: Client, method: str, address: str, body: Any) -> None:
    """Write as NGSI-LD."""
    answer = await client.ask(method, address, body=body)
    assert answer.status < 300, answer.text


def station(name: str, place: list[float]) -> Any:
    return {
        "id": f"urn:ngsi-ld:AirQualityObserved:{name}",
        "type": "AirQualityObserved",
        "name": {"type": "Property", "value": name},
        "description": {"type": "Property", "value": f"The station at the {name}"},
        "operator": {"type": "Property", "value": "city"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}},
        "no2": measured(18.5, HOURS[0]),
        "pm10": {"type": "Property", "value": 7, "observedAt": "2026-03-01T10:00:00Z"},
    }


def measured(value: float, hour: int) -> Any:
    return {"type": "Property", "value": value, "unitCode": "GQ", "observedAt": f"2026-03-01T{hour}:00:00Z"}
