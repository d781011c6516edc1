"""Write a snapshot of a store down, row after row, with bounded memory."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from importlib.metadata import version
from typing import Any, Protocol, cast

import msgspec
from msgspec import Raw, Struct

from stadtkern.errors import NonexistentTenant
from stadtkern.exchange import lines
from stadtkern.exchange.lines import embed
from stadtkern.model.instant import now
from stadtkern.store.engine.base import Readable, Row
from stadtkern.store.snapshot import SYSTEM, Snapshot
from stadtkern.store.statements import statements

PAGE = 2000
"""Rows read at once."""
ROWS_A_LINE = 500
"""Rows of a bulk table in one line."""


_BULK: tuple[tuple[str, type[Struct], Any], ...] = (
    ("id_block", lines.IdBlock, lines.IdBlockLine),
    ("series_chunk", lines.Chunk, lines.ChunkLine),
    ("observation", lines.Observation, lines.ObservationLine),
)


class Sink(Protocol):
    """Where the text goes."""

    def write(self, text: bytes, /) -> object:
        """Take bytes."""
        ...


class Exporter:
    """Writes a snapshot's tenants to a sink. advance: told how many more rows are written."""

    def __init__(self, snapshot: Snapshot, sink: Sink, advance: Callable[[int], None]) -> None:
        self._snapshot = snapshot
        self._sink = sink
        self._advance = advance
        self._digest = hashlib.sha256()
        self._rows: Counter[str] = Counter()

    async def export(self, names: Sequence[str] = ()) -> Counter[str]:
        """Write these tenants, or all; gives how many rows of each table. Raises: NonexistentTenant, OSError."""
        wanted = list(names) or list(self._snapshot.tenants)
        for name in wanted:
            if name not in self._snapshot.tenants:
                raise NonexistentTenant(f"Tenant {name} does not exist")
        self._put(
            lines.Header(
                format=lines.FORMAT,
                version=version("stadtkern"),
                created_at=now(),
                tenants=wanted,
                total=await count_rows(self._snapshot, wanted),
            )
        )
        for name in wanted:
            await self._export_tenant(name)
        end = lines.End(sha256=self._digest.hexdigest(), rows=dict(self._rows))
        self._sink.write(lines.encode_line(end))
        return self._rows

    def _put(self, line: Struct) -> None:
        text = lines.encode_line(line)
        self._digest.update(text)
        self._sink.write(text)

    async def _export_tenant(self, name: str) -> None:
        view = self._snapshot.view(name)
        await self._export_names(name, view)
        singles: tuple[tuple[str, Callable[[Row], Struct]], ...] = (
            ("context", _context),
            ("subscription", _subscription),
            ("entity", _entity),
            ("series", _series),
            ("observed_attribute", _observed_attribute),
        )
        for table, make in singles:
            async for rows in pages(view, table):
                for row in rows:
                    self._put(make(row))
                self._count(table, len(rows))
        for table, kind, line in _BULK:
            async for rows in pages(view, table):
                for start in range(0, len(rows), ROWS_A_LINE):
                    self._put(line([kind(*row) for row in rows[start : start + ROWS_A_LINE]]))
                self._count(table, len(rows))

    async def _export_names(self, name: str, view: Readable) -> None:
        """Write the tenant's own line and its keys."""
        system = self._snapshot.view(SYSTEM)
        sql = statements("system.sql", system.engine)
        _, host, title, created_at = (await system.fetch(sql["load_tenant"], name))[0]
        sequences = await view.fetch(statements("exchange.sql", view.engine)["sequences"])
        self._put(
            lines.TenantLine(
                name=name,
                created_at=created_at,
                host=host,
                title=title,
                sequences={str(table): int(value) for table, value in sequences if value is not None},
            )
        )
        for row in await system.fetch(sql["list_keys"], name):
            self._put(_key(row))
            self._count("api_key", 1)

    def _count(self, table: str, rows: int) -> None:
        self._rows[table] += rows
        self._advance(rows)


async def pages(view: Readable, table: str) -> AsyncGenerator[list[Row]]:
    """Read a table by its key, page by page."""
    sql = statements("exchange.sql", view.engine)
    last: list[Any] = list(_START[table])
    while True:
        rows = await view.fetch(sql[f"page_{table}"], *last, PAGE)
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        last = [rows[-1][place] for place in _KEY[table]]


_LEAST = -(2**63)
_START: dict[str, tuple[Any, ...]] = {
    "context": ("",),
    "subscription": ("",),
    "entity": (0,),
    "series": (0,),
    "observed_attribute": (0,),
    "id_block": (-1,),
    "series_chunk": (0, 0),
    "observation": (0, _LEAST, 0),
}
_KEY: dict[str, tuple[int, ...]] = {
    "context": (0,),
    "subscription": (0,),
    "entity": (0,),
    "series": (0,),
    "observed_attribute": (0,),
    "id_block": (0,),
    "series_chunk": (0, 1),
    "observation": (1, 2, 3),
}
"""Where in a row its key is."""


async def count_rows(snapshot: Snapshot, names: Sequence[str]) -> int:
    """Tell about how many rows an export will have."""
    total = 0
    for name in names:
        view = snapshot.view(name)
        rows = await view.fetch(statements("exchange.sql", view.engine)["size"])
        total += int(rows[0][0])
    return total


def _key(row: Row) -> Struct:
    id_, _, name, kind, types, hash_, created_at, expires_at, revoked_at, last_used_at = row
    return lines.KeyLine(
        id=id_,
        name=name,
        kind=kind,
        hash=hash_,
        created_at=created_at,
        types=msgspec.json.decode(types, type=list[str]) if types else [],
        expires_at=expires_at,
        revoked_at=revoked_at,
        last_used_at=last_used_at,
    )


def _context(row: Row) -> Struct:
    id_, url, kind, body, created_at, last_used_at, uses = row
    return lines.ContextLine(
        id=id_,
        url=url,
        kind=kind,
        body=cast("Raw", embed(body)),
        created_at=created_at,
        last_used_at=last_used_at,
        uses=uses,
    )


def _subscription(row: Row) -> Struct:
    id_, body, created_at = row
    return lines.SubscriptionLine(id=id_, body=cast("Raw", embed(body)), created_at=created_at)


def _entity(row: Row) -> Struct:
    n, id_, kind, version_, state, dataset, created_at, modified_at, deleted_at, expires_at, doc = row
    return lines.EntityLine(
        n=n,
        id=id_,
        kind=kind,
        version=version_,
        state=state,
        dataset=dataset,
        created_at=created_at,
        modified_at=modified_at,
        deleted_at=deleted_at,
        expires_at=expires_at,
        doc=embed(doc),
    )


_SERIES = lines.SeriesLine.__struct_fields__


def _series(row: Row) -> Struct:
    members: dict[str, Any] = dict(zip(_SERIES, row, strict=True))
    members["current"] = embed(members["current"])
    return lines.SeriesLine(**members)


def _observed_attribute(row: Row) -> Struct:
    n, attribute = row
    return lines.ObservedAttributeLine(n=n, attribute=attribute)
