"""Events made from the change log: each tells how the entity was at its change, whatever came later."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from stadtkern.broker.changes import REWOUND, Changes
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.model.change import SCOPE, TYPE
from stadtkern.model.entity import Entity, EntityPatch, InstancePatch
from stadtkern.model.event import Event
from stadtkern.model.ids import EntityId, Iri, TenantId
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw, unraw
from stadtkern.model.operation import (
    AppendAttributes,
    DeleteAttribute,
    DeleteEntity,
    DeleteHistory,
    DeleteHistoryAttribute,
    PartialUpdateAttribute,
    ReplaceEntity,
    UpsertEntity,
)
from stadtkern.model.subscription import START, Position
from stadtkern.policy.grant import make_grant
from stadtkern.store.batch import MAX_LOGGED_VALUE
from stadtkern.store.changelog import load_states
from tests.store.generate import some_batch, stored_instances
from tests.store.histories import GPS, HUMIDITY, ID, NAME, create, observed, record, static
from tests.store.stores import GRANT, ROOM, TEMPERATURE, succeed, write

DEFAULT = TenantId("default")
HALL = Iri("https://example.org/Hall")
LONG = "x" * (MAX_LOGGED_VALUE + 100)


@pytest.fixture
def changes(tenants: Tenants) -> Changes:
    return Changes(tenants)


async def told(changes: Changes, after: Position = START, limit: int = 1_000) -> list[Event]:
    """All events that can be read; PostgreSQL holds back what a transaction that still runs may precede."""
    return await changes.events(DEFAULT, await changes.read(DEFAULT, after, limit))


def contents(event: Event) -> dict[str, Any]:
    """An event's entity in short: values by attribute and dataset id, scope and types where there are any."""
    entity = event.entity
    found: dict[str, Any] = {
        name.rpartition("/")[2] + one.dataset_id: unraw(one.value)
        for name, group in entity.attributes.items()
        for one in group
    }
    return (
        found
        | ({"scope": entity.scope} if entity.scope else {})
        | ({"types": entity.types} if entity.types != [ROOM] else {})
    )


def verbs(event: Event) -> dict[str, str]:
    return {item.attribute.rpartition("/")[2] + item.dataset_id: item.verb for item in event.items}


async def add(
    tenant: OpenTenant, types: list[Iri] | None = None, scope: list[str] | None = None, **attributes: Any
) -> None:
    """Append to the room: observed where the value is a patch, else a plain Property."""
    named = {Iri(f"https://example.org/{name}"): [patch] for name, patch in attributes.items()}
    await succeed(tenant, AppendAttributes(ID, EntityPatch(types=types or [], scope=scope, attributes=named)))


async def test_events_tell_creation_update_and_deletion(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(["/a"], name=static("a"), temperature=observed(1, 20)))
    await add(tenant, temperature=observed(2, 21), humidity=static(50))
    await succeed(tenant, DeleteAttribute(ID, HUMIDITY, delete_all=True))
    await succeed(tenant, DeleteEntity(ID))
    events = await told(changes)
    assert [(event.kind, contents(event), verbs(event)) for event in events] == [
        (
            "created",
            {"name": "a", "temperature": 20, "scope": ["/a"]},
            {"name": "created", "temperature": "created", "scope": "created"},
        ),
        (
            "updated",
            {"name": "a", "temperature": 21, "humidity": 50, "scope": ["/a"]},
            {"temperature": "updated", "humidity": "created"},
        ),
        ("updated", {"name": "a", "temperature": 21, "scope": ["/a"]}, {"humidity": "deleted"}),
        (
            "deleted",
            {"name": "a", "temperature": 21, "scope": ["/a"]},
            {"name": "deleted", "temperature": "deleted", "scope": "deleted"},
        ),
    ]
    update = {item.attribute: item for item in events[1].items}
    assert update[HUMIDITY].previous is None
    previous, new = update[TEMPERATURE].previous, update[TEMPERATURE].new
    assert previous is not None
    assert new is not None
    assert (unraw(previous.value), unraw(new.value)) == (20, 21)
    assert [event.entity.created_at for event in events] == [events[0].at] * 4
    assert [event.entity.modified_at for event in events] == [event.at for event in events[:3]] + [events[2].at]
    assert [event.entity.deleted_at for event in events] == [None, None, None, events[3].at]
    assert all(event.exact for event in events)


