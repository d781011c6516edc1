"""The page docs/errors.md, made from the docstrings of stadtkern.errors; ``./do docs`` writes it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TypeVar

from stadtkern import errors

_T = TypeVar("_T")

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

_HEAD = """# Errors

Made by `./do docs` from the docstrings of [errors.py](../src/stadtkern/errors.py); change them there.

An answer that reports a failure names it by its slug, which never changes its meaning and is never used again for
another one. NGSI-LD answers carry it as `type`, in the form `https://uri.etsi.org/ngsi-ld/errors/<slug>`, together with
`title`, `status` and `detail` (CIM 009 5.5.3). `detail` is a sentence for people; programs go by `type` and `status`.
"""

_SETUP_HEAD = """
# Errors at start

The server and the commands end with one of these and say on standard error what to change.
"""


def render_errors_page() -> str:
    """Write down every failure a user can meet, in the order of the source."""
    problems = [_render_problem(kind) for kind in _subclasses(errors.Problem)]
    setup_errors = [f"\n## {kind.__name__}\n\n{_docstring(kind)}\n" for kind in _subclasses(errors.SetupError)]
    return "".join([_HEAD, *problems, _SETUP_HEAD, *setup_errors])


def _render_problem(kind: type[errors.Problem]) -> str:
    return f"\n## {kind.slug}\n\nStatus {kind.status}, “{kind.title}”. {_docstring(kind)}\n"


def _subclasses(base: type[_T]) -> list[type[_T]]:
    return [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, base) and kind is not base
    ]


def _docstring(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


if __name__ == "__main__":
    PAGE.write_text(render_errors_page(), encoding="utf-8")
