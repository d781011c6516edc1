"""The functions that expressions may call. Null in, null out, unless said otherwise. Patterns run in RE2.

Rounding is half to even, as IEEE 754 and Python do it: ``round(2.5)`` is 2, ``round(0.125, 2)`` is 0.12.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast
from urllib.parse import quote

import msgspec
import re2

from stadtkern.errors import BadRequestData
from stadtkern.ingest.clock import Clock, Skip, TimeReader, find_zone
from stadtkern.ingest.expression.compile import Compiler, Evaluate, Form, Slots
from stadtkern.ingest.expression.parse import Constant, Name, Node
from stadtkern.ingest.expression.values import (
    MAX_TEXT,
    Moment,
    check_number,
    is_number,
    is_true,
    kind_of,
    render_text,
    show,
)
from stadtkern.ingest.fault import Fault
from stadtkern.ingest.places import make_point, reproject
from stadtkern.model.instant import render_instant

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_TRUE: Final = frozenset({"true", "yes", "ja", "j", "wahr", "1", "x"})
_FALSE: Final = frozenset({"false", "no", "nein", "n", "falsch", "0"})
_MOST_ELEMENTS = 10_000


@dataclass(frozen=True)
class Notation:
    """How a source writes numbers, what it writes for *nothing*, and the tables of the mapping."""

    decimal: str = "."
    thousands: str = ""
    missing: frozenset[str] = frozenset({""})
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def make_library(notation: Notation) -> dict[str, Form]:
    """Put the functions together for one mapping."""
    library = {name: _plain(name, work, least, most) for name, (work, least, most) in _PLAIN.items()}
    library["number"] = _plain("number", partial(read_number, notation=notation), 1, 1)
    library["integer"] = _plain("integer", partial(_read_integer, notation=notation), 1, 1)
    library |= {"has": _compile_has, "map": _compile_map, "filter": _compile_filter, "min": _compile_least}
    library |= {"max": _compile_most, "matches": _compile_matches, "extract": _compile_extract}
    library |= {"instant": _compile_instant, "reproject": _compile_reproject}
    library["lookup"] = lambda compiler, arguments: _compile_lookup(compiler, arguments, notation)
    return library


# Functions of plain values


def read_number(value: Any, notation: Notation) -> int | float | None:
    """Read a number, or the text of one in the source's notation; a word for *nothing* is null. Raises: Fault."""
    if type(value) is int or type(value) is float:
        return check_number(value)
    if type(value) is not str:
        raise Fault(f"{kind_of(value)} ({show(value)}) is not a number")
    if value.isdecimal() and value.isascii() and len(value) <= 18:
        return int(value)
    text = value.strip()
    if text in notation.missing:
        return None
    plain = text
    if notation.decimal != "." or notation.thousands:
        if notation.thousands:
            plain = plain.replace(notation.thousands, "")
        elif notation.decimal != "." and "." in plain:
            raise Fault(f"{show(value)} is not a number with {notation.decimal!r} before its fraction")
        plain = plain.replace(notation.decimal, ".") if notation.decimal != "." else plain
    if len(plain) > 64 or _NUMBER.fullmatch(plain) is None:
        raise Fault(f"{show(value)} is not a number")
    whole = plain.lstrip("+-").isdecimal()
    return check_number(int(plain) if whole and len(plain) <= 19 else float(plain))


def _read_integer(value: Any, notation: Notation) -> int | None:
    number = read_number(value, notation)
    if not isinstance(number, float):
        return number
    if not number.is_integer() or abs(number) >= 1 << 63:
        raise Fault(f"{show(value)} is not a whole number")
    return int(number)


def _read_boolean(value: Any) -> bool:
    """Read true and false as files write them: ja, nein, yes, no, x, 1, 0 …"""
    if type(value) is bool:
        return value
    word = str(render_text(value)).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Fault(f"{show(value)} is neither true nor false")


