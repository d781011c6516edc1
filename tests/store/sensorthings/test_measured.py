"""What an observation says of its measurement beside value and time: kept through every way in and out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from stadtkern.broker.broker import Broker
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import Instance, InstancePatch
from stadtkern.model.instant import render_instant
from stadtkern.model.json import raw
from stadtkern.model.measured import END, EXTRAS, RESULT_TIME
from stadtkern.model.operation import MergeEntity, PartialUpdateAttribute, PatchHistoryInstance
from stadtkern.model.subscription import Position
from stadtkern.policy.grant import make_grant
from stadtkern.query.request import TemporalQuery
from stadtkern.store.changelog import read_changes
from stadtkern.views.ngsild.render import HistoryRenderer, Representation, render_history
from tests.store.consistency import assert_consistent
from tests.store.histories import ID, at, create, instance_ids, observed, record, retrieve
from tests.store.stores import GRANT, TEMPERATURE, read, succeed

QUALITY = raw({"code": "good", "value": 0.90})
MEASURED: dict[str, Any] = {
    "end_time": at(5),
    "result_time": at(7),
    "feature": 12,
    "extra": {"resultQuality": QUALITY, "validTime": raw("2026-01-01T00:00:00Z/2026-01-02T00:00:00Z")},
}
PLAIN: dict[str, Any] = {"end_time": None, "result_time": None, "feature": 12, "extra": {}}


@pytest.fixture
def broker(tenants: Tenants) -> Broker:
    return Broker(tenants)


def members(instance: Instance) -> dict[str, Any]:
    return {name: getattr(instance, name) for name in MEASURED}


async def current(tenant: OpenTenant) -> Instance:
    entity = await read(tenant, ID)
    assert entity is not None
    return entity.attributes[TEMPERATURE][0]


async def past(broker: Broker) -> list[Instance]:
    return (await retrieve(broker)).histories[0].attributes[TEMPERATURE][0].instances


async def test_recorded_measurement_is_read_as_current_and_as_history(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 20), observed(2, 21, **MEASURED)))
    assert members(await current(tenant)) == MEASURED
    first, second = await past(broker)
    assert (first.end_time, first.result_time, first.feature, first.extra) == (None, None, None, {})
    assert members(second) == MEASURED
    await assert_consistent(tenant.database)


async def test_many_measurements_are_copied_with_all_members(tenant: OpenTenant, broker: Broker) -> None:
    many = [observed(n, n, result_time=at(n + 1), end_time=at(n + 2), feature=n) for n in range(1, 101)]
    await succeed(tenant, record(*many))
    assert [one.result_time for one in await past(broker)] == [at(n + 1) for n in range(1, 101)]
    assert [one.feature for one in await past(broker)] == list(range(1, 101))
    await assert_consistent(tenant.database)


async def test_recording_the_same_again_is_known_and_another_result_time_is_a_correction(
    tenant: OpenTenant, broker: Broker
) -> None:
    await succeed(tenant, record(observed(2, 21, **MEASURED)))
    [outcome] = await succeed(tenant, record(observed(2, 21, **MEASURED)))
    assert (outcome.known, outcome.corrected) == (1, 0)
    [outcome] = await succeed(tenant, record(observed(2, 21, **(MEASURED | {"result_time": at(8)}))))
    assert (outcome.known, outcome.corrected) == (0, 1)
    assert [one.result_time for one in await past(broker)] == [at(8)]
    await assert_consistent(tenant.database)


async def test_edit_of_the_past_keeps_what_it_does_not_name(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(2, 21, **MEASURED)))
    [number] = await instance_ids(broker)
    await succeed(tenant, PatchHistoryInstance(ID, TEMPERATURE, number, InstancePatch(value=raw(22))))
    assert members((await past(broker))[0]) == MEASURED
    await succeed(tenant, PatchHistoryInstance(ID, TEMPERATURE, number, InstancePatch(observed_at=at(4))))
    assert members((await past(broker))[0]) == MEASURED
    # after its end it cannot begin
    await succeed(tenant, PatchHistoryInstance(ID, TEMPERATURE, number, InstancePatch(observed_at=at(6))))
    assert members((await past(broker))[0]) == MEASURED | {"end_time": None}
    taken = InstancePatch(removed=frozenset({"resultTime", "resultQuality"}))
    await succeed(tenant, PatchHistoryInstance(ID, TEMPERATURE, number, taken))
    assert (await past(broker))[0].result_time is None
    assert members(await current(tenant)) == members((await past(broker))[0])
    await assert_consistent(tenant.database)


async def test_write_of_the_present_keeps_times_of_a_measurement_only_for_that(
    tenant: OpenTenant, broker: Broker
) -> None:
    await succeed(tenant, record(observed(2, 21, **MEASURED)))
    await succeed(tenant, PartialUpdateAttribute(ID, TEMPERATURE, [InstancePatch(unit_code="CEL")]))
    assert members(await current(tenant)) == MEASURED
    later = InstancePatch(value=raw(23), observed_at=at(9))
    await succeed(tenant, PartialUpdateAttribute(ID, TEMPERATURE, [later]))
    assert members(await current(tenant)) == PLAIN
    assert [members(one) for one in await past(broker)] == [MEASURED, MEASURED, PLAIN]


async def test_merge_with_an_observation_time_makes_no_time_up(tenant: OpenTenant) -> None:
    await succeed(tenant, record(observed(2, 21, **MEASURED)))
    entity = create(temperature=InstancePatch(kind="Property", value=raw(1))).entity
    await succeed(tenant, MergeEntity(ID, entity, observed_at=at(30)))
    assert members(await current(tenant)) == PLAIN


async def test_change_log_tells_all_members(tenant: OpenTenant) -> None:
    await succeed(tenant, record(observed(1, 20)), record(observed(2, 21, **MEASURED)))
    await succeed(tenant, record(observed(3, 22)))
    rows = await read_changes(tenant.database, GRANT, Position(0, 0), 10)
    logged = msgspec.json.decode(rows[-1].items[-1].previous, type=Instance)
    assert members(logged) == MEASURED


async def test_hidden_names_hide_the_members_and_writes_keep_them(tenant: OpenTenant, broker: Broker) -> None:
    hidden = frozenset({END, RESULT_TIME, EXTRAS["resultQuality"]})
    masked = make_grant(GRANT.tenant, "guest", "write", hidden=hidden)
    await succeed(tenant, record(observed(2, 21, **MEASURED)))
    page = await broker.retrieve_history(masked, ID, TemporalQuery(), attributes=None, most=10)
    [shown] = page.histories[0].attributes[TEMPERATURE][0].instances
    assert (shown.end_time, shown.result_time, list(shown.extra)) == (None, None, ["validTime"])
    update = PartialUpdateAttribute(ID, TEMPERATURE, [InstancePatch(value=raw(5))])
    await tenant.writer.write(masked, [update])
    assert members(await current(tenant)) == MEASURED


async def test_ngsi_ld_shows_the_members_as_sub_attributes(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(2, 21, **MEASURED)))
    history = (await retrieve(broker)).histories[0]
    context = compile_context({"temperature": str(TEMPERATURE)})
    tree = json.loads(render_history(history, context, Representation(), now=at(0)))["temperature"][0]
    assert tree["phenomenonTimeEnd"] == {"type": "Property", "value": _date_time(5)}
    assert tree["resultTime"] == {"type": "Property", "value": _date_time(7)}
    assert tree["resultQuality"] == {"type": "JsonProperty", "json": {"code": "good", "value": 0.90}}
    assert tree["validTime"] == {"type": "JsonProperty", "json": "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"}
    concise = HistoryRenderer(context, Representation(temporal="concise"), at(0)).tree(history)["temperature"][0]
    assert json.loads(msgspec.json.encode(concise["resultTime"])) == {"value": _date_time(7)}


def _date_time(minute: int) -> dict[str, str]:
    return {"@type": "DateTime", "@value": render_instant(at(minute))}
