"""Lines of a file: bounded, decoded one by one, so that one bad line costs one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from stadtkern.errors import BadRequestData
from stadtkern.ingest.fault import Fault

MAX_LINE: Final = 1_000_000
"""Longest line, in bytes."""
_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "ascii": "ascii",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
}
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def find_encoding(name: str) -> str:
    """Give Python's name of an encoding that can be read. Raises: BadRequestData."""
    found = _ENCODINGS.get(name.strip().lower())
    if found is None:
        shown = ", ".join(sorted(set(_ENCODINGS)))
        raise BadRequestData(f"The encoding {name[:40]!r} cannot be read", hint=f"one of {shown}")
    return found


def check_start(start: bytes) -> bytes:
    """Take a byte order mark away from the first bytes of a file. Raises: Fault (the file is UTF-16)."""
    if start.startswith(_WIDE):
        raise Fault("the file is UTF-16; save it as UTF-8")
    return start.removeprefix(_BOM)


class Lines:
    """The lines of a file as texts. What is wrong with a line is kept in ``fault`` until ``take_fault``; the line is
    then given without quotation marks, so that it ends where it ends.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self.number = 0
        self.position = 0
        """Bytes read."""
        self._fault: str | None = None

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_LINE + 1):
            self.number += 1
            self.position += len(line)
            if self.number == 1:
                line = check_start(line)
            yield self._decode(line)

    def take_fault(self) -> str | None:
        """Give what was wrong with the lines since the last call."""
        fault, self._fault = self._fault, None
        return fault

    def _decode(self, line: bytes) -> str:
        if len(line) > MAX_LINE:
            self._skip_rest()
            return self._spoil(line[:200], f"line {self.number} is longer than {MAX_LINE} bytes")
        if b"\0" in line:
            return self._spoil(line, f"line {self.number} contains the character NUL")
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError as error:
            return self._spoil(
                line, f"line {self.number} is not valid {self._encoding.upper()} at its byte {error.start + 1}"
            )

    def _spoil(self, line: bytes, fault: str) -> str:
        self._fault = fault
        return line[:1000].decode(self._encoding, errors="replace").replace('"', "").replace("\0", "") + "\n"

    def _skip_rest(self) -> None:
        while part := self._file.readline(MAX_LINE):
            self.position += len(part)
            if part.endswith(b"\n"):
                return
