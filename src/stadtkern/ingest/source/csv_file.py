"""CSV as municipalities write it: any delimiter, byte order marks, short and long lines, broken ends."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from stadtkern.ingest.fault import Fault
from stadtkern.ingest.mapping.document import Source
from stadtkern.ingest.mapping.run import Record
from stadtkern.ingest.source.base import Blank, Read, Spoiled
from stadtkern.ingest.source.lines import Lines, find_encoding

_SHOWN = 200
"""Fields of a bad record that the report shows."""


class CsvFile:
    """One CSV file. columns: the header, read when the file is opened."""

    def __init__(self, file: BinaryIO, source: Source) -> None:
        """Read the header. Raises: Fault (the file is empty, or its header cannot be used), BadRequestData."""
        self._source = source
        self._missing = frozenset(source.missing)
        self._lines = Lines(file, find_encoding(source.encoding))
        lines = iter(self._lines)
        for _ in range(source.skip_lines):
            next(lines, None)
        self._reader = csv.reader(
            lines,
            delimiter=source.delimiter,
            quotechar=source.quote,
            skipinitialspace=True,
        )
        self.columns = list(source.header) if source.header is not None else self._read_header()
        self.extra = 0
        """Records that had more fields than columns."""

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._lines.position

    def _read_header(self) -> list[str]:
        try:
            header = next(self._reader, None)
        except csv.Error as error:
            raise Fault(f"the header cannot be read: {error}") from error
        fault = self._lines.take_fault()
        if fault is not None:
            raise Fault(f"the header cannot be read: {fault}")
        if header is None:
            raise Fault("the file is empty")
        names = [name.strip() for name in header]
        if not any(names):
            raise Fault("the first line, which should be the header, is blank")
        doubled = [name for name, count in Counter(names).items() if count > 1 and name]
        if doubled:
            places = [str(at + 1) for at, name in enumerate(names) if name == doubled[0]]
            raise Fault(f"the column {doubled[0]!r} occurs more than once (columns {', '.join(places)})")
        return names

    def __iter__(self) -> Iterator[Read]:
        while True:
            first = self._lines.number + 1
            try:
                fields = next(self._reader, None)
            except csv.Error as error:
                self._lines.take_fault()
                yield Spoiled(first, f"lines {first} to {self._lines.number} are no CSV: {_explain(error)}")
                continue
            if fields is None:
                return
            fault = self._lines.take_fault()
            if fault is not None:
                yield Spoiled(first, fault, fields[:_SHOWN])
            elif not any(fields):
                yield Blank(first)
            else:
                yield self._make(first, fields)

    def _make(self, number: int, fields: list[str]) -> Record:
        missing = self._missing
        cells = [None if (cell := field.strip()) in missing else cell for field in fields]
        wrong = None if len(cells) == len(self.columns) else self._check(cells)
        return Record(number, dict(zip(self.columns, cells, strict=False)), cells, wrong=wrong)

    def _check(self, cells: list[str | None]) -> str | None:
        """Tell what is wrong with the number of fields."""
        if len(cells) > len(self.columns):
            self.extra += 1
            if self._source.extra_fields == "reject":
                return f"the line has {len(cells)} fields, the header {len(self.columns)} (extraFields of the mapping)"
        elif self._source.missing_fields == "reject":
            return f"the line has {len(cells)} fields, the header {len(self.columns)} (missingFields of the mapping)"
        return None


def _explain(error: csv.Error) -> str:
    if "field larger than field limit" in str(error):
        return "a quotation mark is opened and not closed, or a field is longer than 131072 characters"
    return str(error)
