"""The entity type selection language: ``Building,House``, ``(Home;Vehicle)|Motorhome``. Spec: CIM 009 4.17."""

from __future__ import annotations

from collections.abc import Callable

import re2

from stadtkern.model.ids import Iri
from stadtkern.query.filter import And, Filter, HasType, Or
from stadtkern.query.scanner import Scanner

_TYPE = re2.compile(r"[^\s,;|()\"]+")


def parse_type_selection(text: str, expand: Callable[[str], Iri], parameter: str = "type") -> Filter:
    """Parse a selection of types, short names or IRIs. Raises: BadRequestData, TooComplexQuery.

    A conjunction may stand without parentheses and parentheses may be nested, which the grammar does not demand.
    """
    scanner = Scanner(text, parameter)
    found = _parse_or(scanner, expand)
    if not scanner.at_end:
        raise scanner.error("expected ',', '|', ';' or the end")
    return found


def translate_types(text: str, expand: Callable[[str], Iri], compact: Callable[[str], str]) -> str:
    """Write a selection in the names of another context. text: one that ``parse_type_selection`` has read."""
    parts: list[str] = []
    end = 0
    for found in _TYPE.finditer(text):
        parts += [text[end : found.start()], compact(expand(found.group()))]
        end = found.end()
    return "".join([*parts, text[end:]])


def _parse_or(scanner: Scanner, expand: Callable[[str], Iri]) -> Filter:
    parts = [_parse_and(scanner, expand)]
    while scanner.take_one_of((",", "|")) is not None:
        parts.append(_parse_and(scanner, expand))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _parse_and(scanner: Scanner, expand: Callable[[str], Iri]) -> Filter:
    parts = [_parse_element(scanner, expand)]
    while scanner.take(";"):
        parts.append(_parse_element(scanner, expand))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _parse_element(scanner: Scanner, expand: Callable[[str], Iri]) -> Filter:
    if scanner.take("("):
        scanner.enter()
        inner = _parse_or(scanner, expand)
        scanner.leave()
        scanner.expect(")")
        return inner
    scanner.count_leaf()
    name = scanner.match(_TYPE)
    if name is None:
        raise scanner.error("expected an entity type")
    return HasType(expand(name))
