"""Whatever is written in whatever order: what the write path keeps up by differences equals a recount."""

from __future__ import annotations

from random import Random

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.broker.tenants import OpenTenant
from stadtkern.errors import InternalError
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import DeleteHistoryInstance, PatchHistoryInstance, RecordHistory
from tests.store.consistency import assert_consistent
from tests.store.generate import DAY, some_batch, stored_instances
from tests.store.stores import ROOM, TEMPERATURE, read, succeed, write

_ONE_STORE = hypothesis.settings(
    max_examples=8,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)


@_ONE_STORE
@given(seed=st.integers(0, 2**32))
async def test_write_leaves_the_store_consistent_after_random_operations(tenant: OpenTenant, seed: int) -> None:
    random = Random(seed)
    ids = [EntityId(f"urn:x:{random.randrange(6)}") for _ in range(3)]
    for _ in range(4):
        batch = some_batch(random, ids, await stored_instances(tenant.database))
        results = await write(tenant, *batch)
        assert len(results) == len(batch)
        assert not [result for result in results if isinstance(result, InternalError)]
        await assert_consistent(tenant.database)


@_ONE_STORE
@given(seed=st.integers(0, 2**32))
async def test_record_and_edit_keep_the_latest_instance_current(tenant: OpenTenant, seed: int) -> None:
    random = Random(seed)
    id_ = EntityId(f"urn:room:{seed}")
    known: dict[int, tuple[Instant, int]] = {}
    for step in range(6):
        await _record_or_edit(tenant, random, id_, step, known)
        known = await _observed(tenant, id_)
        entity = await read(tenant, id_)
        assert entity is not None
        current = [(one.observed_at, unraw(one.value)) for one in entity.attributes.get(TEMPERATURE, [])]
        possible = [entry for entry in known.values() if entry[0] <= now() + DAY]
        latest = max((entry[0] for entry in possible), default=None)
        assert [at for at, _ in current] == ([] if latest is None else [latest])
        assert all(entry in possible for entry in current)
    await assert_consistent(tenant.database)


async def _record_or_edit(
    tenant: OpenTenant, random: Random, id_: EntityId, step: int, known: dict[int, tuple[Instant, int]]
) -> None:
    if step == 0 or random.random() < 0.5 or not known:
        moments = [Instant(now() - random.randrange(-2 * DAY, 60 * DAY)) for _ in range(random.choice([1, 2, 70]))]
        patches = [InstancePatch(kind="Property", value=raw(at % 1000), observed_at=at) for at in moments]
        fragment = EntityPatch(types=[ROOM], attributes={TEMPERATURE: patches})
        await succeed(tenant, RecordHistory(id_, fragment))
        return
    latest = max(known, key=lambda one: known[one])
    instance = random.choice([latest, latest, *known])
    if random.random() < 0.5:
        await succeed(tenant, DeleteHistoryInstance(id_, TEMPERATURE, instance))
    else:
        moved = InstancePatch(observed_at=Instant(now() - random.randrange(-2 * DAY, 60 * DAY)))
        await succeed(tenant, PatchHistoryInstance(id_, TEMPERATURE, instance, moved))


async def _observed(tenant: OpenTenant, id_: EntityId) -> dict[int, tuple[Instant, int]]:
    """Time and value of each observed instance by its id."""
    rows = await tenant.database.fetch(
        "SELECT o.id, o.time, o.num, e.id FROM observation o JOIN entity e ON e.n = o.entity WHERE o.observed = 1"
    )
    return {row[0]: (Instant(row[1]), int(row[2])) for row in rows if row[3] == id_}
