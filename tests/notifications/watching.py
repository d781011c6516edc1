"""What those do who watch subscribers being told: settings, subscriptions, and asking until something is so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import aiohttp

WAIT_S = 30.0
TOKEN = "the administrator's token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ENTITIES = "/ngsi-ld/v1/entities"
SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"
STATUS = "/v1/notifications"


def settings(database_url: str, **more: str) -> dict[str, str]:
    """Settings of a server that may talk to receivers on this machine."""
    return {"database_url": database_url, "admin_token": TOKEN, "allow_private_addresses": "1", **more}


def subscription(name: str, uri: str, **more: Any) -> dict[str, Any]:
    """A subscription to the levels of all meters; its id is ``urn:s:<name>``."""
    information = [{"key": "X-Secret", "value": "hidden-header"}]
    return {
        "id": f"urn:s:{name}",
        "type": "Subscription",
        "subscriptionName": f"The {name} one",
        "entities": [{"type": "Meter"}],
        "watchedAttributes": ["level"],
        "notification": {"format": "keyValues", "endpoint": {"uri": uri, "receiverInfo": information}},
        **more,
    }


async def post(session: aiohttp.ClientSession, path: str, body: Any, **headers: str) -> Any:
    """Make something; gives the answer's body."""
    async with session.post(path, json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.json() if answer.content_type == "application/json" else None


async def make_meter(session: aiohttp.ClientSession) -> None:
    """Make the meter, at level 0."""
    await post(session, ENTITIES, {"id": "urn:m:1", "type": "Meter", "level": {"type": "Property", "value": 0}})


async def set_levels(session: aiohttp.ClientSession, *levels: int) -> None:
    """Change the meter so often."""
    for level in levels:
        body = {"level": {"type": "Property", "value": level}}
        async with session.patch(f"{ENTITIES}/urn:m:1/attrs", json=body) as answer:
            assert answer.status == 204, await answer.text()


async def status(session: aiohttp.ClientSession, name: str) -> Any:
    """Ask how telling a subscriber goes."""
    async with session.get(f"{STATUS}/{quote(f'urn:s:{name}', safe='')}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def wait_for_status(session: aiohttp.ClientSession, name: str, wanted: Callable[[Any], bool]) -> Any:
    """Ask until the answer is as wanted."""
    shown = None
    try:
        async with asyncio.timeout(WAIT_S):
            while not wanted(shown := await status(session, name)):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it stays so: {shown}") from None
    return shown


async def try_out(session: aiohttp.ClientSession, name: str) -> Any:
    """Have a test sent."""
    async with session.post(f"{STATUS}/urn:s:{name}/test") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()
