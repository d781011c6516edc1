"""How expanding and compacting the names of an entity compares with parsing and writing it as JSON.

Run it from the project's folder: ``python -m benchmarks.jsonld``. With PyLD installed it is measured, too.
"""

from __future__ import annotations

import timeit
import warnings
from collections.abc import Callable
from typing import Any

import msgspec

from stadtkern.jsonld.context import Context, compile_context
from stadtkern.jsonld.core import CORE_CONTEXT_URL, core_document

TERMS = {
    "city": "https://city.example/terms#",
    **{name: f"city:{name}" for name in ("AirQualityObserved", "no2", "pm10", "pm25", "o3", "quality", "refDevice")},
}
ENTITY: dict[str, Any] = {
    "id": "urn:ngsi-ld:AirQualityObserved:station-7",
    "type": "AirQualityObserved",
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.6261, 51.9607]}},
    **{
        name: {
            "type": "Property",
            "value": 17.25,
            "unitCode": "GQ",
            "observedAt": "2026-03-01T12:00:00Z",
            "quality": {"type": "Property", "value": "validated"},
        }
        for name in ("no2", "pm10", "pm25", "o3")
    },
    "refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:7"},
}
MEMBERS = frozenset({"type", "value", "object", "unitCode", "observedAt", "id"})


def rename(node: dict[str, Any], name_of: Callable[[str], str]) -> dict[str, Any]:
    """Walk an entity as the views do: names of attributes and sub-attributes, never inside values."""
    return {
        name if name in MEMBERS else name_of(name): rename(value, name_of)
        if isinstance(value, dict) and name not in MEMBERS
        else value
        for name, value in node.items()
    }


def expand(context: Context, entity: dict[str, Any]) -> dict[str, Any]:
    """Expand the names of an entity."""
    return {**rename(entity, context.expand_term), "type": context.expand_term(entity["type"])}


def compact(context: Context, entity: dict[str, Any]) -> dict[str, Any]:
    """Compact the names of an entity."""
    return {**rename(entity, context.compact_iri), "type": context.compact_iri(entity["type"])}


def measure(work: Callable[[], object], runs: int) -> float:
    """Time one run in microseconds: the best of five."""
    work()
    return min(timeit.repeat(work, number=runs, repeat=5)) / runs * 1e6


def measure_processor(expanded_too: bool) -> float:
    """Time a complete JSON-LD processor in microseconds. Raises: ImportError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyld import jsonld
    document = {**ENTITY, "@context": [TERMS, CORE_CONTEXT_URL]}

    def load(url: str, _: object) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": core_document(), "contentType": "application/json"}

    options = {"documentLoader": load}
    if not expanded_too:
        return measure(lambda: jsonld.expand(document, options), 20)
    expanded = jsonld.expand(document, options)
    return measure(lambda: jsonld.compact(expanded, document["@context"], options), 20)


def main() -> None:
    """Print one line a measurement: microseconds, and how often JSON parsing and writing fits into it."""
    context = compile_context([TERMS, CORE_CONTEXT_URL])
    text = msgspec.json.encode(ENTITY)
    long = expand(context, ENTITY)
    if compact(context, long) != ENTITY:
        raise SystemExit("compaction does not give back what was expanded")
    json_us = measure(lambda: msgspec.json.encode(msgspec.json.decode(text)), 5000)
    rows = {
        f"JSON parse + write, {len(text)} bytes": json_us,
        "expand": measure(lambda: expand(context, ENTITY), 5000),
        "compact": measure(lambda: compact(context, long), 5000),
        "one term": measure(lambda: context.expand_term("no2"), 200_000),
        "compile the context": measure(lambda: compile_context([TERMS, CORE_CONTEXT_URL]), 200),
    }
    try:
        rows["PyLD expand"] = measure_processor(False)
        rows["PyLD compact"] = measure_processor(True)
    except ImportError:
        print("PyLD is not installed: left out")
    for name, microseconds in rows.items():
        print(f"{name:32} {microseconds:10.2f} µs  {microseconds / json_us:8.2f} × JSON")


if __name__ == "__main__":
    main()
