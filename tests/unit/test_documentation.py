"""The pages say what the program does, and their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from stadtkern import errors
from stadtkern.settings import CONFIG_FILE, Settings
from tests.errors_page import PAGE, render_errors_page

_ROOT = Path(__file__).parents[2]
_README = _ROOT / "README.md"
_LEFT_OUT = {".venv", ".git", "node_modules", "stadtkern-data"}
_PAGES = sorted(p for p in _ROOT.rglob("*.md") if not _LEFT_OUT & set(p.relative_to(_ROOT).parts))
_LINK = re.compile(r"\[[^\]\n]*\]\(<?([^)\s>]+)>?[^)\n]*\)")
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def _name(path: Path) -> str:
    return path.relative_to(_ROOT).as_posix()


def test_errors_page_equals_the_docstrings() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_errors_page(), "run ./do docs"


def test_errors_have_slugs_of_their_own() -> None:
    problems = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Problem)]
    slugs = [kind.slug for kind in problems]
    assert len(slugs) > 20
    assert sorted(set(slugs)) == sorted(slugs)


def test_errors_are_all_in_the_tree_of_the_module() -> None:
    tree = errors.__doc__ or ""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert [kind.__name__ for kind in kinds if not re.search(rf"\b{kind.__name__}\b", tree)] == []


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    links = [unquote(link) for link in _LINK.findall(text) if not _ELSEWHERE.match(link)]
    assert [link for link in links if not _resolves(link, page)] == []


def _resolves(link: str, page: Path) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(_ROOT):
        return False
    return not anchor or anchor in map(_anchor, _HEADING.findall(target.read_text(encoding="utf-8")))


def _anchor(heading: str) -> str:
    """Give a heading's anchor as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_settings_named_on_the_pages_exist() -> None:
    named = {name for page in _PAGES for name in re.findall(r"STADTKERN_[A-Z_]+", page.read_text(encoding="utf-8"))}
    assert len(named) > 5
    assert named - {CONFIG_FILE} <= set(Settings().shown())


def test_defaults_in_the_readme_are_the_effective_ones() -> None:
    rows = re.findall(r"^\| `(STADTKERN_\w+)` \| (?:`(.*?)`)? *\|", _README.read_text(encoding="utf-8"), re.MULTILINE)
    shown = Settings().shown()
    assert len(rows) > 5
    assert dict(rows) == {name: shown[name] for name, _ in rows}


def test_verbs_named_on_the_pages_exist() -> None:
    named = {verb for page in _PAGES for verb in re.findall(r"\./do ([a-z]+)\b", page.read_text(encoding="utf-8"))}
    assert {"demo", "test"} <= named <= set(_verbs())


def test_decisions_are_numbered_without_gaps() -> None:
    decisions = sorted(path.name for path in (_ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [name[:4] for name in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    assert decisions


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_locked_requirements_have_hashes_and_name_no_index(lock: str) -> None:
    text = (_ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-z0-9].*$(?:\n    --hash=sha256:[0-9a-f]{64}.*$)+", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 20
    assert "://" not in text


def test_do_lists_its_verbs() -> None:
    assert {"demo", "serve", "test", "lint", "bench", "lock"} <= set(_verbs())


def test_do_ends_with_2_when_the_verb_is_unknown() -> None:
    done = subprocess.run(["./do", "dance"], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (2, "usage: ./do VERB [ARGUMENT ...]")


def _verbs() -> list[str]:
    done = subprocess.run(["./do"], cwd=_ROOT, capture_output=True, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines()[1:]]
