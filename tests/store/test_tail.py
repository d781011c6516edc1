"""What the change feed shows of the log on each engine: to whom, and from where on."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from stadtkern.broker.changes import Changes
from stadtkern.broker.maintenance import CHANGES_KEPT_US, trim_changes
from stadtkern.broker.tail import Tail
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import Gone
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant, now
from stadtkern.model.json import raw
from stadtkern.model.operation import DeleteEntity, MergeEntity, RecordHistory
from stadtkern.model.subscription import START, Position
from stadtkern.policy.grant import Grant, make_grant
from stadtkern.query.q import parse_q
from stadtkern.views.changes.lines import change_lines
from tests.store.stores import GRANT, ROOM, TEMPERATURE, room, succeed

SECRET = Iri("https://example.org/secret")


@pytest.fixture
def tail(tenants: Tenants) -> Tail:
    return Tail(tenants, Changes(tenants))


def with_values(id_: str, **values: Any) -> MergeEntity:
    """The operation that writes attributes by their short names."""
    attributes = {
        Iri(f"https://example.org/{name}"): [InstancePatch(kind="Property", value=raw(value))]
        for name, value in values.items()
    }
    return MergeEntity(EntityId(id_), EntityPatch(types=[ROOM], attributes=attributes))


async def told(tail: Tail, grant: Grant = GRANT, after: Position = START, *, values: bool = False) -> list[Any]:
    """The lines of everything after a position."""
    found: list[Any] = []
    while True:
        page = await tail.read(grant.tenant, after)
        if not page.rows:
            return found
        found += [msgspec.json.decode(line) for _, line in change_lines(page, grant, values=values)]
        after = page.rows[-1].position


async def test_rows_outside_the_filter_do_not_appear(tenant: OpenTenant, tail: Tail) -> None:
    await succeed(tenant, room("urn:r:cold", 5), room("urn:r:warm", 25))
    await succeed(tenant, DeleteEntity(EntityId("urn:r:cold")), DeleteEntity(EntityId("urn:r:warm")))
    warm = parse_q("temperature>20", lambda name: Iri(f"https://example.org/{name}"))
    seen = await told(tail, make_grant(tenant.name, "tests", "read", row_filter=warm))
    assert [(one["id"], one["kind"]) for one in seen] == [("urn:r:warm", "created"), ("urn:r:warm", "deleted")]


async def test_hidden_attributes_leave_no_trace(tenant: OpenTenant, tail: Tail) -> None:
    await succeed(tenant, room("urn:r:1", 2))
    await succeed(tenant, with_values("urn:r:1", secret=3))
    await succeed(tenant, with_values("urn:r:1", secret=4, temperature=5))
    assert "secret" in str(await told(tail))
    assert len(await told(tail)) == 3
    seen = await told(tail, make_grant(tenant.name, "tests", "read", hidden=frozenset({SECRET})), values=True)
    assert [[item["name"] for item in one["attributes"]] for one in seen] == [[TEMPERATURE]] * 2
    assert "secret" not in str(seen)
    assert not [one for one in seen if "version" in one]


async def test_values_that_went_to_history_are_told_without_becoming_current(tenant: OpenTenant, tail: Tail) -> None:
    await succeed(tenant, room("urn:r:1", 20, observed_at=Instant(2_000_000)))
    late = [InstancePatch(kind="Property", value=raw(n), observed_at=Instant(1_000_000 + n)) for n in range(40)]
    patch = EntityPatch(types=[ROOM], attributes={TEMPERATURE: late})
    await succeed(tenant, RecordHistory(EntityId("urn:r:1"), patch))
    *_, last = await told(tail, values=True)
    assert last["attributes"] == [{"name": TEMPERATURE, "verb": "recorded", "count": 40}]


async def test_a_reader_begins_where_it_asks_to(tenant: OpenTenant, tail: Tail) -> None:
    await succeed(tenant, room("urn:r:1"), room("urn:r:2"))
    first, second = await told(tail)
    x, seq = map(int, first["cursor"].split("-"))
    assert await told(tail, after=await tail.start(tenant.name, Position(x, seq))) == [second]
    assert await told(tail, after=await tail.start(tenant.name, None)) == []
    await succeed(tenant, room("urn:r:3"))
    assert len(await told(tail, after=await tail.start(tenant.name, START))) == 3


async def test_a_cursor_that_lost_something_is_gone(tenant: OpenTenant, tail: Tail) -> None:
    await succeed(tenant, room("urn:r:1"))
    await succeed(tenant, room("urn:r:2"))
    rows = (await tail.read(tenant.name, START)).rows
    first, second = (row.position for row in rows)
    assert await trim_changes(tenant.database, GRANT, Instant(now() + CHANGES_KEPT_US + 1_800_000_000)) == 2
    with pytest.raises(Gone, match="does not reach back"):
        await tail.start(tenant.name, first)
    assert await tail.start(tenant.name, second) == second
    assert await tail.start(tenant.name, START) == START
    with pytest.raises(Gone):
        await tail.start(tenant.name, Position(second.x + (1 << 40), 1 << 60))


async def test_readers_share_what_one_has_read(
    tenant: OpenTenant, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = Changes(tenants)
    tail = Tail(tenants, changes)
    asked: list[Position] = []
    read = changes.read

    async def count(tenant: Any, after: Position, limit: int) -> Any:
        asked.append(after)
        return await read(tenant, after, limit)

    monkeypatch.setattr(changes, "read", count)
    await succeed(tenant, room("urn:r:1"))
    pages = await asyncio.gather(*(tail.read(tenant.name, START) for _ in range(50)))
    assert {page.rows[0].id for page in pages} == {"urn:r:1"}
    assert asked == [START]
    end = pages[0].rows[-1].position
    for _ in range(5):
        assert not (await tail.read(tenant.name, end, woken=False)).rows
    assert asked == [START, end]
    await succeed(tenant, room("urn:r:2"))
    assert [row.id for row in (await tail.read(tenant.name, end)).rows] == ["urn:r:2"]
    tail.forget(tenant.name)
    assert len((await tail.read(tenant.name, START)).rows) == 2
