"""``stadtkern context``."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

import click
import msgspec

from stadtkern.cli.base import json_option, read_settings, run_async, show_json, show_table, tenant_option
from stadtkern.control.messages import AddContext, DeleteContext, ListContexts
from stadtkern.errors import PayloadTooLarge
from stadtkern.model.context import ContextRecord
from stadtkern.model.ids import parse_tenant_id
from stadtkern.model.instant import render_instant
from stadtkern.model.json import parse_json


@click.group()
def context() -> None:
    """List, add and delete JSON-LD contexts.

    A context says which short word stands for which full name (IRI). Those that are added here are served by
    Stadtkern itself, below /ngsi-ld/v1/jsonldContexts/; copies of others are kept as they are used.
    """


@context.command("list")
@tenant_option
@json_option
def list_contexts(tenant: str, as_json: bool) -> None:
    """List what a tenant has: its own contexts, copies, and what is built in."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        async with open_control(read_settings()) as control:
            found = await control.ask(ListContexts(parse_tenant_id(tenant)))
        if as_json:
            show_json([_describe(one) for one in found])
            return 0
        rows = [(one.kind, str(one.uses), one.id, one.url) for one in found]
        show_table(("KIND", "USES", "ID", "ADDRESS"), rows)
        return 0

    run_async(work)


@context.command("add")
@click.argument("file", type=click.File("rb"))
@tenant_option
@json_option
def add_context(file: BinaryIO, tenant: str, as_json: bool) -> None:
    """Host the context in FILE (JSON with a member "@context"; "-" reads standard input) and print its address."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        settings = read_settings()
        body = file.read(settings.context_max_size + 1)
        if len(body) > settings.context_max_size:
            raise PayloadTooLarge(f"A context may have {settings.context_max_size} bytes (STADTKERN_CONTEXT_MAX_SIZE)")
        tree = parse_json(body)
        members = cast("dict[str, Any]", tree) if isinstance(tree, dict) else {}
        reference = msgspec.Raw(msgspec.json.encode(members.get("@context", tree)))
        async with open_control(settings) as control:
            id_ = await control.ask(AddContext(parse_tenant_id(tenant), reference))
        address = f"/ngsi-ld/v1/jsonldContexts/{id_}"
        if as_json:
            show_json({"id": id_, "path": address})
        else:
            click.echo(address)
        return 0

    run_async(work)


@context.command("delete")
@click.argument("name")
@tenant_option
def delete_context(name: str, tenant: str) -> None:
    """Delete the context with this id or address."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        async with open_control(read_settings()) as control:
            await control.ask(DeleteContext(parse_tenant_id(tenant), name))
        click.echo(f"Context {name} is deleted.")
        return 0

    run_async(work)


def _describe(one: ContextRecord) -> dict[str, Any]:
    used = None if one.last_used_at is None else render_instant(one.last_used_at)
    return {
        "id": one.id,
        "url": one.url,
        "kind": one.kind,
        "uses": one.uses,
        "createdAt": render_instant(one.created_at),
        "lastUsedAt": used,
    }