async def test_events_of_an_earlier_life_do_not_show_the_later_one(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(["/a"], name=static("a"), temperature=observed(1, 20)))
    await add(tenant, name=static("b"))
    await succeed(tenant, DeleteEntity(ID))
    await succeed(tenant, create(None, name=static("c"), temperature=observed(9, 30)))
    await add(tenant, temperature=observed(10, 31))
    events = await told(changes)
    assert [(event.kind, contents(event)) for event in events] == [
        ("created", {"name": "a", "temperature": 20, "scope": ["/a"]}),
        ("updated", {"name": "b", "temperature": 20, "scope": ["/a"]}),
        ("deleted", {"name": "b", "temperature": 20, "scope": ["/a"]}),
        ("created", {"name": "c", "temperature": 30}),
        ("updated", {"name": "c", "temperature": 31}),
    ]
    assert {event.entity.created_at for event in events[:3]} == {events[0].at}
    assert {event.entity.created_at for event in events[3:]} == {events[3].at}


async def test_events_keep_types_and_scope_of_their_time(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(["/a"], name=static("a")))
    await add(tenant, types=[HALL])
    await add(tenant, scope=["/b"])
    await add(tenant, scope=["/b"])
    await succeed(tenant, ReplaceEntity(ID, EntityPatch(types=[HALL], attributes={NAME: [static("b")]})))
    events = await told(changes)
    assert [contents(event) for event in events] == [
        {"name": "a", "scope": ["/a"]},
        {"name": "a", "scope": ["/a"], "types": [ROOM, HALL]},
        {"name": "a", "scope": ["/b"], "types": [ROOM, HALL]},
        {"name": "a", "scope": ["/b"], "types": [ROOM, HALL]},
        {"name": "b", "types": [HALL]},
    ]
    assert [verbs(event) for event in events[1:]] == [
        {TYPE: "updated"},
        {SCOPE: "updated"},
        {},
        {"name": "updated", SCOPE: "deleted", TYPE: "updated"},
    ]


async def test_values_that_went_to_history_alone_are_no_items(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(temperature=observed(10, 20)))
    await succeed(tenant, record(observed(5, 15)))
    await succeed(tenant, record(*(observed(minute, minute) for minute in range(-40, 0))))
    await succeed(tenant, record(observed(8, 18), observed(12, 22), observed(11, 21)))
    events = await told(changes)
    assert [(contents(event), verbs(event)) for event in events] == [
        ({"temperature": 20}, {"temperature": "created"}),
        ({"temperature": 20}, {}),
        ({"temperature": 20}, {}),
        ({"temperature": 22}, {"temperature": "updated"}),
    ]


async def test_one_commit_is_one_event(tenant: OpenTenant, changes: Changes) -> None:
    updated = PartialUpdateAttribute(ID, NAME, [static("b")])
    await succeed(tenant, create(name=static("a"), humidity=static(1)), updated, DeleteAttribute(ID, HUMIDITY))
    await succeed(tenant, DeleteEntity(ID), create(temperature=static(1), name=static("c")))
    await succeed(tenant, updated, DeleteEntity(ID))
    await succeed(tenant, create(name=static("gone")), DeleteEntity(ID))
    events = await told(changes)
    assert [(event.kind, contents(event), verbs(event)) for event in events] == [
        ("created", {"name": "b"}, {"name": "created"}),
        ("created", {"name": "c", "temperature": 1}, {"name": "updated", "temperature": "created"}),
        ("deleted", {"name": "c", "temperature": 1}, {"name": "deleted", "temperature": "deleted"}),
    ]


