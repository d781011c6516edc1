"""A piece of a request body both ways: parsed for checking, and as the JSON text that came for keeping."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Raw

from stadtkern.errors import BadRequestData, InvalidRequest, PayloadTooLarge
from stadtkern.model.json import parse_json

MAX_BATCH = 10_000
"""Most entities that one batch operation takes."""

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ELEMENTS = msgspec.json.Decoder(list[Raw])


class Node(NamedTuple):
    """One JSON value: ``tree`` is what it means, ``text`` what it looked like (number literals kept)."""

    tree: Any
    text: Raw


def read_node(body: bytes) -> Node:
    """Check a whole request body once. Raises: InvalidRequest (not JSON), BadRequestData (cannot be stored)."""
    return Node(parse_json(body), Raw(body.strip()))


def read_object(body: bytes) -> Node:
    """Read a body that must be one JSON object. Raises: InvalidRequest, BadRequestData. Spec: CIM 009 5.5.4."""
    node = read_node(body)
    if as_object(node.tree) is None:
        raise InvalidRequest("The body is not a JSON object")
    return node


def read_batch(body: bytes) -> list[Node]:
    """Read the array of a batch operation: not empty, no null, at most ``MAX_BATCH`` elements.

    Raises: InvalidRequest, BadRequestData, PayloadTooLarge. Spec: CIM 009 5.6.7.4, 5.5.4.
    """
    node = read_node(body)
    if as_array(node.tree) is None:
        raise InvalidRequest("The body of a batch operation is not a JSON array")
    if not node.tree:
        raise BadRequestData("The array of a batch operation is empty")
    if len(node.tree) > MAX_BATCH:
        raise PayloadTooLarge(f"The batch has {len(node.tree)} elements", hint=f"send at most {MAX_BATCH} at once")
    elements = elements_of(node)
    for position, element in enumerate(elements):
        if element.tree is None:
            raise BadRequestData(f"Element {position} of the batch is null", pointer=f"/{position}")
    return elements


def members_of(node: Node) -> dict[str, Node]:
    """Give the members of a JSON object. Of a name that occurs twice the last one counts, as in ``tree``."""
    tree = cast("dict[str, Any]", node.tree)
    return {name: Node(tree[name], text) for name, text in _MEMBERS.decode(node.text).items()}


def elements_of(node: Node) -> list[Node]:
    """Give the elements of a JSON array."""
    return [Node(tree, text) for tree, text in zip(node.tree, _ELEMENTS.decode(node.text), strict=True)]


def as_object(tree: Any) -> dict[str, Any] | None:
    """Give a JSON object as such, None for anything else."""
    return cast("dict[str, Any]", tree) if isinstance(tree, dict) else None


def as_array(tree: Any) -> list[Any] | None:
    """Give a JSON array as such, None for anything else."""
    return cast("list[Any]", tree) if isinstance(tree, list) else None


def listed(tree: Any) -> list[Any]:
    """Give the elements of a JSON array, and a list of one for anything else (many members may be either)."""
    return cast("list[Any]", tree) if isinstance(tree, list) else [tree]


def point(pointer: str, name: str | int) -> str:
    """Extend a JSON Pointer by one step (RFC 6901)."""
    if isinstance(name, str) and ("/" in name or "~" in name):
        name = name.replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{name}"
