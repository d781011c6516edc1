"""The page docs/command-line.md, made from the commands' own help; ``./do docs`` writes it."""

from __future__ import annotations

from pathlib import Path

import click

from stadtkern.cli import main
from stadtkern.cli.base import EXIT_CODES

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"
_WIDTH = 100

_HEAD = """# Command line

Made by `./do docs` from the commands' own help; change it there.

All commands read the [settings](../README.md#settings), so they work on the store that the server with the same
settings uses. On the embedded engine a running server has the data folder to itself: commands then ask it through a
socket in that folder (`control.sock`), which is for the owner of the server alone. On PostgreSQL they use the
database directly. Whoever may open the folder's files or the database may do everything that the commands do.

Long work shows its progress on a terminal, and nowhere else. Failures are one sentence on standard error.

## Exit codes

| code | meaning |
|---|---|
"""

_EXPORT = """
## What an export is

One JSON object a line (NDJSON), in this order: a `header`; then for each tenant the line `tenant`, its keys,
contexts, entities, series, blocks of ids, monthly summaries and observations; at the end `end` with the SHA-256 of
all lines before it. `table` says what a line is. [lines.py](../src/stadtkern/exchange/lines.py) lists every member.

- It is one moment of the whole store, also while a server writes: one transaction on PostgreSQL; on the embedded
  engine a read transaction on each file, all begun together. Beside a running server the files are copied first,
  within the data folder, so that its logs do not grow as long as the export runs; that needs as much room as the
  files have.
- Times are microseconds since 1970-01-01T00:00:00Z; names of types and attributes are IRIs; an attribute instance
  has the members `kind`, `value`, `dataset_id`, `observed_at` and so on. An observed attribute's present instance
  is in its series (`current`), any other in the entity's `doc`; what was superseded or deleted is in the
  observations.
- Entities that were deleted are in it with their history (`state` 1), or as a mere number that is never given out
  again (`state` 2). Numbers, versions, times and instance ids come back as they were.
- Keys stand there without their secrets, which Stadtkern does not know; the hashes are kept, so that those who hold
  a key go on using it. A hash of 160 random bits opens nothing. Who is handed an export can nevertheless read all
  data.
- The change log is not in it: who follows changes begins anew with an imported store.

An import fills new stores beside those in use and checks everything; only then each takes its place, at once. It
refuses tenants that hold data already, unless told to replace them (`--replace`; keys that were revoked since are
then as they were) or to leave them (`--keep`). Whoever repeats an import doubles nothing. An export of one engine
imports into the other: that is the way from the embedded engine to PostgreSQL.

## Which of the two: backup or export?

`backup` is for getting the same system back soon: on the embedded engine it copies the databases, which is as fast
as the disk. `export` is for moving: between engines, versions and machines, and for reading by other programs. On
PostgreSQL a backup is a packed export with a manifest; for large databases use PostgreSQL's own means as well
(`pg_basebackup`, `pg_dump`).

A backup is a folder that has its name only once it is complete, with a manifest of checksums. `restore` replaces
the whole store, all tenants; stop the server first. It checks the backup before it changes anything, and refuses a
store that holds data unless forced. If it is killed while it copies, the old store is as it was; if it is killed
while the stores change places, the store says that it is incomplete and nothing opens it: restore again."""


def render_command_page() -> str:
    """Write down all commands, in the order of their names."""
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    return "".join([_HEAD, codes, *_render(main, "stadtkern", None, 2), _EXPORT])


def _render(command: click.Command, name: str, parent: click.Context | None, level: int) -> list[str]:
    widths = {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, parent, name, help_option_names=["-h", "--help"], **widths)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    parts = [f"\n{'#' * level} {context.command_path}\n\n```text\n{text}\n```\n"]
    if isinstance(command, click.Group):
        for below in sorted(command.commands):
            parts += _render(command.commands[below], below, context, min(level + 1, 3) if parent is None else 4)
    return parts


if __name__ == "__main__":
    PAGE.write_text(render_command_page(), encoding="utf-8")
