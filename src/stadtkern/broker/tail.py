"""The end of a tenant's change log as all its streams follow it: what one of them has read, the others need not."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic
from typing import NamedTuple

from stadtkern.broker.changes import Changes
from stadtkern.broker.tenants import Tenants
from stadtkern.errors import Gone
from stadtkern.model.event import Event
from stadtkern.model.ids import TenantId
from stadtkern.model.subscription import START, Position
from stadtkern.policy.grant import system_grant
from stadtkern.store.changelog import ChangeRow
from stadtkern.store.subscription import subscription_epoch
from stadtkern.store.trimming import trimmed

PAGE = 200
"""Rows that are read at once."""
POLL_S = 1.0
"""How often the log is looked at without a reason: a notice may be lost."""
_KEPT = 32
_KEPT_S = 5.0
"""How long a page is kept for others."""


class Page(NamedTuple):
    """Rows of the log in order, and the Events of those that have one, by position.

    epoch: a number that grew with every change of the tenant's subscriptions; read after the rows, so that who knows
    the subscriptions as of then knows of all that were acknowledged before any of the rows.
    """

    rows: list[ChangeRow]
    events: dict[Position, Event]
    epoch: int


_Key = tuple[TenantId, Position]


class Tail:
    """Reads pages of the log for many readers at once."""

    def __init__(self, tenants: Tenants, changes: Changes) -> None:
        self._tenants = tenants
        self._changes = changes
        self._pages: OrderedDict[_Key, asyncio.Task[Page]] = OrderedDict()
        self._empty: OrderedDict[_Key, tuple[float, Page]] = OrderedDict()
        """When nothing was found last, by the monotonic clock."""

    async def start(self, tenant: TenantId, cursor: Position | None) -> Position:
        """Tell where a reader begins who has seen everything up to a cursor; without one, at what comes from now on.

        The cursor ``START`` stands for all that is kept.
        Raises: Gone (what follows the cursor is not kept any longer, or it is none of this log).
        """
        head = await self._changes.head(tenant)
        if cursor is None:
            return head
        if cursor > head or (cursor != START and cursor < await self._trimmed(tenant)):
            raise Gone(
                "The change log does not reach back to this cursor",
                hint="read anew what you need, then go on without a cursor",
            )
        return cursor

    async def read(self, tenant: TenantId, after: Position, *, woken: bool = True) -> Page:
        """Give the next rows; none where nothing new can be read.

        woken: something is said to be there; otherwise what another reader found within a second will do.
        """
        key = (tenant, after)
        if not woken and (found := self._empty.get(key)) is not None and monotonic() - found[0] < POLL_S:
            return found[1]
        task = self._pages.get(key)
        if task is None:
            task = self._pages[key] = asyncio.create_task(self._read(tenant, after), name="tail of the log")
            asyncio.get_running_loop().call_later(_KEPT_S, self._drop, key, task)
            if len(self._pages) > _KEPT:
                self._pages.popitem(last=False)
        try:
            page = await asyncio.shield(task)
        except Exception:
            self._drop(key, task)
            raise
        if not page.rows:
            # what was read once stays what follows; that nothing followed may be over in a moment
            self._drop(key, task)
            self._note_empty(key, page)
        return page

    async def _read(self, tenant: TenantId, after: Position) -> Page:
        rows = await self._changes.read(tenant, after, PAGE)
        events = await self._changes.events(tenant, rows) if rows else []
        database = (await self._tenants.get(tenant)).database
        epoch = await subscription_epoch(database, system_grant("the change log", tenant))
        return Page(rows, {event.position: event for event in events}, epoch)

    async def _trimmed(self, tenant: TenantId) -> Position:
        database = (await self._tenants.get(tenant)).database
        return await trimmed(database, system_grant("the change log", tenant))

    def _drop(self, key: _Key, task: asyncio.Task[Page]) -> None:
        if self._pages.get(key) is task:
            del self._pages[key]

    def _note_empty(self, key: _Key, page: Page) -> None:
        self._empty[key] = (monotonic(), page)
        self._empty.move_to_end(key)
        if len(self._empty) > _KEPT:
            self._empty.popitem(last=False)

    def forget(self, tenant: TenantId) -> None:
        """Drop what was read of a tenant whose store is gone or was replaced."""
        for pages in (self._pages, self._empty):
            for key in [key for key in pages if key[0] == tenant]:
                del pages[key]
