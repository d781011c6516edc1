"""What all commands share: settings, failures as sentences, exit codes, answers for people and for programs."""

from __future__ import annotations

import dataclasses
import errno
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import click
import msgspec

from stadtkern.errors import (
    InvalidSettings,
    Problem,
    SetupError,
    StoreNotEmpty,
    Unavailable,
    UnusableFile,
)
from stadtkern.settings import Settings

EXIT_FINDINGS = 1
"""The command did its work, and there is something to look at."""
EXIT_SETUP = 3
"""It could not start: settings, store, port, disk."""
EXIT_REFUSED = 4
"""What was asked cannot be done: no such tenant, not empty, a broken file. Nothing was changed."""
EXIT_FAULT = 70
"""A fault of ours."""
EXIT_CODES = {
    0: "done",
    EXIT_FINDINGS: "done, and there is something to look at: `doctor` found a fault, `migrate --check` has steps left",
    2: "the command line is wrong: unknown option, missing argument",
    EXIT_SETUP: "the command or the server cannot start or go on: settings, store, port, disk; or the store is in use",
    EXIT_REFUSED: "what was asked cannot be done: no such tenant, exists already, not empty, a broken file",
    EXIT_FAULT: "a fault of Stadtkern itself",
    130: "interrupted by Ctrl-C",
}
"""All exit codes, for docs/command-line.md."""


class Refusal(click.ClickException):
    """A sentence instead of a traceback."""

    exit_code = EXIT_SETUP

    def __init__(self, message: str, code: int = EXIT_SETUP) -> None:
        super().__init__(message)
        self.exit_code = code  # pyright: ignore[reportAttributeAccessIssue] - click reads it from the instance


def read_settings(**overrides: Any) -> Settings:
    """Read the settings; options of the command line win. Raises: Refusal."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return dataclasses.replace(Settings.from_env(os.environ), **given)
    except InvalidSettings as error:
        raise Refusal(str(error)) from error


def run_guarded(work: Callable[[], int]) -> None:
    """Run a command and exit with its code; failures are sentences, not tracebacks."""
    try:
        code = work()
    except (SetupError, Problem) as error:
        raise explain(error) from error
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException:
        raise
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # whoever reads has seen enough; click ends quietly
        named = f"{error.filename}: " if error.filename else ""
        raise Refusal(f"{named}{error.strerror or error}") from error
    except Exception as error:
        if "--traceback" in sys.argv:
            raise
        sentence = f"Stadtkern met a fault of its own ({type(error).__name__}: {error})"
        raise Refusal(f"{sentence}; run 'stadtkern --traceback …' to see where", EXIT_FAULT) from error
    sys.exit(code)


def explain(error: SetupError | Problem) -> Refusal:
    """Say a failure in words and choose the exit code."""
    refused = isinstance(error, StoreNotEmpty | UnusableFile) or (
        isinstance(error, Problem) and not isinstance(error, Unavailable)
    )
    hint = error.hint if isinstance(error, Problem) else None
    sentence = str(error).rstrip(".") + "."
    if hint:
        sentence += f"\nHint: {hint}."
    return Refusal(sentence, EXIT_REFUSED if refused else EXIT_SETUP)


def run_async(work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """The same for a command that needs the event loop."""
    import uvloop  # not needed by commands that only print

    run_guarded(lambda: uvloop.run(work()))


def show_json(tree: Any) -> None:
    """Print for programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(tree), indent=2).decode())


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns for people."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
tenant_option = click.option("--tenant", default="default", show_default=True, help="Tenant to work on.")
