"""The NGSI-LD query language ``q``. Spec: CIM 009 4.9.

``docs/filters.md`` says what each construct becomes in the Filter tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal as Choice
from typing import cast

import msgspec
import re2

from stadtkern.errors import BadRequestData
from stadtkern.model.ids import Iri
from stadtkern.model.instant import parse_instant
from stadtkern.query.attribute_path import parse_path
from stadtkern.query.filter import (
    INSTANT_MEMBERS,
    And,
    AnyOf,
    Between,
    Comparison,
    ElementTest,
    Exists,
    Fails,
    Filter,
    Is,
    Lacks,
    Linked,
    Literal,
    Matches,
    Not,
    OneOf,
    Or,
    Path,
    Sure,
    boolean,
    instant,
    number,
    text,
)
from stadtkern.query.pattern import compile_pattern
from stadtkern.query.scanner import MAX_LENGTH, Scanner, check_storable

MAX_LIST = 200
"""Most values in one list."""

Operator = Choice["==", "!=", ">=", ">", "<=", "<", "!~=", "~="]

_OPERATORS: tuple[Operator, ...] = ("==", "!~=", "!=", ">=", "<=", "~=", ">", "<")
_NUMBER = re2.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_DATE_TIME = re2.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+ -]\d{2}:?\d{2})")
"""With any offset; the plus sign of one that was not escaped in the address has arrived as a blank."""
_DATE = re2.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re2.compile(r"\d{2}:\d{2}:\d{2}(?:[.,]\d+)?Z?")
_QUOTED = re2.compile(r'"(?:[^"\\]|\\.)*"')
_TYPE_HINT = re2.compile(r"([\p{L}][\p{L}\p{N}_\-]*(?:,[\p{L}][\p{L}\p{N}_\-]*)*):")
_URI_START = re2.compile(r"(?i)urn:|[A-Za-z][A-Za-z0-9+.\-]*://")
_ENDS = frozenset(";|,")


class _Language:
    """What the parser knows besides the text."""

    __slots__ = ("expand", "expand_values", "scanner")

    def __init__(self, scanner: Scanner, expand: Callable[[str], Iri], expand_values: frozenset[str]) -> None:
        self.scanner = scanner
        self.expand = expand
        self.expand_values = frozenset(expand(name) for name in expand_values)


def parse_q(
    q: str,
    expand: Callable[[str], Iri],
    *,
    expand_values: frozenset[str] = frozenset(),
    json_keys: frozenset[str] = frozenset(),
    parameter: str = "q",
) -> Filter:
    """Parse a query.

    expand: term to IRI, by the request's @context. expand_values: attributes (terms) whose values in the query are
    expanded too. json_keys: accepted for the standard's sake; keys inside values are never expanded here.

    Raises: BadRequestData (with parameter and position), TooComplexQuery. Spec: CIM 009 4.9.
    """
    del json_keys
    language = _Language(Scanner(q, parameter), expand, expand_values)
    found = _parse_or(language)
    if not language.scanner.at_end:
        raise language.scanner.error("expected ';', '|' or the end")
    return found


def _parse_or(language: _Language) -> Filter:
    parts = [_parse_and(language)]
    while language.scanner.take("|"):
        parts.append(_parse_and(language))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _parse_and(language: _Language) -> Filter:
    parts = [_parse_term(language)]
    while language.scanner.take(";"):
        parts.append(_parse_term(language))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _parse_term(language: _Language) -> Filter:
    scanner = language.scanner
    if not scanner.take("("):
        return _parse_comparison(language)
    scanner.enter()
    inner = _parse_or(language)
    scanner.leave()
    scanner.expect(")")
    return inner


def _parse_comparison(language: _Language) -> Filter:
    scanner = language.scanner
    scanner.count_leaf()
    absent = scanner.take("!")
    links, path = _parse_attribute(language)
    start = scanner.position
    operator = cast("Operator | None", scanner.take_one_of(_OPERATORS))
    if operator is None:
        found = _follow(links, Exists(path))
        return Not(Sure(found)) if absent else found
    if absent:
        raise scanner.error("'!' asks for absence and takes no comparison", start)
    return _follow(links, _parse_condition(language, path, operator))


_Link = tuple[Path, tuple[Iri, ...]]


def _parse_attribute(language: _Language) -> tuple[list[_Link], Path]:
    """Read a path with the relationships it follows: ``sensor{Device:humidity}``."""
    scanner = language.scanner
    links: list[_Link] = []
    while True:
        types = _parse_type_hint(language) if links else ()
        path = parse_path(scanner, language.expand)
        if links:
            links[-1] = (links[-1][0], types)
        if scanner.peek() == "{" and (path.member or path.value):
            raise scanner.error("only a relationship can be followed")
        if not scanner.take("{"):
            break
        scanner.enter()
        links.append((path, ()))
    for _ in links:
        scanner.leave()
        scanner.expect("}")
    return links, path


def _parse_type_hint(language: _Language) -> tuple[Iri, ...]:
    scanner = language.scanner
    if _URI_START.match(scanner.text[scanner.position : scanner.position + 100]) is not None:
        return ()
    found = scanner.match(_TYPE_HINT)
    return () if found is None else tuple(language.expand(name) for name in found[:-1].split(","))


def _follow(links: list[_Link], inner: Filter) -> Filter:
    for path, types in reversed(links):
        inner = Linked(path, inner, types)
    return inner


def _parse_condition(language: _Language, path: Path, operator: Operator) -> Filter:
    match operator:
        case "~=":
            return AnyOf(path, _parse_pattern(language))
        case "!~=":
            return AnyOf(path, Fails(_parse_pattern(language)))
        case "==":
            return AnyOf(path, _parse_equality(language, path))
        case "!=":
            return AnyOf(path, Lacks(_parse_equality(language, path)))
        case _:
            return AnyOf(path, Is(operator, _parse_comparable(language, path, operator)))


def _parse_comparable(language: _Language, path: Path, operator: Comparison) -> Literal:
    """Read the one value of an ordering operator."""
    scanner = language.scanner
    start = scanner.position
    literal = _parse_value(language, path)
    if literal.kind == "boolean":
        raise scanner.error(f"{operator!r} does not compare truth values", start)
    if scanner.peek() == "," or scanner.text.startswith("..", scanner.position):
        raise scanner.error(f"{operator!r} takes one value; lists and ranges go with '==' and '!='")
    return literal


def _parse_equality(language: _Language, path: Path) -> ElementTest:
    """Read a value, a range or a list of values."""
    scanner = language.scanner
    start = scanner.position
    first = _parse_value(language, path)
    if scanner.take(".."):
        high = _parse_value(language, path)
        if high.kind != first.kind or high.kind == "boolean":
            raise scanner.error("the two ends of a range must be numbers, texts or times alike", start)
        return Between(first, high)
    values = [first]
    while scanner.take(","):
        values.append(_parse_value(language, path))
        if len(values) > MAX_LIST:
            raise scanner.error(f"a list has at most {MAX_LIST} values")
    return Is("==", first) if len(values) == 1 else OneOf(tuple(values))


def _parse_value(language: _Language, path: Path) -> Literal:
    """Read one literal and give it the type that the standard's grammar says."""
    scanner = language.scanner
    start = scanner.position
    quoted = scanner.match(_QUOTED, MAX_LENGTH)
    literal = _unquote(scanner, quoted, start) if quoted is not None else _parse_bare(scanner)
    if path.member in INSTANT_MEMBERS:
        return _as_instant(literal, scanner, start)
    if (
        literal.kind == "text"
        and path.names
        and (path.names[-1] in language.expand_values or path.member == "objectType")
    ):
        return text(language.expand(cast("str", literal.value)))
    if literal.kind == "text" and path == Path((), "type"):
        return text(language.expand(cast("str", literal.value)))
    return literal


