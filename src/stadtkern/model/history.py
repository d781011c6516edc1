"""The temporal evolution of an entity, as far as it was asked for. Spec: CIM 009 4.5.6 to 4.5.9, 4.5.19."""

from __future__ import annotations

from msgspec import Raw, Struct

from stadtkern.model.entity import NO_DATASET, AttributeKind, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant


class AggregateRow(Struct, frozen=True, gc=False):
    """One value of one aggregation method over one period: start included, end excluded; JSON text of the result."""

    value: Raw
    start: Instant
    end: Instant


class Series(Struct, frozen=True, gc=False, kw_only=True):
    """One attribute and dataset id over time: instances in order of time, or aggregates by method."""

    kind: AttributeKind
    dataset_id: str = NO_DATASET
    instances: list[Instance] = []
    """A deletion is an instance with ``deleted_at`` and the NGSI-LD Null of its kind as value."""
    aggregates: dict[str, list[AggregateRow]] = {}


class ScopeInstance(Struct, frozen=True, gc=False, kw_only=True):
    """The scope of the entity at one time; an empty list with ``deleted_at`` says that it was taken away."""

    scope: list[str]
    observed_at: Instant | None = None
    created_at: Instant = Instant(0)
    modified_at: Instant = Instant(0)
    deleted_at: Instant | None = None


class EntityHistory(Struct, frozen=True, gc=False, kw_only=True):
    """An entity's head with the series that were asked for.

    ``attributes`` holds an empty list of series for an attribute that exists but has no instance in the range.
    """

    id: EntityId
    types: list[Iri]
    scope: list[str] = []
    """The present scope, shown where ``scopes`` says nothing."""
    scopes: list[ScopeInstance] = []
    attributes: dict[Iri, list[Series]] = {}
    created_at: Instant = Instant(0)
    modified_at: Instant = Instant(0)
    deleted_at: Instant | None = None
    expires_at: Instant | None = None
