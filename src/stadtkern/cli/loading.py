"""One command ``import``: of files with a mapping, or of an export."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any, cast

import click
from click.core import ParameterSource

from stadtkern.cli.base import EXIT_REFUSED, Refusal, read_settings, run_async


def with_exports(files: click.Command) -> click.Command:
    """Make the one command ``import``: of files with a mapping as ``files`` does it, or of an export."""
    mapping = [_optional(option) for option in files.params]
    own = [
        click.Option(["--replace"], is_flag=True, help="Export: put it in the place of tenants that hold data."),
        click.Option(["--keep"], is_flag=True, help="Export: leave tenants that hold data as they are."),
        click.Option(["--into"], help="Export of one tenant: load it under this name."),
    ]
    text = f"{_HELP}\n\n{inspect.cleandoc(files.help or '')}"
    command = click.Command("import", params=[*mapping, *own], help=text, short_help=_SHORT)

    def decide(**given: Any) -> None:
        context = click.get_current_context()
        replace, keep, into = given.pop("replace"), given.pop("keep"), given.pop("into")
        paths = cast("tuple[Path, ...]", given["files"])
        if given["mapping"] is not None:
            if replace or keep or into:
                raise click.UsageError("--replace, --keep and --into are for exports, which need no --mapping")
            context.invoke(files, **given)
            return
        if len(paths) != 1 or not _is_export(paths[0]):
            raise click.UsageError("Missing option '--mapping': only an export of Stadtkern is imported without one.")
        if replace and keep:
            raise click.UsageError("--replace and --keep exclude each other")
        named = context.get_parameter_source("tenant") is ParameterSource.COMMANDLINE
        tenant = cast("str", given["tenant"]) if named else None
        existing = "replace" if replace else "keep" if keep else "refuse"
        settings = read_settings(data=given.get("data"), contexts=given.get("contexts"))
        from stadtkern.cli.adopting import import_export  # other commands need none of this

        run_async(lambda: import_export(settings, paths[0], tenant=tenant, into=into, existing=existing))

    command.callback = decide
    return command


_SHORT = "Import files, or an export."
_HELP = """Import files with a mapping, or an export of Stadtkern without one.

An export ("stadtkern export") makes an equal system: the same ids, times and history. It is filled in beside what is
in use and changes its place at once, at the end, also under a running server; whoever interrupts it has changed
nothing. "-" reads an export from standard input."""


def _optional(option: click.Parameter) -> click.Parameter:
    if option.name != "mapping":
        return option
    relaxed = copy.copy(option)
    relaxed.required = False
    return relaxed


def _is_export(path: Path) -> bool:
    from stadtkern.exchange.source import is_export

    try:
        return str(path) == "-" or is_export(path)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}", EXIT_REFUSED) from error
