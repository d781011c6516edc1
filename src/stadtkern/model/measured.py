"""What an instance says of its measurement beside value and ``observed_at``, and how NGSI-LD readers see it.

These members have fields and places of their own, because SensorThings asks for them; as sub-attributes they have names
of the NGSI-LD default vocabulary. Spec: OGC 18-088 8.2.7 (Observation), CIM 009 4.5.2 (sub-attributes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from stadtkern.model.entity import Instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant, render_instant
from stadtkern.model.json import raw

_DEFAULT: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
END: Final = Iri(f"{_DEFAULT}phenomenonTimeEnd")
RESULT_TIME: Final = Iri(f"{_DEFAULT}resultTime")
EXTRAS: Final = {name: Iri(f"{_DEFAULT}{name}") for name in ("resultQuality", "validTime", "parameters")}
"""Members of ``Instance.extra`` that belong to a measurement, and what they are called as sub-attributes."""
NAMES: Final = frozenset({END, RESULT_TIME, *EXTRAS.values()})


def is_measured(instance: Instance) -> bool:
    """Tell whether an instance says more of its measurement than most do."""
    return (
        instance.end_time is not None
        or instance.result_time is not None
        or (bool(instance.extra) and not EXTRAS.keys().isdisjoint(instance.extra))
    )


def measured_subs(instance: Instance) -> Iterator[tuple[Iri, Instance]]:
    """Give what ``is_measured`` found as sub-attributes."""
    if instance.end_time is not None:
        yield END, _time(instance, instance.end_time)
    if instance.result_time is not None:
        yield RESULT_TIME, _time(instance, instance.result_time)
    for member, name in EXTRAS.items():
        if member in instance.extra:
            yield name, _part(instance, "JsonProperty", instance.extra[member])


def _time(instance: Instance, time: Instant) -> Instance:
    return _part(instance, "Property", raw({"@type": "DateTime", "@value": render_instant(time)}))


def _part(instance: Instance, kind: str, value: Raw) -> Instance:
    return Instance(
        kind="JsonProperty" if kind == "JsonProperty" else "Property",
        value=value,
        created_at=instance.created_at,
        modified_at=instance.modified_at,
    )


def without_measured(instance: Instance, names: frozenset[Iri]) -> Instance:
    """Take the members of these names away."""
    return replace(
        instance,
        end_time=None if END in names else instance.end_time,
        result_time=None if RESULT_TIME in names else instance.result_time,
        extra={member: text for member, text in instance.extra.items() if EXTRAS.get(member) not in names},
    )


def hidden_measured(instance: Instance, names: frozenset[Iri]) -> tuple[Instant | None, Instant | None, dict[str, Raw]]:
    """Give what ``without_measured`` takes away: end, result time, extra members."""
    return (
        instance.end_time if END in names else None,
        instance.result_time if RESULT_TIME in names else None,
        {member: text for member, text in instance.extra.items() if EXTRAS.get(member) in names},
    )
