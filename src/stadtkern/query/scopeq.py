"""The scope query language: ``/A/B``, ``/A/+``, ``/A/#``, ``(/A;/B)|/C``. Spec: CIM 009 4.19."""

from __future__ import annotations

import re2

from stadtkern.query.filter import And, Filter, Or, ScopeMatches
from stadtkern.query.scanner import Scanner

_LEVEL = re2.compile(r"\+|[\p{L}\p{N}_][\p{L}\p{N}_\-.]*")
MAX_LEVELS = 64


def parse_scope_q(text: str, parameter: str = "scopeQ") -> Filter:
    """Parse a scope query. Raises: BadRequestData, TooComplexQuery.

    The leading slash may be missing, as in the standard's own example ``…|CompanyB``.
    """
    scanner = Scanner(text, parameter)
    found = _parse_or(scanner)
    if not scanner.at_end:
        raise scanner.error("expected ',', '|', ';' or the end")
    return found


def _parse_or(scanner: Scanner) -> Filter:
    parts = [_parse_and(scanner)]
    while scanner.take_one_of((",", "|")) is not None:
        parts.append(_parse_and(scanner))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _parse_and(scanner: Scanner) -> Filter:
    parts = [_parse_element(scanner)]
    while scanner.take(";"):
        parts.append(_parse_element(scanner))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _parse_element(scanner: Scanner) -> Filter:
    if not scanner.take("("):
        scanner.count_leaf()
        return _parse_scope(scanner)
    scanner.enter()
    inner = _parse_or(scanner)
    scanner.leave()
    scanner.expect(")")
    return inner


def _parse_scope(scanner: Scanner) -> ScopeMatches:
    scanner.take("/")
    levels: list[str] = []
    while True:
        if scanner.take("#"):
            return ScopeMatches(tuple(levels), below=True)
        level = scanner.match(_LEVEL)
        if level is None or len(levels) >= MAX_LEVELS:
            raise scanner.error("expected the name of a scope level, '+' or '#'")
        levels.append(level)
        if not scanner.take("/"):
            return ScopeMatches(tuple(levels))
