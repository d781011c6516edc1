"""The work of ``stadtkern import``: a mapping, files and a target put together; progress and summary."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from stadtkern.cli.target import Target, open_target
from stadtkern.errors import InvalidRequest, Problem
from stadtkern.ingest.bookmark import Bookmarks
from stadtkern.ingest.mapping.compile import Mapping, compile_mapping
from stadtkern.ingest.mapping.document import MappingDocument, load_mapping
from stadtkern.ingest.report import FileReport, ImportReport, RejectedFile
from stadtkern.ingest.run import Import, Progress
from stadtkern.ingest.wire import Wire
from stadtkern.jsonld.context import Context
from stadtkern.model.change import Outcome
from stadtkern.model.entity import EntityPatch
from stadtkern.model.geometry import check_geometry
from stadtkern.model.instant import render_instant
from stadtkern.model.operation import Operation
from stadtkern.settings import Settings
from stadtkern.views.ngsild import parse
from stadtkern.views.ngsild.parse_terms import expand_types, parse_scope


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for."""

    tenant: str
    mapping: str
    document: MappingDocument
    files: Sequence[Path]
    rejected: Path
    report: Path | None = None
    dry_run: bool = False
    from_start: bool = False


def load(mapping: Path) -> MappingDocument:
    """Read the mapping. Raises: click.UsageError."""
    try:
        return load_mapping(mapping)
    except Problem as problem:
        raise click.UsageError(_sentence(problem)) from problem


async def run(settings: Settings, order: Order) -> int:
    """Import, print the summary, and give the exit code. Raises: Unavailable, SetupError, InvalidRequest."""
    started = time.monotonic()
    summary = ImportReport(order.tenant, order.mapping)
    async with open_target(settings, summary.tenant) as target:
        mapping = await _compile(target, order.document)
        if mapping is None:
            return 2
        bookmarks = Bookmarks(settings.data / "imports", settings.database_url, order.tenant, order.document)
        kept = None if order.dry_run or order.from_start else bookmarks
        sink = Preview() if order.dry_run else target
        with RejectedFile(order.rejected) as rejects, _progress(order.files) as progress:
            work = Import(mapping, sink, _resolver(target), rejects, kept, progress)
            for path in order.files:
                summary.files.append(await work.run(path))
        summary.rejected_file = str(rejects.path) if rejects.used else None
    summary.seconds = round(time.monotonic() - started, 3)
    if isinstance(sink, Preview):
        sink.show(mapping.context)
    _finish(summary, order.report)
    return 1 if summary.rejected else 0


async def _compile(target: Target, document: MappingDocument) -> Mapping | None:
    """Compile the mapping with its context; None, and a sentence, where it is wrong."""
    try:
        context = await target.contexts.resolve(document.context, target.grant)
        return compile_mapping(document, context, make_wire())
    except Problem as problem:
        click.echo(f"Error: {_sentence(problem)}", err=True)
        return None


def _resolver(target: Target) -> Any:
    async def resolve(reference: Any) -> Context:
        return await target.contexts.resolve(reference, target.grant)

    return resolve


def make_wire() -> Wire:
    """Hand the NGSI-LD view's own parsers to the import."""
    return Wire(
        parse_entity=_parse_entity,
        expand_attribute=parse.expand_attribute,
        expand_types=lambda names, context: expand_types(names, context, "/type"),
        check_geometry=lambda tree: check_geometry(tree, ""),
        parse_scope=lambda scope: parse_scope(scope, "/scope"),
    )


def _parse_entity(body: bytes, context: Context, form: str) -> EntityPatch:
    if form == "temporal":
        return parse.parse_entity(body, context, form=parse.HISTORY)
    return parse.parse_entity(body, context, simplified=form == "simplified")


class Preview:
    """A sink that keeps the first operations for showing and writes nothing."""

    def __init__(self) -> None:
        self._first: list[Operation] = []

    async def write(self, operations: Sequence[Operation], /) -> list[Outcome]:
        """Say that all went well."""
        self._first.extend(operations[: max(0, 5 - len(self._first))])
        return [Outcome() for _ in operations]

    def show(self, context: Context) -> None:
        """Print what the first entities would be."""
        for operation in self._first:
            entity: EntityPatch | None = getattr(operation, "entity", None)
            if entity is not None:
                click.echo(_preview(operation.id, entity, context))


def _preview(id_: str, entity: EntityPatch, context: Context) -> str:
    types = [context.compact_iri(name) for name in entity.types]
    shown: dict[str, Any] = {"id": id_, "type": types[0] if len(types) == 1 else types}
    for name, patches in entity.attributes.items():
        first = patches[0]
        attribute: dict[str, Any] = {"type": first.kind, "value": first.value}
        if first.observed_at is not None:
            attribute["observedAt"] = render_instant(first.observed_at)
        if first.unit_code is not None:
            attribute["unitCode"] = first.unit_code
        if len(patches) > 1:
            attribute["instances"] = len(patches)
        shown[context.compact_iri(name)] = attribute
    return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()


@contextlib.contextmanager
def _progress(files: Sequence[Path]) -> Generator[Progress | None]:
    """Show how far the import is, where somebody can see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    sizes = {str(path): path.stat().st_size for path in files if path.is_file()}
    done: dict[str, int] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("import", total=sum(sizes.values()))

        def show(report: FileReport, position: int) -> None:
            done[report.file] = min(position, sizes.get(report.file, position))
            bar.update(task, completed=sum(done.values()), description=Path(report.file).name)

        yield show


def _finish(summary: ImportReport, report: Path | None) -> None:
    for line in render_summary(summary):
        click.echo(line)
    if report is not None:
        try:
            report.write_bytes(msgspec.json.format(msgspec.json.encode(asdict(summary)), indent=2) + b"\n")
        except OSError as error:
            raise InvalidRequest(f"The report {report} cannot be written: {error.strerror}") from error


def render_summary(summary: ImportReport) -> list[str]:
    """Say in a few lines what an import did."""
    total = summary.total
    lines = [
        f"{len(summary.files)} files, {total('records')} records read, {total('written')} values written,"
        f" {total('unchanged')} unchanged, {summary.rejected} rejected ({summary.seconds:.1f} s)"
    ]
    counts = (("corrected", "values corrected"), ("skipped", "records left out by the mapping"),
              ("blank", "blank lines"), ("empty", "records without any value"),
              ("resumed", "records written by an earlier run"))  # fmt: skip
    lines += [f"  {total(member)} {text}" for member, text in counts if total(member)]
    lines += [f"  {what}: {count} (first: {example})" for what, count, example in _oddities(summary)]
    if summary.rejected_file is not None:
        lines.append(f"  rejected records with reasons: {summary.rejected_file}")
    return lines


def _oddities(summary: ImportReport) -> list[tuple[str, int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for file in summary.files:
        for what, oddity in file.oddities.items():
            count, example = found.get(what, (0, oddity.examples[0]))
            found[what] = (count + oddity.count, example)
    return [(what, count, example) for what, (count, example) in found.items()]


def _sentence(problem: Problem) -> str:
    return f"{problem} ({problem.hint})" if problem.hint else str(problem)
