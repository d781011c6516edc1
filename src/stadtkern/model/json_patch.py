"""JSON Patch: a list of steps that change a JSON document. Spec: RFC 6902, RFC 6901 (pointers).

Own code, since patches are hostile input: a few copies of a document into itself would fill the memory, and faults have
to name the step that they are in.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any, Final, cast

from stadtkern.errors import BadRequestData, PayloadTooLarge, quoted
from stadtkern.model.json import MAX_DEPTH, depth_of

MAX_STEPS: Final = 1_000
MAX_COPIED: Final = 100_000
"""Values that the copies of one patch may make."""
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_WITH_VALUE: Final = frozenset({"add", "replace", "test"})
_WITH_FROM: Final = frozenset({"move", "copy"})

Path = list[str]


def apply_patch(document: Any, patch: Any) -> Any:
    """Give what a document is after a patch; the document itself stays.

    Both are parsed JSON, checked by ``parse_json``. Raises: BadRequestData (no patch; a step that cannot be carried
    out; a test that fails), PayloadTooLarge (copies without measure).
    """
    if not isinstance(patch, list):
        raise BadRequestData("A JSON Patch is a list of operations")
    steps = cast("list[Any]", patch)
    if len(steps) > MAX_STEPS:
        raise PayloadTooLarge(f"The patch has {len(steps)} operations; at most {MAX_STEPS} are carried out")
    run = _Run(deepcopy(document))
    for at, step in enumerate(steps):
        run.at = at
        run.step(step)
    return run.root


def same(left: Any, right: Any) -> bool:
    """Tell whether two parsed JSON values are equal; numbers by value, and true is not 1. Spec: RFC 6902 4.6."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        one, other = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(left, list) and isinstance(right, list):
        ones, others = cast("list[Any]", left), cast("list[Any]", right)
        return len(ones) == len(others) and all(map(same, ones, others))
    return left == right


class _Run:
    """A patch that is being carried out. at: the step, from 0."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.at = 0
        self._copied = 0

    def step(self, step: Any) -> None:
        """Carry out one step."""
        if not isinstance(step, dict):
            raise self._fault("an operation is an object")
        members = cast("dict[str, Any]", step)
        name = members.get("op")
        if name not in ("add", "remove", "replace", "move", "copy", "test"):
            raise self._fault(f"{quoted(name)} is no operation", "op")
        path = self._path(members, "path")
        if name in _WITH_VALUE and "value" not in members:
            raise self._fault(f"{name} needs a value", "value")
        source = self._path(members, "from") if name in _WITH_FROM else []
        match name:
            case "add":
                self._add(path, members["value"])
            case "remove":
                self._take(path, "path")
            case "replace":
                self._replace(path, members["value"])
            case "test":
                if not same(self._get(path, "path"), members["value"]):
                    raise self._fault(f"the value at {_written(path)} is another one", "value")
            case "move":
                if path[: len(source)] == source and len(path) > len(source):
                    raise self._fault("nothing can be moved into itself", "path")
                self._add(path, self._take(source, "from"))
            case _:
                self._add(path, self._copy(self._get(source, "from"), len(path)))

    def _path(self, members: dict[str, Any], name: str) -> Path:
        text = members.get(name)
        if not isinstance(text, str) or (text and text[0] != "/"):
            raise self._fault(f"{name} is a pointer such as /properties/floor", name)
        parts = text.split("/")[1:]
        if len(parts) > MAX_DEPTH:
            raise self._fault(f"{name} leads more than {MAX_DEPTH} levels deep", name)
        return [part.replace("~1", "/").replace("~0", "~") for part in parts]

    def _get(self, path: Path, name: str) -> Any:
        node = self.root
        for depth, part in enumerate(path):
            if isinstance(node, dict) and part in node:
                node = cast("dict[str, Any]", node)[part]
            elif isinstance(node, list) and _INDEX.fullmatch(part) and int(part) < len(cast("list[Any]", node)):
                node = cast("list[Any]", node)[int(part)]
            else:
                raise self._fault(f"there is nothing at {_written(path[: depth + 1])}", name)
        return node

    def _add(self, path: Path, value: Any) -> None:
        if not path:
            self.root = value
            return
        parent, last = self._get(path[:-1], "path"), path[-1]
        if isinstance(parent, dict):
            parent[last] = value
        elif isinstance(parent, list):
            elements = cast("list[Any]", parent)
            is_index = _INDEX.fullmatch(last) is not None and int(last) <= len(elements)
            if last != "-" and not is_index:
                raise self._fault(f"nothing can be put at {_written(path)}", "path")
            elements.insert(len(elements) if last == "-" else int(last), value)
        else:
            raise self._fault(f"{_written(path[:-1])} is no object and no list", "path")

    def _take(self, path: Path, name: str) -> Any:
        value = self._get(path, name)
        if not path:
            self.root = None
            return value
        parent = self._get(path[:-1], name)
        del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
        return value

    def _replace(self, path: Path, value: Any) -> None:
        self._get(path, "path")
        if not path:
            self.root = value
            return
        parent = self._get(path[:-1], "path")
        parent[int(path[-1]) if isinstance(parent, list) else path[-1]] = value

    def _copy(self, value: Any, depth: int) -> Any:
        self._copied += _count(value, MAX_COPIED)
        if self._copied > MAX_COPIED:
            raise PayloadTooLarge(f"The patch copies more than {MAX_COPIED} values", pointer=f"/{self.at}")
        if depth + depth_of(value) > MAX_DEPTH:
            raise self._fault(f"the document would be nested deeper than {MAX_DEPTH} levels", "path")
        return deepcopy(value)

    def _fault(self, what: str, member: str = "") -> BadRequestData:
        pointer = f"/{self.at}/{member}" if member else f"/{self.at}"
        return BadRequestData(f"Operation {self.at + 1} of the patch cannot be carried out: {what}", pointer=pointer)


def _count(value: Any, most: int) -> int:
    """Count the values in a tree, up to a number."""
    waiting, count = [value], 0
    while waiting and count <= most:
        node = waiting.pop()
        count += 1
        if isinstance(node, dict):
            waiting.extend(cast("dict[str, Any]", node).values())
        elif isinstance(node, list):
            waiting.extend(cast("list[Any]", node))
    return count


def _written(path: Path) -> str:
    return quoted("".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path))
