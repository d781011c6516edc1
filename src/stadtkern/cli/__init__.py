"""The command line: one module a command, put together here."""

from __future__ import annotations

import click

from stadtkern.cli.backing import backup, restore
from stadtkern.cli.configuration import config
from stadtkern.cli.contexts import context
from stadtkern.cli.demonstration import demo
from stadtkern.cli.doctor import doctor
from stadtkern.cli.exporting import export
from stadtkern.cli.ingesting import import_files
from stadtkern.cli.keys import key
from stadtkern.cli.loading import with_exports
from stadtkern.cli.migrating import migrate
from stadtkern.cli.serving import serve
from stadtkern.cli.tenants import tenant


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stadtkern")
@click.option("--traceback", is_flag=True, help="Show where in the program a fault happened, for a report of it.")
def main(traceback: bool) -> None:
    """Stadtkern: a city's data in once, kept once, out through every open standard.

    \b
    To look around:       stadtkern demo
    To start your own:    stadtkern serve
    If something is odd:  stadtkern doctor

    Settings come from the environment (STADTKERN_…); "stadtkern config" shows them all. The other commands work on the
    store that the settings name, whether or not a server runs on it.
    """
    del traceback  # asked for by cli.base, where a fault ends


main.add_command(serve)
main.add_command(demo)
main.add_command(with_exports(import_files))
main.add_command(config)
main.add_command(export)
main.add_command(backup)
main.add_command(restore)
main.add_command(migrate)
main.add_command(tenant)
main.add_command(key)
main.add_command(context)
main.add_command(doctor)
