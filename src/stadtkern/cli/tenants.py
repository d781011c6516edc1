"""``stadtkern tenant``."""

from __future__ import annotations

from typing import Any

import click

from stadtkern.cli.base import EXIT_REFUSED, Refusal, json_option, read_settings, run_async, show_json, show_table
from stadtkern.control.messages import CreateTenant, DeleteTenant, IsEmpty, ListTenants
from stadtkern.model.actor import Tenant
from stadtkern.model.ids import parse_tenant_id
from stadtkern.model.instant import render_instant


@click.group()
def tenant() -> None:
    """Create, list and delete tenants.

    A tenant is one municipality, or one part of it, with data of its own: entities, contexts and API keys. The tenant
    "default" is always there; requests reach another one by the header NGSILD-Tenant, by an address that begins with
    /t/NAME, or by its host name.
    """


@tenant.command("create")
@click.argument("name")
@click.option("--host", help="Host name whose requests belong to this tenant, such as data.example.org.")
@click.option("--title", default="", help="What people call it.")
@json_option
def create_tenant(name: str, host: str | None, title: str, as_json: bool) -> None:
    """Create the tenant NAME: a letter, then letters, digits and underscores."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        async with open_control(read_settings()) as control:
            made = await control.ask(CreateTenant(name, host, title))
        if as_json:
            show_json(_describe(made))
        else:
            click.echo(f"Tenant {made.name} is there.")
        return 0

    run_async(work)


@tenant.command("list")
@json_option
def list_tenants(as_json: bool) -> None:
    """List all tenants."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        async with open_control(read_settings()) as control:
            found = await control.ask(ListTenants())
        if as_json:
            show_json([_describe(one) for one in found])
        else:
            rows = [(one.name, render_instant(one.created_at), one.host or "-", one.title or "-") for one in found]
            show_table(("NAME", "CREATED", "HOST", "TITLE"), rows)
        return 0

    run_async(work)


@tenant.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_tenant(name: str, yes: bool) -> None:
    """Delete the tenant NAME with all its data and keys, for ever."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        id_ = parse_tenant_id(name)
        async with open_control(read_settings()) as control:
            if not any(one.name == id_ for one in await control.ask(ListTenants())):
                raise Refusal(f"Tenant {id_} does not exist.", EXIT_REFUSED)
            empty = await control.ask(IsEmpty(id_))
            if not yes and not _confirm(id_, empty):
                click.echo("Nothing was deleted.", err=True)
                return EXIT_REFUSED
            await control.ask(DeleteTenant(id_))
        click.echo(f"Tenant {id_} is deleted.")
        return 0

    run_async(work)


def _confirm(name: str, empty: bool) -> bool:
    state = "It is empty." if empty else "It holds data, and they cannot be brought back."
    try:
        typed: str = click.prompt(f"{state} Type its name to delete tenant {name}", default="", show_default=False)
    except click.Abort:
        return False
    return typed.strip() == name


def _describe(one: Tenant) -> dict[str, Any]:
    return {"name": one.name, "host": one.host, "title": one.title, "createdAt": render_instant(one.created_at)}