async def test_a_batch_of_several_entities_gives_an_event_each(tenant: OpenTenant, changes: Changes) -> None:
    ids = [f"urn:room:{number}" for number in range(30)]
    await succeed(tenant, *(create(id=one, name=static(one)) for one in ids))
    await succeed(
        tenant,
        *(
            UpsertEntity(EntityId(one), EntityPatch(types=[ROOM], attributes={NAME: [static("new")]}), "replace")
            for one in ids
        ),
    )
    events = await told(changes)
    assert sorted((event.id, contents(event)["name"]) for event in events[:30]) == sorted((one, one) for one in ids)
    assert sorted((event.id, contents(event)["name"]) for event in events[30:]) == sorted((one, "new") for one in ids)
    assert [event.position for event in events] == sorted(event.position for event in events)


async def test_long_values_are_those_of_their_time(tenant: OpenTenant, changes: Changes) -> None:
    for letter in "abc":
        await succeed(
            tenant, UpsertEntity(ID, EntityPatch(types=[ROOM], attributes={NAME: [static(letter + LONG)]}), "replace")
        )
    await add(tenant, temperature=observed(1, "t" + LONG))
    await add(tenant, temperature=observed(2, "u" + LONG))
    await succeed(tenant, DeleteEntity(ID))
    events = await told(changes)
    found = [{name: value[0] for name, value in contents(event).items()} for event in events]
    assert found == [
        {"name": "a"},
        {"name": "b"},
        {"name": "c"},
        {"name": "c", "temperature": "t"},
        {"name": "c", "temperature": "u"},
        {"name": "c", "temperature": "u"},
    ]
    assert all(len(unraw(item.new.value)) > MAX_LOGGED_VALUE for event in events for item in event.items if item.new)


async def test_erasing_an_entity_tells_what_it_was(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(["/a"], name=static("a"), temperature=observed(1, 20, dataset_id=GPS)))
    await add(tenant, name=static("b"))
    await succeed(tenant, DeleteHistoryAttribute(ID, NAME, delete_all=True))
    await succeed(tenant, DeleteHistory(ID))
    events = await told(changes)
    temperature = "temperature" + GPS
    assert [(event.kind, contents(event), verbs(event)) for event in events[1:]] == [
        ("updated", {"name": "b", temperature: 20, "scope": ["/a"]}, {"name": "updated"}),
        ("updated", {temperature: 20, "scope": ["/a"]}, {"name": "deleted"}),
        ("deleted", {temperature: 20, "scope": ["/a"]}, {temperature: "deleted", "scope": "deleted"}),
    ]


async def test_event_at_gives_the_same_again(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(name=static("a"), temperature=observed(1, 20)))
    first = await told(changes)
    await add(tenant, name=static("b"), humidity=static(2))
    await succeed(tenant, DeleteEntity(ID))
    assert [await changes.event_at(DEFAULT, event.position) for event in first] == first
    assert await changes.event_at(DEFAULT, Position(first[0].position.x, 10_000)) is None


async def test_positions_go_on_where_a_reader_stopped(tenant: OpenTenant, changes: Changes) -> None:
    assert await changes.oldest(DEFAULT) is None
    await succeed(tenant, create(name=static("a")))
    await add(tenant, name=static("b"))
    first = (await told(changes, limit=1))[0]
    assert await changes.oldest(DEFAULT) == first.position
    head = await changes.head(DEFAULT)
    assert await told(changes, head) == []
    await add(tenant, name=static("c"))
    assert [contents(event) for event in await told(changes, first.position)] == [{"name": "b"}, {"name": "c"}]
    assert [contents(event) for event in await told(changes, head)] == [{"name": "c"}]


async def test_a_row_that_may_be_overtaken_is_not_read_yet(tenant: OpenTenant, changes: Changes) -> None:
    async with tenant.database.transaction() as transaction:
        if tenant.database.engine == "sqlite":
            return  # one writer at a time: nothing overtakes
        await transaction.fetch("SELECT pg_current_xact_id()")
        await succeed(tenant, create(name=static("a")))
        head = await changes.head(DEFAULT)
        assert await told(changes) == []
    assert len(await told(changes, head)) == 1


