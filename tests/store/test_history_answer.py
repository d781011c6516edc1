"""What an answer about history holds: queries, cuts and sums, on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.broker import history_answer, temporal
from stadtkern.broker.broker import Broker
from stadtkern.broker.history_answer import find_cut
from stadtkern.broker.tenants import MAX_ANSWER, OpenTenant, Tenants
from stadtkern.errors import TooComplexQuery
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, parse_instant, render_instant
from stadtkern.model.json import unraw
from stadtkern.model.operation import DeleteHistory
from stadtkern.query.filter import AnyOf, Is, Path, number
from stadtkern.query.request import parse_temporal_query
from stadtkern.store import temporal as store
from tests.store.histories import (
    EARLY,
    GPS,
    HUMIDITY,
    ID,
    LATE,
    at,
    by,
    create,
    observed,
    query,
    record,
    retrieve,
    shown,
)
from tests.store.stores import TEMPERATURE, succeed, write

_ONE_STORE = hypothesis.settings(
    max_examples=25,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)


@pytest.fixture
async def broker(tenants: Tenants) -> Broker:
    """The whole broker over the stores of a test."""
    return Broker(tenants)


# Queries


async def test_query_holds_conditions_to_instances_in_the_window(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 50), observed(60, 10)), record(observed(1, 20), id="urn:room:2"))
    hot = AnyOf(Path((TEMPERATURE,)), Is(">", number(40)))
    assert (await query(broker, hot))[0] == [ID]
    later = parse_temporal_query(timerel="after", time_at=render_instant(at(30)))
    assert (await query(broker, hot, time=later))[0] == []
    assert (await query(broker, time=later))[0] == [ID]


async def test_query_asks_for_instances_of_the_attributes_shown(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(observed(1, 1)), record(observed(1, 2), id="urn:room:2", attribute=HUMIDITY))
    found, page = await query(broker, attributes=frozenset({HUMIDITY}))
    assert (found, list(page.histories[0].attributes)) == (["urn:room:2"], [HUMIDITY])
    found, page = await query(broker, attributes=frozenset())
    assert (found, page.histories[0].attributes) == ([ID, "urn:room:2"], {})


async def test_query_asks_for_instances_of_the_datasets_shown(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(
        tenant, record(observed(1, 1), observed(1, 2, dataset_id=GPS)), record(observed(1, 2), id="urn:room:2")
    )
    found, page = await query(broker, dataset_ids=frozenset({GPS}))
    assert (found, shown(page.histories[0], dataset_id=GPS), shown(page.histories[0])) == ([ID], [2], [])


async def test_query_pages_and_counts(tenant: OpenTenant, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "CANDIDATES", 2)
    ids = [f"urn:room:{place}" for place in range(7)]
    await succeed(tenant, *(record(observed(1, 1), id=one) for one in ids), create(id="urn:room:empty"))
    found, page = await query(broker, limit=3, offset=2, count=True)
    assert (found, page.count, page.more) == (ids[2:5], 7, True)
    found, page = await query(broker, limit=3, offset=4)
    assert (found, page.count, page.more) == (ids[4:], None, False)
    found, page = await query(broker, limit=0, count=True)
    assert (found, page.count) == ([], 7)


async def test_query_that_looks_at_too_many_is_refused(
    tenant: OpenTenant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal, "MAX_EVALUATED", 2)
    await succeed(tenant, *(record(observed(1, 1), id=f"urn:room:{place}") for place in range(4)))
    with pytest.raises(TooComplexQuery):
        await query(broker, AnyOf(Path((TEMPERATURE,)), Is(">", number(40))))


# How much an answer holds (CIM 009 6.3.10)


async def _two_series(tenant: OpenTenant, first: Sequence[int], second: Sequence[int]) -> None:
    await succeed(
        tenant,
        record(*(observed(minute, minute) for minute in first)),
        record(*(observed(minute, minute) for minute in second), attribute=HUMIDITY),
    )


@pytest.mark.clause("CIM009 6.3.10")
@pytest.mark.parametrize(
    ("time", "first", "last", "kept"),
    [
        ({}, at(1), at(15), range(1, 16)),
        ({"last_n": 20}, at(20), at(6), range(20, 5, -1)),
        ({"last_n": 20, "timerel": "before", "time_at": LATE}, parse_instant(LATE), at(6), range(20, 5, -1)),
        ({"last_n": 20, "timerel": "after", "time_at": EARLY}, at(20), at(6), range(20, 5, -1)),
        (
            {"last_n": 20, "timerel": "between", "time_at": EARLY, "end_time_at": LATE},
            parse_instant(LATE),
            at(6),
            range(20, 5, -1),
        ),
        ({"timerel": "before", "time_at": LATE}, at(1), at(15), range(1, 16)),
        ({"timerel": "after", "time_at": EARLY}, parse_instant(EARLY), at(15), range(1, 16)),
        (
            {"timerel": "between", "time_at": EARLY, "end_time_at": LATE},
            parse_instant(EARLY),
            at(15),
            range(1, 16),
        ),
    ],
)
async def test_retrieve_cuts_all_series_at_one_instant(
    tenant: OpenTenant, broker: Broker, time: dict[str, Any], first: Instant, last: Instant, kept: range
) -> None:
    await _two_series(tenant, range(1, 21), range(1, 21))
    page = await retrieve(broker, parse_temporal_query(**time), most=30)
    assert (page.truncated, page.first, page.last) == (True, first, last)
    [history] = page.histories
    assert shown(history) == shown(history, HUMIDITY) == list(kept)
    assert not (await retrieve(broker, parse_temporal_query(**time), most=40)).truncated


@pytest.mark.clause("CIM009 6.3.10")
async def test_retrieve_shows_series_of_which_the_cut_leaves_nothing(
    tenant: OpenTenant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_answer, "SPARE", 0)
    await _two_series(tenant, range(1, 61), range(1001, 1061))
    [history] = (await retrieve(broker, most=30)).histories
    assert (len(shown(history)), shown(history, HUMIDITY)) == (30, [])
    assert list(history.attributes) == [TEMPERATURE, HUMIDITY]
    [history] = (await retrieve(broker, parse_temporal_query(last_n=100), most=30)).histories
    assert (shown(history), len(shown(history, HUMIDITY))) == ([], 30)
    before = parse_temporal_query(timerel="before", time_at=render_instant(at(500)))
    assert list((await retrieve(broker, before, most=30)).histories[0].attributes) == [TEMPERATURE]


@_ONE_STORE
@given(
    groups=st.lists(st.lists(st.integers(0, 30), max_size=25), min_size=1, max_size=4),
    most=st.integers(1, 40),
    direction=st.sampled_from(["all", "last", "first"]),
    limit=st.integers(1, 12),
    window=st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
    spare=st.sampled_from([0, 3, 1000]),
)
async def test_query_equals_a_plain_selection(
    tenant: OpenTenant,
    groups: list[list[int]],
    most: int,
    direction: str,
    limit: int,
    window: list[int],
    spare: int,
) -> None:
    """Series of one answer: chosen by window and number, then cut at the last instant that leaves no more than most."""
    await write(tenant, *(DeleteHistory(EntityId(f"urn:room:{place}")) for place in range(4)))
    for place, minutes in enumerate(groups):
        if minutes:
            instances = [observed(minute, order) for order, minute in enumerate(minutes)]
            await succeed(tenant, record(*instances, id=f"urn:room:{place}", repeated="write"))
    start, end = (render_instant(at(minute)) for minute in window)
    number_of = {} if direction == "all" else {f"{direction}_n": limit}
    time = parse_temporal_query(timerel="between", time_at=start, end_time_at=end, **number_of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_answer, "SPARE", spare)
        found, page = await query(Broker(_only(tenant)), most=most, time=time)
    backward = direction == "last"
    chosen: dict[str, list[tuple[int, int]]] = {}
    for place, minutes in enumerate(groups):
        inside = sorted((minute, order) for order, minute in enumerate(minutes) if window[0] <= minute < window[1])
        inside = inside[::-1] if backward else inside
        if inside:
            chosen[f"urn:room:{place}"] = inside if direction == "all" else inside[:limit]
    times = sorted((minute for series in chosen.values() for minute, _ in series), reverse=backward)
    cut = find_cut(times, most)
    if cut is not None:
        chosen = {
            id: [one for one in series if (one[0] >= cut if backward else one[0] <= cut)]
            for id, series in chosen.items()
        }
    assert {id: shown(history) for id, history in zip(found, page.histories, strict=True)} == {
        id: [order for _, order in series][: most + 1] for id, series in chosen.items()
    }
    assert page.truncated == (cut is not None)
    assert page.last == (None if cut is None else at(cut))


class _Only:
    """Tenants, of which there is one."""

    max_answer = MAX_ANSWER

    def __init__(self, tenant: OpenTenant) -> None:
        self._tenant = tenant

    async def get(self, name: str) -> OpenTenant:
        return self._tenant


def _only(tenant: OpenTenant) -> Any:
    return _Only(tenant)


@given(st.lists(st.integers(0, 9), max_size=30).map(sorted), st.integers(1, 12))
def test_cut_keeps_whole_instants_and_no_more_than_permitted(times: list[int], most: int) -> None:
    cut = find_cut(times, most)
    if cut is None:
        assert len(times) <= most
        return
    kept = [time for time in times if time <= cut]
    rest = [time for time in times if time > cut]
    assert len(kept) <= most or set(kept) == {times[0]}
    # one instant more would have been too much
    assert len(kept) + len([time for time in rest if time == rest[0]]) > most


# Aggregates


@_ONE_STORE
@given(
    instances=st.lists(st.tuples(st.integers(0, 20), st.integers(-5, 5)), min_size=1, max_size=40),
    slice_size=st.integers(1, 7),
    time_property=st.sampled_from(["observedAt", "createdAt", "modifiedAt"]),
)
async def test_aggregates_do_not_depend_on_how_a_series_is_read(
    tenant: OpenTenant, instances: list[tuple[int, int]], slice_size: int, time_property: str
) -> None:
    await write(tenant, DeleteHistory(ID))
    await succeed(tenant, record(*(observed(*one) for one in instances), repeated="write"))
    time = by(time_property, aggr_methods="totalCount,sum,min", aggr_period_duration="PT5M")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SLICE", slice_size)
        [history] = (await retrieve(Broker(_only(tenant)), time)).histories
    rows = history.attributes[TEMPERATURE][0].aggregates
    assert sum(unraw(row.value) for row in rows["totalCount"]) == len(instances)
    if time_property != "observedAt":
        assert [unraw(row.value) for row in rows["sum"]] == [sum(value for _, value in instances)]
        return
    first = min(minute for minute, _ in instances)
    expected: dict[int, list[int]] = {}
    for minute, value in instances:
        expected.setdefault((minute - first) // 5, []).append(value)
    for method, recount in (("totalCount", len), ("sum", sum), ("min", min)):
        assert [(unraw(row.value), row.start) for row in rows[method]] == [
            (recount(expected[place]), at(first + 5 * place)) for place in sorted(expected)
        ]


async def test_aggregates_begin_and_end_with_the_window_or_with_the_instances(
    tenant: OpenTenant, broker: Broker
) -> None:
    await _two_series(tenant, [5, 50], [3, 70])
    for time, start, end in (
        ({}, at(3), at(70)),
        ({"timerel": "after", "time_at": render_instant(at(1))}, at(1), at(70)),
        ({"timerel": "before", "time_at": render_instant(at(90))}, at(3), at(90)),
    ):
        asked = parse_temporal_query(aggr_methods="avg", aggr_period_duration="PT0S", **time)
        [history] = (await retrieve(broker, asked)).histories
        for name in (TEMPERATURE, HUMIDITY):
            [row] = history.attributes[name][0].aggregates["avg"]
            assert (row.start, row.end) == (start, end)


async def test_aggregates_are_limited_by_periods(tenant: OpenTenant, broker: Broker) -> None:
    await succeed(tenant, record(*(observed(minute, minute) for minute in range(10))))
    for members, expected in (({"last_n": 2}, [8, 9]), ({"first_n": 2}, [0, 1])):
        asked = parse_temporal_query(aggr_methods="sum", aggr_period_duration="PT1M", **members)
        [history] = (await retrieve(broker, asked)).histories
        assert [unraw(row.value) for row in history.attributes[TEMPERATURE][0].aggregates["sum"]] == expected
