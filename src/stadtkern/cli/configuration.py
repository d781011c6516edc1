"""``stadtkern config``."""

from __future__ import annotations

import click

from stadtkern.cli.base import json_option, read_settings, show_json


@click.command(short_help="Show the effective settings.")
@json_option
def config(as_json: bool) -> None:
    """Show the effective settings, secrets hidden.

    They come from the environment, or from a TOML file that STADTKERN_CONFIG names. Each line can be used as it is.
    """
    shown = read_settings().shown()
    if as_json:
        show_json(shown)
        return
    for name, value in shown.items():
        click.echo(f"{name}={value}")