def _round(value: Any, digits: Any = 0) -> int | float:
    number = _need_number(value)
    if type(digits) is not int or not 0 <= digits <= 15:
        raise Fault("round() takes 0 to 15 digits")
    rounded = round(number, digits)
    return int(rounded) if not digits and abs(rounded) < 1e15 else rounded


def _need_number(value: Any) -> int | float:
    if not is_number(value):
        raise Fault(f"{kind_of(value)} ({show(value)}) is not a number")
    return value


def _need_text(value: Any) -> str:
    if type(value) is not str:
        raise Fault(f"{kind_of(value)} ({show(value)}) is not a text")
    return value


def _need_list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise Fault(f"{kind_of(value)} ({show(value)}) is not a list")
    return cast("list[Any]", value)


def _trim(text: Any) -> str:
    return _need_text(text).strip()


def _lower(text: Any) -> str:
    return _need_text(text).lower()


def _upper(text: Any) -> str:
    return _need_text(text).upper()


def _contains(text: Any, part: Any) -> bool:
    return _need_text(part) in _need_text(text)


def _starts_with(text: Any, part: Any) -> bool:
    return _need_text(text).startswith(_need_text(part))


def _ends_with(text: Any, part: Any) -> bool:
    return _need_text(text).endswith(_need_text(part))


def _uri(value: Any) -> str:
    return quote(str(render_text(value)), safe="")


