"""How an entity lies in the store, and how it is put together again.

An instance is in exactly one place: in the document (``doc.doc``) when it has no ``observedAt``, in ``series.current``
when it has one. A measurement thus rewrites one short row and not the document.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from stadtkern.model.entity import NO_DATASET, Attributes, Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.store.engine.base import Row

LIVE, HISTORY, DELETED = 0, 1, 2
"""States of an entity row: has a current state; has only a past; nothing left but its number."""

_RECORD, _UNIT = "\x1e", "\x1f"


class Document(Struct, frozen=True, omit_defaults=True):
    """What ``doc.doc`` holds."""

    types: list[Iri]
    scope: list[str] = []
    attributes: Attributes = {}
    scope_at: Instant = Instant(0)


class Head(Struct, frozen=True):
    """The slim row of an entity. ``n`` is 0 for one that has no row yet."""

    n: int
    id: EntityId
    version: int
    state: int
    created_at: Instant
    modified_at: Instant
    deleted_at: Instant | None
    expires_at: Instant | None


_document_decoder = msgspec.json.Decoder(Document)
_instance_decoder = msgspec.json.Decoder(Instance)
_encoder = msgspec.json.Encoder()


def decode_row(row: Row) -> tuple[Head, Entity | None]:
    """Build head and current state from a row of ``load``; the state is None unless the entity is live."""
    head = Head(*row[:8])
    if head.state != LIVE or row[8] is None:
        return head, None
    return head, assemble(head, row[8], row[9])


def assemble(head: Head, doc: str, currents: str | None) -> Entity:
    """Put document and current observed instances together."""
    document = _document_decoder.decode(doc)
    attributes = document.attributes
    if currents:
        for record in currents.split(_RECORD):
            attribute, text = record.split(_UNIT, 1)
            _place(attributes, Iri(attribute), _instance_decoder.decode(text))
    return Entity(
        id=head.id,
        types=document.types,
        scope=document.scope,
        scope_at=document.scope_at,
        attributes=attributes,
        created_at=head.created_at,
        modified_at=head.modified_at,
        expires_at=head.expires_at,
    )


def _place(attributes: Attributes, attribute: Iri, instance: Instance) -> None:
    present = attributes.get(attribute)
    if present is None:
        attributes[attribute] = [instance]
    elif instance.dataset_id == NO_DATASET:
        present.insert(0, instance)
    else:
        present.append(instance)


def encode_document(entity: Entity) -> str:
    """Write the part of an entity that belongs into the document."""
    attributes: Attributes = {}
    for name, instances in entity.attributes.items():
        static = [instance for instance in instances if instance.observed_at is None]
        if static:
            attributes[name] = static
    return _encoder.encode(Document(entity.types, entity.scope, attributes, entity.scope_at)).decode()


def encode_remains(entity: Entity) -> str:
    """Write what stays of an entity whose current state is gone: what its history is found by."""
    return _encoder.encode(Document(entity.types, entity.scope)).decode()


class ImageTimes(Struct, frozen=True, omit_defaults=True):
    """The times of an entity that is gone."""

    created_at: Instant
    modified_at: Instant
    expires_at: Instant | None = None


def image_item(entity: Entity) -> list[Any]:
    """Tell the change log the document and the times of an entity that goes: subscribers decide by them whether they
    may know.
    """
    times = ImageTimes(entity.created_at, entity.modified_at, entity.expires_at)
    return ["", "", "before", Raw(encode_document(entity).encode()), times]


def outside_items(entity: Entity) -> list[list[Any]]:
    """Tell the change log those instances of an entity that goes which lie outside of its document."""
    return [
        [name, one.dataset_id, "before", one, None]
        for name, instances in entity.attributes.items()
        for one in instances
        if one.observed_at is not None
    ]


def decode_document(text: str) -> Document:
    """Read a document."""
    return _document_decoder.decode(text)


def encode_instance(instance: Instance) -> str:
    """Write one instance for ``series.current`` or the change log."""
    return _encoder.encode(instance).decode()


def decode_instance(text: str) -> Instance:
    """Read one instance back."""
    return _instance_decoder.decode(text)
