"""The export format: one JSON object a line, in the order of ``Line``; docs/command-line.md describes it for readers.

An export starts with a ``header`` and ends with an ``end`` that holds the SHA-256 of all lines before it: a file that
was cut off or changed is recognised. Instants are microseconds since 1970-01-01T00:00:00Z. Numbers (``n``, ``series``
…) are those of the store, so that an import gives every entity, series and observation its old number again. JSON texts
stand in the line as they are, or as a JSON string where they contain a line break.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

FORMAT = 1
Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Header(Struct, frozen=True, kw_only=True, tag="header", tag_field="table"):
    """The first line. tenants: who is in here, in order. total: about how many rows follow, for progress."""

    format: int
    version: str
    created_at: Int
    tenants: list[str]
    total: int = 0


class TenantLine(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tenant", tag_field="table"):
    """A tenant begins; what follows is its own. sequences: the highest numbers that were ever given out."""

    name: str
    created_at: Int
    host: str | None = None
    title: str = ""
    sequences: dict[str, Int] = {}


class KeyLine(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="api_key", tag_field="table"):
    """An API key without its secret; the hash lets those who have the secret go on using it."""

    id: str
    name: str
    kind: str
    hash: str
    created_at: Int
    types: list[str] = []
    expires_at: Int | None = None
    revoked_at: Int | None = None
    last_used_at: Int | None = None


class ContextLine(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="context", tag_field="table"):
    """A stored @context."""

    id: str
    url: str
    kind: str
    body: Raw
    created_at: Int
    last_used_at: Int | None = None
    uses: Int = 0


class SubscriptionLine(Struct, frozen=True, kw_only=True, tag="subscription", tag_field="table"):
    """A subscription; how far its subscriber was told is not kept: it begins anew where it is imported."""

    id: str
    body: Raw
    created_at: Int


class EntityLine(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="entity", tag_field="table"):
    """An entity and its document; state 0 lives, 1 has only a past, 2 is nothing but its number."""

    n: Int
    id: str
    version: Int
    state: Int
    created_at: Int
    modified_at: Int
    kind: Int = 0
    dataset: Int | None = None
    deleted_at: Int | None = None
    expires_at: Int | None = None
    doc: Raw | UnsetType = UNSET


class SeriesLine(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="series", tag_field="table"):
    """One attribute and dataset id of an entity over time; ``current`` is its instance of now, where it is observed."""

    n: Int
    entity: Int
    attribute: str
    dataset_id: str
    observed: Int
    created_at: Int
    current: Raw | UnsetType = UNSET
    current_at: Int | None = None
    block: Int = 0
    used: Int = 0
    block_from: Int | None = None
    block_to: Int | None = None
    unit: str | None = None
    name: str | None = None
    description: str | None = None
    sensor: Int | None = None
    observed_property: Int | None = None
    properties: str | None = None
    measurement: str | None = None
    multi: Int = 0


class ObservedAttributeLine(Struct, frozen=True, kw_only=True, tag="observed_attribute", tag_field="table"):
    """The number of an attribute that has series: the ObservedProperty of those that name none."""

    n: Int
    attribute: str


class IdBlock(Struct, frozen=True, array_like=True):
    """A block of observation ids."""

    block: Int
    entity: Int
    series: Int
    time_from: Int | None
    time_to: Int | None


class Chunk(Struct, frozen=True, array_like=True):
    """The summary of a series in one month."""

    series: Int
    month: Int
    count: Int
    first: Int
    last: Int
    recorded_first: Int
    recorded_last: Int
    result_first: Int | None
    result_last: Int | None
    longest: Int | None
    west: float | None
    south: float | None
    east: float | None
    north: float | None


class Observation(Struct, frozen=True, array_like=True):
    """One instance of history."""

    entity: Int
    series: Int
    time: Int
    id: Int
    end_time: Int | None
    result_time: Int | None
    created_at: Int
    modified_at: Int | None
    deleted_at: Int | None
    observed: Int
    kind: Int
    num: float | None
    value: str | None
    extra: str | None
    feature: Int | None


class IdBlockLine(Struct, frozen=True, tag="id_block", tag_field="table"):
    """Several blocks."""

    rows: list[IdBlock]


class ChunkLine(Struct, frozen=True, tag="series_chunk", tag_field="table"):
    """Several summaries."""

    rows: list[Chunk]


class ObservationLine(Struct, frozen=True, tag="observation", tag_field="table"):
    """Several instances, by series and time."""

    rows: list[Observation]


class End(Struct, frozen=True, kw_only=True, tag="end", tag_field="table"):
    """The last line. sha256: hex, over all bytes before this line. rows: how many, by table."""

    sha256: str
    rows: dict[str, int] = {}


BulkLine = IdBlockLine | ChunkLine | ObservationLine
Line = (
    Header
    | TenantLine
    | KeyLine
    | ContextLine
    | SubscriptionLine
    | EntityLine
    | SeriesLine
    | ObservedAttributeLine
    | IdBlockLine
    | ChunkLine
    | ObservationLine
    | End
)

EXPORTED: dict[str, type[Struct]] = {
    "context": ContextLine,
    "subscription": SubscriptionLine,
    "entity": EntityLine,
    "series": SeriesLine,
    "observed_attribute": ObservedAttributeLine,
    "id_block": IdBlock,
    "series_chunk": Chunk,
    "observation": Observation,
}
"""A tenant's tables whose rows stand in an export, as they are."""
DERIVED_COLUMNS = {"subscription": frozenset({"changed"})}
"""Columns of exported tables that an import fills by itself."""
DERIVED = frozenset({"entity_type", "entity_scope", "geo", "geo_box", "link", "catalogue"})
"""Made anew from the entities by an import."""
LEFT_OUT = frozenset({"change", "migration", "delivery", "tenant_epoch", "entity_map"})
"""The change log tells consumers of this store what to fetch, and how far they are; those of another begin anew."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Line)


def encode_line(line: Struct) -> bytes:
    """Write a line, with its line break."""
    return _encoder.encode(line) + b"\n"


def decode_line(text: bytes) -> Any:
    """Read a line. Raises: msgspec.DecodeError, RecursionError."""
    return _decoder.decode(text)


def embed(text: str | None) -> Raw | UnsetType:
    """Put a JSON text into a line."""
    if text is None:
        return UNSET
    return Raw(_encoder.encode(text) if "\n" in text or "\r" in text else text.encode())


def extract(raw: Raw | UnsetType) -> str | None:
    """Take a JSON text out of a line, to the letter. Raises: ValueError (it is no object)."""
    if raw is UNSET:
        return None
    text = bytes(raw)
    inner = msgspec.json.decode(text, type=str) if text[:1] == b'"' else text.decode()
    if not inner.startswith("{"):
        raise ValueError("a JSON object belongs here")
    return inner
