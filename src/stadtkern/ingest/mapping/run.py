"""Records of one file to facts about entities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stadtkern.ingest.clock import Skip
from stadtkern.ingest.expression.compile import Slots
from stadtkern.ingest.expression.values import Moment, is_true, kind_of
from stadtkern.ingest.fault import Fault
from stadtkern.ingest.mapping.compile import CompiledRule, Mapping
from stadtkern.model.entity import InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant

_MOST_ITEMS = 10_000
_MOST_DOUBLED = 200_000


class Record(NamedTuple):
    """One record of a source.

    number: of its first line (CSV) or of the record, from 1. value: its members by name. cells: the fields of a CSV
    line. feature, geometry: of GeoJSON.
    """

    number: int
    value: Any
    cells: list[Any] | None = None
    feature: Any = None
    geometry: Any = None
    wrong: str | None = None
    """Why the record cannot be used, unless the mapping leaves it out."""


class Facts(NamedTuple):
    """What one record says about one entity."""

    id: EntityId
    types: list[Iri]
    attributes: list[tuple[Iri, InstancePatch]]
    scope: list[str] | None = None
    expires_at: Instant | None = None


class FaultAt(NamedTuple):
    """A fault and the member of the mapping where it came up."""

    field: str
    reason: str


@dataclass(slots=True)
class Made:
    """What became of a record."""

    facts: list[Facts] = field(default_factory=list[Facts])
    faults: list[FaultAt] = field(default_factory=list[FaultAt])
    skipped: bool = False
    oddity: str | None = None

    @property
    def rejected(self) -> bool:
        """Whether nothing of the record is used."""
        return bool(self.faults) and not self.facts


class Column(NamedTuple):
    """One wide column of a file: its place, what the pattern found, and the same as an object for expressions."""

    place: int
    groups: tuple[str | None, ...]
    shown: dict[str, Any]


class FileRun:
    """Runs a mapping over one file."""

    def __init__(self, mapping: Mapping, name: dict[str, Any], columns: list[str] | None = None) -> None:
        """Compute what holds for the whole file. Raises: Fault (then nothing of the file can be used)."""
        self._mapping = mapping
        self._slots: Slots = [None] * mapping.slots
        self._slots[mapping.slot.file] = name
        self._slots[mapping.slot.columns] = columns
        self._begun = False
        self._seen: dict[object, set[int]] = {}
        for slot, value in mapping.file:
            self._slots[slot] = value(self._slots)
        self.columns = self._find_columns(columns or [])

    def _find_columns(self, columns: list[str]) -> list[Column]:
        rule = self._mapping.columns
        if rule is None:
            return []
        found: list[Column] = []
        for place, name in enumerate(columns):
            match = rule.pattern.fullmatch(name)
            if match is None:
                continue
            groups = match.groupdict()
            shown = {**groups, "name": groups.get("name") or name, "header": name, "number": place + 1}
            column = Column(place, tuple(groups[group] for group, _ in rule.groups), shown)
            self._enter(column)
            if rule.where is None or is_true(rule.where(self._slots)):
                found.append(column)
        if not found:
            raise Fault("no column of the file matches 'columns' of the mapping")
        return found

    def _enter(self, column: Column) -> None:
        slots = self._slots
        slots[self._mapping.slot.column] = column.shown
        rule = self._mapping.columns
        if rule is not None:
            for (_, slot), value in zip(rule.groups, column.groups, strict=True):
                slots[slot] = value

    def make(self, record: Record) -> Made:
        """Make facts of one record; faults are part of what comes back."""
        mapping, slots = self._mapping, self._slots
        slots[0] = record.value
        slots[mapping.slot.cells] = record.cells
        slots[mapping.slot.feature] = record.feature
        slots[mapping.slot.geometry] = record.geometry
        made = Made()
        place = "source.skip"
        try:
            if mapping.skip is not None and is_true(mapping.skip(slots)):
                made.skipped = True
                return made
            if record.wrong is not None:
                made.faults.append(FaultAt("", record.wrong))
                return made
            place = "let"
            for slot, value in mapping.let:
                slots[slot] = value(slots)
            place = "time"
            made.oddity = self._read_time()
        except Fault as fault:
            made.faults.append(FaultAt(place, fault.reason))
            return made
        except Skip as skip:
            made.skipped, made.oddity = True, skip.oddity
            return made
        self._run_rules(made, record)
        if made.faults and mapping.document.on_fault == "record":
            made.facts.clear()
        elif not self._begun:
            self._begun = True
            self._begin(made)
        return made

    def _read_time(self) -> str | None:
        mapping, slots = self._mapping, self._slots
        rule = mapping.time
        if rule is None:
            return None
        text = rule.value(slots)
        if isinstance(text, Moment):
            slots[mapping.slot.time], slots[mapping.slot.doubled] = text, None
            return None
        if type(text) is not str:
            raise Fault("the time is missing" if text is None else f"the time is {kind_of(text)}, not a text")
        again = self._seen_before if rule.in_order else None
        resolved = rule.clock.resolve(rule.reader.read(text), text, again)
        slots[mapping.slot.time] = resolved.moment
        slots[mapping.slot.doubled] = True if resolved.doubled else None
        return resolved.oddity

    def _seen_before(self, micros: int) -> bool:
        """Tell whether this record's first entity had this doubled time before, and note it."""
        first = next(iter(self._mapping.rules["record"]), None)
        key = None if first is None or first.foreach is not None else first.id(self._slots)
        seen = self._seen.setdefault(key, set())
        if micros in seen:
            return True
        if sum(map(len, self._seen.values())) >= _MOST_DOUBLED:
            raise Fault("the file has more doubled times than can be told apart")
        seen.add(micros)
        return False

    def _run_rules(self, made: Made, record: Record) -> None:
        rules = self._mapping.rules
        for rule in rules["record"]:
            self._run(rule, made)
        if rules["cell"] and record.cells is not None:
            self._run_cells(made, record.cells)

    def _begin(self, made: Made) -> None:
        """Make what holds for the file and its columns; once, with the first record that is used, and its time."""
        rules = self._mapping.rules
        for rule in rules["file"]:
            self._run(rule, made)
        for column in self.columns if rules["column"] else []:
            self._enter(column)
            for rule in rules["column"]:
                self._run(rule, made)

    def _run_cells(self, made: Made, cells: list[Any]) -> None:
        slot, slots = self._mapping.slot.cell, self._slots
        rules = self._mapping.rules["cell"]
        for column in self.columns:
            cell = cells[column.place] if column.place < len(cells) else None
            if cell is None:
                continue
            self._enter(column)
            slots[slot] = cell
            for rule in rules:
                self._run(rule, made)

    def _run(self, rule: CompiledRule, made: Made) -> None:
        if rule.foreach is None:
            self._run_once(rule, made)
            return
        try:
            for item in _items(rule.foreach(self._slots)):
                self._slots[rule.item] = item
                self._run_once(rule, made)
        except Fault as fault:
            made.faults.append(FaultAt("foreach", fault.reason))

    def _run_once(self, rule: CompiledRule, made: Made) -> None:
        slots = self._slots
        place = "when"
        try:
            if rule.when is not None and not is_true(rule.when(slots)):
                return
            place = "id"
            id_ = EntityId(rule.id(slots))
        except Fault as fault:
            made.faults.append(FaultAt(place, fault.reason))
            return
        attributes: list[tuple[Iri, InstancePatch]] = []
        for name, iri, make in rule.attributes:
            try:
                patch = make(slots)
            except Fault as fault:
                made.faults.append(FaultAt(name, fault.reason))
            else:
                if patch is not None:
                    attributes.append((iri, patch))
        made.facts.append(Facts(id_, rule.types, attributes, rule.scope))


def _items(value: Any) -> Iterator[Any]:
    if value is None:
        return iter(())
    if type(value) is not list:
        raise Fault(f"foreach needs a list, not {kind_of(value)}")
    if len(value) > _MOST_ITEMS:  # pyright: ignore[reportUnknownArgumentType]
        raise Fault(f"foreach meets a list of more than {_MOST_ITEMS} elements")
    return iter(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
