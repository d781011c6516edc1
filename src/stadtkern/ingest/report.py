"""What an import did: counts, oddities with examples, and the file of rejected records."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import msgspec

from stadtkern.errors import InvalidRequest

_EXAMPLES = 3
_MOST_KINDS = 50
_SHOWN_BYTES = 10_000


@dataclass(slots=True)
class Oddity:
    """Something that a rule of the mapping decided, or that a person should know of: how often, and where first."""

    count: int = 0
    examples: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    file: str
    records: int = 0
    """Records read, blank lines aside."""
    rejected: int = 0
    skipped: int = 0
    """Records that the mapping leaves out."""
    blank: int = 0
    empty: int = 0
    """Records without any value."""
    written: int = 0
    """Attribute instances written."""
    corrected: int = 0
    """Those among them that took the place of another value with the same time."""
    unchanged: int = 0
    """Attribute instances that were there already."""
    resumed: int = 0
    """Records passed over because an earlier run had written them."""
    oddities: dict[str, Oddity] = field(default_factory=dict[str, Oddity])

    def note(self, what: str, where: str, count: int = 1) -> None:
        """Count an oddity and keep the first examples."""
        if what not in self.oddities and len(self.oddities) >= _MOST_KINDS:
            what = "others"
        oddity = self.oddities.setdefault(what, Oddity())
        oddity.count += count
        if len(oddity.examples) < _EXAMPLES:
            oddity.examples.append(where)


@dataclass(slots=True)
class ImportReport:
    """What became of all files of one import."""

    tenant: str
    mapping: str
    files: list[FileReport] = field(default_factory=list[FileReport])
    seconds: float = 0.0
    rejected_file: str | None = None

    @property
    def rejected(self) -> int:
        """Records and files rejected in all."""
        return sum(file.rejected for file in self.files)

    def total(self, member: str) -> int:
        """Sum one count over all files."""
        return sum(getattr(file, member) for file in self.files)


class RejectedFile:
    """The file of rejected records, a JSON object a line; made when the first one comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    @property
    def used(self) -> bool:
        """Whether anything was rejected."""
        return self._file is not None

    def add(self, file: str, record: int | None, place: str, reason: str, shown: Any = None) -> None:
        """Add a rejected record. place: the member of the mapping, empty where the record itself is bad.

        Raises: InvalidRequest (the file cannot be written).
        """
        if self._file is None:
            try:
                self._file = self.path.open("wb")
            except OSError as error:
                raise InvalidRequest(
                    f"The file of rejected records {self.path} cannot be written: {error.strerror}"
                ) from error
        line = {"file": file, "record": record, "field": place, "reason": reason, "value": shown}
        text = msgspec.json.encode(line, enc_hook=str)
        if len(text) > _SHOWN_BYTES:
            short = msgspec.json.encode(shown, enc_hook=str)[: _SHOWN_BYTES // 2].decode(errors="replace")
            text = msgspec.json.encode({**line, "value": short, "shortened": True})
        self._file.write(text + b"\n")

    def __enter__(self) -> RejectedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
