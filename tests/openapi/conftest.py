"""A client of the whole application that lets everybody write, and what it says of itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest_asyncio

from stadtkern.settings import Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client

TOKEN = "let me in"
ADMINISTRATOR = {"authorization": f"Bearer {TOKEN}"}


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    settings = Settings(data=tmp_path, anonymous="write", implicit_tenants=True, admin_token=TOKEN)
    async with run_client(settings) as made:
        yield made


@pytest_asyncio.fixture
async def document(client: Client) -> Any:
    return (await client.ask("GET", "/openapi.json")).json