def _unquote(scanner: Scanner, quoted: str, start: int) -> Literal:
    try:
        value = msgspec.json.decode(quoted, type=str)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise scanner.error(f"the text is not a JSON string: {error}", start) from error
    check_storable(value, scanner.parameter)
    return text(value)


def _parse_bare(scanner: Scanner) -> Literal:
    """Read a value without quotes: number, truth value, date, time, URI or term."""
    start = scanner.position
    date_time = scanner.match(_DATE_TIME)
    if date_time is not None:
        return _parse_date_time(scanner, date_time, start)
    for pattern in (_DATE, _TIME):
        found = scanner.match(pattern)
        if found is not None and _value_ends(scanner):
            return text(found)
        scanner.position = start
    digits = scanner.match(_NUMBER, MAX_LENGTH)
    if digits is not None and _value_ends(scanner):
        return _finite(scanner, digits, start)
    scanner.position = start
    word = _take_word(scanner)
    if word in {"true", "false"}:
        return boolean(word == "true")
    return text(word)


def _parse_date_time(scanner: Scanner, found: str, start: int) -> Literal:
    try:
        return instant(parse_instant(found.replace(" ", "+")))
    except BadRequestData as error:
        raise scanner.error(error.detail, start) from error


def _finite(scanner: Scanner, digits: str, start: int) -> Literal:
    value = float(digits)
    if value in {float("inf"), float("-inf")}:
        raise scanner.error("the number is too large", start)
    return number(value)


