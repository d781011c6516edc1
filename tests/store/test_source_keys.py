"""A source puts values of its declared types in; it takes nothing away and touches nothing else."""

from __future__ import annotations

import pytest

from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import Forbidden
from stadtkern.model.change import Outcome
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.operation import (
    AppendAttributes,
    BatchUpdateEntity,
    CreateEntity,
    DeleteAttribute,
    DeleteEntity,
    DeleteHistory,
    MergeEntity,
    Operation,
    PartialUpdateAttribute,
    PurgeAttributes,
    RecordHistory,
    ReplaceAttribute,
    ReplaceEntity,
    UpdateAttributes,
    UpsertEntity,
)
from stadtkern.policy.authorize import authorize
from tests.store.stores import GRANT, ROOM, TEMPERATURE, room, succeed, values
from tests.unit.policy.actors import key_actor

R = EntityId("urn:r:1")
N = EntityId("urn:r:new")
HALL = Iri("https://example.org/Hall")
SOURCE = authorize(key_actor("source", ROOM), "write", GRANT.tenant)
VALUE = InstancePatch(kind="Property", value=raw(1), observed_at=Instant(5_000_000))
NULL = InstancePatch(deleted=True)
OVER = InstancePatch(kind="Property", value=raw(1), observed_at=Instant(5_000_000), expires_at=Instant(1))


def fragment(*types: Iri, patch: InstancePatch = VALUE, **members: object) -> EntityPatch:
    return EntityPatch(types=list(types), attributes={TEMPERATURE: [patch]}, **members)  # type: ignore[arg-type]


ALLOWED: list[Operation] = [
    CreateEntity(N, fragment(ROOM)),
    CreateEntity(N, fragment(ROOM, patch=OVER, expires_at=Instant(1 << 60))),
    UpsertEntity(N, fragment(ROOM)),
    UpsertEntity(R, fragment(ROOM), "update"),
    AppendAttributes(R, fragment()),
    UpdateAttributes(R, fragment()),
    BatchUpdateEntity(R, fragment(ROOM)),
    PartialUpdateAttribute(R, TEMPERATURE, [InstancePatch(value=raw(2))]),
    ReplaceAttribute(R, TEMPERATURE, [VALUE]),
    RecordHistory(R, fragment()),
    RecordHistory(N, fragment(ROOM)),
]
REFUSED: list[Operation] = [
    CreateEntity(N, fragment(HALL)),
    CreateEntity(N, fragment(ROOM, HALL)),
    UpsertEntity(R, fragment(ROOM)),
    ReplaceEntity(R, fragment(ROOM)),
    MergeEntity(R, fragment()),
    AppendAttributes(R, fragment(HALL)),
    AppendAttributes(R, fragment(scope=["/a"])),
    AppendAttributes(R, fragment(expires_at=Instant(1))),
    AppendAttributes(R, fragment(patch=OVER)),
    UpsertEntity(R, fragment(ROOM, patch=OVER), "update"),
    PartialUpdateAttribute(R, TEMPERATURE, [InstancePatch(expires_at=Instant(1))]),
    ReplaceAttribute(R, TEMPERATURE, [OVER]),
    RecordHistory(R, fragment(patch=InstancePatch(kind="Property", value=raw(1), subs={HALL: [OVER]}))),
    UpdateAttributes(R, fragment(patch=NULL)),
    PartialUpdateAttribute(R, TEMPERATURE, [NULL]),
    PartialUpdateAttribute(R, TEMPERATURE, [InstancePatch(removed=frozenset({"unitCode"}))]),
    PartialUpdateAttribute(R, TEMPERATURE, [InstancePatch(subs={HALL: [NULL]})]),
    DeleteAttribute(R, TEMPERATURE),
    PurgeAttributes(R, drop=frozenset({TEMPERATURE})),
    DeleteEntity(R),
    DeleteHistory(R),
    PartialUpdateAttribute(EntityId("urn:hall:1"), TEMPERATURE, [VALUE]),
    RecordHistory(EntityId("urn:hall:1"), fragment()),
]


@pytest.fixture
async def with_rooms(tenant: OpenTenant) -> OpenTenant:
    hall = CreateEntity(EntityId("urn:hall:1"), EntityPatch(types=[HALL], attributes={TEMPERATURE: [VALUE]}))
    await succeed(tenant, room(R), hall)
    return tenant


async def test_source_key_adds_values(with_rooms: OpenTenant) -> None:
    for operation in ALLOWED:
        (result,) = await with_rooms.writer.write(SOURCE, [operation])
        assert isinstance(result, Outcome), operation
        await succeed(with_rooms, *([DeleteHistory(N)] if operation.id == N else []))


async def test_source_key_takes_nothing_away(with_rooms: OpenTenant) -> None:
    for operation in REFUSED:
        (result,) = await with_rooms.writer.write(SOURCE, [operation])
        assert isinstance(result, Forbidden), operation
        assert await values(with_rooms, R) == {"": 20}


async def test_source_key_is_told_why_it_may_not_say_when_a_value_expires(with_rooms: OpenTenant) -> None:
    (result,) = await with_rooms.writer.write(SOURCE, [AppendAttributes(R, fragment(patch=OVER))])
    assert isinstance(result, Forbidden)
    assert "expire" in result.detail
    assert result.pointer == f"/{TEMPERATURE}/expiresAt"
    assert "expiresAt" in (result.hint or "")
