"""Bodies of SensorThings writes, and a client that sends them."""

from __future__ import annotations

from typing import Any

from tests.asgi_client import Answer, Client
from tests.sensorthings.conftest import BASE

ROOT = f"{BASE}/sta/v1.1"
NOON = "2026-03-01T12:00:00Z"
NO2 = "https://example.org/no2"
UNIT = {"name": "degree Celsius", "symbol": "°C", "definition": "http://unitsofmeasure.org/ucum.html#Cel"}
SENSOR = {"name": "S", "description": "s", "encodingType": "application/pdf", "metadata": "https://example.org/s.pdf"}
PROPERTY = {"name": "NO2", "description": "n", "definition": NO2}
MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


def thing(**more: Any) -> dict[str, Any]:
    return {"name": "T", "description": "t", "properties": {"floor": 1}, **more}


def place(longitude: float = 10, **more: Any) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [longitude, 50]}
    return {"name": "L", "description": "l", "encodingType": "application/geo+json", "location": point, **more}


def feature(**more: Any) -> dict[str, Any]:
    body = place()
    return {"feature": body.pop("location"), **body, **more}


def stream(**more: Any) -> dict[str, Any]:
    return {
        "name": "D",
        "description": "d",
        "observationType": MEASUREMENT,
        "unitOfMeasurement": UNIT,
        "Sensor": SENSOR,
        "ObservedProperty": PROPERTY,
        **more,
    }


def multi(**more: Any) -> dict[str, Any]:
    return {
        "name": "M",
        "description": "m",
        "unitOfMeasurements": [UNIT, UNIT],
        "multiObservationDataTypes": [MEASUREMENT, MEASUREMENT],
        "Sensor": SENSOR,
        "ObservedProperties": [PROPERTY, {**PROPERTY, "definition": "humidity"}],
        **more,
    }


def link(id_: int) -> dict[str, int]:
    return {"@iot.id": id_}


async def get(client: Client, path: str, query: dict[str, str] | None = None) -> Any:
    """Read; the path is one below the service root."""
    answer = await client.ask("GET", f"/sta/v1.1/{path}", query=query or {})
    assert answer.status == 200, answer.text
    return answer.json


async def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Write; headers: with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.ask(method, f"/sta/v1.1/{path}", body=body, headers=named)


async def create(client: Client, path: str, body: Any) -> int:
    """Create; gives the id out of the address that the answer names."""
    answer = await send(client, "POST", path, body)
    assert answer.status == 201, answer.text
    assert answer.body == b""
    address = answer.headers["location"]
    assert address.startswith(f"{ROOT}/")
    assert (await get(client, address.removeprefix(f"{ROOT}/")))["@iot.selfLink"] == address
    return int(address.rpartition("(")[2].rstrip(")"))


async def count(client: Client, path: str) -> int:
    return (await get(client, path, {"$count": "true", "$top": "0"}))["@iot.count"]


async def ngsild(client: Client, path: str, query: dict[str, str] | None = None) -> Any:
    """Read as NGSI-LD."""
    answer = await client.ask("GET", f"/ngsi-ld/v1/{path}", query=query or {})
    assert answer.status == 200, answer.text
    return answer.json
