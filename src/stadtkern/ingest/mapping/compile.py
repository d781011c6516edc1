"""A mapping document to a Mapping: everything checked and compiled before the first record is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import re2

from stadtkern.errors import BadRequestData
from stadtkern.ingest.clock import Clock, TimeReader, find_zone
from stadtkern.ingest.expression.compile import Compiler, Evaluate, Names, Slots
from stadtkern.ingest.expression.library import Notation, compile_pattern, make_library
from stadtkern.ingest.mapping.attribute import AttributeCompiler, Make
from stadtkern.ingest.mapping.document import Columns, EntityRule, MappingDocument, Time
from stadtkern.ingest.mapping.template import compile_template
from stadtkern.ingest.wire import Wire
from stadtkern.jsonld.context import Context
from stadtkern.model.ids import Iri

VARIABLES = ("cells", "columns", "file", "column", "cell", "feature", "geometry", "time", "doubled")
"""What every mapping may use besides the record, as ``$cells`` and so on; see docs/mapping.md."""
_DURATION = re2.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the variables stand that the runner fills."""

    cells: int
    columns: int
    file: int
    column: int
    cell: int
    feature: int
    geometry: int
    time: int
    doubled: int


@dataclass(frozen=True, slots=True)
class TimeRule:
    """How the time of a record is read."""

    value: Evaluate
    reader: TimeReader
    clock: Clock
    in_order: bool


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """Which columns are wide ones: pattern of the header, variables for its groups, and a condition."""

    pattern: Any
    groups: tuple[tuple[str, int], ...]
    where: Evaluate | None


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One entity rule."""

    id: Callable[[Slots], str]
    types: list[Iri]
    attributes: list[tuple[str, Iri, Make]]
    when: Evaluate | None
    foreach: Evaluate | None
    item: int
    scope: list[str] | None


@dataclass(frozen=True, slots=True)
class Mapping:
    """A compiled mapping."""

    document: MappingDocument
    context: Context
    wire: Wire
    slots: int
    """How many slots a record needs."""
    slot: Slot
    file: list[tuple[int, Evaluate]]
    let: list[tuple[int, Evaluate]]
    skip: Evaluate | None
    time: TimeRule | None
    columns: ColumnRule | None
    rules: dict[str, list[CompiledRule]]
    """By what they are run for: file, column, record, cell."""


def compile_mapping(document: MappingDocument, context: Context, wire: Wire) -> Mapping:
    """Compile a mapping. Raises: BadRequestData (with the member that is wrong)."""
    names = Names()
    slot = Slot(*(names.add(f"${name}") for name in VARIABLES))
    notation = Notation(
        document.source.decimal, document.source.thousands, frozenset(document.source.missing), document.tables
    )
    if notation.decimal == notation.thousands:
        raise BadRequestData("The mapping's source has the same sign for decimal and thousands")
    compiler = Compiler(names, make_library(notation))
    file = [(names.add(name), _compile(compiler, text, f"file.{name}")) for name, text in document.file.items()]
    columns = None if document.columns is None else _compile_columns(compiler, document.columns)
    # a variable may use those before it
    let = [(names.add(name), _compile(compiler, text, f"let.{name}")) for name, text in document.let.items()]
    skip = document.source.skip
    compiled_skip = None if skip is None else _compile(compiler, skip, "source.skip")
    time = None if document.time is None else _compile_time(compiler, document.time)
    rules: dict[str, list[CompiledRule]] = {"file": [], "column": [], "record": [], "cell": []}
    for at, rule in enumerate(document.entities):
        rules[rule.per].append(_compile_rule(compiler, rule, at, context, wire))
    _check(document, rules)
    return Mapping(document, context, wire, names.size, slot, file, let, compiled_skip, time, columns, rules)


def _check(document: MappingDocument, rules: dict[str, list[CompiledRule]]) -> None:
    source = document.source
    if source.format == "ngsi-ld":
        if document.entities:
            raise BadRequestData("A mapping of NGSI-LD has no entities of its own: the file says what they are")
    elif not document.entities:
        raise BadRequestData("The mapping makes no entities: it needs a member 'entities'")
    if (rules["column"] or rules["cell"]) and document.columns is None:
        raise BadRequestData("The mapping has entities per column or cell, but no member 'columns'")
    if document.columns is not None and source.format != "csv":
        raise BadRequestData("The member 'columns' is for CSV")
    if source.format == "csv" and (len(source.delimiter) != 1 or len(source.quote) != 1):
        raise BadRequestData("The mapping's delimiter and quote are one character each")


def _compile(compiler: Compiler, text: str, member: str) -> Evaluate:
    try:
        return compiler.compile(text)
    except BadRequestData as problem:
        raise BadRequestData(f"The mapping's {member}: {problem.detail}", hint=problem.hint) from problem


def _compile_columns(compiler: Compiler, columns: Columns) -> ColumnRule:
    pattern = compile_pattern(columns.match)
    groups = tuple((name, compiler.names.add(name)) for name in pattern.groupindex)
    where = None if columns.where is None else _compile(compiler, columns.where, "columns.where")
    return ColumnRule(pattern, groups, where)


def _compile_time(compiler: Compiler, time: Time) -> TimeRule:
    zone = None if time.zone is None else find_zone(time.zone)
    if time.names == "end" and time.interval is None:
        raise BadRequestData("The mapping's time names the end of an interval, so it needs its length: interval: PT1H")
    interval = parse_duration(time.interval) if time.interval is not None and time.names == "end" else 0
    clock = Clock(zone, ambiguous=time.ambiguous, missing=time.missing, interval_us=interval)
    value = _compile(compiler, time.value, "time.value")
    return TimeRule(value, TimeReader(time.format), clock, time.ambiguous == "in-order")


def parse_duration(text: str) -> int:
    """Read hours, minutes and seconds in ISO 8601 as microseconds. Raises: BadRequestData."""
    match = _DURATION.fullmatch(text)
    if match is None or text == "PT":
        raise BadRequestData(f"{text[:40]!r} is not a duration such as PT1H or PT15M")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000


def _compile_rule(compiler: Compiler, rule: EntityRule, at: int, context: Context, wire: Wire) -> CompiledRule:
    try:
        foreach = None if rule.foreach is None else compiler.compile(rule.foreach)
        item = compiler.names.add(rule.item) if rule.foreach is not None else 0
        observed_at = None if rule.observed_at is None else compiler.compile(rule.observed_at)
        attributes = AttributeCompiler(compiler, context, wire, observed_at)
        return CompiledRule(
            id=compile_template(compiler, rule.id),
            types=wire.expand_types(rule.type, context),
            attributes=attributes.compile_all(rule.attributes),
            when=None if rule.when is None else compiler.compile(rule.when),
            foreach=foreach,
            item=item,
            scope=None if rule.scope is None else wire.parse_scope(rule.scope),
        )
    except BadRequestData as problem:
        raise BadRequestData(
            f"The mapping's entities[{at}] ({rule.id}): {problem.detail}", hint=problem.hint
        ) from problem
