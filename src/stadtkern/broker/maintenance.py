"""What happens by itself: expired entities go, partitions come, old change rows leave, last uses are written down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from types import TracebackType
from typing import Self

from stadtkern import telemetry
from stadtkern.broker.keys import Keys
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.operation import DeleteEntity
from stadtkern.policy.grant import Grant, system_grant
from stadtkern.store.catalogue import fold_catalogue
from stadtkern.store.engine.base import Database
from stadtkern.store.partitions import ensure_partitions
from stadtkern.store.planning import analyze_grown
from stadtkern.store.statements import statements
from stadtkern.store.trimming import trim

EVERY_S = 5.0
PARTITIONS_EVERY = 720
"""Rounds between looks at the partitions: an hour."""
SWEEP = 500
SWEEPS = 20
"""Slices that one round deletes at most; readers do not see what waits for the next round either."""
TRIM = 5_000
CHANGES_KEPT_US = 7 * 24 * 3600 * 1_000_000


class Maintenance:
    """The background task of one process. Each job may run in several processes at once without harm."""

    def __init__(self, tenants: Tenants, keys: Keys) -> None:
        self._tenants = tenants
        self._keys = keys
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start."""
        self._task = asyncio.create_task(self._run(), name="maintenance")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(EVERY_S)
            turn += 1
            await self._attempt("last use of keys", self._keys.flush())
            for tenant in self._tenants.opened():
                await self._attempt("expired entities", sweep_expired(tenant))
                grant = system_grant("fold the catalogue", tenant.name)
                await self._attempt("catalogue", fold_catalogue(tenant.database, grant))
                await self._attempt("statistics", analyze_grown(tenant.database, grant))
                if turn % PARTITIONS_EVERY == 0:
                    grant = system_grant("make partitions", tenant.name)
                    await self._attempt("partitions", ensure_partitions(tenant.database, grant, now()))
                    await self._attempt("old changes", trim_changes(tenant.database, grant, now()))

    @staticmethod
    async def _attempt(job: str, work: Awaitable[object]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a failed round must not end the others
            telemetry.emit(telemetry.MaintenanceFailed(job, error))


async def sweep_expired(tenant: OpenTenant) -> int:
    """Delete transient entities whose time is over and tell how many. Spec: CIM 009 5.2.4 (expiresAt)."""
    grant = system_grant("expired entities", tenant.name)
    sql = statements("write.sql", tenant.database.engine)["expired"]
    swept = 0
    for _ in range(SWEEPS):
        moment = now()
        rows = await tenant.database.fetch(sql, moment, SWEEP)
        if rows:
            await tenant.writer.write(grant, [DeleteEntity(EntityId(row[0]), moment) for row in rows])
        swept += len(rows)
        if len(rows) < SWEEP:
            break
    return swept


async def trim_changes(database: Database, grant: Grant, moment: Instant) -> int:
    """Drop change rows older than a week, in slices between which others write, and tell how many."""
    dropped = 0
    while True:
        gone = await trim(database, grant, Instant(moment - CHANGES_KEPT_US), TRIM)
        dropped += gone
        if gone < TRIM:
            return dropped