def _value_ends(scanner: Scanner) -> bool:
    """Tell whether a value can end here: at the end, before an operator, or before the dots of a range."""
    following = scanner.peek()
    return following in {"", ";", "|", ",", ")"} or scanner.text.startswith("..", scanner.position)


def _take_word(scanner: Scanner) -> str:
    """Read an unquoted URI or term; it may hold balanced parentheses."""
    text_, start = scanner.text, scanner.position
    at, depth = start, 0
    while at < len(text_) and text_[at] not in _ENDS and not text_.startswith("..", at):
        depth += {"(": 1, ")": -1}.get(text_[at], 0)
        if depth < 0:
            break
        at += 1
    word = text_[start:at]
    if not word or depth > 0 or '"' in word or word != word.strip():
        raise scanner.error("expected a value: a number, true, false, a time, a URI or a text in double quotes")
    scanner.position = at
    return word


def _as_instant(literal: Literal, scanner: Scanner, start: int) -> Literal:
    """Read quoted times and bare dates (midnight) as points in time, for system attributes."""
    if literal.kind == "instant":
        return literal
    value = str(literal.value)
    if _DATE.fullmatch(value):
        value += "T00:00:00Z"
    return _parse_date_time(scanner, value, start)


def _parse_pattern(language: _Language) -> Matches:
    """Read a regular expression, quoted or up to the end of the term."""
    scanner = language.scanner
    start = scanner.position
    quoted = scanner.match(_QUOTED, MAX_LENGTH)
    pattern = _take_bare_pattern(scanner) if quoted is None else str(_unquote(scanner, quoted, start).value)
    try:
        compile_pattern(pattern, scanner.parameter)
    except BadRequestData as error:
        raise BadRequestData(error.detail, hint=error.hint, pointer=f"{scanner.parameter}:{start}") from error
    return Matches(pattern)


def _take_bare_pattern(scanner: Scanner) -> str:
    """Take everything up to ``;``, ``|`` or the parenthesis that closes the term, outside of the pattern's groups."""
    text_, start = scanner.text, scanner.position
    at, depth = start, 0
    while at < len(text_) and (depth or text_[at] not in ";|"):
        depth += {"(": 1, ")": -1}.get(text_[at], 0)
        if depth < 0:
            break
        at += 2 if text_[at] == "\\" else 1
    if at == start:
        raise scanner.error("expected a regular expression")
    scanner.position = min(at, len(text_))
    return text_[start : scanner.position]
