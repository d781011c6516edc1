"""Members of JSON objects that are no entities, read by kind: texts, numbers, flags, lists.

Each reader takes the value and where it stands, and gives it checked. Raises: BadRequestData.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Final

from stadtkern.errors import BadRequestData
from stadtkern.model.ids import is_uri
from stadtkern.query.scanner import check_storable
from stadtkern.views.ngsild.parse_node import as_array, as_object, listed, point

MAX_TEXT: Final = 10_000
"""Longest text, in characters."""
MAX_LIST: Final = 1_000
_MOST = 10**15
_LONGEST_NAME = 40


def read_text(tree: Any, pointer: str) -> str:
    """Read a text that is not empty."""
    if not isinstance(tree, str) or not tree:
        raise BadRequestData(f"{_name(pointer)} is not a text, or is empty", pointer=pointer)
    if len(tree) > MAX_TEXT:
        raise BadRequestData(f"{_name(pointer)} is longer than {MAX_TEXT} characters", pointer=pointer)
    check_storable(tree, pointer)
    return tree


def read_uri(tree: Any, pointer: str) -> str:
    """Read an absolute URI."""
    if not isinstance(tree, str) or not is_uri(tree):
        raise BadRequestData(f"{_name(pointer)} is not a URI: {str(tree)[:80]!r}", pointer=pointer)
    return tree


def read_boolean(tree: Any, pointer: str) -> bool:
    """Read true or false."""
    if not isinstance(tree, bool):
        raise BadRequestData(f"{_name(pointer)} is neither true nor false", pointer=pointer)
    return tree


def read_amount(tree: Any, pointer: str) -> float:
    """Read a number above zero, of any size that makes sense."""
    if isinstance(tree, bool) or not isinstance(tree, int | float) or not 0 < tree < _MOST or not math.isfinite(tree):
        raise BadRequestData(f"{_name(pointer)} is not a number above zero", pointer=pointer)
    return tree


def read_count(tree: Any, pointer: str) -> int:
    """Read a whole number above zero."""
    amount = read_amount(tree, pointer)
    if amount != int(amount):
        raise BadRequestData(f"{_name(pointer)} is not a whole number", pointer=pointer)
    return int(amount)


def read_word(tree: Any, pointer: str, words: Collection[str]) -> str:
    """Read one of a few words."""
    if not isinstance(tree, str) or tree not in words:
        raise BadRequestData(
            f"{_name(pointer)} is {str(tree)[:40]!r}", hint=f"one of {', '.join(words)}", pointer=pointer
        )
    return tree


def read_texts(tree: Any, pointer: str) -> tuple[str, ...]:
    """Read a text, or a list of texts that is not empty."""
    texts = listed(tree)
    if not 0 < len(texts) <= MAX_LIST:
        raise BadRequestData(f"{_name(pointer)} is not a list of 1 to {MAX_LIST} texts", pointer=pointer)
    return tuple(read_text(text, point(pointer, at)) for at, text in enumerate(texts))


def read_list(tree: Any, pointer: str) -> list[Any]:
    """Read a list that is not empty."""
    elements = as_array(tree)
    if elements is None or not 0 < len(elements) <= MAX_LIST:
        raise BadRequestData(f"{_name(pointer)} is not a list of 1 to {MAX_LIST} elements", pointer=pointer)
    return elements


def read_members(tree: Any, pointer: str, known: Collection[str]) -> Mapping[str, Any]:
    """Read an object that has no other members than these."""
    members = as_object(tree)
    if members is None:
        raise BadRequestData(f"{_name(pointer)} is not a JSON object", pointer=pointer)
    check_members(members, pointer, known)
    return members


def check_members(members: Mapping[str, Any], pointer: str, known: Collection[str]) -> None:
    """Refuse members that mean nothing here: what a client believes in would not happen."""
    for name in members:
        if name not in known:
            raise BadRequestData(f"The member {name[:80]!r} is not known here", pointer=point(pointer, name))


def refuse_misspelt(members: Mapping[str, Any], pointer: str, known: Collection[str]) -> None:
    """Refuse members that look like one that is known; others say something to somebody else, and are ignored."""
    for name in members:
        if name not in known:
            meant = get_close_matches(name[:_LONGEST_NAME], known, n=1, cutoff=0.8)
            if meant:
                raise BadRequestData(
                    f"The member {name[:80]!r} is not known here",
                    hint=f"perhaps {meant[0]}",
                    pointer=point(pointer, name),
                )


def read_pairs(tree: Any, pointer: str, check: Callable[[str, str, str], None]) -> tuple[tuple[str, str], ...]:
    """Read a list of ``{"key": …, "value": …}``. check: told key, value and pointer. Spec: CIM 009 5.2.22."""
    pairs: list[tuple[str, str]] = []
    for at, element in enumerate(read_list(tree, pointer)):
        where = point(pointer, at)
        members = read_members(element, where, ("key", "value"))
        key = read_text(members.get("key"), point(where, "key"))
        value = members.get("value")
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise BadRequestData(f"The value of {key[:80]!r} is not a text", pointer=point(where, "value"))
        check(key, value, where)
        pairs.append((key, value))
    return tuple(pairs)


@contextmanager
def located(pointer: str) -> Generator[None]:
    """Let faults in a text of a query language point to the member that it stands in."""
    try:
        yield
    except BadRequestData as problem:
        raise BadRequestData(problem.detail, hint=problem.hint, pointer=pointer) from problem


def _name(pointer: str) -> str:
    """Name a value by where it stands."""
    return pointer.removeprefix("/").replace("/", ".") or "The value"
