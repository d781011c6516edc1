"""What a reader of SensorThings gets: entities with finished JSON texts, page by page.

Spec: OGC 18-088 9.2 (resources), 9.3 (options), 9.4 (pages).
"""

from __future__ import annotations

from msgspec import Raw, Struct

from stadtkern.model.sensorthings import TypeName


class Record(Struct, frozen=True, kw_only=True, gc=False):
    """One entity as it was asked for.

    values: JSON texts by property name, those that were selected and no others, in the order of the type's table;
    None: the property has no value. Literals stand as they came; instants are ISO 8601 with Z, intervals ``a/b``.
    A selected way into a property gives an object with that way alone (``{"type":…}`` of ``properties/type``).
    related: the expanded relations by name: a Page where the relation leads to many, else a Record or None.
    id: ``@iot.id``; 0 in the answer to a ``distinct`` selection, whose rows are no entities.
    stream: of an Observation, the type and the id of what it belongs to (for ``dataArray``).
    iri: the URI of the NGSI-LD entity behind it; None of streams, observations and what is only implied.
    """

    type: TypeName
    id: int
    values: dict[str, Raw | None]
    related: dict[str, Page | Record | None] = {}
    stream: tuple[TypeName, int] | None = None
    iri: str | None = None


class Page(Struct, frozen=True, kw_only=True, gc=False):
    """A part of a set.

    count: of the whole set, where it was asked for; it is exact up to ``COUNT_LIMIT`` and that plus one beyond.
    more: there is a next page. after: the key to give as ``Query.after`` to get it; None where the next page can only
    be had by ``skip`` (in expanded relations, in distinct selections, or ordered by more than can be kept).
    """

    records: list[Record]
    count: int | None = None
    more: bool = False
    after: str | None = None


COUNT_LIMIT = 100_000
"""Counts of what no summary knows are exact up to here."""
