"""What all commands share: settings, failures as sentences, the event loop."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import click

from stadtkern.errors import InvalidSettings, Problem, SetupError
from stadtkern.settings import Settings

EXIT_SETUP = 3
"""Exit code when the server or a command cannot start: settings, store, port."""


class Refusal(click.ClickException):
    """A sentence instead of a traceback."""

    exit_code = EXIT_SETUP


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
        raise Refusal(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code)


def run_async(work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """The same for a command that needs the event loop."""
    import uvloop  # not needed by commands that only print

    run_guarded(lambda: uvloop.run(work()))
