"""The whole application on each engine; everybody may write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client
from tests.store.conftest import database_url, shared_database

__all__ = ["client", "database_url", "shared_database"]


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of an application that runs, on each engine in turn."""
    settings = Settings(data=tmp_path, database_url=database_url, anonymous="write", implicit_tenants=True)
    async with run_client(settings) as made:
        yield made


@pytest.fixture
async def embedded_client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of an application on the embedded engine, for what no database takes part in."""
    async with run_client(Settings(data=tmp_path, anonymous="write")) as made:
        yield made
