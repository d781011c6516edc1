"""A receiver of notifications."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.notify.receiver import Receiver


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Takes what it is sent."""
    async with Receiver() as running:
        yield running
