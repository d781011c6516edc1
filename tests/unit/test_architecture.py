"""What holds for the source as a whole and no linter watches."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SOURCE = _ROOT / "src" / "stadtkern"
_TREES = {
    path.relative_to(_SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(_SOURCE.rglob("*.py"))
}
_MOST_LINES_OF_A_FILE = 700
_MOST_LINES_OF_A_FUNCTION = 60
_NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "misc", "util", "utils"}


def test_source_is_found() -> None:
    assert {"errors.py", "policy/grant.py"} <= set(_TREES)


def test_no_file_is_longer_than_allowed() -> None:
    lengths = {module: len((_SOURCE / module).read_text(encoding="utf-8").splitlines()) for module in _TREES}
    assert {module: lines for module, lines in lengths.items() if lines > _MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_allowed() -> None:
    lengths = {f"{module}:{node.name}": _lines(node) for module, node in _functions()}
    assert {function: lines for function, lines in lengths.items() if lines > _MOST_LINES_OF_A_FUNCTION} == {}


def test_every_module_has_a_name_that_says_something() -> None:
    assert [module for module in _TREES if _NAMES_THAT_SAY_NOTHING & set(Path(module).with_suffix("").parts)] == []


def test_grants_are_made_by_policy_only() -> None:
    elsewhere = {module: tree for module, tree in _TREES.items() if not module.startswith("policy/")}
    found = {
        module: [ast.unparse(n) for n in ast.walk(tree) if _makes_a_grant(n)] for module, tree in elsewhere.items()
    }
    assert {module: nodes for module, nodes in found.items() if nodes} == {}


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for module, tree in _TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield module, node


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def _makes_a_grant(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="Grant") | ast.Attribute(attr="Grant")):
            return True
        case ast.Name(id="make_grant") | ast.Attribute(attr="make_grant") | ast.alias(name="make_grant"):
            return True
        case _:
            return False
