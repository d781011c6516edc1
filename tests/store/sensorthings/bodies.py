"""Bodies of SensorThings requests."""

from __future__ import annotations

from typing import Any

NO2 = "https://example.org/no2"
SENSOR = {"name": "S", "description": "s", "encodingType": "application/pdf", "metadata": "https://example.org/s.pdf"}
PROPERTY = {"name": "NO2", "description": "n", "definition": NO2}
UNIT = {"name": "degree Celsius", "symbol": "°C", "definition": "http://unitsofmeasure.org/ucum.html#Cel"}
NOON = "2026-03-01T12:00:00Z"


def place(longitude: float = 10) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [longitude, 50]}
    return {"name": "L", "description": "l", "encodingType": "application/geo+json", "location": point}


def stream(**more: Any) -> dict[str, Any]:
    return {
        "name": "D",
        "description": "d",
        "observationType": "http://example.org/Measurement",
        "unitOfMeasurement": UNIT,
        "Sensor": SENSOR,
        "ObservedProperty": PROPERTY,
        **more,
    }


def multi(**more: Any) -> dict[str, Any]:
    body = stream(**more)
    del body["ObservedProperty"], body["unitOfMeasurement"]
    return {
        **body,
        "unitOfMeasurements": [UNIT, UNIT],
        "multiObservationDataTypes": ["a", "b"],
        "ObservedProperties": [PROPERTY, {**PROPERTY, "definition": "humidity"}],
        **more,
    }


def thing(**more: Any) -> dict[str, Any]:
    return {"name": "T", "description": "t", "properties": {"floor": 1.50}, **more}


def link(id_: int) -> dict[str, int]:
    return {"@iot.id": id_}
