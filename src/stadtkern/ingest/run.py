"""An import: files through a mapping into a tenant, slice by slice, with a report.

Memory holds two slices: one on its way to the store, one in the making. An answer to a slice means that it is durable;
only then is the bookmark moved.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from stadtkern.errors import Problem, Unavailable
from stadtkern.ingest.bookmark import (
    Bookmark,
    Bookmarks,
    load_bookmark,
    make_probe,
    remove_bookmark,
    save_bookmark,
)
from stadtkern.ingest.collect import Collector, Part
from stadtkern.ingest.entities import EntityReader, Resolve
from stadtkern.ingest.fault import Fault
from stadtkern.ingest.mapping.compile import Mapping
from stadtkern.ingest.mapping.run import FileRun, Made, Record
from stadtkern.ingest.report import FileReport, RejectedFile
from stadtkern.ingest.source.base import Blank, Spoiled
from stadtkern.ingest.source.csv_file import CsvFile
from stadtkern.ingest.source.json_file import Element, Elements, JsonFile
from stadtkern.model.change import Outcome
from stadtkern.model.operation import Operation, UpsertEntity

BREATH: Final = 1_000
"""Records after which other tasks get their turn."""


class Sink(Protocol):
    """Where operations go."""

    async def write(self, operations: Sequence[Operation], /) -> Sequence[Outcome | Problem]:
        """Write and give an outcome or a problem for each. Raises: Unavailable."""
        ...


class Progress(Protocol):
    """Who wants to know how an import goes on."""

    def __call__(self, report: FileReport, position: int, /) -> None:
        """Be told now and then how many bytes of a file are read, and what became of them."""
        ...


@dataclass(frozen=True, slots=True)
class Import:
    """Everything that importing files needs. bookmarks: None to begin at the start and leave no trace."""

    mapping: Mapping
    sink: Sink
    resolve: Resolve
    rejected: RejectedFile
    bookmarks: Bookmarks | None = None
    progress: Progress | None = None

    async def run(self, path: Path) -> FileReport:
        """Import one file. Raises: Unavailable, InvalidRequest (the report cannot be written)."""
        report = FileReport(str(path))
        try:
            with _open(path) as file:
                await _FileImport(self, path, file, report).run()
        except Fault as fault:
            report.rejected += 1
            self.rejected.add(str(path), None, "", fault.reason)
        except OSError as error:
            report.rejected += 1
            self.rejected.add(str(path), None, "", f"the file cannot be read to its end: {error.strerror}")
        return report


def _open(path: Path) -> BinaryIO:
    """Open a file. Raises: Fault."""
    if path.is_dir():
        raise Fault("this is a folder; name the files in it")
    if path.is_char_device() or path.is_block_device():
        raise Fault("this is a device, not a file")
    try:
        return path.open("rb")
    except OSError as error:
        raise Fault(f"the file cannot be opened: {error.strerror}") from error


class _FileImport:
    """One file on its way."""

    def __init__(self, work: Import, path: Path, file: BinaryIO, report: FileReport) -> None:
        self._work = work
        self._report = report
        self._path = path
        self._name = str(path)
        self._collector = Collector(work.mapping.document.repeated)
        self._bookmark: Path | None = None
        self._done = 0
        """The last record that an earlier run has written."""
        self._writing: asyncio.Task[None] | None = None
        self._file = file

    async def run(self) -> None:
        """Import the file. Raises: Fault (it cannot be read, or not to its end), Unavailable."""
        await self._find_bookmark()
        try:
            source = self._work.mapping.document.source
            if source.format == "ngsi-ld":
                await self._run_entities()
            else:
                await self._run_records(source.format)
            await self._flush(0)
            await self._settle()
        except Fault:
            # what was good before stays, as it would have with a larger file
            await self._flush(0)
            await self._settle()
            raise
        finally:
            if self._writing is not None:
                self._writing.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await self._writing
        if self._bookmark is not None:
            remove_bookmark(self._bookmark)

    async def _find_bookmark(self) -> None:
        """Look whether an earlier run was interrupted, and whether the store still has what it wrote."""
        if self._work.bookmarks is None or not self._path.is_file():
            # what comes through a pipe can be read once only
            return
        self._bookmark = await asyncio.to_thread(self._work.bookmarks.path, self._path)
        found = load_bookmark(self._bookmark)
        if found is None or not found.probe:
            return
        outcomes = await self._send(found.probe)
        if all(isinstance(one, Outcome) and one.known and not one.changed for one in outcomes):
            self._done = found.done

    # Reading

    async def _run_records(self, format: str) -> None:
        run, reader = self._start(format)
        number = 0
        for number, read in enumerate(reader, 1):
            if number % BREATH == 0:
                await self._breathe(reader.position)
            if isinstance(read, Blank):
                self._report.blank += 1
                continue
            self._report.records += 1
            if isinstance(read, Spoiled):
                self._reject(read.number, "", read.reason, read.shown)
                continue
            made = run.make(read)
            await self._take(made, read.number, number, _shown(read))
        self._note_extra(reader)
        await self._breathe(reader.position)

    def _start(self, format: str) -> tuple[FileRun, CsvFile | JsonFile]:
        mapping = self._work.mapping
        name = {"name": self._path.name, "stem": self._path.stem, "folder": self._path.resolve().parent.name}
        if format == "csv":
            reader = CsvFile(self._file, mapping.document.source)
            return FileRun(mapping, name, reader.columns), reader
        return FileRun(mapping, name), JsonFile(self._file, geojson=format == "geojson")

    def _note_extra(self, reader: CsvFile | JsonFile) -> None:
        if isinstance(reader, CsvFile) and reader.extra and self._work.mapping.document.source.extra_fields == "ignore":
            self._report.note("extra fields ignored", self._name, reader.extra)

    async def _run_entities(self) -> None:
        entities = EntityReader(self._work.mapping, self._work.resolve)
        elements = Elements(self._file)
        for element in elements:
            self._report.records += 1
            if element.number % BREATH == 0:
                await self._breathe(elements.position)
            made = await entities.make(element)
            await self._take(made, element.number, element.number, _shown_text(element))
        await self._breathe(elements.position)

    async def _take(self, made: Made, line: int, number: int, shown: Any) -> None:
        """Take what a record became; write a slice where one is complete."""
        report = self._report
        if made.oddity is not None:
            report.note(made.oddity, f"{self._name}:{line}")
        for fault in made.faults:
            self._work.rejected.add(self._name, line, fault.field, fault.reason, shown)
        if made.skipped:
            report.skipped += 1
        elif made.rejected:
            report.rejected += 1
        elif made.faults:
            report.note("values left out", f"{self._name}:{line}", len(made.faults))
        if number <= self._done:
            report.resumed += 1
            return
        instances = 0
        for facts in made.facts:
            instances += self._collector.add(facts, line)
        if made.facts and not instances:
            report.empty += 1
        if self._collector.full:
            await self._flush(number)

    def _reject(self, line: int, place: str, reason: str, shown: Any) -> None:
        self._report.rejected += 1
        self._work.rejected.add(self._name, line, place, reason, shown)

    async def _breathe(self, position: int) -> None:
        if self._work.progress is not None:
            self._work.progress(self._report, position)
        await asyncio.sleep(0)

    # Writing

    async def _flush(self, number: int) -> None:
        """Send the slice off, once the one before it is durable. number: of its last record, 0 at the end."""
        collector = self._collector
        if collector.doubled:
            self._report.note("same time twice, last value counts", self._name, collector.doubled)
        self._report.unchanged += collector.equal
        collector.doubled = collector.equal = 0
        parts = collector.take()
        await self._settle()
        if parts:
            self._writing = asyncio.create_task(self._write(parts, number))

    async def _settle(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing

    async def _write(self, parts: list[Part], number: int) -> None:
        outcomes = await self._send([part.operation for part in parts])
        failed = False
        for part, outcome in zip(parts, outcomes, strict=True):
            if isinstance(outcome, Problem):
                failed = True
                self._note_problem(part, outcome)
            else:
                self._count(part, outcome)
        if number and not failed and self._bookmark is not None:
            save_bookmark(self._bookmark, Bookmark(number, make_probe(parts)))

    async def _send(self, operations: Sequence[Operation]) -> Sequence[Outcome | Problem]:
        """Write. Raises: Unavailable."""
        try:
            return await self._work.sink.write(operations)
        except OSError as error:
            raise Unavailable(
                "The server went away during the import", hint="start the import again: it goes on where it ended"
            ) from error

    def _note_problem(self, part: Part, problem: Problem) -> None:
        lines = str(part.first) if part.first == part.last else f"{part.first} to {part.last}"
        reason = f"{problem.detail} (entity {part.operation.id}, {part.instances} values from records {lines})"
        self._reject(part.first, problem.pointer or "", reason, None)

    def _count(self, part: Part, outcome: Outcome) -> None:
        report = self._report
        known = outcome.known
        if isinstance(part.operation, UpsertEntity) and not outcome.changed:
            known = part.instances
        report.unchanged += known
        report.written += part.instances - known
        report.corrected += outcome.corrected


def _shown(read: Record) -> Any:
    if read.cells is not None:
        return read.cells
    return read.value if read.feature is None else read.feature


def _shown_text(element: Element) -> str:
    return element.text[:5_000].decode(errors="replace")
