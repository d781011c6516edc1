"""Answers the questions of ``messages`` from the running application: for the socket, and for commands that are alone.

Everything is asked as administrator: whoever may open the socket, or the store itself, may do all.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, cast

import msgspec

from stadtkern.broker.broker import Broker
from stadtkern.broker.contexts import ContextService
from stadtkern.broker.keys import Keys
from stadtkern.broker.stored_contexts import StoredContexts
from stadtkern.broker.tenants import Tenants
from stadtkern.control import messages
from stadtkern.control.messages import A, Asks
from stadtkern.errors import NonexistentTenant, Problem
from stadtkern.exchange.loader import staging_name
from stadtkern.model.actor import ADMINISTRATOR
from stadtkern.model.ids import DEFAULT_TENANT, TenantId, parse_tenant_id
from stadtkern.model.instant import now
from stadtkern.policy.authorize import authorize
from stadtkern.policy.grant import Grant
from stadtkern.store.adoption import is_empty

WEIGHT = 1024
"""Bytes that an operation of a command counts for among what waits to be written."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the controller works with."""

    broker: Broker
    tenants: Tenants
    keys: Keys
    contexts: ContextService


def grant_for(tenant: TenantId = DEFAULT_TENANT) -> Grant:
    """Give the administrator's Grant in a tenant."""
    return authorize(ADMINISTRATOR, "administer", tenant)


class Controller:
    """Carries out what is asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stored = StoredContexts(services.tenants)
        self._started_at = now()
        self._answers: dict[type[Any], Callable[[Any], Awaitable[Any]]] = {
            messages.GetState: self._state,
            messages.Write: self._write,
            messages.ListTenants: self._list_tenants,
            messages.CreateTenant: self._create_tenant,
            messages.DeleteTenant: self._delete_tenant,
            messages.OpenTenant: self._open_tenant,
            messages.IsEmpty: self._is_empty,
            messages.AdoptTenant: self._adopt_tenant,
            messages.ListKeys: self._list_keys,
            messages.CreateKey: self._create_key,
            messages.RevokeKey: self._revoke_key,
            messages.ListContexts: self._list_contexts,
            messages.AddContext: self._add_context,
            messages.DeleteContext: self._delete_context,
            messages.FindContext: self._find_context,
            messages.KeepContext: self._keep_context,
        }

    @property
    def services(self) -> Services:
        """What it works with."""
        return self._services

    async def ask(self, question: Asks[A]) -> A:
        """Answer a question. Raises: Problem, SetupError."""
        return cast("A", await self._answers[type(question)](question))

    async def _state(self, _: messages.GetState) -> messages.ServerState:
        return messages.ServerState(os.getpid(), version("stadtkern"), self._started_at)

    async def _write(self, question: messages.Write) -> messages.Written:
        size = WEIGHT * len(question.operations)
        results = await self._services.broker.write(grant_for(question.tenant), question.operations, size)
        failures = {
            place: messages.describe_failure(one) for place, one in enumerate(results) if isinstance(one, Problem)
        }
        return messages.Written([None if isinstance(one, Problem) else one for one in results], failures)

    async def _list_tenants(self, _: messages.ListTenants) -> list[Any]:
        return await self._services.tenants.list(grant_for())

    async def _create_tenant(self, question: messages.CreateTenant) -> Any:
        return await self._services.tenants.create(
            grant_for(), question.name, host=question.host, title=question.title[:200]
        )

    async def _delete_tenant(self, question: messages.DeleteTenant) -> None:
        await self._services.tenants.delete(grant_for(), question.name)

    async def _open_tenant(self, question: messages.OpenTenant) -> None:
        await self._services.tenants.get(question.name)

    async def _is_empty(self, question: messages.IsEmpty) -> bool:
        try:
            opened = await self._services.tenants.get(question.tenant)
        except NonexistentTenant:
            return True
        return await is_empty(opened.database, grant_for(question.tenant))

    async def _adopt_tenant(self, question: messages.AdoptTenant) -> None:
        name = parse_tenant_id(question.tenant.name)
        await self._services.tenants.adopt(
            grant_for(), question.tenant, question.keys, staging_name(name), replace=question.replace
        )
        self._services.contexts.forget(name)

    async def _list_keys(self, question: messages.ListKeys) -> list[Any]:
        await self._services.tenants.get(question.tenant)
        return await self._services.keys.list(grant_for(question.tenant))

    async def _create_key(self, question: messages.CreateKey) -> messages.NewKey:
        await self._services.tenants.get(question.tenant)
        key, secret = await self._services.keys.create(
            grant_for(question.tenant), question.name, question.kind, tuple(question.types), question.expires_at
        )
        return messages.NewKey(key, secret)

    async def _revoke_key(self, question: messages.RevokeKey) -> None:
        await self._services.keys.revoke(grant_for(question.tenant), question.id)

    async def _list_contexts(self, question: messages.ListContexts) -> list[Any]:
        return await self._services.contexts.list_contexts(grant_for(question.tenant))

    async def _add_context(self, question: messages.AddContext) -> str:
        reference = msgspec.json.decode(question.reference)
        return await self._services.contexts.add_context(grant_for(question.tenant), reference)

    async def _delete_context(self, question: messages.DeleteContext) -> None:
        await self._services.contexts.delete_context(grant_for(question.tenant), question.name)

    async def _find_context(self, question: messages.FindContext) -> Any:
        return await self._stored.load_context(grant_for(question.tenant), question.name)

    async def _keep_context(self, question: messages.KeepContext) -> None:
        await self._stored.save_context(grant_for(question.tenant), question.record)