async def test_look_ups_give_what_an_entity_points_to(tenant: OpenTenant, changes: Changes) -> None:
    link = InstancePatch(kind="Relationship", value=raw("urn:room:2"))
    hiding = make_grant(DEFAULT, "key:1", "read", hidden=frozenset({NAME}))
    await succeed(tenant, create(id="urn:room:2", name=static("b"), humidity=static(2)))
    await succeed(tenant, create(link=link))
    event = (await told(changes))[-1]
    look_ups = await changes.look_ups(event, {"all": (GRANT, 1), "some": (hiding, 2)})
    seen = {key: look_up(EntityId("urn:room:2")) for key, look_up in look_ups.items()}
    assert {key: entity and set(entity.attributes) for key, entity in seen.items()} == {
        "all": {NAME, HUMIDITY},
        "some": {HUMIDITY},
    }


async def test_beyond_what_is_taken_back_the_own_values_are_shown(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(name=static("start"), humidity=static(0)))
    for number in range(REWOUND + 2):
        await add(tenant, name=static(number), **({"temperature": observed(1, 1)} if number == 3 else {}))
    events = await told(changes)
    assert [event.exact for event in events] == [False] * 2 + [True] * (REWOUND + 1)
    assert [contents(event)["name"] for event in events[1:]] == list(range(REWOUND + 2))
    assert "temperature" in contents(events[1])
    assert "temperature" not in contents(events[3])
    again = await changes.event_at(DEFAULT, events[1].position)
    assert again == events[1]


async def test_beyond_what_is_taken_back_an_end_is_a_start_as_well(tenant: OpenTenant, changes: Changes) -> None:
    await succeed(tenant, create(name=static("first")))
    await add(tenant, name=static("second"))
    await succeed(tenant, DeleteEntity(ID))
    await succeed(tenant, create(humidity=static(0)))
    for number in range(REWOUND):
        await add(tenant, humidity=static(number))
    events = await told(changes)
    assert [contents(event) for event in events[:4]] == [
        {"name": "first"},
        {"name": "second"},
        {"name": "second"},
        {"humidity": 0},
    ]
    assert all(event.exact for event in events)


async def test_every_event_shows_what_was_stored_after_its_commit(tenant: OpenTenant, changes: Changes) -> None:
    """Random operations in random batches; the seeds are fixed, the store says what is right."""
    compared = 0
    for seed in range(16):
        random = Random(seed)
        ids = [EntityId(f"urn:x:{seed}:{random.randrange(6)}") for _ in range(3)]
        start = await changes.head(DEFAULT)
        stored: dict[tuple[int, int], Any] = {}
        for _ in range(8):
            await write(tenant, *some_batch(random, ids, await stored_instances(tenant.database)))
            await _note_states(tenant, stored)
        rows = {row.position: row for row in await changes.read(DEFAULT, start, 10_000)}
        for event in await changes.events(DEFAULT, list(rows.values())):
            row = rows[event.position]
            # a deletion shows what was there before it
            version = row.version - 1 if event.kind == "deleted" else row.version
            if (event.n, version) in stored:
                compared += 1
                assert _comparable(replace(event.entity, deleted_at=None)) == stored[event.n, version], (seed, row)
    assert compared > 50


async def _note_states(tenant: OpenTenant, stored: dict[tuple[int, int], Any]) -> None:
    numbers = [row[0] for row in await tenant.database.fetch("SELECT n FROM entity")]
    for head, entity in (await load_states(tenant.database, GRANT, numbers)).values():
        if entity is not None:
            stored[head.n, head.version] = _comparable(entity)


def _comparable(entity: Entity) -> Any:
    attributes = {name: sorted(msgspec.json.encode(one) for one in group) for name, group in entity.attributes.items()}
    scope_at = entity.scope_at if entity.scope else Instant(0)
    return replace(entity, attributes={}, scope_at=scope_at, expires_at=None, modified_at=Instant(0)), attributes
