"""Walking all matches of a filter: whoever walks far lets others have their turn."""

from __future__ import annotations

import asyncio

import pytest

from stadtkern.broker import search as module
from stadtkern.broker.consumption import Consumption
from stadtkern.broker.tenants import Tenants
from stadtkern.query.filter import HasType, Path
from stadtkern.query.order import Order, OrderTerm
from stadtkern.query.request import EntityQuery
from tests.store.stores import GRANT, ROOM, TEMPERATURE, room, succeed


async def test_matches_leaves_room_for_others_between_batches(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANDIDATES", 2)
    await succeed(await tenants.get(GRANT.tenant), *(room(f"urn:r:{i}", i) for i in range(20)))
    ordered = EntityQuery(
        filter=HasType(ROOM), order=Order((OrderTerm(Path((TEMPERATURE,)), descending=True),)), limit=1
    )
    query = asyncio.create_task(Consumption(tenants).query_entities(GRANT, ordered))
    turns = 0
    while not query.done():
        await asyncio.sleep(0)
        turns += 1
    assert [entity.id for entity in (await query).entities] == ["urn:r:19"]
    assert turns >= 10
