"""``stadtkern doctor``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from stadtkern.cli.base import EXIT_FINDINGS, json_option, run_async, show_json

if TYPE_CHECKING:
    from stadtkern.cli.examination import Finding

_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "fault": ("FAULT", "red")}


@click.command(short_help="Look at everything; say what to do.")
@click.option("--deep", is_flag=True, help="Look through all data for damage, too; takes as long as reading them.")
@json_option
def doctor(deep: bool, as_json: bool) -> None:
    """Check settings, store, disk and surroundings; say what is fine and what to do.

    The exit code is 1 if there is a fault. Nothing is changed, and it may run beside a server.
    """

    async def work() -> int:
        from stadtkern.cli.examination import examine  # other commands need none of this

        findings = await examine(dict(os.environ), deep=deep)
        if as_json:
            show_json(findings)
        else:
            for finding in findings:
                _show(finding)
        return EXIT_FINDINGS if any(one.level == "fault" for one in findings) else 0

    run_async(work)


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.level]
    click.echo(f"{click.style(mark.rjust(5), fg=colour)}  {finding.subject}: {finding.detail}")
    if finding.advice:
        click.echo(f"       → {finding.advice}")
