"""The options of an address: pairs of names and texts to a typed query. Spec: OGC 18-088 9.3.

Options inside of ``$expand`` are read where they stand, so that every fault names its character in the whole text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from stadtkern.errors import BadRequestData, OperationNotSupported, quoted
from stadtkern.model.sensorthings import TYPES, EntityType
from stadtkern.query.odata.expression import read_filter, read_orderby
from stadtkern.query.odata.path import IDS, OPEN, unknown
from stadtkern.query.odata.tokens import Token, Tokens
from stadtkern.query.odata.tree import Expanded, Metadata, Query, ResultFormat, Selected
from stadtkern.query.scanner import check_storable

MAX_SELECTED = 200
"""Most parts of one ``$select``."""
MAX_EXPANDED = 50
"""Most relations that one ``$expand`` shows, with those inside it."""
MAX_EXPAND_DEPTH = 10
"""Most levels of ``$expand``."""
MAX_SKIP = 2**53
MAX_TOKEN = 4_096
"""Longest ``$skiptoken``, in characters."""

_INSIDE: Final = ("$filter", "$orderby", "$select", "$expand", "$top", "$skip", "$count")
"""What an option of ``$expand`` may be."""
_NAMES: Final[dict[str, str]] = {
    **{name: name for name in _INSIDE},
    "$skiptoken": "$skiptoken",
    "$resultformat": "$resultFormat",
    "$format": "$resultFormat",
    "$resultmetadata": "$resultMetadata",
}
_OF_PAGE: Final = frozenset({"$top", "$skip", "$skiptoken"})
"""Options that another page has others of."""
_FORMATS: Final[dict[str, ResultFormat]] = {
    "json": "json",
    "application/json": "json",
    "dataarray": "dataArray",
    "csv": "CSV",
    "text/csv": "CSV",
    "geojson": "GeoJSON",
    "application/geo+json": "GeoJSON",
    "application/vnd.geo+json": "GeoJSON",
}
_T = TypeVar("_T")
_METADATA: Final[dict[str, Metadata]] = {"full": "full", "minimal": "minimal", "none": "none", "off": "off"}


def parse_query(pairs: Iterable[tuple[str, str]], type: EntityType) -> Query:
    """Parse the options of an address, percent-decoded, about entities of a type.

    Raises: BadRequestData (with option and character), OperationNotSupported for an option with ``$`` that is not
    known (the standard wants 501). Spec: OGC 18-088 9.3.1.
    """
    fields: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for name, text in pairs:
        option = _canonical(name, "")
        if option in seen:
            raise BadRequestData(f"The {option} option is given twice", pointer=f"{option}:0")
        seen[option] = text
        _read_top(option, text, type, fields)
    fields["text"] = tuple((name, text) for name, text in seen.items() if name not in _OF_PAGE)
    return Query(**fields)


def _canonical(name: str, place: str) -> str:
    found = _NAMES.get(name.lower())
    if found is not None:
        return found
    known = ", ".join(dict.fromkeys(_NAMES.values()))
    if name.startswith("$"):
        raise OperationNotSupported(
            f"The option {quoted(name)} is not supported{place}; {known} are", pointer=name[:80]
        )
    raise BadRequestData(f"The option {quoted(name)} is not known{place}; {known} are", pointer="query")


def _read_top(option: str, text: str, type: EntityType, fields: dict[str, Any]) -> None:
    match option:
        case "$skiptoken":
            fields["after"] = _token(text)
        case "$resultFormat":
            fields["result_format"] = _choose(option, text, _FORMATS)
        case "$resultMetadata":
            fields["metadata"] = _choose(option, text, _METADATA)
        case _:
            tokens = Tokens(text, option)
            _read_option(tokens, option, type, fields, 0)
            if tokens.peek().kind != "end":
                raise tokens.error("expected the end")


def _token(text: str) -> str:
    if not 0 < len(text) <= MAX_TOKEN:
        raise BadRequestData(f"The $skiptoken has {len(text)} characters", pointer="$skiptoken:0")
    check_storable(text, "$skiptoken")
    return text


def _choose(option: str, text: str, values: dict[str, _T]) -> _T:
    """Find a value in any case; the plus sign of a media type may have arrived as a blank."""
    found = values.get(text.strip().lower().replace(" ", "+"))
    if found is None:
        raise BadRequestData(
            f"The {option} {quoted(text)} is not known; there are {', '.join(values)}", pointer=f"{option}:0"
        )
    return found


def _read_option(tokens: Tokens, option: str, type: EntityType, fields: dict[str, Any], depth: int) -> None:
    """Read the text of an option up to what cannot belong to it."""
    match option:
        case "$filter":
            fields["filter"] = read_filter(tokens, type)
        case "$orderby":
            fields["orderby"] = read_orderby(tokens, type)
        case "$select":
            fields["distinct"] = _read_distinct(tokens)
            fields["select"] = _read_select(tokens, type)
        case "$expand":
            fields["expand"] = _read_expand(tokens, type, depth + 1)
        case "$count":
            fields["count"] = _read_truth(tokens)
        case _:
            fields[option.removeprefix("$")] = _read_whole(tokens)


def _read_truth(tokens: Tokens) -> bool:
    found = tokens.take_word("true", "false")
    if found is None:
        raise tokens.error("expected true or false")
    return found == "true"


def _read_whole(tokens: Tokens) -> int:
    """Read a whole number from 0; what is beyond all entities is as good as the greatest number."""
    token = tokens.peek()
    if token.kind != "number" or not token.text.isdecimal() or len(token.text) > 100:
        raise tokens.error("expected a whole number from 0")
    return min(int(tokens.next().text), MAX_SKIP)


def _read_distinct(tokens: Tokens) -> bool:
    if tokens.take_word("distinct") is None:
        return False
    tokens.expect(":")
    return True


def _read_select(tokens: Tokens, type: EntityType) -> tuple[Selected, ...]:
    found = {_read_selected(tokens, type): None}
    while tokens.take(","):
        found[_read_selected(tokens, type)] = None
        if len(found) > MAX_SELECTED:
            raise tokens.error(f"there are more than {MAX_SELECTED} parts", tokens.end)
    return tuple(found)


def _read_selected(tokens: Tokens, type: EntityType) -> Selected:
    tokens.count()
    name = tokens.name("a property or a relation")
    if name.text in IDS:
        return Selected("id")
    if name.text not in type.properties and name.text not in type.relations:
        raise unknown(tokens, type, name)
    if name.text in type.properties and type.properties[name.text].type in OPEN:
        return Selected(name.text, tokens.inside())
    if tokens.sees("/"):
        hint = f"$expand={name.text}($select=…)" if name.text in type.relations else None
        raise tokens.error(f"nothing inside {name.text} can be selected", hint=hint)
    return Selected(name.text)


def _read_expand(tokens: Tokens, type: EntityType, depth: int) -> tuple[Expanded, ...]:
    found: dict[str, Expanded] = {}
    while True:
        tokens.count_relation()
        one = _read_expanded(tokens, type, depth)
        found[one.relation] = _join(tokens, found[one.relation], one) if one.relation in found else one
        if not tokens.take(","):
            break
    expanded = tuple(found.values())
    if depth == 1 and _size(expanded) > MAX_EXPANDED:
        raise tokens.error(f"it shows more than {MAX_EXPANDED} relations", 0)
    return expanded


def _size(expanded: tuple[Expanded, ...]) -> int:
    return sum(1 + _size(one.query.expand) for one in expanded)


def _read_expanded(tokens: Tokens, type: EntityType, depth: int) -> Expanded:
    """Read ``A``, ``A(options)`` or ``A/B(options)``."""
    name = tokens.name("a relation")
    relation = type.relations.get(name.text)
    if relation is None:
        there = ", ".join(type.relations)
        raise tokens.error(f"{type.name} has no relation {name.text[:60]!r}; it has {there}", name.start)
    if depth > MAX_EXPAND_DEPTH:
        raise tokens.error(f"it goes more than {MAX_EXPAND_DEPTH} levels deep", name.start)
    target = TYPES[relation.target]
    if tokens.take("/"):
        start = tokens.peek_start()
        inner = _read_expanded(tokens, target, depth + 1)
        query = Query(expand=(inner,), text=(("$expand", tokens.text[start : tokens.end]),))
    elif tokens.take("("):
        query = _read_inside(tokens, target, depth)
    else:
        query = Query()
    return Expanded(relation.name, query, name.start)


def _read_inside(tokens: Tokens, type: EntityType, depth: int) -> Query:
    """Read options divided by ``;`` up to the closing bracket."""
    fields: dict[str, Any] = {}
    texts: dict[str, str] = {}
    while not tokens.take(")"):
        option = _read_name(tokens, texts)
        start = tokens.peek_start()
        _read_option(tokens, option, type, fields, depth)
        texts[option] = tokens.text[start : tokens.end]
        if not tokens.take(";") and not tokens.sees(")"):
            raise tokens.error("expected ';' or ')'")
    return Query(text=tuple((name, text) for name, text in texts.items() if name not in _OF_PAGE), **fields)


def _read_name(tokens: Tokens, seen: dict[str, str]) -> str:
    name: Token = tokens.name("an option such as $select")
    option = _canonical(name.text, " inside of $expand")
    if option not in _INSIDE:
        raise tokens.error(f"inside of $expand there are {', '.join(_INSIDE)}", name.start)
    if option in seen:
        raise tokens.error(f"{option} is given twice", name.start)
    tokens.expect("=")
    return option


def _join(tokens: Tokens, one: Expanded, other: Expanded) -> Expanded:
    """Join what is said twice about a relation: ``A/B,A/C`` shows B and C in the same A."""
    if _is_plain(one.query):
        options, rest = other.query, one.query
    else:
        options, rest = one.query, other.query
    if not _is_plain(rest):
        raise tokens.error(f"{other.relation} is expanded twice, with options each time", other.at)
    inner = {part.relation: part for part in one.query.expand}
    for part in other.query.expand:
        inner[part.relation] = _join(tokens, inner[part.relation], part) if part.relation in inner else part
    texts = [text for query in (one.query, other.query) for name, text in query.text if name == "$expand"]
    return Expanded(one.relation, _with_expand(options, tuple(inner.values()), ",".join(texts)), one.at)


def _is_plain(query: Query) -> bool:
    return query == Query(expand=query.expand, text=query.text)


def _with_expand(query: Query, expand: tuple[Expanded, ...], text: str) -> Query:
    texts = tuple(pair for pair in query.text if pair[0] != "$expand")
    return replace(query, expand=expand, text=(*texts, ("$expand", text)) if text else texts)
