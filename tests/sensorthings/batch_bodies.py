"""Bodies of requests that create entities."""

from __future__ import annotations

from typing import Any

SENSOR = {"name": "S", "description": "s", "encodingType": "application/pdf", "metadata": "https://example.org/s.pdf"}
PROPERTY = {"name": "NO2", "description": "n", "definition": "https://example.org/no2"}
UNIT = {"name": "degree Celsius", "symbol": "°C", "definition": "http://unitsofmeasure.org/ucum.html#Cel"}
NOON = "2026-03-01T12:00:00Z"


def thing(name: str = "T", **more: Any) -> dict[str, Any]:
    """A Thing."""
    return {"name": name, "description": "t", **more}


def location(longitude: float = 10, **more: Any) -> dict[str, Any]:
    """A Location."""
    point = {"type": "Point", "coordinates": [longitude, 50]}
    return {"name": "L", "description": "l", "encodingType": "application/geo+json", "location": point, **more}


def datastream(name: str = "D", **more: Any) -> dict[str, Any]:
    """A Datastream; what it links to is in ``more``."""
    return {
        "name": name,
        "description": "d",
        "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
        "unitOfMeasurement": UNIT,
        **more,
    }


def link(id: int | str) -> dict[str, Any]:
    """A link to an entity: its id, or ``$name``."""
    return {"@iot.id": id}
