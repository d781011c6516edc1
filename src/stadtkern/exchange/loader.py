"""Fill stores from an export, beside those that are in use; nobody sees them before they are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct

from stadtkern.errors import Problem, SetupError, UnusableFile
from stadtkern.exchange import lines
from stadtkern.exchange.lines import extract
from stadtkern.exchange.source import ExportSource
from stadtkern.model.actor import ApiKey, Tenant
from stadtkern.model.change import Item
from stadtkern.model.ids import TenantId, parse_tenant_id
from stadtkern.model.instant import Instant, now
from stadtkern.policy.grant import system_grant
from stadtkern.store import catalogue, placement
from stadtkern.store.document import DELETED, LIVE, decode_document, decode_instance, decode_row
from stadtkern.store.engine.base import Database, Engine, Transaction
from stadtkern.store.migrate import migrate
from stadtkern.store.partitions import ensure_partitions
from stadtkern.store.statements import array, statements
from stadtkern.store.subscription import decode_subscription, renew_subscriptions
from stadtkern.store.work import Work

ROWS = 4000
"""Rows written in one transaction."""
DERIVE = 500
"""Entities that index tables are made for in one transaction."""
STAGING = ".part"
"""What the name of a store ends with until it is complete; no tenant's name can."""
_ENTITY = tuple(name for name in lines.EntityLine.__struct_fields__ if name != "doc")
_SERIES = lines.SeriesLine.__struct_fields__
_CONTEXT = lines.ContextLine.__struct_fields__


def staging_name(tenant: str) -> str:
    """Name the store that becomes the tenant's when it is complete."""
    return tenant + STAGING


@dataclass(slots=True)
class Loaded:
    """A tenant whose store is complete and waits to be taken over."""

    tenant: Tenant
    keys: list[ApiKey] = field(default_factory=list[ApiKey])


class Loader:
    """Loads the wanted tenants of one export; leaves nothing behind unless ``keep`` is called. A context manager.

    names: from the names in the export to those in the store; what is not in it is passed over. advance: told how many
    more rows are read.
    """

    def __init__(
        self, engine: Engine, source: ExportSource, names: Mapping[str, TenantId], advance: Callable[[int], None]
    ) -> None:
        self._engine = engine
        self._source = source
        self._names = names
        self._advance = advance
        self._staged: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._staged:
            await self._engine.drop(name)

    @staticmethod
    def staging(tenant: TenantId) -> str:
        """Name the tenant's staged store."""
        return staging_name(tenant)

    def keep(self, tenant: TenantId) -> None:
        """Note that a staged store has become the tenant's."""
        self._staged.remove(staging_name(tenant))

    async def load(self) -> list[Loaded]:
        """Read the export to its end. Raises: UnusableFile, Unavailable."""
        loaded: list[Loaded] = []
        filling: _Filling | None = None
        async with AsyncExitStack() as stack:
            for line in self._source:
                if isinstance(line, lines.TenantLine):
                    await stack.aclose()
                    filling = None
                    if line.name in self._names:
                        filling = await stack.enter_async_context(await self._begin(line))
                        loaded.append(filling.loaded)
                elif filling is not None:
                    await filling.take(line)
                self._advance(_rows_of(line))
        missing = set(self._names.values()) - {one.tenant.name for one in loaded}
        if missing:
            raise UnusableFile(f"The export lacks what its header promises: {', '.join(sorted(missing))}")
        return loaded

    async def _begin(self, line: lines.TenantLine) -> _Filling:
        name = self._names[line.name]
        host = line.host if name == line.name else None
        tenant = Tenant(name, Instant(line.created_at), host, line.title)
        staging = staging_name(name)
        if staging in self._staged:
            raise self._source.broken(f"tenant {name} a second time")
        # what an earlier import left when it was killed
        await self._engine.drop(staging)
        self._staged.append(staging)
        database = await self._engine.open(staging, create=True)
        if database is None:
            raise UnusableFile(f"The store of tenant {name} cannot be made")
        return _Filling(database, Loaded(tenant), self._source, dict(line.sequences), with_keys=name == line.name)


def _rows_of(line: Struct) -> int:
    if isinstance(line, lines.BulkLine):
        return len(line.rows)
    return 0 if isinstance(line, lines.TenantLine) else 1


