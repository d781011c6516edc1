"""What an entity must have, at least, if a filter is to be true: what the matcher's index is ordered by.

A filter that is true implies each of its needs; the opposite does not hold, so that the filter itself is asked after
the index was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from msgspec import Struct

from stadtkern.model.ids import EntityId, Iri
from stadtkern.query.box import Box
from stadtkern.query.filter import (
    INSTANT_MEMBERS,
    And,
    AnyOf,
    Between,
    Filter,
    Geo,
    IdIn,
    IdMatches,
    Is,
    Literal,
    Matches,
    OneOf,
    Path,
    ScopeMatches,
    Sure,
    Test,
)
from stadtkern.query.pattern import literal_prefix

MOST_VALUES = 50
"""Longer lists of values, or ids, are no need: each entry stands in the index once a value."""
ID = Path((), "id")


class HasId(Struct, frozen=True):
    """The id is one of these."""

    ids: tuple[EntityId, ...]


class HasValue(Struct, frozen=True):
    """Some element at the path is one of these texts and numbers."""

    path: Path
    values: tuple[str | float, ...]


class HasStart(Struct, frozen=True):
    """Some text at the path begins so."""

    path: Path
    start: str


class HasPattern(Struct, frozen=True):
    """In some text at the path the pattern is found."""

    path: Path
    pattern: str


class HasNumber(Struct, frozen=True):
    """Some number at the path is so great at least (``least``), or so small."""

    path: Path
    bound: float
    least: bool


class HasScope(Struct, frozen=True):
    """Some scope is this one, or begins with these levels."""

    levels: tuple[str, ...]
    below: bool


class HasPlace(Struct, frozen=True):
    """Some geometry of the attribute touches the box."""

    attribute: Iri
    box: Box


class HasChanged(Struct, frozen=True):
    """The commit did something to one of these attributes."""

    names: frozenset[Iri]


AtPath = HasValue | HasStart | HasPattern | HasNumber
Need = HasId | HasScope | HasPlace | HasChanged | AtPath


def needs(filter: Filter | None) -> Iterator[Need]:
    """List what the filter cannot be true without, as far as the index can use it."""
    match filter:
        case And(parts):
            for part in parts:
                yield from needs(part)
        case Sure(part):
            yield from needs(part)
        case IdIn(ids) if len(ids) <= MOST_VALUES:
            yield HasId(ids)
        case IdMatches(pattern):
            yield _text_need(ID, pattern)
        case ScopeMatches(levels, below):
            yield _scope_need(levels, below)
        case Geo():
            yield from _geo_needs(filter)
        case AnyOf(path, test) if path.member not in INSTANT_MEMBERS:
            yield from _value_needs(path, test)
        case _:
            return


def _scope_need(levels: tuple[str, ...], below: bool) -> Need:
    fixed = levels.index("+") if "+" in levels else len(levels)
    return HasScope(levels[:fixed], below or fixed < len(levels))


def _geo_needs(filter: Geo) -> Iterator[Need]:
    from stadtkern.query.geometry import search_box

    box = search_box(filter)
    if box is not None:
        yield HasPlace(filter.attribute, box)


def _value_needs(path: Path, test: Test) -> Iterator[Need]:
    match test:
        case Is("==", literal) if _is_plain(literal):
            yield HasValue(path, (cast("str | float", literal.value),))
        case OneOf(literals) if len(literals) <= MOST_VALUES and all(map(_is_plain, literals)):
            yield HasValue(path, tuple(cast("str | float", literal.value) for literal in literals))
        case Is(op, literal) if op != "==" and literal.kind == "number":
            yield HasNumber(path, cast("float", literal.value), op in {">", ">="})
        case Between(low) if low.kind == "number":
            yield HasNumber(path, cast("float", low.value), least=True)
        case Matches(pattern):
            yield _text_need(path, pattern)
        case _:
            return


def _text_need(path: Path, pattern: str) -> Need:
    start = literal_prefix(pattern)
    return HasStart(path, start) if start else HasPattern(path, pattern)


def _is_plain(literal: Literal) -> bool:
    """Tell whether equality is equality of the JSON value; times are written in many ways."""
    return literal.kind in {"text", "number"}
