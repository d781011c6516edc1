"""``stadtkern key``."""

from __future__ import annotations

import re
from typing import Any

import click

from stadtkern.broker.keys import KINDS
from stadtkern.cli.base import (
    EXIT_REFUSED,
    Refusal,
    json_option,
    read_settings,
    run_async,
    show_json,
    show_table,
    tenant_option,
)
from stadtkern.control.messages import CreateKey, ListKeys, RevokeKey
from stadtkern.errors import BadRequestData
from stadtkern.model.actor import ApiKey
from stadtkern.model.ids import Iri, is_uri, parse_tenant_id
from stadtkern.model.instant import Instant, now, parse_instant, render_instant

_AGE = re.compile(r"(\d{1,5})([hdwy])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}


@click.group()
def key() -> None:
    """Create, list and revoke API keys.

    Who sends a key (header X-API-Key, or Authorization: Bearer) may do in the key's tenant what its kind says:

    \b
    read    read everything
    write   read and write entities
    source  add values to entities of some types, and see nothing: for sensors
    admin   all of it, and manage keys
    """


@key.command("create")
@click.argument("name")
@tenant_option
@click.option("--kind", type=click.Choice(KINDS), default="read", show_default=True, help="What the key allows.")
@click.option("--type", "types", multiple=True, help="Entity type (its full IRI) that a source may write; repeatable.")
@click.option("--expires", help="When it ends: a time (2027-01-01T00:00:00Z), or a span from now (12h, 90d, 1y).")
@json_option
def create_key(name: str, tenant: str, kind: str, types: tuple[str, ...], expires: str | None, as_json: bool) -> None:
    """Create a key called NAME and print it. It is shown this once: Stadtkern keeps only its hash."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        question = CreateKey(parse_tenant_id(tenant), name, kind, _parse_types(types), _parse_expiry(expires))
        async with open_control(read_settings()) as control:
            made = await control.ask(question)
        if as_json:
            show_json({**_describe(made.key), "key": made.secret})
            return 0
        click.echo(
            f"Key {made.key.id} ({kind}) for tenant {made.key.tenant}. Write it down; it is not shown again:", err=True
        )
        click.echo(made.secret)
        return 0

    run_async(work)


@key.command("list")
@tenant_option
@json_option
def list_keys(tenant: str, as_json: bool) -> None:
    """List the keys of a tenant, without what opens."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        async with open_control(read_settings()) as control:
            found = await control.ask(ListKeys(parse_tenant_id(tenant)))
        if as_json:
            show_json([_describe(one) for one in found])
            return 0
        rows = [
            (one.id, one.name, one.kind, _state(one), _moment(one.created_at), _moment(one.last_used_at))
            for one in found
        ]
        show_table(("ID", "NAME", "KIND", "STATE", "CREATED", "LAST USED"), rows)
        return 0

    run_async(work)


@key.command("revoke")
@click.argument("id")
@tenant_option
def revoke_key(id: str, tenant: str) -> None:
    """Close the key with this ID for ever."""
    from stadtkern.cli.reach import open_control

    async def work() -> int:
        async with open_control(read_settings()) as control:
            name = parse_tenant_id(tenant)
            if not any(one.id == id for one in await control.ask(ListKeys(name))):
                raise Refusal(f"Tenant {name} has no key {id[:40]}.", EXIT_REFUSED)
            await control.ask(RevokeKey(name, id))
        click.echo(f"Key {id} is revoked.")
        return 0

    run_async(work)


def _parse_types(types: tuple[str, ...]) -> list[Iri]:
    for name in types:
        if not is_uri(name):
            raise BadRequestData(f"The type {name[:80]!r} is no full IRI such as https://example.org/Tree")
    return [Iri(name) for name in types]


def _parse_expiry(text: str | None) -> Instant | None:
    if text is None:
        return None
    span = _AGE.fullmatch(text.strip())
    if span is None:
        return parse_instant(text.strip())
    return Instant(now() + int(span[1]) * _HOURS[span[2]] * 3600 * 1_000_000)


def _state(one: ApiKey) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "usable" if one.usable(now()) else "expired"


def _moment(at: Instant | None) -> str:
    return "-" if at is None else render_instant(at - at % 1_000_000)


def _describe(one: ApiKey) -> dict[str, Any]:
    times = {"expiresAt": one.expires_at, "revokedAt": one.revoked_at, "lastUsedAt": one.last_used_at}
    return {
        "id": one.id,
        "tenant": one.tenant,
        "name": one.name,
        "kind": one.kind,
        "types": list(one.types),
        "createdAt": render_instant(one.created_at),
        **{name: None if at is None else render_instant(at) for name, at in times.items()},
    }
