"""``stadtkern config``."""

from __future__ import annotations

import click

from stadtkern.cli.base import read_settings


@click.command()
def config() -> None:
    """Show the effective settings, secrets hidden."""
    for name, value in read_settings().shown().items():
        click.echo(f"{name}={value}")
