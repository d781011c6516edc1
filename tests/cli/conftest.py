"""Stores for the commands to work on: an empty one, and one that has a bit of everything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.commands import Place
from tests.cli.town import fill


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    """A store on each engine in turn that nobody has opened yet."""
    return Place(tmp_path / "data", database_url)


@pytest.fixture
def embedded(tmp_path: Path) -> Place:
    """A store on the embedded engine that nobody has opened yet."""
    return Place(tmp_path / "data")


@pytest.fixture
def town(place: Place) -> Place:
    """A store on each engine with two tenants, their keys, contexts, entities and history."""
    asyncio.run(fill(place.settings))
    return place


@pytest.fixture
def embedded_town(embedded: Place) -> Place:
    """The same on the embedded engine."""
    asyncio.run(fill(embedded.settings))
    return embedded
