"""Read an export line by line, and trust none of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self, cast

import msgspec

from stadtkern.errors import Problem, UnusableFile
from stadtkern.exchange import lines
from stadtkern.model.json import parse_json

MAX_LINE = 64 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_START = b'{"table":"header"'


def is_export(path: Path) -> bool:
    """Tell whether a file begins as an export does, packed or not. Raises: OSError."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, len(_START))
        except zlib.error:
            return False
    return head.startswith(_START)


class _Text(Protocol):
    """What is read from: a file, unpacked."""

    def peek(self, size: int, /) -> bytes: ...
    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class ExportSource:
    """An export that is read once, from its header to its end; a context manager."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._packed = file
        self._name = name
        self._file: _Text
        self._digest = hashlib.sha256()
        self.number = 0
        """The number of the line that was read last."""

    def __enter__(self) -> Self:
        self._file = _unpack(self._packed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read_header(self) -> lines.Header:
        """Read the first line. Raises: UnusableFile."""
        line = self._next() if self._peek() else None
        if not isinstance(line, lines.Header):
            raise UnusableFile(f"{self._name} is no export of Stadtkern")
        if line.format != lines.FORMAT:
            raise UnusableFile(
                f"{self._name} was written by Stadtkern {line.version} in format {line.format};"
                f" this version reads format {lines.FORMAT}"
            )
        return line

    def _peek(self) -> bool:
        """Tell whether it begins as an export does, before anything long is read."""
        try:
            return self._file.peek(len(_START))[: len(_START)] == _START
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableFile(f"{self._name} cannot be read: {error}") from error

    def __iter__(self) -> Iterator[Any]:
        """Give the lines after the header; that all were there is known only at the end. Raises: UnusableFile."""
        while True:
            digest = self._digest.hexdigest()
            line = self._next()
            if isinstance(line, lines.End):
                if line.sha256 != digest:
                    raise UnusableFile(f"{self._name} was changed after it had been written: its checksum is another")
                return
            if isinstance(line, lines.Header):
                raise self.broken("a second header")
            yield line

    def _next(self) -> Any:
        text = self._read_line()
        self.number += 1
        try:
            if b"\\u0000" in text:
                parse_json(text)
            line = lines.decode_line(text)
        except (msgspec.MsgspecError, ValueError, RecursionError, Problem) as error:
            raise self.broken(str(error)) from error
        self._digest.update(text)
        return line

    def _read_line(self) -> bytes:
        try:
            text = self._file.readline(MAX_LINE)
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableFile(f"{self._name} cannot be read after line {self.number}: {error}") from error
        if text.endswith(b"\n"):
            return text
        if len(text) == MAX_LINE:
            raise self.broken("the line is too long")
        raise UnusableFile(f"{self._name} ends after line {self.number}, before its end: it was cut off")

    def broken(self, why: str) -> UnusableFile:
        """Make what is said of a line that cannot be used."""
        return UnusableFile(f"{self._name}, line {self.number}: {why}")


def _unpack(file: BinaryIO) -> _Text:
    buffered: _Text = cast("Any", file if hasattr(file, "peek") else io.BufferedReader(cast("Any", file)))
    if buffered.peek(2)[:2] != _GZIP:
        return buffered
    unpacked: Any = gzip.GzipFile(fileobj=cast("Any", buffered), mode="rb")
    return cast("_Text", io.BufferedReader(unpacked, 1024 * 1024))
