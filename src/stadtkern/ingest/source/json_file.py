"""JSON files, element by element: an array, one object, objects one after another, or the features of GeoJSON.

The file is cut into the texts of its elements by counting brackets outside of texts; each is then parsed alone, so
that memory holds one element and a bad one harms no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple, cast

from stadtkern.errors import Problem
from stadtkern.ingest.fault import Fault
from stadtkern.ingest.mapping.run import Record
from stadtkern.ingest.source.base import Read, Spoiled
from stadtkern.ingest.source.lines import check_start
from stadtkern.model.json import parse_json

MAX_ELEMENT: Final = 32 * 1024 * 1024
"""Largest element, in bytes."""
_CHUNK: Final = 256 * 1024
# a constant pattern without nesting: linear
_SIGN = re.compile(rb'["\\{}\[\]]')
_FEATURES = re.compile(rb'"features"\s*:\s*$')
_BETWEEN = b" \t\r\n,"
_MAX_NESTING = 200


class Element(NamedTuple):
    """The text of one element, numbered from 1."""

    number: int
    text: bytes


class Elements:
    """The elements of a JSON file. features: open the member ``features`` of an object, as in GeoJSON."""

    def __init__(self, file: BinaryIO, *, features: bool = False) -> None:
        self._file = file
        self._features = features
        self._buffer = b""
        self._offset: int = 0
        """Where the walk goes on."""
        self._stack = b""
        self._base = 0
        """How many brackets are open around the elements: 0, 1 in an array, 2 in the features of a collection."""
        self._start: int | None = None
        """Where the present element begins."""
        self._gap: int = 0
        """Where what stands between two elements begins."""
        self._in_text = False
        self._count = 0
        self._entered = False
        self.position = 0
        """Bytes read so far."""

    def __iter__(self) -> Iterator[Element]:
        """Give the elements. Raises: Fault (the file is empty, is no JSON, or an element is too large)."""
        while chunk := self._file.read(_CHUNK):
            self._buffer += chunk if self.position else check_start(chunk)
            self.position += len(chunk)
            yield from self._walk()
            self._forget()
        if self._stack or self._in_text:
            raise Fault("the file ends in the middle of a JSON value")
        yield from self._take_gap(len(self._buffer))
        if not self._count and not self._entered:
            raise Fault("the file is empty")

    def _walk(self) -> Iterator[Element]:
        """Go from sign to sign through what is buffered."""
        while (match := _SIGN.search(self._buffer, self._offset)) is not None:
            at, sign = match.start(), match[0]
            if sign == b"\\" and self._in_text and at + 1 >= len(self._buffer):
                self._offset = at
                return
            self._offset = at + 1
            if self._in_text:
                self._offset += sign == b"\\"
                self._in_text = sign != b'"'
            elif sign == b'"':
                self._in_text = True
            elif sign in b"{[":
                yield from self._open(at, sign)
            elif sign in b"}]":
                yield from self._close(at, sign)
        self._offset = len(self._buffer)

    def _open(self, at: int, sign: bytes) -> Iterator[Element]:
        depth = len(self._stack)
        if depth >= _MAX_NESTING:
            raise Fault(f"the file is nested deeper than {_MAX_NESTING} levels")
        self._stack += sign
        if depth == self._base == 0 and sign == b"[":
            yield from self._take_gap(at)
            self._enter(at, 1)
        elif self._features and depth == 1 and self._base == 0 and sign == b"[" and self._is_features(at):
            self._enter(at, 2)
        elif depth == self._base:
            yield from self._take_gap(at)
            self._start = at

    def _is_features(self, at: int) -> bool:
        return self._stack[:1] == b"{" and _FEATURES.search(self._buffer, max(0, at - 64), at) is not None

    def _enter(self, at: int, base: int) -> None:
        self._base, self._start, self._gap, self._entered = base, None, at + 1, True

    def _close(self, at: int, sign: bytes) -> Iterator[Element]:
        if self._stack[-1:] + sign not in (b"{}", b"[]"):
            raise Fault(f"the file is no JSON: it has a {sign.decode()} where none belongs")
        self._stack = self._stack[:-1]
        depth = len(self._stack)
        if depth < self._base:
            yield from self._take_gap(at)
            # behind the features come other members of the collection, which nobody asks for
            self._base = 0
        elif depth == self._base and self._start is not None:
            self._count += 1
            yield Element(self._count, self._buffer[self._start : at + 1])
            self._start = None
        if depth == self._base:
            self._gap = at + 1

    def _take_gap(self, end: int) -> Iterator[Element]:
        """Give what stands between two elements, if it is more than blanks and a comma."""
        text = self._buffer[self._gap : end].strip(_BETWEEN)
        self._gap = end
        if text:
            self._count += 1
            yield Element(self._count, text)

    def _forget(self) -> None:
        """Drop what is done with. Raises: Fault (an element is too large)."""
        between = self._gap if len(self._stack) == self._base else self._offset
        keep = between if self._start is None else self._start
        if len(self._buffer) - keep > MAX_ELEMENT:
            raise Fault(f"element {self._count + 1} of the file is larger than {MAX_ELEMENT} bytes")
        self._buffer = self._buffer[keep:]
        self._offset -= keep
        self._gap = max(0, self._gap - keep)
        if self._start is not None:
            self._start -= keep


class JsonFile:
    """Records of a JSON or GeoJSON file."""

    def __init__(self, file: BinaryIO, *, geojson: bool) -> None:
        self._elements = Elements(file, features=geojson)
        self._geojson = geojson

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._elements.position

    def __iter__(self) -> Iterator[Read]:
        for number, text in self._elements:
            try:
                tree = parse_json(text)
            except Problem as problem:
                reason = problem.detail.replace("The body", "the element", 1)
                yield Spoiled(number, reason, text[:1000].decode(errors="replace"))
                continue
            if not isinstance(tree, dict):
                yield Spoiled(number, "the element is not a JSON object", tree)
            elif self._geojson:
                yield _read_feature(number, cast("dict[str, Any]", tree))
            else:
                yield Record(number, tree)


def _read_feature(number: int, tree: dict[str, Any]) -> Read:
    if tree.get("type") != "Feature":
        return Spoiled(number, f"the element is no GeoJSON Feature but {str(tree.get('type'))[:40]!r}", tree)
    properties = tree.get("properties")
    value = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}
    return Record(number, value, None, tree, tree.get("geometry"))
