"""The command line: one module a command, put together here."""

from __future__ import annotations

import click

from stadtkern.cli.configuration import config
from stadtkern.cli.demonstration import demo
from stadtkern.cli.serving import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stadtkern")
def main() -> None:
    """Stadtkern: a city's data in once, kept once, out through every open standard.

    Settings come from the environment (STADTKERN_…); "stadtkern config" shows them all.
    """


main.add_command(serve)
main.add_command(demo)
main.add_command(config)
