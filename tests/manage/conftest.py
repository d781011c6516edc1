"""The whole application; nobody may write without a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client
from tests.manage.callers import TOKEN
from tests.store.conftest import database_url, shared_database

__all__ = ["client", "database_url", "embedded", "shared_database"]


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of an application that runs, on each engine in turn."""
    async with run_client(Settings(data=tmp_path, database_url=database_url, admin_token=TOKEN)) as made:
        yield made


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Client]:
    """The same on the embedded engine alone, for what no engine has a part in."""
    async with run_client(Settings(data=tmp_path, admin_token=TOKEN)) as made:
        yield made
