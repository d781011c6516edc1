"""Imports in this process, on either engine, as the command does them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from stadtkern.cli.importing import make_wire
from stadtkern.cli.target import Target, open_target
from stadtkern.ingest.bookmark import Bookmarks
from stadtkern.ingest.mapping.compile import Mapping, compile_mapping
from stadtkern.ingest.mapping.document import MappingDocument, load_mapping, parse_mapping
from stadtkern.ingest.report import FileReport, RejectedFile
from stadtkern.ingest.run import Import, Sink
from stadtkern.jsonld.context import CORE_CONTEXT, Context
from stadtkern.model.instant import Instant, render_instant
from stadtkern.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FILES = Path(__file__).parent / "files"
DATA = ROOT.parent / "shared" / "data"
"""Real files, where they are at hand."""
VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"


def mapping_of(text: str) -> MappingDocument:
    """A mapping written in a test."""
    return parse_mapping(text.encode())


def compiled(document: MappingDocument, context: Context = CORE_CONTEXT) -> Mapping:
    """A mapping ready to run."""
    return compile_mapping(document, context, make_wire())


@dataclass
class Importer:
    """Imports into one open store, and what is in it."""

    target: Target
    folder: Path

    async def run(
        self,
        document: MappingDocument | Path,
        *files: Path,
        bookmarks: bool = False,
        sink: Sink | None = None,
    ) -> list[FileReport]:
        """Import files with a mapping."""
        if isinstance(document, Path):
            document = load_mapping(document)
        context = await self.target.contexts.resolve(document.context, self.target.grant)
        kept = Bookmarks(self.folder / "imports", "", "default", document) if bookmarks else None

        async def resolve(reference: Any) -> Context:
            return await self.target.contexts.resolve(reference, self.target.grant)

        with RejectedFile(self.folder / "rejected.ndjson") as rejected:
            work = Import(compiled(document, context), sink or self.target, resolve, rejected, kept)
            return [await work.run(file) for file in files]

    def rejected(self) -> list[dict[str, Any]]:
        """The lines of the last file of rejected records."""
        path = self.folder / "rejected.ndjson"
        return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    @property
    def _database(self) -> Any:
        return self.target._control.services.broker  # pyright: ignore

    async def entity(self, id_: str) -> dict[str, Any]:
        """An entity's current values by attribute, names without the default vocabulary."""
        found = await self._database.retrieve_entity(self.target.grant, id_)
        return {
            name.removeprefix(VOCABULARY): msgspec.json.decode(group[0].value)
            for name, group in found.attributes.items()
        }

    async def text(self, id_: str, attribute: str) -> str:
        """The JSON text of a current value, as it is kept."""
        found = await self._database.retrieve_entity(self.target.grant, id_)
        return bytes(found.attributes[attribute][0].value).decode()

    async def marked(self, id_: str, attribute: str, sub: str) -> list[str]:
        """The times of the instances that have a sub-attribute."""
        tenant = await self._database._tenants.get(self.target.tenant)
        rows = await tenant.database.fetch(
            "SELECT e.id, s.attribute, o.time, o.extra FROM observation o JOIN series s ON s.n = o.series"
            " JOIN entity e ON e.n = s.entity WHERE o.extra IS NOT NULL ORDER BY o.time"
        )
        return [
            render_instant(Instant(row[2]))
            for row in rows
            if row[0] == id_ and row[1] == VOCABULARY + attribute and VOCABULARY + sub in row[3]
        ]

    async def history(self, id_: str, attribute: str) -> dict[str, Any]:
        """Values of one attribute by time; fails when a time occurs twice."""
        tenant = await self._database._tenants.get(self.target.tenant)
        rows = await tenant.database.fetch(
            "SELECT e.id, s.attribute, o.time, o.num, o.value FROM observation o JOIN series s ON s.n = o.series"
            " JOIN entity e ON e.n = s.entity WHERE o.observed = 1 ORDER BY o.time"
        )
        name = attribute if "://" in attribute else VOCABULARY + attribute
        chosen = [row for row in rows if row[0] == id_ and row[1] == name]
        times = [render_instant(Instant(row[2])) for row in chosen]
        assert len(set(times)) == len(times), "a time occurs twice"
        return {
            time: row[3] if row[4] is None else msgspec.json.decode(row[4])
            for time, row in zip(times, chosen, strict=True)
        }

    async def count(self) -> int:
        """How many instances of history there are in all."""
        tenant = await self._database._tenants.get(self.target.tenant)
        return int((await tenant.database.fetch("SELECT count(*) FROM observation"))[0][0])


@asynccontextmanager
async def open_importer(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[Importer]:
    """Open a store for imports."""
    async with open_target(Settings(data=folder / "data", database_url=database_url, **settings), "default") as target:
        yield Importer(target, folder)
