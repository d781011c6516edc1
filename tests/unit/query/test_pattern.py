"""Patterns from outside."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData
from stadtkern.query.pattern import compile_pattern, literal_prefix


@pytest.mark.parametrize(
    "pattern", ["(", "a{2000}", r"(a)\1", "(?=a)", "x" * 1001, "a\0", "\ud800", "((a{100}){100}){100}"]
)
def test_compile_pattern_refuses_what_re2_cannot_do(pattern: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        compile_pattern(pattern, "idPattern")
    assert caught.value.pointer == "idPattern"


def test_compile_pattern_takes_linear_time_for_any_pattern() -> None:
    pattern = compile_pattern("^(a+)+$")
    start = time.perf_counter()
    assert pattern.search("a" * 50_000 + "b") is None
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("^urn:ngsi-ld:Building:.*", "urn:ngsi-ld:Building:"),
        ("^urn:x$", "urn:x"),
        ("^urn:xy*", "urn:x"),
        ("^urn:x{2}", "urn:"),
        ("^urn:x?", "urn:"),
        ("^urn|x", ""),
        ("urn", ""),
        ("^", ""),
        ("^*", ""),
        ("^[ab]", ""),
        ("^(?i)urn", ""),
    ],
)
def test_literal_prefix_gives_what_a_match_begins_with(pattern: str, prefix: str) -> None:
    assert literal_prefix(pattern) == prefix


@given(pattern=st.text(alphabet="ab^$.*+?(){}[]|\\12", max_size=8), text=st.text(alphabet="ab12.", max_size=6))
def test_literal_prefix_never_excludes_a_match(pattern: str, text: str) -> None:
    try:
        found = compile_pattern(pattern).search(text)
    except BadRequestData:
        return
    if found is not None:
        assert text.startswith(literal_prefix(pattern))
