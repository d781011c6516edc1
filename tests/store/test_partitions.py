"""History is partitioned by time on PostgreSQL: partitions come by themselves, and no row is lost on the way."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from stadtkern.broker.tenants import OpenTenant
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw
from stadtkern.model.operation import RecordHistory
from stadtkern.policy.grant import system_grant
from stadtkern.store.partitions import AHEAD, Partition, ensure_partitions, list_partitions
from tests.store.consistency import assert_consistent
from tests.store.stores import ROOM, TEMPERATURE, succeed, times

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
GRANT = system_grant("tests", "default")
DAY = 24 * 3_600_000_000
YEAR = datetime.now(UTC).year
"""The year in which the tenant is made."""


def instant(year: int, month: int = 1, day: int = 1) -> Instant:
    moment = datetime(year, month, day, tzinfo=UTC)
    return Instant((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))


async def partitions(tenant: OpenTenant) -> list[Partition]:
    return await list_partitions(tenant.database, GRANT)


async def record(tenant: OpenTenant, *moments: Instant) -> None:
    patches = [InstancePatch(kind="Property", value=raw(1), observed_at=at) for at in moments]
    await succeed(
        tenant, RecordHistory(EntityId("urn:r:1"), EntityPatch(types=[ROOM], attributes={TEMPERATURE: patches}))
    )


async def place_of(tenant: OpenTenant, moment: Instant) -> str:
    """The partition that holds the row of a time."""
    rows = await tenant.database.fetch(
        "SELECT tableoid::regclass::text FROM observation WHERE time = $1::bigint", moment
    )
    return rows[0][0]


async def test_new_tenant_has_a_partition_for_the_present_and_catch_alls(tenant: OpenTenant) -> None:
    present = await partitions(tenant)
    assert present[0].start is None
    assert present[-1].end is None
    assert any(one.start is not None and one.end is not None and one.start <= now() < one.end for one in present)


async def test_partitions_come_ahead_of_the_clock_and_leave_no_gap(tenant: OpenTenant) -> None:
    for year in range(YEAR, YEAR + 4):
        for month in (1, 6, 12):
            moment = instant(year, month, 28)
            await ensure_partitions(tenant.database, GRANT, moment)
            present = await partitions(tenant)
            last = present[-1].start
            assert last is not None
            assert last - moment >= AHEAD // timedelta(microseconds=1) - 1
            assert all(one.end == following.start for one, following in itertools.pairwise(present))
    assert await ensure_partitions(tenant.database, GRANT, instant(YEAR)) == []


async def test_early_rows_move_into_their_partition_when_it_comes(tenant: OpenTenant) -> None:
    soon, late, last = instant(YEAR + 2, 5, 1), instant(YEAR + 3), instant(9999, 12, 31)
    moments = [instant(1969, 7, 20), instant(YEAR, 1, 2), soon, late, last]
    await record(tenant, *moments)
    assert await place_of(tenant, moments[2]) == "observation_future"
    await ensure_partitions(tenant.database, GRANT, instant(YEAR + 2, 3))
    assert await place_of(tenant, moments[0]) == "observation_past"
    assert await place_of(tenant, moments[2]) == f"observation_{YEAR + 2}"
    assert await place_of(tenant, moments[3]) == "observation_future"
    assert await place_of(tenant, moments[4]) == "observation_future"
    assert await times(tenant, "urn:r:1") == moments
    await assert_consistent(tenant.database)
    await record(tenant, instant(YEAR + 2, 6))
    assert await place_of(tenant, instant(YEAR + 2, 6)) == f"observation_{YEAR + 2}"


async def test_partitions_are_monthly_where_years_are_too_large(
    tenant: OpenTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = (await partitions(tenant))[-1].start
    assert begin is not None
    year = datetime.fromtimestamp(begin / 1e6, UTC).year
    monkeypatch.setattr("stadtkern.store.partitions.BUSY_ROWS", -1)
    made = await ensure_partitions(tenant.database, GRANT, Instant(begin - DAY))
    assert made == [f"observation_{year}_01", f"observation_{year}_02"]
    monkeypatch.undo()
    # a quieter time: the rest of the year in one piece
    assert await ensure_partitions(tenant.database, GRANT, instant(year, 2)) == [f"observation_{year}_03"]
    assert (await partitions(tenant))[-1].start == instant(year + 1)
