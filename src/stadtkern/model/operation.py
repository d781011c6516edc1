"""What can be asked of the write path: one closed type, one class an operation.

Every operation concerns exactly one entity, carries the Grant it was authorized with (added by the broker, see
``broker.write``), succeeds or fails alone, and is applied by a pure function. Names follow CIM 009 5.6.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.stream import Description

Repeated = Literal["write", "leave", "replace"]
"""What becomes of a value that is there already, so that the same input can be written again.

``write``: it is written like any other. ``leave``: an equal one is left out; an instance with the same time and another
value is recorded beside the first. ``replace``: an equal one is left out; an instance with the same time and another
value takes the place of the first.
"""


class CreateEntity(Struct, frozen=True, gc=False, tag=True):
    """Create, or fail with AlreadyExists. Spec: CIM 009 5.6.1."""

    id: EntityId
    entity: EntityPatch


class UpsertEntity(Struct, frozen=True, gc=False, tag=True):
    """Create, or replace or update what exists. Spec: CIM 009 5.6.8."""

    id: EntityId
    entity: EntityPatch
    mode: Literal["replace", "update"] = "replace"
    repeated: Repeated = "write"


class ReplaceEntity(Struct, frozen=True, gc=False, tag=True):
    """Replace all attributes. Spec: CIM 009 5.6.18."""

    id: EntityId
    entity: EntityPatch


class MergeEntity(Struct, frozen=True, gc=False, tag=True):
    """Merge patch. Spec: CIM 009 5.6.17 with the algorithm of 5.5.12."""

    id: EntityId
    entity: EntityPatch
    observed_at: Instant | None = None
    lang: str | None = None


class AppendAttributes(Struct, frozen=True, gc=False, tag=True):
    """Append (or overwrite) attributes. Spec: CIM 009 5.6.3."""

    id: EntityId
    entity: EntityPatch
    overwrite: bool = True


class UpdateAttributes(Struct, frozen=True, gc=False, tag=True):
    """Update existing attributes only. Spec: CIM 009 5.6.2."""

    id: EntityId
    entity: EntityPatch
    overwrite: bool = True


class BatchUpdateEntity(Struct, frozen=True, gc=False, tag=True):
    """One element of a batch update: append semantics on an existing entity. Spec: CIM 009 5.6.9."""

    id: EntityId
    entity: EntityPatch
    overwrite: bool = True


class PartialUpdateAttribute(Struct, frozen=True, gc=False, tag=True):
    """Patch members of one attribute instance. Spec: CIM 009 5.6.4 with 5.5.8."""

    id: EntityId
    attribute: Iri
    patches: list[InstancePatch]


class ReplaceAttribute(Struct, frozen=True, gc=False, tag=True):
    """Replace one attribute. Spec: CIM 009 5.6.19."""

    id: EntityId
    attribute: Iri
    patches: list[InstancePatch]


class DeleteAttribute(Struct, frozen=True, gc=False, tag=True):
    """Delete one instance (default: that without dataset id) or all. ``attribute`` may be the core term ``scope``.
    Spec: CIM 009 5.6.5.
    """

    id: EntityId
    attribute: Iri
    dataset_id: str = ""
    delete_all: bool = False


class DeleteEntity(Struct, frozen=True, gc=False, tag=True):
    """Delete the current state; history stays. Spec: CIM 009 5.6.6."""

    id: EntityId
    only_if_expired_at: Instant | None = None
    """Set by the sweeper of transient entities: delete only if still expired at this instant (CIM 009 5.2.4
    expiresAt).
    """


class PurgeAttributes(Struct, frozen=True, gc=False, tag=True):
    """Drop or keep named attributes of one entity; one step of a purge. Spec: CIM 009 5.6.21."""

    id: EntityId
    drop: frozenset[Iri] | None = None
    keep: frozenset[Iri] | None = None


class RecordHistory(Struct, frozen=True, gc=False, tag=True):
    """Add instances to the temporal evolution, creating the entity where it does not exist if ``create``.

    Instances are recorded with the verb *record*: they become current only if their own time is not older.
    Spec: CIM 009 5.6.11 (create or update), 5.6.12 (add attributes).
    """

    id: EntityId
    entity: EntityPatch
    create: bool = True
    repeated: Repeated = "write"
    series: int | None = None
    """The number of the series that all instances belong to: it has to be there still."""
    feature: EntityId | None = None
    """The entity that all instances observe: it has to be there, and its number goes into them."""


class DeleteHistoryAttribute(Struct, frozen=True, gc=False, tag=True):
    """Remove an attribute from the temporal evolution (and from the current state). Spec: CIM 009 5.6.13."""

    id: EntityId
    attribute: Iri
    dataset_id: str = ""
    delete_all: bool = False
    described: bool = False
    """What describes the series goes as well; without, a described series stays, empty."""


class PatchHistoryInstance(Struct, frozen=True, gc=False, tag=True):
    """Change one instance in the temporal evolution. Spec: CIM 009 5.6.14."""

    id: EntityId
    attribute: Iri
    instance: int
    patch: InstancePatch


class DeleteHistoryInstance(Struct, frozen=True, gc=False, tag=True):
    """Delete one instance of the temporal evolution. Spec: CIM 009 5.6.15."""

    id: EntityId
    attribute: Iri
    instance: int


class DeleteHistory(Struct, frozen=True, gc=False, tag=True):
    """Delete the whole temporal evolution and with it the entity. Spec: CIM 009 5.6.16."""

    id: EntityId


class DescribeSeries(Struct, frozen=True, gc=False, tag=True):
    """Say what a series is: its name, its unit, its sensor and so on; a series is made where there is none.

    create: it has to be a new one: neither is there an instance with this dataset id nor an observed series.
    Spec: OGC 18-088 8.2.4 (Datastream), 14 (MultiDatastream).
    """

    id: EntityId
    attribute: Iri
    dataset_id: str
    description: Description
    create: bool = False


class MoveThing(Struct, frozen=True, gc=False, tag=True):
    """Record at which Locations a Thing is since ``time``; where nothing later is known, its geometry follows.

    locations: None: the geometry alone, since one of its Locations was changed. geometry: a GeoProperty, or one that
    is deleted where no Location has a readable geometry. Spec: OGC 18-088 8.2.2, 8.2.3 (HistoricalLocation).
    """

    id: EntityId
    locations: list[EntityId] | None
    geometry: InstancePatch
    time: Instant = Instant(0)


DocumentOperation = (
    CreateEntity
    | UpsertEntity
    | ReplaceEntity
    | MergeEntity
    | AppendAttributes
    | UpdateAttributes
    | BatchUpdateEntity
    | PartialUpdateAttribute
    | ReplaceAttribute
    | DeleteAttribute
    | DeleteEntity
    | PurgeAttributes
    | MoveThing
)
"""Operations that are decided by a pure function on the loaded entity."""

HistoryOperation = RecordHistory | DeleteHistoryAttribute | PatchHistoryInstance | DeleteHistoryInstance | DeleteHistory
"""Operations that touch stored instances as well."""

Operation = DocumentOperation | HistoryOperation | DescribeSeries
