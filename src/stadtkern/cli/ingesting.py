"""``stadtkern import``."""

from __future__ import annotations

from pathlib import Path

import click

from stadtkern.cli.base import read_settings, run_async

_REJECTED = "rejected.ndjson"


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--mapping", required=True, type=click.Path(path_type=Path), help="What the records mean: a YAML file.")
@click.option("--tenant", default="default", show_default=True, help="Whose data it becomes.")
@click.option("--rejected", type=click.Path(path_type=Path), default=_REJECTED, show_default=True,
              help="File for the rejected records, a JSON object a line; made only when there are any.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path), help="File for the whole report, as JSON.")
@click.option("--contexts", type=click.Path(path_type=Path), help="Folder of @contexts (STADTKERN_CONTEXTS).")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder (STADTKERN_DATA).")
@click.option("--dry-run", is_flag=True, help="Read and map everything, write nothing, show the first entities.")
@click.option("--from-start", is_flag=True, help="Do not go on where an interrupted import ended.")
def import_files(
    files: tuple[Path, ...],
    mapping: Path,
    tenant: str,
    rejected: Path,
    report: Path | None,
    contexts: Path | None,
    data: Path | None,
    dry_run: bool,
    from_start: bool,
) -> None:
    """Import files with a mapping.

    Reads CSV, GeoJSON, JSON and NGSI-LD. Importing a file again adds nothing; an import that was interrupted goes on
    where it ended. Goes through the server where one runs on the same data.

    Exit code: 0 all imported, 1 something was rejected (see the file of rejected records), 2 wrong usage, 3 the import
    cannot start or the store failed.
    """
    # other commands need none of this
    from stadtkern.cli.importing import Order, load, run

    document = load(mapping)
    settings = read_settings(contexts=contexts, data=data)
    order = Order(tenant, str(mapping), document, files, rejected, report, dry_run=dry_run, from_start=from_start)
    run_async(lambda: run(settings, order))