class _Filling:
    """One tenant's store while its rows come in; derived tables are made when it is left without an error."""

    def __init__(
        self, database: Database, loaded: Loaded, source: ExportSource, sequences: dict[str, int], *, with_keys: bool
    ) -> None:
        self.loaded = loaded
        self._database = database
        self._source = source
        self._sequences = sequences
        self._with_keys = with_keys
        self._waiting: dict[str, list[tuple[Any, ...]]] = {}
        self._count = 0
        self._grant = system_grant("import", loaded.tenant.name)

    async def __aenter__(self) -> Self:
        await migrate(self._database, "tenant")
        await ensure_partitions(self._database, self._grant, now())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._guard(self._finish())
        finally:
            await self._database.close()

    async def take(self, line: Any) -> None:
        """Take one line. Raises: UnusableFile."""
        try:
            self._sort(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._source.broken(str(error)) from error
        if self._count >= ROWS:
            await self._guard(self._flush())

    async def _guard(self, work: Any) -> None:
        try:
            await work
        except (Problem, SetupError):
            raise
        except Exception as error:  # whatever a forged file makes a driver say
            raise self._source.broken(f"the rows up to here do not fit into a store: {error}") from error

    def _sort(self, line: Any) -> None:
        match line:
            case lines.EntityLine():
                self._sort_entity(line)
            case lines.SeriesLine():
                current = extract(line.current)
                if current is not None:
                    decode_instance(current)
                self._put("series", tuple(current if n == "current" else getattr(line, n) for n in _SERIES))
                self._note("series", line.n)
            case lines.ObservedAttributeLine():
                self._put("observed_attribute", (line.n, line.attribute))
                self._note("observed_attribute", line.n)
            case lines.IdBlockLine():
                self._put("id_block", *(msgspec.structs.astuple(row) for row in line.rows))
                self._note("id_block", max((row.block for row in line.rows), default=0))
            case lines.ChunkLine():
                self._put("series_chunk", *(msgspec.structs.astuple(row) for row in line.rows))
            case lines.ObservationLine():
                self._put("observation", *(msgspec.structs.astuple(row) for row in line.rows))
            case lines.ContextLine():
                body = extract(line.body)
                self._put("context", tuple(body if n == "body" else getattr(line, n) for n in _CONTEXT))
            case lines.SubscriptionLine():
                self._sort_subscription(line)
            case lines.KeyLine():
                if self._with_keys:
                    self.loaded.keys.append(_read_key(line, self.loaded.tenant.name))
            case _:
                raise ValueError("this line does not belong here")

    def _sort_entity(self, line: lines.EntityLine) -> None:
        if line.state not in range(LIVE, DELETED + 1):
            raise ValueError(f"there is no state {line.state}")
        self._put("entity", tuple(getattr(line, name) for name in _ENTITY))
        self._note("entity", line.n)
        doc = extract(line.doc)
        if doc is None:
            return
        document = decode_document(doc)
        self._put("doc", (line.n, doc))
        self._put("entity_type", *((type_, line.n) for type_ in dict.fromkeys(document.types)))
        self._put("entity_scope", *((scope, line.n) for scope in dict.fromkeys(document.scope)))

    def _sort_subscription(self, line: lines.SubscriptionLine) -> None:
        body = extract(line.body)
        if body is None or decode_subscription(body).id != line.id:
            raise ValueError("the subscription is not the one that its line names")
        self._put("subscription", (line.id, body, line.created_at))

    def _put(self, table: str, *rows: tuple[Any, ...]) -> None:
        self._waiting.setdefault(table, []).extend(rows)
        self._count += len(rows)

    def _note(self, table: str, number: int) -> None:
        self._sequences[table] = max(self._sequences.get(table, 0), number)

    async def _flush(self) -> None:
        if not self._count:
            return
        async with self._database.transaction() as transaction:
            for table, rows in self._waiting.items():
                if rows:
                    await transaction.copy(table, _COLUMNS[table], rows)
        self._waiting, self._count = {}, 0

    async def _finish(self) -> None:
        await self._flush()
        await self._derive()
        await catalogue.fold_catalogue(self._database, self._grant)
        sql = statements("exchange.sql", self._database.engine)
        async with self._database.transaction() as transaction:
            for table in ("entity", "series", "observed_attribute", "id_block", "change"):
                value = self._sequences.get(table, 0)
                if value < 1:
                    continue
                if self._database.engine == "sqlite":
                    await transaction.execute(sql["forget_sequence"], table)
                await transaction.execute(sql["advance"], table, value)
            await transaction.execute(sql["number_attributes"])
        await renew_subscriptions(self._database, self._grant)

    async def _derive(self) -> None:
        """Make what entities are found by: geometries, links, the catalogue."""
        ids = statements("exchange.sql", self._database.engine)["live_ids"]
        last = 0
        while True:
            async with self._database.transaction() as transaction:
                rows = await transaction.fetch(ids, last, DERIVE)
                if not rows:
                    return
                await self._derive_some(transaction, [str(row[1]) for row in rows])
                last = rows[-1][0]

    async def _derive_some(self, transaction: Transaction, ids: list[str]) -> None:
        engine = self._database.engine
        works: list[Work] = []
        for row in await transaction.fetch(statements("write.sql", engine)["load"], array(engine, ids)):
            head, entity = decode_row(row)
            if entity is not None:
                items = [
                    Item(name, one.dataset_id, "created", None, one)
                    for name, group in entity.attributes.items()
                    for one in group
                ]
                works.append(Work(head, None, entity, items, dirty=True, created=True))
        await placement.save(transaction, engine, works)
        await catalogue.save(transaction, engine, works)


_COLUMNS: dict[str, tuple[str, ...]] = {
    "entity": _ENTITY,
    "doc": ("n", "doc"),
    "entity_type": ("type", "n"),
    "entity_scope": ("scope", "n"),
    "series": _SERIES,
    "observed_attribute": lines.ObservedAttributeLine.__struct_fields__,
    "id_block": lines.IdBlock.__struct_fields__,
    "series_chunk": lines.Chunk.__struct_fields__,
    "observation": lines.Observation.__struct_fields__,
    "context": _CONTEXT,
    "subscription": lines.SubscriptionLine.__struct_fields__,
}


def _read_key(line: lines.KeyLine, tenant: TenantId) -> ApiKey:
    members = {name: getattr(line, name) for name in lines.KeyLine.__struct_fields__}
    return msgspec.convert({**members, "tenant": tenant}, ApiKey)


def choose_names(header: lines.Header, wanted: str | None, into: str | None) -> dict[str, TenantId]:
    """Say which tenants of an export are loaded, and as what.

    wanted: only this one; into: under this name instead of its own. Raises: UnusableFile, BadRequestData.
    """
    present: dict[str, TenantId] = {name: parse_tenant_id(name) for name in header.tenants}
    if wanted is not None:
        name = parse_tenant_id(wanted)
        if name not in present:
            raise UnusableFile(f"The export has no tenant {name}; it has {', '.join(present) or 'none'}")
        present = {str(name): name}
    if into is None:
        return present
    if len(present) != 1:
        raise UnusableFile(f"The export has {len(present)} tenants: say which of them is to go into {into}")
    return {next(iter(present)): parse_tenant_id(into)}