def _floor(value: Any) -> int:
    return int(_need_number(value) // 1)


def _abs(value: Any) -> int | float:
    return abs(_need_number(value))


def _count(value: Any) -> int:
    if isinstance(value, list | dict | str):
        return len(cast("list[Any]", value))
    raise Fault(f"{kind_of(value)} has no number of elements")


def _split(text: Any, separator: Any) -> list[Any]:
    """Split a text; blanks around the parts go, and so do empty parts."""
    if not _need_text(separator):
        raise Fault("split() needs a separator")
    return [part for one in _need_text(text).split(separator, _MOST_ELEMENTS) if (part := one.strip())]


def _join(parts: Any, separator: Any) -> str:
    texts = [text for one in _need_list(parts) if (text := render_text(one)) is not None]
    if sum(map(len, texts)) + len(texts) * len(_need_text(separator)) > MAX_TEXT:
        raise Fault(f"a text would be longer than {MAX_TEXT} characters")
    return str(separator).join(texts)


def _replace(text: Any, old: Any, new: Any) -> str:
    whole, part, other = _need_text(text), _need_text(old), _need_text(new)
    if not part:
        raise Fault("replace() needs a part to replace")
    if len(whole) + whole.count(part) * len(other) > MAX_TEXT:
        raise Fault(f"a text would be longer than {MAX_TEXT} characters")
    return whole.replace(part, other)


def _numbers(values: Any) -> list[Any]:
    return [_need_number(one) for one in _need_list(values) if one is not None]


def _sum(values: Any) -> int | float:
    return check_number(sum(_numbers(values)))


def _average(values: Any) -> float | None:
    numbers = _numbers(values)
    return check_number(sum(numbers) / len(numbers)) if numbers else None


def _slug(value: Any) -> str:
    """Make a part of an id: lower case, German letters written out, everything else a hyphen."""
    text = _need_text(value).lower()
    for letter, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(letter, written)
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def _hash(*parts: Any) -> str:
    text = msgspec.json.encode([render_text(one) for one in parts])
    return hashlib.sha256(text).hexdigest()[:16]


def _moment_of(value: Any) -> Moment:
    if not isinstance(value, Moment):
        raise Fault(f"{kind_of(value)} ({show(value)}) is not a time")
    return value


def _date_time(value: Any) -> dict[str, str]:
    """Write a time as the value of a Property (CIM 009 4.6.3)."""
    return {"@type": "DateTime", "@value": render_instant(_moment_of(value))}


def _shift(value: Any, seconds: Any) -> Moment:
    return Moment(_moment_of(value) + round(_need_number(seconds) * 1_000_000))


def _from_epoch(value: Any) -> Moment:
    """Read seconds since 1970; a number too large for that is taken as milliseconds."""
    number = _need_number(value)
    if abs(number) >= 1e14:
        raise Fault(f"{show(value)} is not a time in seconds or milliseconds since 1970")
    seconds = number / 1000 if abs(number) >= 1e11 else number
    return Moment(round(seconds * 1_000_000))


_Plain = tuple[Callable[..., Any], int, int]
_PLAIN: dict[str, _Plain] = {
    "text": (render_text, 1, 1),
    "boolean": (_read_boolean, 1, 1),
    "trim": (_trim, 1, 1),
    "lower": (_lower, 1, 1),
    "upper": (_upper, 1, 1),
    "contains": (_contains, 2, 2),
    "startsWith": (_starts_with, 2, 2),
    "endsWith": (_ends_with, 2, 2),
    "replace": (_replace, 3, 3),
    "split": (_split, 2, 2),
    "join": (_join, 2, 2),
    "slug": (_slug, 1, 1),
    "uri": (_uri, 1, 1),
    "hash": (_hash, 1, 8),
    "round": (_round, 1, 2),
    "floor": (_floor, 1, 1),
    "abs": (_abs, 1, 1),
    "count": (_count, 1, 1),
    "sum": (_sum, 1, 1),
    "avg": (_average, 1, 1),
    "dateTime": (_date_time, 1, 1),
    "shift": (_shift, 2, 2),
    "fromEpoch": (_from_epoch, 1, 1),
    "point": (make_point, 2, 3),
}
"""Functions by name, with the least and the greatest number of arguments."""


def _plain(name: str, work: Callable[..., Any], least: int, most: int) -> Form:
    """Compile calls of a function of values: null in any argument is null."""

    def form(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
        _check_arguments(name, arguments, least, most)
        parts = [compiler.compile_node(one) for one in arguments]
        if len(parts) == 1:
            return _unary(parts[0], work)

        def evaluate(slots: Slots) -> Any:
            values = [part(slots) for part in parts]
            return None if None in values else work(*values)

        return evaluate

    return form


def _unary(part: Evaluate, work: Callable[[Any], Any]) -> Evaluate:
    def evaluate(slots: Slots) -> Any:
        value = part(slots)
        return None if value is None else work(value)

    return evaluate


def _check_arguments(name: str, arguments: tuple[Node, ...], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise BadRequestData(f"The function {name}() takes {wanted} arguments, not {len(arguments)}")


def _constant(name: str, node: Node, what: str) -> str:
    if not isinstance(node, Constant) or not isinstance(node.value, str):
        raise BadRequestData(f"The {what} of {name}() must be a text that is written in the mapping")
    return node.value


# Functions that compile their arguments themselves


def _compile_has(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    """``has(x)``: whether there is a value."""
    _check_arguments("has", arguments, 1, 1)
    part = compiler.compile_node(arguments[0])
    return lambda slots: part(slots) is not None


def _compile_body(
    name: str, compiler: Compiler, arguments: tuple[Node, ...]
) -> tuple[Evaluate, Callable[[Slots, Any], Any]]:
    """Compile ``function(list, name, expression)``."""
    _check_arguments(name, arguments, 3, 3)
    variable = arguments[1]
    if not isinstance(variable, Name):
        raise BadRequestData(f"The second argument of {name}() must be a name for the element")
    elements = compiler.compile_node(arguments[0])
    with compiler.names.bound(variable.name) as slot:
        body = compiler.compile_node(arguments[2])

    def run(slots: Slots, element: Any) -> Any:
        slots[slot] = element
        return body(slots)

    return elements, run


def _elements(value: Any) -> list[Any]:
    if value is None:
        return []
    elements = _need_list(value)
    if len(elements) > _MOST_ELEMENTS:
        raise Fault(f"a list has more than {_MOST_ELEMENTS} elements")
    return elements


def _compile_map(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    """``map(list, name, expression)``; of null the list is empty."""
    elements, run = _compile_body("map", compiler, arguments)
    return lambda slots: [run(slots, one) for one in _elements(elements(slots))]


def _compile_filter(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    """``filter(list, name, condition)``; of null the list is empty."""
    elements, run = _compile_body("filter", compiler, arguments)
    return lambda slots: [one for one in _elements(elements(slots)) if is_true(run(slots, one))]


def _compile_least(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    return _compile_extreme("min", min, compiler, arguments)


def _compile_most(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    return _compile_extreme("max", max, compiler, arguments)


def _compile_extreme(
    name: str, work: Callable[[list[Any]], Any], compiler: Compiler, arguments: tuple[Node, ...]
) -> Evaluate:
    """``min(list)`` or ``min(a, b, …)``: null counts for nothing."""
    _check_arguments(name, arguments, 1, 16)
    parts = [compiler.compile_node(one) for one in arguments]

    def evaluate(slots: Slots) -> Any:
        values = [part(slots) for part in parts]
        first = values[0]
        given = cast("list[Any]", first) if len(values) == 1 and isinstance(first, list) else values
        numbers = _numbers(given)
        return work(numbers) if numbers else None

    return evaluate


def compile_pattern(text: str) -> Any:
    """Compile a pattern with bounded memory. Raises: BadRequestData."""
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise BadRequestData(f"The pattern {text[:200]!r} cannot be used: {error}") from error


def _compile_matches(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    """``matches(text, 'pattern')``: whether the pattern is found."""
    _check_arguments("matches", arguments, 2, 2)
    pattern = compile_pattern(_constant("matches", arguments[1], "pattern"))
    return _unary(compiler.compile_node(arguments[0]), lambda text: pattern.search(_need_text(text)) is not None)


def _compile_extract(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    """``extract(text, 'pattern')``: the first group, or all of the match; null where there is none."""
    _check_arguments("extract", arguments, 2, 2)
    pattern = compile_pattern(_constant("extract", arguments[1], "pattern"))
    group = 1 if pattern.groups else 0

    def work(text: Any) -> str | None:
        match = pattern.search(_need_text(text))
        return None if match is None else match.group(group)

    return _unary(compiler.compile_node(arguments[0]), work)


def _compile_instant(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    """``instant(text [, 'zone' [, 'format']])``: a time; a doubled or missing hour is an error here."""
    _check_arguments("instant", arguments, 1, 3)
    written = [_constant("instant", one, "zone and format") for one in arguments[1:]]
    clock = Clock(find_zone(written[0]) if written else None)
    reader = TimeReader(written[1] if len(written) > 1 else None)

    def work(text: Any) -> Moment:
        if isinstance(text, Moment):
            return text
        try:
            return clock.resolve(reader.read(_need_text(text)), text).moment
        except Skip as skip:  # pragma: no cover - the rules used here skip nothing
            raise Fault(skip.oddity) from skip

    return _unary(compiler.compile_node(arguments[0]), work)


def _compile_reproject(compiler: Compiler, arguments: tuple[Node, ...]) -> Evaluate:
    """``reproject(geometry, 'EPSG:25832')``: a geometry in degrees, from another reference system."""
    _check_arguments("reproject", arguments, 2, 2)
    return _unary(
        compiler.compile_node(arguments[0]), reproject(_constant("reproject", arguments[1], "reference system"))
    )


def _compile_lookup(compiler: Compiler, arguments: tuple[Node, ...], notation: Notation) -> Evaluate:
    """``lookup('table', key [, default])``: what a table of the mapping has for a key."""
    _check_arguments("lookup", arguments, 2, 3)
    name = _constant("lookup", arguments[0], "table")
    if name not in notation.tables:
        raise BadRequestData(f"The mapping has no table {name!r}")
    table = notation.tables[name]
    key = compiler.compile_node(arguments[1])
    default = [compiler.compile_node(one) for one in arguments[2:]]

    def evaluate(slots: Slots) -> Any:
        found = render_text(key(slots))
        value = None if found is None else table.get(found)
        return default[0](slots) if value is None and default else value

    return evaluate
