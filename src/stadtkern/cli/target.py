"""Where a command's writes go: through the running server, or into the store where no server runs.

::

    async with open_target(settings, tenant) as target:
        context = await target.contexts.resolve(reference, target.grant)
        for outcome in await target.write(operations): ...

``write`` may be called from several tasks at once; two or three in flight keep the store busy while the caller reads
on. Every outcome is durable when it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from stadtkern.broker.contexts import ContextService
from stadtkern.broker.write import Result
from stadtkern.cli.reach import Control, open_control
from stadtkern.control.controller import Controller, grant_for
from stadtkern.control.messages import Failure, FindContext, KeepContext, OpenTenant, Write, Written, revive_failure
from stadtkern.errors import Problem, TooManyRequests
from stadtkern.model.context import ContextKind, ContextRecord
from stadtkern.model.ids import TenantId, parse_tenant_id
from stadtkern.model.instant import Instant
from stadtkern.model.operation import Operation
from stadtkern.policy.grant import Grant
from stadtkern.settings import Settings

SLICE = 1000
"""Operations in one question."""
_WAIT_S = 0.05
_TRIES = 400


class Target:
    """One tenant to write to. remote: a running server does the work."""

    def __init__(self, control: Control, tenant: TenantId, contexts: ContextService, *, remote: bool) -> None:
        self.tenant = tenant
        self.grant: Grant = grant_for(tenant)
        self.contexts = contexts
        self.remote = remote
        self._control = control

    async def write(self, operations: Sequence[Operation]) -> list[Result]:
        """Apply operations in order and give an outcome or a problem for each. Raises: Unavailable."""
        results: list[Result] = []
        for start in range(0, len(operations), SLICE):
            question = Write(self.tenant, list(operations[start : start + SLICE]))
            written = await self._ask(question)
            results.extend(
                _revive(written.failures[place]) if outcome is None else outcome
                for place, outcome in enumerate(written.outcomes)
            )
        return results

    async def _ask(self, question: Write) -> Written:
        """Write; where more waits already than the server holds in memory, try again."""
        for _ in range(_TRIES):
            try:
                return await self._control.ask(question)
            except TooManyRequests:
                await asyncio.sleep(_WAIT_S)
        return await self._control.ask(question)


def _revive(failure: Failure) -> Problem:
    error = revive_failure(failure)
    return error if isinstance(error, Problem) else Problem(str(error))


@asynccontextmanager
async def open_target(settings: Settings, tenant: str) -> AsyncGenerator[Target]:
    """Open the way to a tenant's data. Raises: NonexistentTenant, BadRequestData, StoreLocked, Unavailable."""
    name = parse_tenant_id(tenant)
    async with AsyncExitStack() as stack:
        control = await stack.enter_async_context(open_control(settings))
        await control.ask(OpenTenant(name))
        if isinstance(control, Controller):
            yield Target(control, name, control.services.contexts, remote=False)
            return
        contexts = ContextService(
            _RemoteContexts(control),
            folder=settings.contexts,
            allow_private=settings.allow_private_addresses,
            max_bytes=settings.context_max_size,
        )
        yield Target(control, name, await stack.enter_async_context(contexts), remote=True)


class _RemoteContexts:
    """The tenant's stored contexts, by way of the server; what a command does not need is left out."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def list_contexts(self, grant: Grant, kind: ContextKind | None) -> list[ContextRecord]:
        """Nothing: commands list contexts by asking the server."""
        del grant, kind
        return []

    async def load_context(self, grant: Grant, id_or_url: str) -> ContextRecord | None:
        """Give the record with this local id or this url."""
        return await self._control.ask(FindContext(grant.tenant, id_or_url))

    async def save_context(self, grant: Grant, record: ContextRecord) -> None:
        """Insert or replace."""
        await self._control.ask(KeepContext(grant.tenant, record))

    async def delete_context(self, grant: Grant, id: str) -> bool:
        """Nothing: commands delete contexts by asking the server."""
        del grant, id
        return False

    async def touch_contexts(self, grant: Grant, uses: Mapping[str, int], at: Instant) -> None:
        """Nothing: an import is not worth counting."""
        del grant, uses, at
