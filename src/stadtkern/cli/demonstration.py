"""``stadtkern demo``."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stadtkern.cli.base import read_settings, run_guarded
from stadtkern.settings import Settings

if TYPE_CHECKING:
    from stadtkern.app import Application

FOLDER = "demo"
"""The demonstration's part of the data folder, where no other is given."""


@dataclass(frozen=True, slots=True)
class _Wishes:
    seed: int | None
    days: int
    live: bool
    interval_s: float


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder to keep the town in (default: STADTKERN_DATA/demo)."
)
@click.option("--port", type=int, help="Port to listen on (STADTKERN_PORT).")
@click.option("--seed", type=int, help="Which town to make; the same seed gives the same town.")
@click.option(
    "--days", type=click.IntRange(1, 366), default=31, show_default=True, help="Days of history to begin with."
)
@click.option(
    "--interval", type=click.FloatRange(1, 3600), default=5.0, show_default=True, help="Seconds between new values."
)
@click.option("--no-live", is_flag=True, help="Bring no new values while the server runs.")
def demo(data: Path | None, port: int | None, seed: int | None, days: int, interval: float, no_live: bool) -> None:
    """Serve Kernstadt, an invented town, and print addresses to try.

    Always on the embedded engine. What is missing in the folder is filled in first: a month of history at the first
    start, the time since the last one later on. Anybody may read; writing takes the administrator's token.
    """
    from stadtkern.server import serve  # the server's imports are not needed by other commands

    settings = make_settings(read_settings(port=port), data)
    wishes = _Wishes(seed, days, not no_live, interval)
    run_guarded(lambda: serve(settings, lambda application: _accompany(application, wishes)))


def make_settings(settings: Settings, data: Path | None) -> Settings:
    """Set up the demonstration's server: embedded, in a folder of its own, open for reading."""
    return replace(
        settings,
        data=data or settings.data / FOLDER,
        database_url="",
        workers=1,
        anonymous="read",
        admin_token=settings.admin_token or secrets.token_urlsafe(18),
    )


async def _accompany(application: Application, wishes: _Wishes) -> None:
    """Fill the store, tell what there is to see, and keep new values coming."""
    from stadtkern.demo import fill, live, vocabulary
    from stadtkern.demo.town import build_town
    from stadtkern.model.ids import DEFAULT_TENANT
    from stadtkern.model.instant import now
    from stadtkern.policy.grant import system_grant

    grant = system_grant("demonstration", DEFAULT_TENANT)
    services = application.services
    seed = await fill.choose_seed(services.broker, grant, wishes.seed)
    click.echo("Filling in what Kernstadt's sensors measured …")
    town = build_town(seed)
    filled = await fill.fill(services.broker, grant, town, wishes.days, now())
    await services.contexts.add_context(grant, vocabulary.german_context(), vocabulary.CONTEXT_ID)
    await _wait_for_port(application.settings)
    click.echo(_welcome(application.settings, len(town.entities), filled.values, wishes))
    if wishes.live:
        await live.keep_measuring(services.broker, grant, town, wishes.interval_s)


async def _wait_for_port(settings: Settings) -> None:
    """Wait until the addresses lead somewhere."""
    while True:
        try:
            _, writer = await asyncio.open_connection(settings.bind, settings.port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _welcome(settings: Settings, entities: int, values: int, wishes: _Wishes) -> str:
    from stadtkern.demo.addresses import list_addresses
    from stadtkern.model.instant import now

    base = settings.public_url.rstrip("/") or f"http://{settings.bind}:{settings.port}"
    tries = [f"  {one.title}\n    {one.render()}" for one in list_addresses(base, now())]
    coming = f"new ones every {wishes.interval_s:g} s" if wishes.live else "no new ones"
    return "\n".join(
        [
            f"\nKernstadt has {entities:,} entities; {values:,} values were added, {coming}.",
            "All of it is generated: the town does not exist, nothing was measured. Licence of the data: CC0.",
            "\nTo try:\n",
            *tries,
            "\nAnybody may read. To write, as the README's tour does, use this run's administrator token:\n",
            f"  export TOKEN={settings.admin_token}",
            f"\nKernstadt is in {settings.data}. Stop with Ctrl+C.",
        ]
    )
