"""The page docs/conformance-sensorthings.md tells of every requirement, and names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

from stadtkern.views.sensorthings.root import BATCHES, READING, WRITING

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "conformance-sensorthings.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| ([a-z-]+/[a-z/-]+) \|(.*)\| (met|reading only|not yet) \|$", re.MULTILINE)
_ROWS = {name: (re.findall(r"`(\w+)`", tests), status) for name, tests, status in _ROW.findall(_PAGE)}


def test_page_has_the_48_requirements() -> None:
    assert len(_ROW.findall(_PAGE)) == len(_ROWS) == 48
    lines = [line for line in _PAGE.splitlines() if line.startswith("| ") and "/" in line]
    assert len(lines) == 48, "a row has another form"


def test_page_and_root_document_say_the_same() -> None:
    assert {name for name, (_, status) in _ROWS.items() if status == "met"} == {*READING, *WRITING, *BATCHES}


def test_requirements_that_are_met_have_tests() -> None:
    assert [name for name, (tests, status) in _ROWS.items() if status != "not yet" and not tests] == []


def test_tests_on_the_page_exist() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (_ROOT / "tests").rglob("test_*.py")]
    defined = {name for text in texts for name in re.findall(r"^(?:async )?def (test_\w+)\(", text, re.MULTILINE)}
    named = {name for tests, _ in _ROWS.values() for name in tests}
    assert len(named) > 60
    assert named - defined == set()
