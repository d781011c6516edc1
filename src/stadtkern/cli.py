"""The command line."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from stadtkern.errors import InvalidSettings, Problem, SetupError
from stadtkern.settings import Settings

EXIT_SETUP = 3
"""Exit code when the server or a command cannot start: settings, store, port."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stadtkern")
def main() -> None:
    """Stadtkern: a city's data in once, kept once, out through every open standard.

    Settings come from the environment (STADTKERN_…); "stadtkern config" shows them all.
    """


def _settings(**overrides: Any) -> Settings:
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return dataclasses.replace(Settings.from_env(os.environ), **given)
    except InvalidSettings as error:
        raise _Refusal(str(error)) from error


class _Refusal(click.ClickException):
    """A sentence instead of a traceback."""

    exit_code = EXIT_SETUP


def _guarded(work: Callable[[], int]) -> None:
    """Run a command; failures are sentences, not tracebacks."""
    try:
        code = work()
    except (SetupError, Problem) as error:
        raise _Refusal(str(error)) from error
    sys.exit(code)


@main.command()
@click.option("--bind", help="Address to listen on (STADTKERN_BIND).")
@click.option("--port", type=int, help="Port to listen on (STADTKERN_PORT).")
@click.option("--workers", type=int, help="Worker processes; more than one needs PostgreSQL (STADTKERN_WORKERS).")
@click.option(
    "--insecure", is_flag=True, default=None, help="Listen beyond this machine without an administrator token."
)
def serve(bind: str | None, port: int | None, workers: int | None, insecure: bool | None) -> None:
    """Serve until told to stop; then finish what was accepted."""
    from stadtkern.server import serve as run  # the server's imports are not needed by other commands

    settings = _settings(bind=bind, port=port, workers=workers, insecure=insecure)
    _guarded(lambda: run(settings))


@main.command()
def config() -> None:
    """Show the effective settings, secrets hidden."""
    for name, value in _settings().shown().items():
        click.echo(f"{name}={value}")
