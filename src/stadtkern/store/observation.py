"""Attribute instances as rows of history, and back.

A number whose shortest text is the text that came needs eight bytes and no JSON; anything else keeps its JSON text,
with the number beside it for comparisons. What most instances of a series share (the unit) lies in the series.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import replace

from stadtkern.model.entity import AttributeKind, Instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.store.engine.base import Row

KINDS: tuple[AttributeKind, ...] = (
    "Property",
    "Relationship",
    "GeoProperty",
    "LanguageProperty",
    "VocabProperty",
    "JsonProperty",
    "ListProperty",
    "ListRelationship",
)
"""The number of a kind in ``observation.kind`` is its place here; the order is never changed."""
_KIND_NUMBER = {kind: number for number, kind in enumerate(KINDS)}
_NULL = Raw(b'"urn:ngsi-ld:null"')
_NULL_MAP = Raw(b'{"@none":"urn:ngsi-ld:null"}')
"""NGSI-LD Null as a language map (CIM 009 4.5.0)."""

COLUMNS = (
    "entity",
    "series",
    "time",
    "id",
    "created_at",
    "modified_at",
    "deleted_at",
    "observed",
    "kind",
    "num",
    "value",
    "extra",
    "end_time",
    "result_time",
    "feature",
)
READ_COLUMNS = (
    "o.time, o.id, o.created_at, o.modified_at, o.deleted_at, o.observed, o.kind, o.num, o.value, o.extra,"
    " o.end_time, o.result_time, o.feature"
)


class Extra(Struct, omit_defaults=True):
    """Members of an instance that have no column. ``unit_code`` is "" for none where the series has one."""

    unit_code: str | None = None
    object_type: Raw | UnsetType = UNSET
    value_type: str | None = None
    expires_at: Instant | None = None
    extra: dict[str, Raw] = {}
    subs: dict[Iri, list[Instance]] = {}


_EMPTY = Extra()
_extra_decoder = msgspec.json.Decoder(Extra)
_encode = msgspec.json.encode


def instance_time(instance: Instance) -> Instant:
    """Tell the time an instance stands at in its series: observedAt, else when it was written."""
    return instance.modified_at if instance.observed_at is None else instance.observed_at


def encode_observation(
    entity: int, series: int, id_: int, instance: Instance, unit: str | None
) -> tuple[int | float | str | None, ...]:
    """Make the row (see ``COLUMNS``) of one instance in a series whose usual unit is ``unit``."""
    modified = instance.modified_at if instance.modified_at != instance.created_at else None
    return (
        entity,
        series,
        instance_time(instance) if instance.deleted_at is None else instance.deleted_at,
        id_,
        instance.created_at,
        modified,
        instance.deleted_at,
        0 if instance.observed_at is None else 1,
        *encode_value(instance),
        _encode_extra(instance, unit),
        instance.end_time,
        instance.result_time,
        instance.feature,
    )


def encode_value(instance: Instance) -> tuple[int, float | None, str | None]:
    """Give the columns kind, num and value of an instance."""
    text = bytes(instance.value)
    number = _number(text) if instance.kind == "Property" else None
    plain = number is not None and shortest_number(number) == text
    return _KIND_NUMBER[instance.kind], number, None if plain else text.decode()


def tombstone(previous: Instance, now: Instant) -> Instance:
    """Make the instance that says when an attribute was deleted (CIM 009 4.5.7 and 5.3.2: NGSI-LD Null with
    deletedAt).
    """
    return Instance(
        kind=previous.kind,
        value=_NULL_MAP if previous.kind == "LanguageProperty" else _NULL,
        dataset_id=previous.dataset_id,
        created_at=previous.created_at,
        modified_at=now,
        deleted_at=now,
    )


def scope_instance(scope: list[str], at: Instant) -> Instance:
    """Make the instance that keeps an entity's scope in history: it stood from then on."""
    return Instance(kind="Property", value=raw(scope), created_at=at, modified_at=at)


def decode_observation(row: Row, dataset_id: str, unit: str | None) -> Instance:
    """Build the instance of a row (see ``READ_COLUMNS``)."""
    time, id_, created, modified, deleted, observed, kind, number, value, extra, end, result, feature = row
    kind_number: int = kind
    more = _EMPTY if extra is None else _extra_decoder.decode(extra)
    shown = unit if more.unit_code is None else more.unit_code or None
    instance = Instance(
        kind=KINDS[kind_number],
        value=Raw(shortest_number(number)) if value is None else Raw(value.encode()),
        dataset_id=dataset_id,
        observed_at=time if observed else None,
        unit_code=shown,
        object_type=more.object_type,
        value_type=more.value_type,
        expires_at=more.expires_at,
        created_at=created,
        modified_at=created if modified is None else modified,
        deleted_at=deleted,
        instance_id=id_,
        extra=more.extra,
        subs=more.subs,
    )
    # a call with more than 15 keywords takes five times as long, and few instances have these
    if end is None and result is None and feature is None:
        return instance
    return replace(instance, end_time=end, result_time=result, feature=feature)


def _number(text: bytes) -> float | None:
    """Read a JSON number as a double; None for anything else."""
    if text[:1] not in b"-0123456789" or not text:
        return None
    return float(text)


def shortest_number(number: float) -> bytes:
    """Write a double as the shortest JSON; whole numbers without a point, as sensors send them."""
    if number.is_integer() and abs(number) < 1e15:
        return b"%d" % int(number)
    return repr(number).encode()


def _encode_extra(instance: Instance, unit: str | None) -> str | None:
    unit_code = None if instance.unit_code == unit else instance.unit_code or ""
    if (
        unit_code is None
        and not instance.subs
        and not instance.extra
        and instance.object_type is UNSET
        and instance.value_type is None
        and instance.expires_at is None
    ):
        return None
    extra = Extra(
        unit_code, instance.object_type, instance.value_type, instance.expires_at, instance.extra, instance.subs
    )
    return _encode(extra).decode()
