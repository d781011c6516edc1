"""Attribute paths: ``a.b`` (sub-attribute), ``a.observedAt`` (core member), ``a[b.c]`` (inside the value), ``a[en]``.

Spec: CIM 009 4.9 (production rules ValuePath and DottedPath).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from stadtkern.model.ids import Iri
from stadtkern.query.filter import Member, Path
from stadtkern.query.scanner import Scanner

ENTITY_MEMBERS = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
INSTANCE_MEMBERS = frozenset(
    {
        "createdAt",
        "modifiedAt",
        "deletedAt",
        "expiresAt",
        "observedAt",
        "unitCode",
        "datasetId",
        "valueType",
        "objectType",
    }
)
MAX_PATH = 16
"""Most names in a dotted path; real ones have two or three."""

_ALIASES = {"@id": "id", "@type": "type"}


def parse_path(scanner: Scanner, expand: Callable[[str], Iri]) -> Path:
    """Read one attribute path. Raises: BadRequestData."""
    first = _read_name(scanner)
    first = _ALIASES.get(first, first)
    if first in ENTITY_MEMBERS:
        return _end_member(scanner, (), first)
    names = [expand(first)]
    while scanner.take("."):
        name = _read_name(scanner)
        if name in INSTANCE_MEMBERS:
            return _end_member(scanner, tuple(names), name)
        names.append(expand(name))
        if len(names) > MAX_PATH:
            raise scanner.error(f"a path has at most {MAX_PATH} names")
    return Path(tuple(names), value=_parse_keys(scanner) if scanner.take("[") else ())


def _read_name(scanner: Scanner) -> str:
    """Read one name; after a whole URI, which may hold dots itself, only a core member can follow a dot."""
    name = scanner.name()
    stem, dot, last = name.rpartition(".")
    if dot and last in INSTANCE_MEMBERS:
        scanner.position -= len(last) + 1
        return stem
    return name


def _end_member(scanner: Scanner, names: tuple[Iri, ...], member: str) -> Path:
    if scanner.peek() in {".", "["}:
        raise scanner.error(f"{member!r} has no parts")
    return Path(names, cast("Member", member))


def _parse_keys(scanner: Scanner) -> tuple[str, ...]:
    """Read the dotted keys up to ``]``: member names of JSON objects or a language tag, taken as they are."""
    end = scanner.text.find("]", scanner.position)
    if end < 0:
        raise scanner.error("expected ']'")
    keys = tuple(scanner.text[scanner.position : end].split("."))
    if not all(keys) or len(keys) > MAX_PATH:
        raise scanner.error(f"expected 1 to {MAX_PATH} names with dots between them")
    scanner.position = end + 1
    return keys
