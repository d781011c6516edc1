"""A Grant is proof of a decision: nobody but policy makes one."""

from __future__ import annotations

import ast
import pathlib

import pytest

from stadtkern.model.ids import DEFAULT_TENANT, Iri
from stadtkern.policy import grant as module
from stadtkern.policy.grant import Grant, make_grant, system_grant
from stadtkern.query.filter import HasType, Linked, Not, Path

SOURCE = pathlib.Path(module.__file__).parents[1]


def test_grant_cannot_be_forged() -> None:
    with pytest.raises(TypeError, match=r"made by stadtkern\.policy only"):
        Grant(object(), tenant=DEFAULT_TENANT, actor="me", action="administer")


def test_grant_cannot_be_derived_from() -> None:
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
            assert "Grant" not in bases, file


def test_make_grant_is_called_in_policy_only() -> None:
    outside = [file for file in SOURCE.rglob("*.py") if file.parent.name != "policy"]
    assert outside
    for file in outside:
        names = {
            node.id for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)
        }
        assert not names & {"make_grant", "_MAKER"}, file


def test_system_grant_names_its_reason() -> None:
    assert system_grant("sweep", DEFAULT_TENANT).actor == "system:sweep"


def test_grant_refuses_masks_that_would_not_hold() -> None:
    linked = Not(Linked(Path((Iri("https://example.org/partOf"),)), HasType(Iri("https://example.org/Room"))))
    with pytest.raises(ValueError, match="row filter"):
        make_grant(DEFAULT_TENANT, "a", "read", row_filter=linked)
    with pytest.raises(ValueError, match="hidden"):
        make_grant(DEFAULT_TENANT, "a", "read", hidden=frozenset({Iri("scope")}))


def test_fingerprint_is_equal_only_for_grants_that_see_the_same() -> None:
    everything = make_grant(DEFAULT_TENANT, "a", "read")
    same = make_grant(DEFAULT_TENANT, "b", "write")
    masked = make_grant(DEFAULT_TENANT, "a", "read", hidden=frozenset({Iri("https://example.org/x")}))
    assert everything.fingerprint == same.fingerprint != masked.fingerprint
