"""``stadtkern serve``."""

from __future__ import annotations

import click

from stadtkern.cli.base import read_settings, run_guarded


@click.command()
@click.option("--bind", help="Address to listen on (STADTKERN_BIND).")
@click.option("--port", type=int, help="Port to listen on (STADTKERN_PORT).")
@click.option("--workers", type=int, help="Worker processes; more than one needs PostgreSQL (STADTKERN_WORKERS).")
@click.option(
    "--insecure", is_flag=True, help="Listen beyond this machine without an administrator token.", default=None
)
def serve(bind: str | None, port: int | None, workers: int | None, insecure: bool | None) -> None:
    """Serve until told to stop; then finish what was accepted."""
    from stadtkern.server import serve as run  # the server's imports are not needed by other commands

    settings = read_settings(bind=bind, port=port, workers=workers, insecure=insecure)
    run_guarded(lambda: run(settings))
