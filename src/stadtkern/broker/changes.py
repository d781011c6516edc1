"""The changes of a tenant as Events: for subscriptions and streams, with each entity as it was at its change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stadtkern.broker.links import LinkReader
from stadtkern.broker.rewind import ends, image, make_event, overlay, step_back
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import TooComplexQuery
from stadtkern.model.entity import Entity
from stadtkern.model.event import Event
from stadtkern.model.ids import TenantId
from stadtkern.model.instant import now
from stadtkern.model.subscription import Position
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.query.evaluate import Lookup
from stadtkern.store import changelog
from stadtkern.store.changelog import ChangeRow
from stadtkern.store.document import Head
from stadtkern.store.engine.base import Database

REWOUND = 500
"""Most later rows of one entity that are taken back."""


class Changes:
    """Reads the change log. What a subscriber may see of it is decided by whoever tells him."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def read(self, tenant: TenantId, after: Position, limit: int) -> list[ChangeRow]:
        """Give the rows after a position, in order."""
        database, grant = await self._open(tenant)
        return await changelog.read_changes(database, grant, after, limit)

    async def head(self, tenant: TenantId) -> Position:
        """Give the position of now: later commits are after it."""
        return await changelog.head(*await self._open(tenant))

    async def oldest(self, tenant: TenantId) -> Position | None:
        """Give the position of the first row that is kept; None where there is none."""
        return await changelog.oldest(*await self._open(tenant))

    async def events(self, tenant: TenantId, rows: Sequence[ChangeRow]) -> list[Event]:
        """Make the Events of rows, in their order; rows that nobody could see anything of have none.

        The entity of an Event is in the state that its commit left. That is the state now with what came later taken
        back, by the previous values in the later rows. Where more than 500 of them follow before the entity's end, it
        is a later state with this row's own values laid over it instead, and the Event is not ``exact``.
        """
        database, grant = await self._open(tenant)
        by_entity: dict[int, list[ChangeRow]] = {}
        for row in rows:
            if not ends(row):
                by_entity.setdefault(row.n, []).append(row)
        states = await changelog.load_states(database, grant, list(by_entity)) if by_entity else {}
        made: dict[Position, Event | None] = {row.position: make_event(row, None) for row in rows if ends(row)}
        for n, group in by_entity.items():
            if n in states:
                made.update(await _rewound(database, grant, group, states[n]))
        events = (made.get(row.position) for row in rows)
        return [event for event in events if event is not None]

    async def event_at(self, tenant: TenantId, position: Position) -> Event | None:
        """Make the Event of one row again, as ``events`` does; None where the row is not kept any longer."""
        database, grant = await self._open(tenant)
        row = await changelog.find_change(database, grant, position)
        if row is None:
            return None
        events = await self.events(tenant, [row])
        return events[0] if events else None

    async def look_ups(self, event: Event, wanted: Mapping[str, tuple[Grant, int]]) -> dict[str, Lookup]:
        """Give look-ups of what an event's entity points to, as it is now.

        wanted: Grants, and how many relationships in a row to follow; the keys are kept. Where too many entities
        would have to be looked at there is no look-up.
        """
        found: dict[str, Lookup] = {}
        for key, (grant, depth) in wanted.items():
            database, _ = await self._open(grant.tenant)
            try:
                found[key] = await LinkReader(database, grant, now()).follow([event.entity], depth)
            except TooComplexQuery:
                continue
        return found

    async def _open(self, tenant: TenantId) -> tuple[Database, Grant]:
        return (await self._tenants.get(tenant)).database, system_grant("the change log", tenant)


async def _rewound(
    database: Database, grant: Grant, rows: list[ChangeRow], state: tuple[Head, Entity | None]
) -> dict[Position, Event | None]:
    """Make the Events of some rows of one entity, in their order, none of which ended it."""
    head, entity = state
    made: dict[Position, Event | None] = {}
    far = [row for row in rows if head.version - row.version > REWOUND]
    near = rows[len(far) :]
    if near:
        made.update(await _from_now(database, grant, near, head, entity))
    if far:
        made.update(await _from_its_end(database, grant, far))
    for row in rows:
        if row.position not in made:
            made[row.position] = await _approximate(database, grant, row, entity)
    return made


async def _from_now(
    database: Database, grant: Grant, rows: list[ChangeRow], head: Head, entity: Entity | None
) -> dict[Position, Event | None]:
    count = head.version - rows[0].version
    later = await changelog.later_changes(database, grant, rows[0].n, rows[0].position, count) if count else []
    # what was committed after the state had been read has a later version
    later = [row for row in later if row.version <= head.version]
    return _walk_back(rows, later, entity) if len(later) == count else {}


async def _from_its_end(database: Database, grant: Grant, rows: list[ChangeRow]) -> dict[Position, Event | None]:
    """Start where the entity ended once, if that is near enough; rows after it are left out."""
    later = await changelog.later_changes(database, grant, rows[0].n, rows[0].position, REWOUND)
    last = max((index for index, row in enumerate(later) if ends(row)), default=-1)
    if last < 0:
        return {}
    version = later[last].version
    return _walk_back([row for row in rows if row.version < version], later[: last + 1], None)


def _walk_back(wanted: list[ChangeRow], later: list[ChangeRow], entity: Entity | None) -> dict[Position, Event | None]:
    """Take rows back one after the other. later: all after the first wanted one, up to the one that left ``entity``."""
    made: dict[Position, Event | None] = {}
    positions = {row.position for row in wanted}
    for row in reversed([wanted[0], *later]):
        if row.position in positions:
            made[row.position] = make_event(row, entity)
        entity = step_back(row, entity)
    return made


async def _approximate(database: Database, grant: Grant, row: ChangeRow, entity: Entity | None) -> Event | None:
    end = await changelog.next_end(database, grant, row.n, row.position)
    later = entity if end is None else image(end)
    return None if later is None else make_event(row, overlay(row, later), exact=False)
